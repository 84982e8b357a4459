#include "attune/gp/subset.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "gp/support.hpp"

TEST_CASE("the subset has the asked size, no index twice, the best and its neighbours, and all of few") {
    attune::RandomStream stream(4, 0, attune::Purpose::user);
    const Eigen::Index n = 500;
    const attune::Points points = attune::test::uniform_points(n, 3, stream);
    Eigen::VectorXd targets(n);
    for (Eigen::Index i = 0; i < n; ++i) targets[i] = (points.row(i).array() - 0.3).square().sum();
    const auto metric = attune::InputMetric::numeric(3);
    for (const std::size_t limit : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{60}}) {
        const auto subset = attune::informative_subset(metric, points, targets, limit);
        CHECK(subset.size() == limit);
        CHECK(std::is_sorted(subset.begin(), subset.end()));
        CHECK(std::set<std::size_t>(subset.begin(), subset.end()).size() == limit);
        Eigen::Index best = 0;
        targets.minCoeff(&best);
        CHECK(std::count(subset.begin(), subset.end(), static_cast<std::size_t>(best)) == 1);
        CHECK(subset == attune::informative_subset(metric, points, targets, limit));
    }
    const auto subset = attune::informative_subset(metric, points, targets, 60);
    // Some are near the optimum, some spread over the cube.
    Eigen::Index near = 0;
    Eigen::Index far = 0;
    for (const std::size_t i : subset) (targets[static_cast<Eigen::Index>(i)] < 0.06 ? near : far) += 1;
    CHECK(near >= 20);
    CHECK(far >= 15);
    CHECK(attune::informative_subset(metric, points, targets, 500).size() == 500);
    CHECK(attune::informative_subset(metric, points, targets, 0).size() == 500);
}

TEST_CASE("equal targets and inactive coordinates are no trouble to the subset") {
    const attune::InputMetric metric(
        {{attune::DimensionKind::numeric, true}, {attune::DimensionKind::categorical}});
    attune::Points points(40, 2);
    for (Eigen::Index i = 0; i < 40; ++i)
        points.row(i) << (i % 2 == 0 ? std::nan("") : 0.02 * static_cast<double>(i)),
            static_cast<double>(i % 3);
    const auto subset = attune::informative_subset(metric, points, Eigen::VectorXd::Zero(40), 12);
    CHECK(subset.size() == 12);
    CHECK(std::set<std::size_t>(subset.begin(), subset.end()).size() == 12);
}

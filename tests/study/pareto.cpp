#include "attune/study/pareto.hpp"

#include <doctest/doctest.h>

#include "analyse/sample_studies.hpp"

using attune::Losses;

namespace {

std::vector<Losses> random_points(std::uint64_t seed, std::size_t count, std::size_t objectives) {
    attune::RandomStream random(seed, 0, attune::Purpose::user);
    std::vector<Losses> points(count, Losses(objectives));
    // Coarse values make ties and repeated points likely.
    for (Losses& point : points)
        for (double& value : point) value = std::floor(random.uniform() * 8) / 8;
    return points;
}

/// Volume by inclusion and exclusion over all subsets: slow and with nothing in common with WFG.
double volume_by_subsets(const std::vector<Losses>& points, const Losses& reference) {
    double sum = 0;
    for (unsigned subset = 1; subset < (1U << points.size()); ++subset) {
        double box = 1, sign = -1;
        for (std::size_t k = 0; k < reference.size(); ++k) {
            double corner = -1e300;
            for (std::size_t i = 0; i < points.size(); ++i)
                if ((subset >> i & 1U) != 0) corner = std::max(corner, points[i][k]);
            box *= std::max(0.0, reference[k] - corner);
        }
        for (std::size_t i = 0; i < points.size(); ++i)
            if ((subset >> i & 1U) != 0) sign = -sign;
        sum += sign * box;
    }
    return sum;
}

}  // namespace

TEST_CASE("fronts hold what they promise on points with ties and repetitions") {
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        for (const std::size_t objectives : {1U, 2U, 3U, 4U}) {
            const auto points = random_points(seed, 40, objectives);
            const auto sort = attune::nondominated_sort(points);
            std::size_t placed = 0;
            for (std::size_t f = 0; f < sort.fronts.size(); ++f) {
                placed += sort.fronts[f].size();
                for (const std::size_t i : sort.fronts[f]) {
                    CHECK(sort.rank[i] == f);
                    bool beaten_in_front = false, beaten_before = f == 0;
                    for (const std::size_t j : sort.fronts[f])
                        beaten_in_front |= attune::dominates(points[j], points[i]);
                    if (f > 0)
                        for (const std::size_t j : sort.fronts[f - 1])
                            beaten_before |= attune::dominates(points[j], points[i]);
                    CHECK_FALSE(beaten_in_front);
                    CHECK(beaten_before);
                }
            }
            CHECK(placed == points.size());
            CHECK(attune::pareto_indices(points) == sort.fronts.front());
        }
}

TEST_CASE("hypervolumes and contributions equal those by subsets") {
    for (std::uint64_t seed = 0; seed < 12; ++seed)
        for (const std::size_t objectives : {1U, 2U, 3U, 4U, 5U}) {
            const auto points = random_points(100 + seed, 9, objectives);
            const Losses reference(objectives, 0.9);
            const double all = volume_by_subsets(points, reference);
            CHECK(attune::hypervolume(points, reference) == doctest::Approx(all).epsilon(1e-10));
            const auto contributions = attune::exclusive_contributions(points, reference);
            for (std::size_t i = 0; i < points.size(); ++i) {
                auto others = points;
                others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
                CHECK(std::abs(contributions[i] - (all - volume_by_subsets(others, reference))) < 1e-10);
            }
        }
}

TEST_CASE("points that cannot be compared are refused, none at all are fine") {
    CHECK(attune::nondominated_sort({}).fronts.empty());
    CHECK(attune::pareto_indices({}).empty());
    CHECK(attune::hypervolume({}, {1, 1}) == 0);
    CHECK(attune::hypervolume({{2, 2}}, {1, 1}) == 0);
    CHECK_THROWS_AS((void)attune::nondominated_sort({{1, 2}, {1}}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::pareto_indices({{1, std::nan("")}}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::hypervolume({{1, 2}}, {3, 3, 3}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::hypervolume({}, {}), attune::InvalidOption);
}

TEST_CASE("the front of a study respects directions and leaves out trials without a value") {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::test::StudyMaker maker(space, {attune::maximize("accuracy"), attune::minimize("seconds")});
    const auto trial = [&](attune::TrialState state, double accuracy, double seconds) {
        maker.finish(maker.begin(maker.draw(0)), state, {{"accuracy", accuracy}, {"seconds", seconds}});
    };
    trial(attune::TrialState::completed, 0.9, 10);            // 0: on the front
    trial(attune::TrialState::completed, 0.8, 20);            // 1: beaten by 0
    trial(attune::TrialState::stopped, 0.7, 1);               // 2: on the front
    trial(attune::TrialState::failed, 0.99, 0.1);             // 3: failed
    trial(attune::TrialState::completed, std::nan(""), 0.5);  // 4: no value
    trial(attune::TrialState::completed, 0.9, 10);            // 5: equals 0
    CHECK(attune::pareto_front(maker.study) == std::vector<std::int64_t>{0, 2, 5});
    CHECK(attune::study_losses(maker.study).losses[0] == Losses{-0.9, 10});
}

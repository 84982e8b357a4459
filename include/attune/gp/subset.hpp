#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "attune/gp/input_metric.hpp"

namespace attune {

/// Which of many observations a model is built from, so that the cost of asking stays flat: indices,
/// ascending, at most `limit` of them (all where there are no more).
///
/// A third are those with the least targets, a third those closest to the best one, and the rest are spread
/// evenly over the order in which they came, which keeps what is known of the whole space. Ties go to the
/// earlier observation, so the same data give the same subset. `points` is n x d, `targets` has n values.
/// (Compare the trust regions of Eriksson et al., "Scalable Global Optimization via Local Bayesian
/// Optimization", 2019, and the data subsets of Moriconi et al., "High-dimensional Bayesian optimization
/// with projections using quantile Gaussian processes", 2020.)
[[nodiscard]] inline std::vector<std::size_t> informative_subset(const InputMetric& metric,
                                                                 const Points& points,
                                                                 const Eigen::VectorXd& targets,
                                                                 std::size_t limit) {
    const auto count = static_cast<std::size_t>(targets.size());
    std::vector<std::size_t> all(count);
    std::iota(all.begin(), all.end(), std::size_t{0});
    if (count <= limit || limit == 0) return all;
    std::vector<bool> taken(count, false);
    std::vector<std::size_t> subset;
    const auto take_least = [&](const Eigen::VectorXd& keys, std::size_t share) {
        std::vector<std::size_t> rest;
        for (const std::size_t i : all)
            if (!taken[i]) rest.push_back(i);
        share = std::min(share, rest.size());
        const auto key = [&](std::size_t i) { return keys[static_cast<Eigen::Index>(i)]; };
        std::nth_element(
            rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(share), rest.end(),
            [&](std::size_t a, std::size_t b) { return key(a) != key(b) ? key(a) < key(b) : a < b; });
        for (std::size_t k = 0; k < share; ++k) taken[rest[k]] = true, subset.push_back(rest[k]);
    };
    take_least(targets, std::max<std::size_t>(limit / 3, 1));
    const std::size_t best =
        *std::min_element(subset.begin(), subset.end(), [&](std::size_t a, std::size_t b) {
            const double x = targets[static_cast<Eigen::Index>(a)], y = targets[static_cast<Eigen::Index>(b)];
            return x != y ? x < y : a < b;
        });
    const std::vector<double> even(metric.components(), 1.0);
    Eigen::VectorXd distances(targets.size());
    for (Eigen::Index i = 0; i < targets.size(); ++i)
        distances[i] =
            metric.weighted(&points(i, 0), &points(static_cast<Eigen::Index>(best), 0), even.data());
    take_least(distances, limit / 3);
    std::vector<std::size_t> rest;
    for (const std::size_t i : all)
        if (!taken[i]) rest.push_back(i);
    const std::size_t wanted = limit - subset.size();
    for (std::size_t k = 0; k < wanted; ++k) subset.push_back(rest[k * rest.size() / wanted]);
    std::sort(subset.begin(), subset.end());
    return subset;
}

}  // namespace attune

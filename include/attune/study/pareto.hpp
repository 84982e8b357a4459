#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// One value for each objective; everything here is minimised (Objective::loss turns the signs).
using Losses = std::vector<double>;

/// Whether a is nowhere worse than b and somewhere better. Equal points do not dominate each other.
[[nodiscard]] inline bool dominates(const Losses& a, const Losses& b) {
    bool better = false;
    for (std::size_t k = 0; k < a.size(); ++k) {
        if (!(a[k] <= b[k])) return false;
        better |= a[k] < b[k];
    }
    return better;
}

/// Points in layers: front 0 is dominated by nothing, front k only by points of fronts before it.
struct NondominatedSort {
    std::vector<std::vector<std::size_t>> fronts;  ///< indices of the points, ascending in each front
    std::vector<std::size_t> rank;                 ///< front of each point
    std::vector<std::size_t> domination_count;     ///< how many points dominate each point
};

namespace detail {

inline void check_losses(const std::vector<Losses>& points) {
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].size() != points.front().size())
            throw InvalidOption(
                fmt::format("pareto: point {} has {} values, the first has {}; all must have as many", i,
                            points[i].size(), points.front().size()));
        for (const double value : points[i])
            if (std::isnan(value))
                throw InvalidOption(
                    fmt::format("pareto: point {} has a value that is nan; points need numbers", i));
    }
}

}  // namespace detail

/// Fast non-dominated sorting (Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic
/// algorithm: NSGA-II", 2002); O(n^2) time for n points, O(n) memory beside the domination lists. Throws
/// InvalidOption for NaN and ragged points.
[[nodiscard]] inline NondominatedSort nondominated_sort(const std::vector<Losses>& points) {
    detail::check_losses(points);
    const std::size_t n = points.size();
    NondominatedSort out{{}, std::vector<std::size_t>(n, 0), std::vector<std::size_t>(n, 0)};
    std::vector<std::vector<std::size_t>> below(n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            if (dominates(points[i], points[j])) below[i].push_back(j), ++out.domination_count[j];

    std::vector<std::size_t> open = out.domination_count, front;
    for (std::size_t i = 0; i < n; ++i)
        if (open[i] == 0) front.push_back(i);
    while (!front.empty()) {
        std::vector<std::size_t> next;
        for (const std::size_t i : front) {
            out.rank[i] = out.fronts.size();
            for (const std::size_t j : below[i])
                if (--open[j] == 0) next.push_back(j);
        }
        std::sort(next.begin(), next.end());
        out.fronts.push_back(std::exchange(front, std::move(next)));
    }
    return out;
}

/// Indices of the points that nothing dominates, ascending. Throws InvalidOption for NaN and ragged points.
[[nodiscard]] inline std::vector<std::size_t> pareto_indices(const std::vector<Losses>& points) {
    detail::check_losses(points);
    std::vector<std::size_t> order(points.size()), front;
    std::iota(order.begin(), order.end(), std::size_t{0});
    // In lexicographic order a point can only be dominated by one before it, and then also by one of the
    // front so far.
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
    for (const std::size_t i : order)
        if (std::none_of(front.begin(), front.end(),
                         [&](std::size_t j) { return dominates(points[j], points[i]); }))
            front.push_back(i);
    std::sort(front.begin(), front.end());
    return front;
}

/// Crowding distances of the points of one front, in the order of `front` (NSGA-II, as above): over the
/// objectives, the sum of the gaps between both neighbours divided by the range; infinite for the extremes.
/// Of equal values those that stand earlier in `front` count as smaller.
[[nodiscard]] inline std::vector<double> crowding_distances(const std::vector<Losses>& points,
                                                            const std::vector<std::size_t>& front) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    std::vector<double> distance(front.size(), 0);
    if (front.empty()) return distance;
    std::vector<std::size_t> order(front.size());
    for (std::size_t k = 0; k < points[front[0]].size(); ++k) {
        const auto at = [&](std::size_t i) { return points[front[i]][k]; };
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return at(a) < at(b); });
        const double range = at(order.back()) - at(order.front());
        distance[order.front()] = distance[order.back()] = infinity;
        if (!(range > 0) || std::isinf(range)) continue;
        for (std::size_t i = 1; i + 1 < order.size(); ++i)
            distance[order[i]] += (at(order[i + 1]) - at(order[i - 1])) / range;
    }
    return distance;
}

/// The smallest value of each objective. Precondition: at least one point.
[[nodiscard]] inline Losses ideal_point(const std::vector<Losses>& points) {
    Losses out = points.front();
    for (const Losses& point : points)
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::min(out[k], point[k]);
    return out;
}

/// The largest value of each objective on the Pareto front. Precondition: at least one point.
[[nodiscard]] inline Losses nadir_point(const std::vector<Losses>& points) {
    const std::vector<std::size_t> front = pareto_indices(points);
    Losses out = points[front.front()];
    for (const std::size_t i : front)
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::max(out[k], points[i][k]);
    return out;
}

namespace detail {

/// Of points that are better than the reference everywhere, those that no other dominates or equals.
inline std::vector<Losses> distinct_front(std::vector<Losses> points) {
    std::sort(points.begin(), points.end());
    points.erase(std::unique(points.begin(), points.end()), points.end());
    std::vector<Losses> front;
    const auto beaten = [&](const Losses& point) {
        // With two values and in this order, the last point of the front has the least second value so far.
        if (point.size() == 2) return !front.empty() && front.back()[1] <= point[1];
        return std::any_of(front.begin(), front.end(),
                           [&](const Losses& other) { return dominates(other, point); });
    };
    for (Losses& point : points)
        if (!beaten(point)) front.push_back(std::move(point));
    return front;
}

/// The area dominated by a front sorted by its first value: a sum of slabs.
inline double area(const std::vector<Losses>& front, const Losses& reference) {
    double sum = 0, height = reference[1];
    for (const Losses& point : front) {
        sum += (reference[0] - point[0]) * (height - point[1]);
        height = point[1];
    }
    return sum;
}

/// WFG on a distinct front, lexicographically sorted: what each point adds to those after it, by the volume
/// of its box less that of the others clipped to the box.
inline double wfg(const std::vector<Losses>& front, const Losses& reference) {
    if (front.empty()) return 0;
    const std::size_t m = reference.size();
    if (m == 1) return reference[0] - front.front()[0];
    if (m == 2) return area(front, reference);
    double sum = 0;
    for (std::size_t i = 0; i < front.size(); ++i) {
        double box = 1;
        for (std::size_t k = 0; k < m; ++k) box *= reference[k] - front[i][k];
        std::vector<Losses> clipped;
        clipped.reserve(front.size() - i - 1);
        for (std::size_t j = i + 1; j < front.size(); ++j) {
            Losses limited(m);
            for (std::size_t k = 0; k < m; ++k) limited[k] = std::max(front[i][k], front[j][k]);
            clipped.push_back(std::move(limited));
        }
        sum += box - wfg(distinct_front(std::move(clipped)), reference);
    }
    return sum;
}

inline std::vector<Losses> inside(const std::vector<Losses>& points, const Losses& reference) {
    check_losses(points);
    std::vector<Losses> out;
    for (const Losses& point : points) {
        if (point.size() != reference.size())
            throw InvalidOption(
                fmt::format("hypervolume: the reference has {} values, the points have {}; they must agree",
                            reference.size(), point.size()));
        bool better = true;
        for (std::size_t k = 0; k < point.size(); ++k) better &= point[k] < reference[k];
        if (better) out.push_back(point);
    }
    return out;
}

}  // namespace detail

/// The exact volume between the points and a reference that is worse than them; points that are not better
/// than the reference in every objective add nothing. O(n log n) for two objectives; otherwise WFG (While,
/// Bradstreet and Barone, "A fast way of calculating exact hypervolumes", 2012), quick for the fronts of
/// studies, exponential in the number of objectives at worst. Throws InvalidOption for NaN and ragged points.
[[nodiscard]] inline double hypervolume(const std::vector<Losses>& points, const Losses& reference) {
    if (reference.empty())
        throw InvalidOption("hypervolume: the reference has no values; it needs one for each objective");
    return detail::wfg(detail::distinct_front(detail::inside(points, reference)), reference);
}

/// What the hypervolume loses without each point, in the order of the points: 0 for dominated and repeated
/// ones.
[[nodiscard]] inline std::vector<double> exclusive_contributions(const std::vector<Losses>& points,
                                                                 const Losses& reference) {
    if (reference.empty())
        throw InvalidOption("hypervolume: the reference has no values; it needs one for each objective");
    // Dominated points stay among the others: what only one point dominates takes its place when that point
    // is gone.
    const std::vector<Losses> candidates = detail::inside(points, reference);
    const std::vector<Losses> front = detail::distinct_front(candidates);
    std::vector<double> out(points.size(), 0);
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (!std::binary_search(front.begin(), front.end(), points[i]) ||
            std::count(points.begin(), points.end(), points[i]) > 1)
            continue;
        // The point's own box less what the others cover of it: no difference of two large volumes.
        double box = 1;
        for (std::size_t k = 0; k < reference.size(); ++k) box *= reference[k] - points[i][k];
        std::vector<Losses> others = candidates;
        std::erase(others, points[i]);
        for (Losses& other : others)
            for (std::size_t k = 0; k < reference.size(); ++k) other[k] = std::max(other[k], points[i][k]);
        out[i] = std::max(0.0, box - hypervolume(others, reference));
    }
    return out;
}

/// The losses of the completed and stopped trials that have a value for every objective, their numbers, and
/// how far they lie beyond the outcome constraints.
struct StudyLosses {
    std::vector<std::int64_t> trials;
    std::vector<Losses> losses;
    std::vector<double> violations;  ///< see Study::violation
};

[[nodiscard]] inline StudyLosses study_losses(const Study& study) {
    StudyLosses out;
    for (const TrialRecord& trial : study.trials()) {
        if (trial.state != TrialState::completed && trial.state != TrialState::stopped) continue;
        Losses losses;
        for (std::size_t k = 0; k < study.objectives().size(); ++k)
            losses.push_back(study.objectives()[k].loss(study.value(trial, k)));
        if (std::any_of(losses.begin(), losses.end(), [](double loss) { return std::isnan(loss); })) continue;
        out.trials.push_back(trial.number);
        out.losses.push_back(std::move(losses));
        out.violations.push_back(study.violation(trial));
    }
    return out;
}

/// Numbers of the trials that no other trial beats, ascending: completed and stopped ones with a value for
/// every objective that keep all outcome constraints. With one objective, the best ones. O(n^2) at worst.
[[nodiscard]] inline std::vector<std::int64_t> pareto_front(const Study& study) {
    StudyLosses seen = study_losses(study);
    std::vector<std::int64_t> trials;
    std::vector<Losses> losses;
    for (std::size_t i = 0; i < seen.trials.size(); ++i) {
        if (seen.violations[i] > 0) continue;
        trials.push_back(seen.trials[i]);
        losses.push_back(std::move(seen.losses[i]));
    }
    std::vector<std::int64_t> out;
    for (const std::size_t i : pareto_indices(losses)) out.push_back(trials[i]);
    return out;
}

}  // namespace attune

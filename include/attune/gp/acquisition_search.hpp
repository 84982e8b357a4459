#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "attune/gp/bounded_minimise.hpp"
#include "attune/gp/input_metric.hpp"

namespace attune {

/// One axis of the space that an acquisition is maximised over.
struct SearchAxis {
    bool movable = true;      ///< false where the value is given
    bool ordered = true;      ///< false for choices without an order
    std::int64_t levels = 0;  ///< number of grid values; 0 for a continuous axis
};

/// The space as the search sees it. A *draft* is a row of coordinates in [0, 1], one an axis, inactive ones
/// included; its *point* is what the model gets: grid values snapped, choices as the model wants them, NaN
/// where inactive.
///
/// - `axes()`: the axes, in order.
/// - `level(j, k)` and `nearest_level(j, u)`: the coordinate of grid value k of axis j, and back.
/// - `express(draft, point)`: writes the point; false where it breaks a constraint.
/// - `admits(draft)`: false where the point must not be proposed, such as one asked before.
template <class S>
concept CandidateSpace = requires(const S& space, const Eigen::RowVectorXd& draft, Eigen::RowVectorXd& point,
                                  std::size_t j, std::int64_t k, double u) {
    { space.axes() } -> std::convertible_to<const std::vector<SearchAxis>&>;
    { space.level(j, k) } -> std::convertible_to<double>;
    { space.nearest_level(j, u) } -> std::convertible_to<std::int64_t>;
    { space.express(draft, point) } -> std::convertible_to<bool>;
    { space.admits(draft) } -> std::convertible_to<bool>;
};

/// A function of points that is to be maximised: many at once, one with its gradient, or one alone.
template <class A>
concept PointFunction = requires(const A& a, const Points& points, const Eigen::RowVectorXd& point,
                                 Eigen::VectorXd& gradient) {
    { a.values(points) } -> std::convertible_to<Eigen::VectorXd>;
    { a.value(point, gradient) } -> std::convertible_to<double>;
    { a.value(point) } -> std::convertible_to<double>;
};

/// Effort of `maximise_acquisition`.
struct SearchEffort {
    int refined = 4;          ///< how many of the candidates are improved
    int rounds = 3;           ///< continuous search and exchange moves in turn, at most so often
    int exchange_moves = 12;  ///< accepted moves on the grid in one round, at most
    int slide_moves = 200;    ///< accepted moves along constraints that cut the way up off, at most
    int choices_tried = 24;   ///< values of one axis tried in an exchange, at most
    detail::MinimiseLimits limits{30, 40, 1e-4, 1e-6};
};

/// Where the search ended.
struct FoundCandidate {
    Eigen::RowVectorXd draft;
    double value = -std::numeric_limits<double>::infinity();
    bool cut = false;  ///< whether a constraint stopped its way up
};

namespace detail {

template <PointFunction Acquisition, CandidateSpace Space>
class AcquisitionSearch {
  public:
    AcquisitionSearch(const Acquisition& acquisition, const Space& space, const SearchEffort& effort)
        : acquisition_(acquisition), space_(space), effort_(effort) {}

    std::optional<FoundCandidate> run(const Points& drafts) {
        std::vector<FoundCandidate> starts = score(drafts);
        if (starts.empty()) return std::nullopt;
        FoundCandidate best = starts.front();
        for (FoundCandidate& start : starts) {
            refine(start);
            if (start.value > best.value) best = start;
        }
        if (best.cut) slide(best);
        return best;
    }

  private:
    /// The best admitted drafts, best first; equal values in the order given.
    std::vector<FoundCandidate> score(const Points& drafts) const {
        Points points(drafts.rows(), drafts.cols());
        std::vector<Eigen::Index> feasible;
        Eigen::RowVectorXd point(drafts.cols());
        for (Eigen::Index i = 0; i < drafts.rows(); ++i) {
            if (!space_.express(drafts.row(i), point)) continue;
            points.row(static_cast<Eigen::Index>(feasible.size())) = point;
            feasible.push_back(i);
        }
        std::vector<FoundCandidate> best;
        if (feasible.empty()) return best;
        const Eigen::VectorXd values =
            acquisition_.values(points.topRows(static_cast<Eigen::Index>(feasible.size())));
        std::vector<std::size_t> order(feasible.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return rank(values[static_cast<Eigen::Index>(a)]) > rank(values[static_cast<Eigen::Index>(b)]);
        });
        for (const std::size_t i : order) {
            const Eigen::RowVectorXd draft = drafts.row(feasible[i]);
            if (space_.admits(draft))
                best.push_back({draft, rank(values[static_cast<Eigen::Index>(i)]), false});
            if (best.size() == static_cast<std::size_t>(effort_.refined)) break;
        }
        return best;
    }

    /// NaN sorts last.
    static double rank(double value) {
        return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    }

    void refine(FoundCandidate& candidate) {
        for (int round = 0; round < effort_.rounds; ++round) {
            const bool climbed = climb(candidate);
            const bool exchanged = exchange(candidate);
            if (!exchanged || (!climbed && round > 0)) return;
        }
    }

    /// Moves the active continuous coordinates by L-BFGS-B; true where the candidate improved.
    bool climb(FoundCandidate& candidate) {
        Eigen::RowVectorXd point(candidate.draft.size());
        (void)space_.express(candidate.draft, point);
        const std::vector<Eigen::Index> moving = active_continuous(candidate.draft);
        if (moving.empty()) return false;
        const auto m = static_cast<Eigen::Index>(moving.size());
        Eigen::VectorXd slope(point.size());
        const auto descend = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
            for (Eigen::Index i = 0; i < m; ++i) point[moving[static_cast<std::size_t>(i)]] = x[i];
            const double value = acquisition_.value(point, slope);
            for (Eigen::Index i = 0; i < m; ++i) gradient[i] = -slope[moving[static_cast<std::size_t>(i)]];
            return -value;
        };
        Eigen::VectorXd start(m);
        for (Eigen::Index i = 0; i < m; ++i) start[i] = candidate.draft[moving[static_cast<std::size_t>(i)]];
        const Minimum found = bounded_minimise(descend, start, Eigen::VectorXd::Zero(m),
                                               Eigen::VectorXd::Ones(m), effort_.limits);
        // Constraints may cut the way off: then part of it will do.
        for (double share = 1.0; share > 0.05; share *= 0.5) {
            Eigen::RowVectorXd draft = candidate.draft;
            for (Eigen::Index i = 0; i < m; ++i)
                draft[moving[static_cast<std::size_t>(i)]] = start[i] + share * (found.x[i] - start[i]);
            if (!space_.express(draft, point)) candidate.cut = true;
            if (accept(draft, candidate)) return true;
        }
        return false;
    }

    /// Walks along the constraints that cut the way up off: pattern search (Hooke and Jeeves 1961) over the
    /// active continuous axes and, in few dimensions, over pairs of them, in opposite and in equal senses.
    void slide(FoundCandidate& candidate) {
        const std::vector<Eigen::Index> moving = active_continuous(candidate.draft);
        std::vector<Eigen::RowVectorXd> directions;
        for (std::size_t a = 0; a < moving.size(); ++a) {
            Eigen::RowVectorXd one = Eigen::RowVectorXd::Zero(candidate.draft.size());
            one[moving[a]] = 1.0;
            directions.push_back(one);
            for (std::size_t b = 0; b < a && moving.size() <= most_paired; ++b) {
                Eigen::RowVectorXd pair = one;
                pair[moving[b]] = -1.0;
                directions.push_back(pair);
                pair[moving[b]] = 1.0;
                directions.push_back(pair);
            }
        }
        int moves = 0;
        for (double step = 0.1; step > 1e-4; step *= 0.4) {
            bool moved = true;
            while (moved && moves < effort_.slide_moves) {
                moved = false;
                for (const Eigen::RowVectorXd& direction : directions)
                    for (const double signed_step : {step, -step}) {
                        const Eigen::RowVectorXd draft =
                            (candidate.draft + signed_step * direction).cwiseMax(0.0).cwiseMin(1.0);
                        if (accept(draft, candidate)) moved = true, ++moves;
                    }
            }
        }
    }

    /// Axes of the draft that are continuous, free and active there.
    [[nodiscard]] std::vector<Eigen::Index> active_continuous(const Eigen::RowVectorXd& draft) const {
        Eigen::RowVectorXd point(draft.size());
        (void)space_.express(draft, point);
        std::vector<Eigen::Index> moving;
        for (Eigen::Index j = 0; j < point.size(); ++j) {
            const SearchAxis& axis = space_.axes()[static_cast<std::size_t>(j)];
            if (axis.movable && axis.levels == 0 && !std::isnan(point[j])) moving.push_back(j);
        }
        return moving;
    }

    /// Best-improvement moves along single grid axes; true where the candidate improved.
    bool exchange(FoundCandidate& candidate) {
        bool improved = false;
        for (int move = 0; move < effort_.exchange_moves; ++move) {
            FoundCandidate best = candidate;
            for (std::size_t j = 0; j < space_.axes().size(); ++j) try_axis(candidate, j, best);
            if (!(best.value > candidate.value)) return improved;
            candidate = best;
            improved = true;
        }
        return improved;
    }

    void try_axis(const FoundCandidate& from, std::size_t j, FoundCandidate& best) {
        const SearchAxis& axis = space_.axes()[j];
        if (!axis.movable || axis.levels < 2) return;
        Eigen::RowVectorXd point(from.draft.size());
        (void)space_.express(from.draft, point);
        if (std::isnan(point[static_cast<Eigen::Index>(j)])) return;
        const std::int64_t here = space_.nearest_level(j, from.draft[static_cast<Eigen::Index>(j)]);
        for (const std::int64_t k : levels_to_try(axis, here)) {
            Eigen::RowVectorXd draft = from.draft;
            draft[static_cast<Eigen::Index>(j)] = space_.level(j, k);
            accept(draft, best);
        }
    }

    /// All other values of a short axis; of a long ordered one the neighbours at distances 1, 2, 4 ...
    [[nodiscard]] std::vector<std::int64_t> levels_to_try(const SearchAxis& axis, std::int64_t here) const {
        std::vector<std::int64_t> levels;
        if (axis.levels <= effort_.choices_tried || !axis.ordered) {
            const std::int64_t count = std::min<std::int64_t>(axis.levels, effort_.choices_tried);
            for (std::int64_t k = 0; k < count; ++k)
                if (k != here) levels.push_back(k);
            return levels;
        }
        for (std::int64_t step = 1; step < axis.levels; step *= 2) {
            if (here >= step) levels.push_back(here - step);
            if (here < axis.levels - step) levels.push_back(here + step);
        }
        return levels;
    }

    /// Takes `draft` over where it is feasible, admitted and better.
    bool accept(const Eigen::RowVectorXd& draft, FoundCandidate& held) const {
        Eigen::RowVectorXd point(draft.size());
        if (!space_.express(draft, point)) return false;
        const double value = acquisition_.value(point);
        if (!(value > held.value) || !space_.admits(draft)) return false;
        held.draft = draft;
        held.value = value;
        return true;
    }

    static constexpr std::size_t most_paired = 10;

    const Acquisition& acquisition_;
    const Space& space_;
    const SearchEffort& effort_;
};

}  // namespace detail

/// Maximises `acquisition` over a space of continuous, stepped, integer and categorical axes with
/// constraints.
///
/// `drafts` (one a row: spread over the space, and around good points) are scored in one batch; the best few
/// are improved by L-BFGS-B on the continuous axes in turn with exchange moves on the others, every value
/// being one that the space can really take. Returns nothing where no draft is both feasible and admitted.
/// Nothing in it is random: the same drafts give the same result.
template <PointFunction Acquisition, CandidateSpace Space>
std::optional<FoundCandidate> maximise_acquisition(const Acquisition& acquisition, const Space& space,
                                                   const Points& drafts, const SearchEffort& effort = {}) {
    return detail::AcquisitionSearch<Acquisition, Space>(acquisition, space, effort).run(drafts);
}

}  // namespace attune

#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/gp/acquisition.hpp"

namespace attune {

/// A box of losses, one interval an objective: from `low` (minus infinity where it is open) to `high`.
struct LossBox {
    std::vector<double> low, high;
    friend auto operator<=>(const LossBox&, const LossBox&) = default;
};

namespace detail {

/// Cuts the losses below `reference` that no point of a front dominates into disjoint boxes, by a sweep along
/// the last objective: a box of the others stays open until a point cuts it, which keeps their number near
/// that of the points for two and three objectives.
class UndominatedBoxes {
  public:
    UndominatedBoxes(const std::vector<double>& reference, std::size_t most)
        : reference_(reference), most_(most) {}

    /// Nothing where there would be more than `most`.
    [[nodiscard]] std::optional<std::vector<LossBox>> of(std::vector<std::vector<double>> points) const {
        std::erase_if(points, [&](const std::vector<double>& p) { return !is_inside(p); });
        return cut(std::move(points), reference_.size());
    }

  private:
    [[nodiscard]] bool is_inside(const std::vector<double>& point) const {
        for (std::size_t k = 0; k < reference_.size(); ++k)
            if (!(point[k] < reference_[k])) return false;
        return true;
    }

    /// Of the first `m` objectives alone.
    [[nodiscard]] std::optional<std::vector<LossBox>> cut(std::vector<std::vector<double>> points,
                                                          std::size_t m) const {
        constexpr double open = -std::numeric_limits<double>::infinity();
        if (m == 1) {
            double least = reference_[0];
            for (const auto& p : points) least = std::min(least, p[0]);
            return std::vector<LossBox>{{{open}, {least}}};
        }
        const std::size_t last = m - 1;
        std::stable_sort(points.begin(), points.end(),
                         [&](const auto& a, const auto& b) { return a[last] < b[last]; });
        std::vector<LossBox> done;
        std::map<LossBox, double> growing;  // a box of the other objectives, and where it began
        std::vector<std::vector<double>>
            reached;  // those of the other objectives that others do not dominate
        std::size_t next = 0;
        for (std::optional<double> level = open; level; level = advance(points, last, next, reached)) {
            auto now = cut(reached, last);
            if (!now) return std::nullopt;
            std::sort(now->begin(), now->end());
            finish(growing, *now, *level, done);
            for (LossBox& box : *now) growing.emplace(std::move(box), *level);
            if (done.size() + growing.size() > most_) return std::nullopt;
        }
        finish(growing, {}, reference_[last], done);
        return done;
    }

    /// Reaches points, from `next` on, up to the next level at which one of them cuts something off that was
    /// not cut off before; gives that level, or nothing at the end.
    static std::optional<double> advance(const std::vector<std::vector<double>>& points, std::size_t last,
                                         std::size_t& next, std::vector<std::vector<double>>& reached) {
        while (next < points.size()) {
            const double level = points[next][last];
            bool cuts = false;
            for (; next < points.size() && points[next][last] == level; ++next) {
                const std::vector<double>& point = points[next];
                const auto covers = [&](const std::vector<double>& a, const std::vector<double>& b) {
                    for (std::size_t k = 0; k < last; ++k)
                        if (!(a[k] <= b[k])) return false;
                    return true;
                };
                if (std::ranges::any_of(reached, [&](const auto& other) { return covers(other, point); }))
                    continue;
                std::erase_if(reached, [&](const auto& other) { return covers(point, other); });
                reached.push_back(point);
                cuts = true;
            }
            if (cuts) return level;
        }
        return std::nullopt;
    }

    /// Ends the boxes at `level` that are not among `kept`, which is sorted.
    static void finish(std::map<LossBox, double>& growing, const std::vector<LossBox>& kept, double level,
                       std::vector<LossBox>& done) {
        std::erase_if(growing, [&](const auto& entry) {
            if (std::binary_search(kept.begin(), kept.end(), entry.first)) return false;
            LossBox box = entry.first;
            box.low.push_back(entry.second);
            box.high.push_back(level);
            done.push_back(std::move(box));
            return true;
        });
    }

    const std::vector<double>& reference_;
    std::size_t most_;
};

}  // namespace detail

/// How much a new point enlarges the volume that a front dominates below a reference point: of a point that
/// is known, and expected where its losses are independent normals (Emmerich et al. 2011; Yang et al. 2019;
/// the logarithm in the manner of Ament et al. 2023). Losses: less is better in every objective.
///
/// In closed form, over disjoint boxes that cover what the front leaves. A value; const calls are
/// thread-safe.
class HypervolumeImprovement {
  public:
    /// Boxes beyond which closed forms are no longer worth it: about a tenth of a millisecond an evaluation.
    static constexpr std::size_t most_boxes = 1500;

    /// `front` need not be free of dominated points, and points not below `reference` add nothing. Throws
    /// InvalidOption without objectives, for points of another size, NaN, and where there would be more than
    /// `most` boxes.
    HypervolumeImprovement(std::vector<std::vector<double>> front, std::vector<double> reference,
                           std::size_t most = most_boxes)
        : reference_(std::move(reference)) {
        check(front);
        auto boxes = detail::UndominatedBoxes(reference_, most).of(std::move(front));
        if (!boxes)
            throw InvalidOption(
                fmt::format("hypervolume improvement: the front needs more than {} boxes", most));
        index(*boxes);
    }

    [[nodiscard]] std::size_t objectives() const { return reference_.size(); }
    [[nodiscard]] std::size_t boxes() const { return intervals_.size() / objectives(); }

    /// The volume that `point` would add.
    [[nodiscard]] double of(const std::vector<double>& point) const {
        require_size(point.size());
        double sum = 0.0;
        for (std::size_t b = 0; b < intervals_.size(); b += objectives()) {
            double volume = 1.0;
            for (std::size_t k = 0; k < objectives(); ++k) {
                const auto [low, high] = ends(k, intervals_[b + k]);
                volume *= std::max(0.0, high - std::max(low, point[k]));
            }
            sum += volume;
        }
        return sum;
    }

    /// The expected one, where the losses are normal with these means and standard deviations.
    [[nodiscard]] double expected(const std::vector<double>& mean, const std::vector<double>& sigma) const {
        return std::exp(log_expected(mean, sigma).value);
    }

    /// A logarithm, with its derivatives by each mean and each standard deviation.
    struct LogExpected {
        double value = -std::numeric_limits<double>::infinity();
        std::vector<double> by_mean, by_sigma;
    };

    /// Its logarithm, finite far below where the volume itself is 0 in double precision. Standard deviations
    /// are above 0.
    [[nodiscard]] LogExpected log_expected(const std::vector<double>& mean,
                                           const std::vector<double>& sigma) const {
        const std::size_t m = objectives();
        require_size(mean.size());
        require_size(sigma.size());
        std::vector<std::vector<Acquisition>> lengths(m);  // log of the expected length of each interval
        for (std::size_t k = 0; k < m; ++k) lengths[k] = expected_lengths(k, mean[k], sigma[k]);
        std::vector<double> logs(boxes());
        double top = -std::numeric_limits<double>::infinity();
        for (std::size_t b = 0; b < logs.size(); ++b) {
            for (std::size_t k = 0; k < m; ++k) logs[b] += lengths[k][intervals_[b * m + k]].value;
            top = std::max(top, logs[b]);
        }
        LogExpected out{top, std::vector<double>(m, 0.0), std::vector<double>(m, 0.0)};
        if (!std::isfinite(top)) return out;
        double sum = 0.0;
        for (std::size_t b = 0; b < logs.size(); ++b) {
            const double share = std::exp(logs[b] - top);
            if (share == 0.0) continue;
            sum += share;
            for (std::size_t k = 0; k < m; ++k) {
                const Acquisition& length = lengths[k][intervals_[b * m + k]];
                out.by_mean[k] += share * length.by_mean;
                out.by_sigma[k] += share * length.by_sigma;
            }
        }
        out.value = top + std::log(sum);
        for (std::size_t k = 0; k < m; ++k) out.by_mean[k] /= sum, out.by_sigma[k] /= sum;
        return out;
    }

  private:
    /// One objective's interval of a box, as places among its levels; `from` is `open` where it has no end.
    struct Interval {
        std::size_t from, to;
        friend auto operator<=>(const Interval&, const Interval&) = default;
    };
    static constexpr std::size_t open = static_cast<std::size_t>(-1);

    void check(const std::vector<std::vector<double>>& front) const {
        if (reference_.empty())
            throw InvalidOption(
                "hypervolume improvement: the reference has no values; it needs one an objective");
        const auto has_nan = [](const std::vector<double>& values) {
            return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
        };
        if (has_nan(reference_))
            throw InvalidOption("hypervolume improvement: the reference has a value that is nan");
        for (const auto& point : front) {
            require_size(point.size());
            if (has_nan(point))
                throw InvalidOption("hypervolume improvement: a point has a value that is nan");
        }
    }

    void require_size(std::size_t size) const {
        if (size != objectives())
            throw InvalidOption(
                fmt::format("hypervolume improvement: {} values for {} objectives", size, objectives()));
    }

    /// Boxes share their ends: each end, and each interval, is computed once for all of them.
    void index(const std::vector<LossBox>& boxes) {
        const std::size_t m = objectives();
        levels_.resize(m);
        distinct_.resize(m);
        intervals_.resize(boxes.size() * m);
        for (std::size_t k = 0; k < m; ++k) {
            std::vector<double>& levels = levels_[k];
            for (const LossBox& box : boxes)
                for (const double end : {box.low[k], box.high[k]})
                    if (std::isfinite(end)) levels.push_back(end);
            sort_unique(levels);
            const auto place = [&](double end) {
                return std::isfinite(end)
                           ? static_cast<std::size_t>(std::lower_bound(levels.begin(), levels.end(), end) -
                                                      levels.begin())
                           : open;
            };
            std::vector<Interval>& distinct = distinct_[k];
            for (const LossBox& box : boxes) distinct.push_back({place(box.low[k]), place(box.high[k])});
            std::vector<Interval> each = distinct;
            sort_unique(distinct);
            for (std::size_t b = 0; b < boxes.size(); ++b)
                intervals_[b * m + k] = static_cast<std::size_t>(
                    std::lower_bound(distinct.begin(), distinct.end(), each[b]) - distinct.begin());
        }
    }

    template <class T>
    static void sort_unique(std::vector<T>& values) {
        std::sort(values.begin(), values.end());
        values.erase(std::unique(values.begin(), values.end()), values.end());
    }

    [[nodiscard]] std::pair<double, double> ends(std::size_t k, std::size_t interval) const {
        const auto [from, to] = distinct_[k][interval];
        return {from == open ? -std::numeric_limits<double>::infinity() : levels_[k][from], levels_[k][to]};
    }

    /// Of every interval of objective k, the logarithm of the expected length of its part above the loss.
    [[nodiscard]] std::vector<Acquisition> expected_lengths(std::size_t k, double mean, double sigma) const {
        std::vector<Acquisition> below;
        below.reserve(levels_[k].size());
        for (const double level : levels_[k])
            below.push_back(log_expected_improvement(mean, sigma, level, Toward::lower));
        std::vector<Acquisition> out;
        out.reserve(distinct_[k].size());
        for (const auto& [from, to] : distinct_[k]) {
            if (from == open)
                out.push_back(below[to]);
            else
                out.push_back(between(levels_[k][from], levels_[k][to], below[from], below[to], mean, sigma));
        }
        return out;
    }

    /// log(EI(high) - EI(low)); by the middle of the interval where the difference would cancel.
    static Acquisition between(double low, double high, const Acquisition& at_low, const Acquisition& at_high,
                               double mean, double sigma) {
        if (high - low < 1e-4 * sigma) {
            const double z = (0.5 * (low + high) - mean) / sigma;
            const double slope = log_normal_cdf_slope(z);
            return {std::log(high - low) + log_normal_cdf(z), -slope / sigma, -z * slope / sigma};
        }
        const double ratio = std::exp(at_low.value - at_high.value);
        const double rest = 1.0 - ratio;
        if (!(rest > 0.0)) return {-std::numeric_limits<double>::infinity(), 0.0, 0.0};
        return {at_high.value + std::log1p(-ratio), (at_high.by_mean - ratio * at_low.by_mean) / rest,
                (at_high.by_sigma - ratio * at_low.by_sigma) / rest};
    }

    std::vector<double> reference_;
    std::vector<std::vector<double>> levels_;      ///< by objective: the ends of all boxes, ascending
    std::vector<std::vector<Interval>> distinct_;  ///< by objective: the intervals of all boxes, each once
    std::vector<std::size_t> intervals_;           ///< by box, then by objective: places in `distinct_`
};

}  // namespace attune

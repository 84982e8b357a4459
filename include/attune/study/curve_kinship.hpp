#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/configuration_likeness.hpp"
#include "attune/study/curve_forecast.hpp"

namespace attune {

/// What trials of like configurations say about each other's forecasts.
///
/// A trial that has come further shows how far off its own forecast was when it stood where another stands
/// now. These errors, in deviations of the forecast, are taken for a Gaussian process over configurations
/// (ConfigurationLikeness) with a part that all of the study's trials share; what it expects of a trial's
/// error moves its forecast and narrows its deviation. Trials are taken in the order of how far they have
/// come, so that a corrected forecast is evidence for those behind, and none needs to be completed. (Swersky,
/// Snoek and Adams, "Freeze-thaw Bayesian optimization", 2014, and Wistuba, Kadra and Grabocka, "Dynamic and
/// efficient gray-box hyperparameter optimization", 2022, let like configurations' curves inform each other
/// by other models.)
///
/// What `draw` concludes depends on what was noted last of each trial, and on nothing else. Evidence are at
/// most `most_evidence` trials, those that have come furthest, and at most `most_corrected` are corrected
/// among those that stand at one place, the most promising. Lengths are learned from at most `most_fitted`.
/// One thread at a time.
class CurveKinship {
  public:
    static constexpr std::size_t most_evidence = 128;
    static constexpr std::size_t most_corrected = 256;
    static constexpr std::size_t most_fitted = 100;

    /// Forgets all trials; `look` is the step that the first look at a trial ends with.
    void begin(const SearchSpace& space, double horizon, double look) {
        *this = {};
        likeness_ = ConfigurationLikeness(space);
        unit_ = horizon / curve_length;
        look_ = std::max(1, static_cast<int>(look / unit_ + 1e-9));
    }

    /// Whether configurations differ in anything.
    [[nodiscard]] bool tells() const { return likeness_.dimensions() > 0; }

    /// Notes a trial: `losses` in the order of the steps, finite; empty for one without a forecast. One that
    /// `ended` did so with `final`.
    void note(std::size_t trial, const SearchSpace& space, const Configuration& configuration,
              std::span<const CurvePoint> losses, bool ended, double final) {
        if (trial >= members_.size()) members_.resize(trial + 1);
        Member& member = members_[trial];
        move_to(member, likeness_.place(space, configuration));
        const bool gone_on = member.points.size() <= losses.size() &&
                             std::equal(member.points.begin(), member.points.end(), losses.begin());
        if (!gone_on) member.levels.clear();
        member.points.assign(losses.begin(), losses.end());
        member.level = 0;
        member.forecast = {};
        if (losses.empty() && !ended) return;
        const CurveShape now = curve_shape(losses, unit_ * curve_length);
        member.outlook = ended ? CurveOutlook{final, 0, 0, 0} : curve_outlook(now);
        member.level = ended ? last_level : std::min(static_cast<int>(now.at + 1e-9), last_level);
        // As it stood at each level that is behind it: what these were stays as it is.
        for (int level = static_cast<int>(member.levels.size()) + 1; level < member.level; ++level)
            member.levels.push_back(stood_at(losses, level));
    }

    /// Draws the conclusions, for a spread of the study's trials.
    void draw(double spread) {
        fit_likeness();
        order();
        std::size_t begin = 0, end = 0;
        for (; begin < order_.size(); begin = end) {
            const int level = members_[order_[begin]].level;
            for (; end < order_.size() && members_[order_[end]].level == level; ++end)
                members_[order_[end]].forecast = members_[order_[end]].outlook.forecast(spread);
            if (level == last_level || begin == 0) continue;
            learn(std::min(begin, most_evidence), level, spread);
            for (const std::size_t trial : promising(begin, end)) correct(trial);
        }
    }

    /// Of a trial that was noted with a forecast; of one that ended, what it has.
    [[nodiscard]] const CurveForecast& of(std::size_t trial) const { return members_[trial].forecast; }

  private:
    static constexpr int last_level = static_cast<int>(curve_length);
    // Parts of the variance of a forecast's error: what all of the study's trials share, what like
    // configurations share, and each trial's own. Found on tasks of LCBench; half or twice as much of any
    // makes little difference.
    static constexpr double common = 0.2, kin = 1.2, own = 0.05;
    static constexpr double furthest_off = 4;  ///< deviations that an error counts at most

    struct Member {
        ConfigurationLikeness::Place place;
        std::vector<CurvePoint> points;
        std::vector<CurveOutlook> levels;  ///< as it stood at level 1, 2, ... below its own
        CurveOutlook outlook;
        CurveForecast forecast;
        int level = 0;  ///< how far it has come, on the scale of CurveShape::at; 0: no forecast
    };

    /// A trial may end with another configuration than it was asked with; nothing of the former may stay.
    void move_to(Member& member, ConfigurationLikeness::Place place) {
        const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        if (std::ranges::equal(member.place, place, same)) return;
        if (!member.place.empty()) alike_.clear(), fitted_.clear();
        member.place = std::move(place);
    }

    /// Without a drift where nothing had been reported yet.
    [[nodiscard]] CurveOutlook stood_at(std::span<const CurvePoint> losses, int level) const {
        const double step = level * unit_ * (1 + 1e-9);
        const auto end = std::find_if(losses.begin(), losses.end(),
                                      [step](const CurvePoint& point) { return point.step > step; });
        if (end == losses.begin()) return {};
        return curve_outlook(curve_shape(std::span(losses.begin(), end), unit_ * curve_length));
    }

    /// The furthest first.
    void order() {
        order_.clear();
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (members_[i].level > 0) order_.push_back(i);
        std::stable_sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
            return members_[a].level > members_[b].level;
        });
    }

    /// A factor of the errors' covariance at a level, and their whitened values, of the first `count`.
    void learn(std::size_t count, int level, double spread) {
        evidence_.clear();
        factor_.assign(count * count, 0);
        errors_.clear();
        stride_ = count;
        for (std::size_t place = 0; place < count; ++place) {
            const Member& other = members_[order_[place]];
            if (static_cast<std::size_t>(level) > other.levels.size())
                continue;  // ended without such a point
            const CurveForecast then = other.levels[static_cast<std::size_t>(level) - 1].forecast(spread);
            if (!std::isfinite(then.mean) || !(then.deviation > 0)) continue;
            const std::size_t i = evidence_.size();
            evidence_.push_back(order_[place]);
            const double doubt = std::min(1.0, other.forecast.deviation / then.deviation);
            double* row = factor_.data() + i * stride_;
            solve(order_[place], i, row);
            double rest = common + kin + own + doubt * doubt;
            double error =
                std::clamp((other.forecast.mean - then.mean) / then.deviation, -furthest_off, furthest_off);
            for (std::size_t k = 0; k < i; ++k) rest -= row[k] * row[k], error -= row[k] * errors_[k];
            row[i] = std::sqrt(std::max(rest, 1e-9));
            errors_.push_back(error / row[i]);
        }
    }

    /// What the factor makes of a trial's covariances with the first `count` of the evidence.
    void solve(std::size_t trial, std::size_t count, double* out) {
        for (std::size_t i = 0; i < count; ++i) {
            const double* row = factor_.data() + i * stride_;
            double x = common + kin * alike(trial, evidence_[i]);
            for (std::size_t k = 0; k < i; ++k) x -= row[k] * out[k];
            out[i] = x / row[i];
        }
    }

    void correct(std::size_t trial) {
        CurveForecast& forecast = members_[trial].forecast;
        if (!std::isfinite(forecast.mean)) return;
        solved_.resize(evidence_.size());
        solve(trial, evidence_.size(), solved_.data());
        double mean = 0, variance = common + kin + own;
        for (std::size_t i = 0; i < evidence_.size(); ++i) {
            mean += solved_[i] * errors_[i];
            variance -= solved_[i] * solved_[i];
        }
        forecast.mean += mean * forecast.deviation;
        forecast.deviation *= std::sqrt(std::max(variance, 0.01));
    }

    /// Of those from `begin` to `end` in the order, the ones that may end best by their own curves.
    std::span<const std::size_t> promising(std::size_t begin, std::size_t end) {
        const auto first = order_.begin() + static_cast<std::ptrdiff_t>(begin);
        const std::size_t count = std::min(end - begin, most_corrected);
        if (end - begin > most_corrected)
            std::nth_element(first, first + static_cast<std::ptrdiff_t>(count),
                             order_.begin() + static_cast<std::ptrdiff_t>(end),
                             [this](std::size_t a, std::size_t b) {
                                 const double x = reach(a), y = reach(b);
                                 return x < y || (x == y && a < b);
                             });
        return {order_.data() + begin, count};
    }

    [[nodiscard]] double reach(std::size_t trial) const {
        return members_[trial].forecast.mean - 2 * members_[trial].forecast.deviation;
    }

    [[nodiscard]] double alike(std::size_t a, std::size_t b) {
        const std::size_t side = most_corrected;
        if (a >= side || b >= side) return likeness_.correlation(members_[a].place, members_[b].place);
        if (alike_.empty()) alike_.assign(side * side, std::numeric_limits<double>::quiet_NaN());
        double& kept = alike_[std::max(a, b) * side + std::min(a, b)];
        if (std::isnan(kept)) kept = likeness_.correlation(members_[a].place, members_[b].place);
        return kept;
    }

    // --- how much each parameter matters ---

    /// The level that a trial is compared at: the first look's, twice, four times ... that, and the last.
    [[nodiscard]] int compared_at(const Member& member) const {
        if (member.level >= last_level) return last_level;
        int level = look_;
        while (2 * level <= member.level) level *= 2;
        return level;
    }

    /// First from the losses after the first look alone, then from there by the latest. Both depend on the
    /// trials only, and not on which fits were made before.
    void fit_likeness() {
        std::vector<std::size_t> trials;
        for (std::size_t i = 0; i < members_.size() && trials.size() < most_fitted; ++i)
            if (members_[i].level >= look_ && !members_[i].points.empty()) trials.push_back(i);
        // While trials begin, not every one is worth a fit.
        std::size_t count = 8;
        while (count + count / 4 <= trials.size()) count += count / 4;
        if (trials.size() == most_fitted) count = most_fitted;
        if (trials.size() < count) return;
        trials.resize(count);
        std::vector<const ConfigurationLikeness::Place*> places;
        std::vector<double> first, latest;
        for (const std::size_t i : trials) {
            places.push_back(&members_[i].place);
            first.push_back(detail::loss_at(members_[i].points, look_ * unit_));
            latest.push_back(detail::loss_at(members_[i].points, compared_at(members_[i]) * unit_));
        }
        if (trials == fitted_ && first == first_) {
            if (latest == latest_) return;
            likeness_.set_lengths(first_lengths_);
        } else {
            likeness_.forget();
            likeness_.fit(places, squeezed(first), 2, false);
            first_lengths_ = likeness_.lengths();
            fitted_ = std::move(trials);
            first_ = std::move(first);
        }
        likeness_.fit(places, squeezed(latest), 1, true);
        latest_ = std::move(latest);
        alike_.clear();
    }

    /// Losses well above the median count by their logarithm: by how much a trial fails says little.
    static std::vector<double> squeezed(std::vector<double> losses) {
        std::vector<double> sorted = losses;
        std::sort(sorted.begin(), sorted.end());
        const auto last = static_cast<double>(sorted.size() - 1);
        const auto quantile = [&](double q) {
            return sorted[static_cast<std::size_t>(std::lround(q * last))];
        };
        const double middle = quantile(0.5), width = (quantile(0.9) - quantile(0.1)) / 2.563;
        if (!(width > 0)) return losses;
        for (double& loss : losses) {
            loss = (loss - middle) / width;
            if (loss > 1) loss = 1 + std::log(loss);
        }
        return losses;
    }

    double unit_ = 1;
    int look_ = 1;
    ConfigurationLikeness likeness_;
    std::vector<Member> members_;
    std::vector<std::size_t> order_, evidence_, fitted_;
    std::size_t stride_ = 0;
    std::vector<double> factor_, errors_, solved_, alike_;
    std::vector<double> first_, latest_, first_lengths_;
};

}  // namespace attune

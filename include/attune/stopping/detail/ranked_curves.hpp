#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/detail/ranked_values.hpp"
#include "attune/stopping/trial_pool.hpp"
#include "attune/study/curve.hpp"
#include "attune/study/study_follower.hpp"

namespace attune {

namespace detail {

/// What a curve says at a step.
enum class CurveStatistic {
    running_average,  ///< the mean of the values up to the step; of trials that got there
    best_so_far,      ///< the best of them
    at_step,          ///< the value of exactly this step
};

/// The losses (less is better) of a study's trials at each step, ranked: what a policy compares with.
///
/// A cache over the study: it reads what is new and gives what reading everything would give. What a step
/// has is kept ranked from the second question on, so steps that never come again (seconds) keep nothing. A
/// running average that is NaN is worse than every number; NaN is never the best.
class RankedCurves {
  public:
    RankedCurves(CurveStatistic statistic, TrialPool pool) : statistic_(statistic), pool_(pool) {}

    /// Reads what is new; another metric is read from the beginning.
    void follow(const Study& study, const Objective& objective) {
        if (!(objective_ == objective)) {
            objective_ = objective;
            follower_.forget();
        }
        follower_.follow(
            study,
            [&] {
                seen_.clear();
                ranked_.clear();
                asked_.clear();
            },
            [&](const TrialRecord& trial) { take(study, trial); });
    }

    /// Of the trials that count for `trial`, at this step.
    [[nodiscard]] RankedValues& at(double step) {
        if (const auto found = ranked_.find(step); found != ranked_.end()) return found->second;
        RankedValues& values = asked_.insert(step).second ? (once_ = RankedValues{}) : ranked_[step];
        for (std::size_t number = 0; number < seen_.size(); ++number)
            if (seen_[number].counts)
                if (const auto loss = loss_at(seen_[number], step))
                    values.set(static_cast<std::int64_t>(number), *loss);
        return values;
    }
    /// The trials below this number count for `trial`.
    [[nodiscard]] std::int64_t before(const TrialRecord& trial) const {
        return pool_ == TrialPool::completed ? RankedValues::all : trial.number;
    }

    /// What the trial's own curve says at its last step; nothing where it has none. Precondition: followed.
    [[nodiscard]] std::optional<double> own(const TrialRecord& trial) const {
        const Seen& seen = seen_[static_cast<std::size_t>(trial.number)];
        if (seen.points.empty()) return std::nullopt;
        return loss_at(seen, seen.points.back().step);
    }
    [[nodiscard]] const std::vector<CurvePoint>& own_curve(const TrialRecord& trial) const {
        return seen_[static_cast<std::size_t>(trial.number)].points;
    }

  private:
    struct Seen {
        std::vector<CurvePoint> points;
        std::vector<double> running;  ///< sums of values, or best losses, up to each point
        std::size_t consumed = 0;     ///< reports that were read
        std::uint32_t rewrites = 0;
        bool counts = false;  ///< is in the pool
    };

    /// A completed trial that breaks an outcome constraint is none to compare with.
    void take(const Study& study, const TrialRecord& trial) {
        const auto number = static_cast<std::size_t>(trial.number);
        if (number >= seen_.size()) seen_.resize(number + 1);
        Seen& seen = seen_[number];
        const bool completed = trial.state == TrialState::completed;
        const bool counts =
            (completed || pool_ == TrialPool::all_earlier) && (!completed || study.keeps_constraints(trial));
        const bool rewritten = trial.rewrites != seen.rewrites || trial.reports.size() < seen.consumed;
        const double known = seen.points.empty() || rewritten || counts != seen.counts
                                 ? -std::numeric_limits<double>::infinity()
                                 : seen.points.back().step;
        if (rewritten || !append(seen, trial)) read_again(seen, trial);
        if (rewritten || counts != seen.counts || reordered_) {
            for (auto& [step, values] : ranked_) values.erase(trial.number);
            seen.counts = counts;
            add(seen, trial.number, -std::numeric_limits<double>::infinity());
        } else if (counts) {
            add(seen, trial.number, known);
        }
        reordered_ = false;
    }

    /// Reads new reports that follow in order; false where they do not.
    bool append(Seen& seen, const TrialRecord& trial) {
        for (; seen.consumed < trial.reports.size(); ++seen.consumed) {
            const Report& report = trial.reports[seen.consumed];
            const auto found = report.metrics.find(objective_.metric);
            if (found == report.metrics.end()) continue;
            if (!seen.points.empty() && !(seen.points.back().step < report.step)) return false;
            push(seen, {report.step, found->second});
        }
        return true;
    }

    void read_again(Seen& seen, const TrialRecord& trial) {
        seen.points.clear();
        seen.running.clear();
        for (const CurvePoint& point : curve(trial, objective_.metric)) push(seen, point);
        seen.consumed = trial.reports.size();
        seen.rewrites = trial.rewrites;
        reordered_ = true;
    }

    void push(Seen& seen, const CurvePoint& point) const {
        const double before = seen.running.empty() ? 0 : seen.running.back();
        double running = before + point.value;
        if (statistic_ == CurveStatistic::best_so_far) {
            const double loss = objective_.loss(point.value);
            running = seen.running.empty() ? loss : std::isnan(before) || loss < before ? loss : before;
        }
        seen.points.push_back(point);
        seen.running.push_back(running);
    }

    /// Into the ranks of all steps that the trial has come to beyond `known`.
    void add(const Seen& seen, std::int64_t number, double known) {
        if (!seen.counts || seen.points.empty()) return;
        const double last = seen.points.back().step;
        for (auto at = ranked_.upper_bound(known); at != ranked_.end() && at->first <= last; ++at)
            if (const auto loss = loss_at(seen, at->first)) at->second.set(number, *loss);
    }

    [[nodiscard]] std::optional<double> loss_at(const Seen& seen, double step) const {
        if (seen.points.empty() || seen.points.back().step < step) return std::nullopt;
        const auto after =
            std::upper_bound(seen.points.begin(), seen.points.end(), step,
                             [](double wanted, const CurvePoint& point) { return wanted < point.step; });
        if (after == seen.points.begin()) return std::nullopt;
        const auto at = static_cast<std::size_t>(after - seen.points.begin()) - 1;
        switch (statistic_) {
            case CurveStatistic::at_step:
                if (seen.points[at].step != step) return std::nullopt;
                return objective_.loss(seen.points[at].value);
            case CurveStatistic::best_so_far:
                return seen.running[at];
            default: {
                const double average = seen.running[at] / static_cast<double>(at + 1);
                return std::isnan(average) ? std::numeric_limits<double>::infinity()
                                           : objective_.loss(average);
            }
        }
    }

    CurveStatistic statistic_;
    TrialPool pool_;
    Objective objective_;
    StudyFollower follower_;
    std::vector<Seen> seen_;
    std::map<double, RankedValues> ranked_;
    std::set<double> asked_;
    RankedValues once_;
    bool reordered_ = false;
};

}  // namespace detail
}  // namespace attune

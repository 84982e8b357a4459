#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "attune/study/study.hpp"
#include "attune/study/study_follower.hpp"

namespace attune {

/// The steps at which trials are compared: `minimum * factor^(skipped + r)` for r = 0, 1, ... below
/// `maximum`.
struct RungLadder {
    double minimum = 1;
    double factor = 3;
    int skipped = 0;
    double maximum = std::numeric_limits<double>::infinity();

    [[nodiscard]] double level(int rung) const { return minimum * std::pow(factor, skipped + rung); }
    [[nodiscard]] bool has(int rung) const {
        const double step = level(rung);
        return step < maximum && std::isfinite(step);
    }
    friend bool operator==(const RungLadder&, const RungLadder&) = default;
};

/// Which trials have come to which rung, and with what: the evidence of successive halving (Li, Jamieson et
/// al., "A system for massively parallel hyperparameter tuning", MLSys 2020).
///
/// A trial comes to a rung with its first report at or past the rung's step, and with the value of that
/// report; one report may pass several rungs. A value of NaN has come there, but is no rival. Trials that
/// ended keep what they have passed. A cache over the study (StudyFollower).
class RungLedger {
  public:
    /// A trial's coming to a rung: its index is the rung's.
    struct Passage {
        double loss = 0;         ///< the value, less being better
        std::size_t report = 0;  ///< index of the report that passed it
    };
    using Member = std::function<bool(const Study&, std::int64_t trial)>;

    RungLedger() = default;
    /// Only trials of which `is_member` is true count (all, where it is empty), and only reports later than
    /// `since_seconds`.
    explicit RungLedger(RungLadder ladder, Member is_member = {},
                        double since_seconds = -std::numeric_limits<double>::infinity())
        : ladder_(ladder), is_member_(std::move(is_member)), since_seconds_(since_seconds) {}

    [[nodiscard]] const RungLadder& ladder() const { return ladder_; }

    void follow(const Study& study, const Objective& objective) {
        if (!(objective == objective_)) follower_.forget();
        objective_ = objective;
        follower_.follow(
            study,
            [&] {
                trials_.clear();
                rungs_.clear();
            },
            [&](const TrialRecord& trial) {
                if (!is_member_ || is_member_(study, trial.number)) take(trial);
            });
    }

    [[nodiscard]] const std::vector<Passage>& passages(std::int64_t trial) const {
        static const std::vector<Passage> none;
        const auto at = static_cast<std::size_t>(trial);
        return at < trials_.size() ? trials_[at].passages : none;
    }
    /// The (loss, trial) of those that came to a rung with a number, the best first.
    [[nodiscard]] const std::vector<std::pair<double, std::int64_t>>& at(int rung) const {
        static const std::vector<std::pair<double, std::int64_t>> none;
        return static_cast<std::size_t>(rung) < rungs_.size() ? rungs_[static_cast<std::size_t>(rung)] : none;
    }
    [[nodiscard]] int rungs() const { return static_cast<int>(rungs_.size()); }

    /// How many of a rung's go on: one in `factor`.
    [[nodiscard]] std::size_t places(int rung) const {
        return static_cast<std::size_t>(std::floor(static_cast<double>(at(rung).size()) / ladder_.factor));
    }

    /// The paused trial to go on with next: of the highest rung that has one among its best `places`, the
    /// best; with its rung.
    [[nodiscard]] std::optional<std::pair<std::int64_t, int>> promotable(const Study& study) const {
        for (int rung = rungs() - 1; rung >= 0; --rung) {
            const auto& all = at(rung);
            for (std::size_t i = 0; i < places(rung); ++i) {
                const std::int64_t number = all[i].second;
                const bool waits = study.trial(number).state == TrialState::paused &&
                                   static_cast<int>(passages(number).size()) == rung + 1;
                if (waits) return std::pair(number, rung);
            }
        }
        return std::nullopt;
    }

  private:
    struct Seen {
        std::vector<Passage> passages;
        std::size_t consumed = 0;
        std::uint32_t rewrites = 0;
    };

    void take(const TrialRecord& trial) {
        const auto number = static_cast<std::size_t>(trial.number);
        if (number >= trials_.size()) trials_.resize(number + 1);
        Seen& seen = trials_[number];
        if (trial.rewrites != seen.rewrites || trial.reports.size() < seen.consumed) {
            forget(seen, trial.number);
            seen.rewrites = trial.rewrites;
        }
        for (; seen.consumed < trial.reports.size(); ++seen.consumed) {
            const Report& report = trial.reports[seen.consumed];
            const auto value = report.metrics.find(objective_.metric);
            if (value == report.metrics.end() || !(report.time_seconds > since_seconds_)) continue;
            for (int rung = static_cast<int>(seen.passages.size());
                 ladder_.has(rung) && report.step >= ladder_.level(rung); ++rung)
                pass(seen, trial.number, rung, objective_.loss(value->second));
        }
    }

    void pass(Seen& seen, std::int64_t number, int rung, double loss) {
        seen.passages.push_back({loss, seen.consumed});
        if (static_cast<std::size_t>(rung) >= rungs_.size())
            rungs_.resize(static_cast<std::size_t>(rung) + 1);
        if (std::isnan(loss)) return;
        auto& all = rungs_[static_cast<std::size_t>(rung)];
        const std::pair entry(loss, number);
        all.insert(std::upper_bound(all.begin(), all.end(), entry), entry);
    }

    void forget(Seen& seen, std::int64_t number) {
        for (auto& all : rungs_)
            std::erase_if(all, [&](const auto& entry) { return entry.second == number; });
        seen.passages.clear();
        seen.consumed = 0;
    }

    RungLadder ladder_;
    Member is_member_;
    double since_seconds_ = -std::numeric_limits<double>::infinity();
    Objective objective_;
    StudyFollower follower_;
    std::vector<Seen> trials_;
    std::vector<std::vector<std::pair<double, std::int64_t>>> rungs_;
};

}  // namespace attune

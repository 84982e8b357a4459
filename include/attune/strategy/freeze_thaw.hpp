#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/curve_forecasts.hpp"

namespace attune {

/// Options of FreezeThaw. Steps are epochs, seconds or whatever trials report by.
struct FreezeThawOptions {
    double horizon = 0;       ///< the step at which a trial is fully trained; must be said, above 0
    double budget_steps = 0;  ///< steps of all trials together; 0: no limit of its own
    int trials = 0;           ///< how many are to be begun; 0: no plan
    double first_steps = 0;   ///< every trial's first look; 0: 6 %, less where the budget is scarce
    double increment = 0;     ///< steps of one going on; 0: a fifty-second of the horizon, at least 1
    double look_share = 0.4;  ///< without a plan: share of the steps that goes into first looks
    double confidence = 3;    ///< without a budget: deviations that a forecast may be better than its mean

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("freeze-thaw: {} ({}) must be {}", option, value, rule));
        };
        if (!(horizon > 0) || std::isinf(horizon)) refuse("horizon", horizon, "above 0 and finite");
        if (!(budget_steps >= 0) || std::isinf(budget_steps))
            refuse("budget_steps", budget_steps, "at least 0 and finite");
        if (budget_steps > 0 && budget_steps < horizon)
            refuse("budget_steps", budget_steps, "at least the horizon, or nothing would be trained fully");
        if (trials < 0) refuse("trials", trials, "at least 0");
        if (!(first_steps >= 0) || first_steps > horizon)
            refuse("first_steps", first_steps, "from 0 to the horizon");
        if (!(increment >= 0) || increment > horizon) refuse("increment", increment, "from 0 to the horizon");
        if (!(look_share > 0) || look_share > 1) refuse("look_share", look_share, "above 0 and at most 1");
        if (!(confidence >= 0) || std::isinf(confidence))
            refuse("confidence", confidence, "at least 0 and finite");
    }
};

/// Spends a budget of training steps: takes a first look at every trial, then goes on, a little at a time,
/// with whichever paused trial is the likeliest to end best for what that costs, and thaws the others when it
/// disappoints (after Swersky, Snoek and Adams, "Freeze-thaw Bayesian optimization", 2014, with other
/// forecasts: see CurveForecasts; trials inform those of like configurations). New configurations come from
/// another strategy.
///
/// A trial is a contender while its forecast's mean and `b` deviations reach beyond the best mean. With a
/// budget, b is the largest value whose contenders half of the remaining steps could carry on by half of what
/// they have run; so much is looked at while much is left, and little at the end. The steps that bring the
/// leader to its end are kept back for it, and what is left when nobody contends goes to the likeliest that
/// it can bring to their end. Without a budget b is `confidence`, and nothing is suggested once nobody
/// contends.
///
/// Where trials cannot pause (SuggestionRequest::resumable) it is the strategy that it takes configurations
/// from. A function of the study and the request; what it holds is a cache.
class FreezeThaw {
  public:
    static constexpr bool needs_pauses = true;

    /// Throws InvalidOption.
    explicit FreezeThaw(FreezeThawOptions options) : FreezeThaw(RandomSearch{}, options) {}
    /// `configurations` says what new trials are begun with.
    FreezeThaw(AnyStrategy configurations, FreezeThawOptions options)
        : options_(options), configurations_(std::move(configurations)) {
        options_.validate();
        if (options_.increment == 0) options_.increment = std::max(1.0, std::round(options_.horizon / 52));
        options_.increment = std::min(options_.increment, options_.horizon);
        if (options_.first_steps == 0) options_.first_steps = default_first_steps();
        forecasts_ = CurveForecasts(options_.first_steps);
    }

    [[nodiscard]] static constexpr std::string_view name() { return "freeze_thaw"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        if (!request.resumable) return configurations_.suggest(study, request);
        forecasts_.follow(study, study.objective(), options_.horizon);
        const double spent = steps_spent();
        const bool may_begin =
            !request.only_resume && (options_.trials == 0 || begun(study) < options_.trials);
        const bool affordable = options_.first_steps + kept_back(study, limit() - spent) <= limit() - spent;
        if (may_begin && affordable && (options_.trials > 0 || wants_look(study, spent)))
            if (auto fresh = begin(study, request)) return fresh;
        if (auto thawed = go_on(study, limit() - spent)) return thawed;
        if (may_begin && affordable && options_.trials == 0)
            if (auto fresh = begin(study, request)) return fresh;
        return spend_rest(study, limit() - spent);
    }

  private:
    using Standing = CurveForecasts::Standing;

    /// What the remaining steps allow.
    struct Race {
        double best_ended = std::numeric_limits<double>::infinity();
        double best_mean = std::numeric_limits<double>::infinity();  ///< of all, ended or not
        std::int64_t leader = -1;  ///< of the paused that the budget can bring to the end, the best mean
        double leader_mean = std::numeric_limits<double>::infinity();
        double leader_needs = 0;
    };

    /// A first look at everybody may cost about a third of the budget.
    [[nodiscard]] double default_first_steps() const {
        const double unit = options_.increment;
        double steps = 3 * unit;
        if (options_.budget_steps > 0 && options_.trials > 0)
            steps = std::min(steps, std::round(0.33 * options_.budget_steps / options_.trials / unit) * unit);
        return std::clamp(steps, unit, options_.horizon);
    }

    [[nodiscard]] double limit() const {
        return options_.budget_steps > 0 ? options_.budget_steps : std::numeric_limits<double>::infinity();
    }

    static std::int64_t begun(const Study& study) {
        return std::count_if(study.trials().begin(), study.trials().end(), [](const TrialRecord& trial) {
            return trial.failure != FailureKind::environment;
        });
    }

    [[nodiscard]] double steps_spent() const {
        double sum = 0;
        for (const Standing& s : forecasts_.standings()) sum += s.step;
        return sum;
    }

    [[nodiscard]] bool wants_look(const Study& study, double spent) const {
        const double looked = static_cast<double>(begun(study)) * options_.first_steps;
        return looked <= options_.look_share * spent;
    }

    std::optional<Suggestion> begin(const Study& study, const SuggestionRequest& request) {
        SuggestionRequest first = request;
        first.resumable = false;
        auto fresh = configurations_.ignores_results() ? configurations_.suggest(study, first)
                                                       : configurations_.suggest(evidence(study), first);
        if (fresh && options_.first_steps < options_.horizon) fresh->until = options_.first_steps;
        return fresh;
    }

    /// The study as the strategy for configurations is to see it: trials that are paused stand for what they
    /// are expected to end at, so that every first look is evidence.
    [[nodiscard]] Study evidence(const Study& study) const {
        std::map<std::int64_t, double> expected;
        for (const std::int64_t number : study.unfinished()) {
            if (study.trial(number).state != TrialState::paused) continue;
            const Standing& s = forecasts_.of(study.trial(number));
            expected.emplace(number, s.gone ? std::nan("") : study.objective().loss(s.forecast.mean));
        }
        return study.supposing(expected);
    }

    /// What the likeliest to end best, paused or under way, needs of the remaining steps to come to its end.
    [[nodiscard]] double kept_back(const Study& study, double left) const {
        if (std::isinf(left)) return 0;
        double least = forecasts_.best_ended(), needs = 0;
        for (const std::int64_t number : study.unfinished()) {
            const Standing& s = forecasts_.of(study.trial(number));
            if (s.gone || options_.horizon - s.step > left + 1e-9 || !(s.forecast.mean < least)) continue;
            least = s.forecast.mean;
            needs = options_.horizon - s.step;
        }
        return needs;
    }

    [[nodiscard]] Race race(const Study& study, double left) const {
        Race race;
        race.best_ended = race.best_mean = forecasts_.best_ended();
        for (const TrialRecord& trial : study.trials()) {
            const Standing& s = forecasts_.of(trial);
            if (s.gone || s.ended) continue;
            race.best_mean = std::min(race.best_mean, s.forecast.mean);
            const double needs = options_.horizon - s.step;
            if (trial.state != TrialState::paused || needs > left + 1e-9) continue;
            if (s.forecast.mean < race.leader_mean) {
                race.leader = trial.number;
                race.leader_mean = s.forecast.mean;
                race.leader_needs = needs;
            }
        }
        return race;
    }

    /// The confidence whose contenders the budget can carry on.
    [[nodiscard]] double confidence(const Study& study, const Race& race, double left) const {
        if (std::isinf(left)) return options_.confidence;
        double low = 0, high = 5;
        for (int i = 0; i < 10; ++i) {
            const double middle = 0.5 * (low + high);
            double needed = 0;
            for (const TrialRecord& trial : study.trials()) {
                const Standing& s = forecasts_.of(trial);
                if (s.gone || s.ended || !contends(s, race, middle)) continue;
                needed += std::min(options_.horizon - s.step, std::max(options_.increment, 0.5 * s.step));
            }
            (needed <= 0.5 * left ? low : high) = middle;
        }
        return low;
    }

    static bool contends(const Standing& s, const Race& race, double confidence) {
        return s.forecast.mean - confidence * s.forecast.deviation < race.best_mean;
    }

    std::optional<Suggestion> go_on(const Study& study, double left) const {
        const Race race = this->race(study, left);
        if (race.leader < 0) return std::nullopt;
        const bool promising = race.leader_mean < race.best_ended;
        if (promising && left - options_.increment < race.leader_needs)
            return thaw(study, race.leader, race, "what is left of the budget is what it needs");
        const double b = confidence(study, race, left);
        std::int64_t chosen = -1;
        double most = -std::numeric_limits<double>::infinity();
        for (const std::int64_t number : study.unfinished()) {
            const TrialRecord& trial = study.trial(number);
            const Standing& s = forecasts_.of(trial);
            if (trial.state != TrialState::paused || s.gone || !contends(s, race, b)) continue;
            const double deviation = std::max(s.forecast.deviation, 1e-12);
            const double reach = b + (race.best_mean - s.forecast.mean) / deviation;
            const double worth = reach / std::sqrt(std::max(s.step, options_.increment));
            if (worth > most) most = worth, chosen = number;
        }
        if (chosen >= 0) return thaw(study, chosen, race, "it may end best for the least training");
        if (promising) return thaw(study, race.leader, race, "it leads");
        return std::nullopt;
    }

    /// With a budget, what is left when nobody contends goes to the likeliest of those that it can bring to
    /// their end, for a forecast may be wrong.
    std::optional<Suggestion> spend_rest(const Study& study, double left) const {
        if (std::isinf(left)) return std::nullopt;
        const Race race = this->race(study, left);
        std::int64_t chosen = -1;
        double most = -std::numeric_limits<double>::infinity();
        for (const std::int64_t number : study.unfinished()) {
            const TrialRecord& trial = study.trial(number);
            const Standing& s = forecasts_.of(trial);
            if (trial.state != TrialState::paused || s.gone || options_.horizon - s.step > left + 1e-9)
                continue;
            const double ahead = (race.best_ended - s.forecast.mean) / std::max(s.forecast.deviation, 1e-12);
            if (ahead > most) most = ahead, chosen = number;
        }
        if (chosen < 0) return std::nullopt;
        return thaw(study, chosen, race, "the budget has steps left for it");
    }

    [[nodiscard]] Suggestion thaw(const Study& study, std::int64_t number, const Race& race,
                                  std::string_view why) const {
        const TrialRecord& trial = study.trial(number);
        const Standing& s = forecasts_.of(trial);
        const Objective& objective = study.objective();
        Suggestion out;
        out.configuration = trial.configuration;
        out.resume = number;
        const double until = s.step + options_.increment;
        if (until < options_.horizon - 1e-9 * options_.horizon) out.until = until;
        out.role = "thawed";
        out.reason = fmt::format("{}: {} is expected to end at {:.6g} +- {:.3g}, the best at {:.6g}", why,
                                 objective.metric, objective.loss(s.forecast.mean), s.forecast.deviation,
                                 objective.loss(race.best_mean));
        return out;
    }

    FreezeThawOptions options_;
    AnyStrategy configurations_;
    CurveForecasts forecasts_;
};

}  // namespace attune

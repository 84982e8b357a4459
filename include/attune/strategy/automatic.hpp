#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/strategy/tree_parzen.hpp"

namespace attune {

/// Options of Automatic.
struct AutomaticOptions {
    int model_trials = 300;  ///< up to so many the Gaussian process asks, however quick they are
    double patience = 5;     ///< beyond, while a trial takes at least so many times what asking costs
    int parallel = 64;       ///< from so many trials in flight on it does not ask any more

    /// Throws InvalidOption.
    void validate() const {
        if (model_trials < 0)
            throw InvalidOption(fmt::format("auto: model_trials ({}) must not be negative", model_trials));
        if (!(patience >= 0))
            throw InvalidOption(fmt::format("auto: patience ({}) must be at least 0", patience));
        if (parallel < 1)
            throw InvalidOption(fmt::format("auto: parallel ({}) must be at least 1", parallel));
    }
};

/// Chooses the strategy for each suggestion by what the study is: what the space holds, how many trials there
/// are, how long they take and how many are in flight. The suggestion's reason says which and why.
///
/// - The Gaussian process finds the best values for a number of trials, and asking it costs milliseconds. It
///   asks while there are few trials, and beyond that while they are slow enough for its price not to matter.
/// - Many quick trials: the evolution strategy where numbers make up most of the space, which then gets
/// nearer
///   to an optimum than any model; the tree-structured Parzen estimator where choices and conditions do.
/// - Many trials in flight at once: the same two, which cost little however many are asked.
///
/// All of them learn from all trials, whoever asked for them, so nothing is lost in a change. Times are those
/// of the study's events, so a replay chooses alike.
class Automatic {
  public:
    Automatic() = default;
    explicit Automatic(AutomaticOptions options) : options_(options) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "auto"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        const auto [choice, why] = choose(study);
        std::optional<Suggestion> suggestion = choice == Choice::model ? process_.suggest(study, request)
                                               : choice == Choice::evolution
                                                   ? evolution_.suggest(study, request)
                                                   : parzen_.suggest(study, request);
        if (suggestion)
            suggestion->reason = fmt::format("{} ({}): {}", title(choice), why, suggestion->reason);
        return suggestion;
    }

  private:
    enum class Choice { model, evolution, density };

    static std::string_view title(Choice choice) {
        return choice == Choice::model       ? GaussianProcess::name()
               : choice == Choice::evolution ? CmaEs::name()
                                             : TreeParzen::name();
    }

    [[nodiscard]] std::pair<Choice, std::string> choose(const Study& study) const {
        const std::size_t trials = study.trials().size(), flying = study.unfinished().size();
        const Choice cheap = numeric(study.space()) ? Choice::evolution : Choice::density;
        const std::string_view kind =
            cheap == Choice::evolution ? "mostly numbers" : "choices and conditions";
        if (flying >= static_cast<std::size_t>(options_.parallel))
            return {cheap, fmt::format("{} trials in flight; {}", flying, kind)};
        if (trials < static_cast<std::size_t>(options_.model_trials))
            return {Choice::model, fmt::format("the best for up to {} trials", options_.model_trials)};
        const double duration = median_duration(study), asking = asking_seconds(study);
        if (duration >= options_.patience * asking)
            return {Choice::model, fmt::format("trials of {:.2g} s, far more than asking costs", duration)};
        return {cheap, fmt::format("{} trials of {:.2g} s; {}", trials, duration, kind)};
    }

    /// Whether at least two thirds of what can vary are numbers that are always active.
    static bool numeric(const SearchSpace& space) {
        std::size_t varying = 0, numbers = 0;
        for (const Parameter& parameter : space.parameters()) {
            if (parameter.cardinality() == 1) continue;
            ++varying;
            if (parameter.kind != ParameterKind::categorical && parameter.condition.is_always()) ++numbers;
        }
        return 3 * numbers >= 2 * varying;
    }

    /// About what one suggestion of the Gaussian process costs, on the processors of 2020.
    static double asking_seconds(const Study& study) {
        const auto trials = static_cast<double>(study.trials().size());
        const auto dimensions = static_cast<double>(study.space().size());
        return std::min(0.1, 4e-5 * trials * (1 + dimensions / 20));
    }

    static double median_duration(const Study& study) {
        std::vector<double> seconds;
        for (const TrialRecord& trial : study.trials())
            if (trial.finished()) seconds.push_back(trial.duration_seconds());
        if (seconds.empty()) return 0;
        const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
        std::nth_element(seconds.begin(), middle, seconds.end());
        return *middle;
    }

    AutomaticOptions options_;
    GaussianProcess process_;
    CmaEs evolution_;
    TreeParzen parzen_;
};

}  // namespace attune

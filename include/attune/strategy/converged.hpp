#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "attune/strategy/study_model.hpp"
#include "attune/study/limits.hpp"

namespace attune {

/// When `converged` ends a run.
struct ConvergenceOptions {
    double share = 0.01;               ///< improvements that count, as a share of the best value; above 0
    std::optional<double> amount{};    ///< the same in units of the objective, in place of `share`; above 0
    double chance = 0.05;              ///< of such an improvement, below which the run ends; in (0, 1)
    std::int64_t minimum_trials = 20;  ///< with a value, before which it never ends; at least 2

    /// Throws InvalidOption.
    void validate() const {
        if (!(share > 0)) throw InvalidOption(fmt::format("converged: share ({}) must be above 0", share));
        if (amount && !(*amount > 0))
            throw InvalidOption(fmt::format("converged: amount ({}) must be above 0", *amount));
        if (!(chance > 0 && chance < 1))
            throw InvalidOption(fmt::format("converged: chance ({}) must be in (0, 1)", chance));
        if (minimum_trials < 2)
            throw InvalidOption(
                fmt::format("converged: minimum_trials ({}) must be at least 2", minimum_trials));
    }
};

/// Ends a run where, by the Gaussian process's model of the first objective, another improvement that counts
/// is unlikely (see StudyModel::chance_of_improvement; compare Makarova et al., "Automatic termination for
/// hyperparameter optimization", 2022). Whatever the strategy, it looks whenever a trial has ended, at
/// nothing but the study, so that a run that goes on ends where the uninterrupted one does. A look fits a
/// model as a suggestion of the Gaussian process does.
[[nodiscard]] inline Limit converged(const ConvergenceOptions& options = {}) {
    options.validate();
    struct Looked {
        std::uint64_t identity = 0;
        std::size_t finished = 0;
        std::optional<std::string> answer;
    };
    const auto looked = std::make_shared<Looked>();
    const auto chance_at = [options](const Study& study) -> std::optional<double> {
        const StudyModel model(study);
        if (!model.usable()) return std::nullopt;
        const auto best = model.best(1);
        if (best.empty()) return std::nullopt;
        return model.chance_of_improvement(
            options.amount.value_or(options.share * std::abs(best.front().believed.middle)));
    };
    return Limit([options, looked, chance_at](const RunProgress& p) -> std::optional<std::string> {
        std::size_t finished = 0;
        for (const TrialRecord& trial : p.study.trials())
            finished += trial.finished() && !std::isnan(p.study.value(trial)) ? 1 : 0;
        if (looked->identity == p.study.identity() && looked->finished == finished) return looked->answer;
        looked->identity = p.study.identity();
        looked->finished = finished;
        looked->answer.reset();
        if (finished < static_cast<std::size_t>(options.minimum_trials)) return std::nullopt;
        const std::optional<double> chance = chance_at(p.study);
        if (!chance || *chance >= options.chance) return std::nullopt;
        const std::string by =
            options.amount ? fmt::format("{}", *options.amount) : fmt::format("{:g} %", 100 * options.share);
        looked->answer = fmt::format("an improvement of {} by more than {} is unlikely (chance {:.2g})",
                                     p.study.objective().metric, by, *chance);
        return looked->answer;
    });
}

}  // namespace attune

#pragma once

#include <string>

#include "attune/study/study.hpp"

namespace attune {

/// Throws where a change of the space leaves trials unreadable, or states what cannot be: InvalidSpace that
/// names the parameter and the rule. Applying such an event all the same is no error; trials that lack values
/// then are left out by models.
inline void check_space_change(const Study& study, const event::SpaceChanged& change) {
    Study after = study;
    after.apply({study.latest_seconds(), change});
    for (const auto& [name, value] : change.old_trials) {
        const auto found = after.space().schema().find(name);
        if (!found)
            throw InvalidSpace(fmt::format("old trials: parameter '{}' is unknown; the new space has: {}",
                                           name, after.space().schema().names_text()));
        const Parameter& p = after.space()[*found];
        if (!p.former_native(value))
            throw InvalidSpace(fmt::format("old trials: {} ({}) can be no value of parameter {} ({})",
                                           attune::to_string(value), type_name(value), name,
                                           detail::description(p)));
    }
    for (const TrialRecord& trial : after.trials())
        if (const auto missing = after.space().first_missing(trial.configuration))
            throw InvalidSpace(fmt::format(
                "parameter {}: trial {} ({}) has no value of it; old trials need one that they are "
                "taken to have had",
                after.space()[*missing].name, trial.number, trial.asked().text()));
}

}  // namespace attune

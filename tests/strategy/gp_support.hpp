#pragma once

#include <utility>
#include <vector>

#include "attune/strategy/strategy.hpp"

namespace attune::test {

inline Study study_of(const SearchSpace& space, std::vector<Objective> objectives, std::uint64_t seed,
                      std::vector<OutcomeConstraint> outcome_constraints = {}) {
    Study study;
    event::Created created;
    created.seed = seed;
    created.space = space;
    created.objectives = std::move(objectives);
    created.outcome_constraints = std::move(outcome_constraints);
    study.apply({0, created});
    return study;
}

inline SuggestionRequest request_for(std::int64_t trial, std::uint32_t attempt = 0,
                                     Duplicates duplicates = Duplicates::forbid()) {
    SuggestionRequest request;
    request.trial = trial;
    request.attempt = attempt;
    request.duplicates = duplicates;
    return request;
}

/// Begins a trial of the suggestion; returns its number.
inline std::int64_t begin_trial(Study& study, const Suggestion& suggestion) {
    event::Suggested body;
    body.trial = static_cast<std::int64_t>(study.trials().size());
    body.configuration = suggestion.configuration.values();
    body.view = study.position();
    body.reason = suggestion.reason;
    body.role = suggestion.role;
    body.fit = suggestion.fit;
    study.apply({0, body});
    return body.trial;
}

inline void finish_trial(Study& study, std::int64_t trial, Metrics metrics,
                         TrialState state = TrialState::completed,
                         std::optional<FailureKind> failure = std::nullopt) {
    event::Finished body;
    body.trial = trial;
    body.state = state;
    body.metrics = std::move(metrics);
    body.failure = failure;
    study.apply({0, body});
}

inline void run_trial(Study& study, const Suggestion& suggestion, Metrics metrics) {
    finish_trial(study, begin_trial(study, suggestion), std::move(metrics));
}

}  // namespace attune::test

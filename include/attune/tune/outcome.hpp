#pragma once

#include <string>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// What a run came to: the study as it stands and why the run ended.
class Outcome {
  public:
    Outcome(Study study, std::string reason) : study_(std::move(study)), reason_(std::move(reason)) {}

    [[nodiscard]] const Study& study() const { return study_; }
    /// Why the run ended: which limit, a spent space, a cancelled run.
    [[nodiscard]] const std::string& reason() const { return reason_; }

    /// The trial with the best first objective of those that keep the outcome constraints. Throws
    /// InvalidState where no trial came to a value, or none that keeps them; it names the one that comes
    /// nearest to them.
    [[nodiscard]] const TrialRecord& best() const {
        if (const TrialRecord* trial = study_.best()) return *trial;
        if (const TrialRecord* nearest = study_.nearest_to_constraints())
            throw InvalidState(
                fmt::format("study '{}': none of its {} keeps the outcome constraints ({}); trial {} "
                            "comes nearest",
                            study_.name(), detail::counted(study_.trials().size(), "trial"),
                            outcome_constraints_text(study_.outcome_constraints()), nearest->number));
        throw InvalidState("study '" + study_.name() + "': none of its " +
                           detail::counted(study_.trials().size(), "trial") + " came to a value of " +
                           study_.objective().metric);
    }
    /// The best value of the first objective.
    [[nodiscard]] double best_value() const { return study_.value(best()); }

  private:
    Study study_;
    std::string reason_;
};

}  // namespace attune

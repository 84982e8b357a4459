#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/study/study.hpp"
#include "attune/study/study_follower.hpp"

namespace attune::detail {

/// The ended trials of earlier studies of the same task, then all of a study, as one study that comes to its
/// space in the end.
///
/// A cache: what has ended before the study's first trial under way stays as it is, so a look costs
/// O(trials from there on). Where nothing is under way the study that is given is the same one, only longer,
/// from look to look, so that caches over it hold. One thread at a time.
class ContinuedStudy {
  public:
    ContinuedStudy() = default;
    /// They must not change.
    explicit ContinuedStudy(std::vector<std::shared_ptr<const Study>> earlier)
        : earlier_(std::move(earlier)) {}

    /// Good until the next call.
    [[nodiscard]] const Study& with(const Study& study) {
        follower_.follow(
            study, [&] { begin(study); }, [](const TrialRecord&) {});
        const auto& trials = study.trials();
        for (; taken_ < trials.size() && trials[taken_].finished(); ++taken_)
            append(settled_, study, study, trials[taken_]);
        if (taken_ == trials.size() && !must_go_to(settled_, study.space())) return settled_;
        open_ = settled_;
        for (std::size_t i = taken_; i < trials.size(); ++i) append(open_, study, study, trials[i]);
        go_to(open_, study, study.space(), study.assumed());
        return open_;
    }

  private:
    void begin(const Study& study) {
        settled_ = Study();
        taken_ = 0;
        for (const auto& earlier : earlier_)
            for (const TrialRecord& trial : earlier->trials())
                if (trial.finished() && trial.failure != FailureKind::environment)
                    append(settled_, study, *earlier, trial);
    }

    static bool must_go_to(const Study& whole, const SearchSpace& space) {
        return !whole.is_created() ||
               (&whole.space().schema() != &space.schema() && !whole.space().differences(space).empty());
    }

    static void go_to(Study& whole, const Study& study, const SearchSpace& space,
                      const std::map<std::string, Value>& assumed) {
        if (!must_go_to(whole, space)) return;
        if (whole.is_created())
            whole.apply(
                {whole.latest_seconds(), event::SpaceChanged{space, {assumed.begin(), assumed.end()}}});
        else
            whole.apply({study.created_seconds(), event::Created{study.name(),
                                                                 study.seed(),
                                                                 space,
                                                                 study.objectives(),
                                                                 event::FinalValue::best_report,
                                                                 {},
                                                                 {},
                                                                 study.outcome_constraints()}});
    }

    /// A trial of `from`, in the space in which it was asked, told in the objectives of `study`.
    static void append(Study& whole, const Study& study, const Study& from, const TrialRecord& trial) {
        const bool own = &study == &from;
        go_to(whole, study, from.space_of(trial), from.assumed());
        const auto number = static_cast<std::int64_t>(whole.trials().size());
        event::Suggested suggested;
        suggested.trial = number;
        suggested.configuration = trial.asked().values();
        suggested.view = whole.position();
        suggested.role = trial.role;
        if (own) suggested.fit = trial.fit;
        const double begun = own ? trial.suggested_seconds : study.created_seconds();
        whole.apply({begun, std::move(suggested)});
        if (!trial.finished()) return;
        Metrics metrics = trial.metrics;
        for (std::size_t k = 0; !own && k < std::min(study.objectives().size(), from.objectives().size());
             ++k)
            metrics[study.objectives()[k].metric] =
                study.objectives()[k].loss(from.objectives()[k].loss(from.value(trial, k)));
        whole.apply(
            {own ? trial.finished_seconds : begun,
             event::Finished{number, trial.state, std::move(metrics), trial.failure, "", {}, {}, {}}});
    }

    std::vector<std::shared_ptr<const Study>> earlier_;
    StudyFollower follower_;
    Study settled_;
    Study open_;             ///< that, and the trials from the first one under way on
    std::size_t taken_ = 0;  ///< of the study's trials, into `settled_`
};

}  // namespace attune::detail

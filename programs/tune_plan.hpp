#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attune/execute/script.hpp"
#include "attune/storage/open.hpp"
#include "attune/study/limits.hpp"
#include "attune/study/study.hpp"
#include "study_setup.hpp"
#include "tune_arguments.hpp"

namespace attune::program {

/// All that `attune tune` is to do, checked as far as it can be without running or writing anything.
struct TunePlan {
    StudySetup setup;
    Limits limits;
    bool may_converge = false;  ///< whether the limits hold one by convergence
    std::vector<event::Values> enqueued;
    StorageAddress study;
    std::string shown_study;  ///< its address without passwords
    std::filesystem::path report, log_folder;
    ScriptObjective objective;
    std::string shell_word{};         ///< as TuneArguments::shell_word
    std::optional<Study> existing{};  ///< what the storage holds already
};

/// Throws under attune::Error where anything is wrong, an existing study that was made with other settings
/// included.
[[nodiscard]] TunePlan plan_of(const TuneArguments& arguments);

/// Prints what was checked. Gives the exit code.
[[nodiscard]] int check_only(const TunePlan& plan);

/// A line for each change of an existing study's space.
[[nodiscard]] std::string changes_text(const TunePlan& plan);

/// A command or metrics that are not those of the latest trials.
struct ChangedNote {
    std::string name, there, now;
};
[[nodiscard]] std::vector<ChangedNote> changed_notes(const Study& study,
                                                     const std::map<std::string, std::string>& notes);

/// A line for each of them, which may be meant (a mended path, a better expression) or not; and one for
/// trials that failed before, perhaps of what was mended.
[[nodiscard]] std::string changed_notes_text(const Study& study, const std::vector<ChangedNote>& changed);

/// A line for each thing that is allowed and seldom meant.
[[nodiscard]] std::string notes_text(const TunePlan& plan);

/// "3 trials, 2 completed, 1 failed; 1 enqueued".
[[nodiscard]] std::string state_counts(const Study& study);

}  // namespace attune::program

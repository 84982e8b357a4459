#include "tune_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <system_error>
#include <utility>
#include <variant>

#include "attune/storage/open.hpp"
#include "attune/strategy/grid.hpp"
#include "attune/tune/tuner.hpp"
#include "commands.hpp"
#include "open_journal.hpp"
#include "targets.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

namespace fs = std::filesystem;

StorageAddress kept_study(const std::string& storage) {
    StorageAddress address = StorageAddress::parse(storage);
    if (address.kind == StorageAddress::Kind::memory)
        throw InvalidOption("--study memory: has no place for logs and the report; name a file");
    return address;
}

/// Folder of the trials' output when nobody says: beside the report.
fs::path logs_beside(const StorageAddress& study) { return report_beside(study).replace_extension(".logs"); }

/// The files that the run reads: nothing may be written over them.
std::vector<NamedPath> inputs_of(const TuneArguments& arguments, const ScriptOptions& script) {
    std::vector<NamedPath> inputs{{"the space file", arguments.space_file()}};
    if (!arguments.metrics.definitions_file.empty())
        inputs.push_back({"the metrics file", arguments.metrics.definitions_file});
    std::error_code ignored;
    for (const std::string& word : script.command.command)
        if (fs::is_regular_file(word, ignored)) inputs.push_back({"a file of the command", word});
    return inputs;
}

void check_targets(const TuneArguments& arguments, const TunePlan& plan, const ScriptOptions& script) {
    std::vector<NamedPath> inputs = inputs_of(arguments, script);
    if (const fs::path file = file_of(plan.study); !file.empty()) {
        refuse_same({"--study", file}, inputs);
        check_folder_of({"--study", file});
        inputs.push_back({"the study", file});
    }
    refuse_same({"--report", plan.report}, inputs);
    check_report_target({"--report", plan.report});
    check_folder_target({"--logs", plan.log_folder});
    check_folder_target({"--checkpoints", arguments.checkpoints});
}

/// What is stored there, or nothing where there is none or none of it was finished being made.
std::optional<Study> existing_study(const StorageAddress& address) {
    if (!storage_exists(address)) return std::nullopt;
    Study study;
    for (const Event& event : open_storage(address, {.read_only = true}).read(0)) study.apply(event);
    if (!study.is_created()) return std::nullopt;
    return study;
}

void check_same_settings(const StudySetup& setup, const Study& study, const std::string& path) {
    std::string text;
    for (const std::string& line : setup.differences(study)) text += "\n  " + line;
    if (text.empty()) return;
    const bool space_differs = !setup.change_space && !study.space().differences(setup.space).empty();
    throw InvalidState(path + ": holds a study with other settings; name another --study, or say the same" +
                       (space_differs ? " (the space may change with --change-space):" : ":") + text);
}

/// Throws InvalidConfiguration that names the option.
void check_enqueued(TunePlan& plan) try {
    for (event::Values& values : plan.enqueued) {
        values = with_fixed_values(plan.setup.space, std::move(values), plan.setup.fixed);
        (void)plan.setup.space.configuration(values);
    }
} catch (const InvalidConfiguration& error) {
    throw InvalidConfiguration(std::string("--enqueue: ") + error.what());
}

/// What is wrong with a change of the space is mended by the option that speaks of the trials before it.
void adopt_existing(TunePlan& plan) try {
    plan.setup.adopt(*plan.existing);
} catch (const InvalidSpace& error) {
    throw InvalidSpace(std::string(error.what()) + " (say it with --old-trials name=value)");
}

/// How many configurations a grid has at most: conditions and constraints leave fewer.
double grid_size(const StudySetup& setup) {
    const auto option = [&](const std::string& name, double otherwise) {
        const auto found = setup.strategy.options.find(name);
        if (found == setup.strategy.options.end()) return otherwise;
        const auto* levels = std::get_if<std::int64_t>(&found->second);
        return levels != nullptr ? static_cast<double>(*levels) : otherwise;
    };
    const double levels = option("levels", GridOptions{}.levels);
    double size = 1;
    for (const Parameter& p : setup.space.parameters()) {
        const bool is_fixed =
            std::ranges::any_of(setup.fixed, [&](const auto& value) { return value.first == p.name; });
        const double own = option("levels_of." + p.name, p.is_grid() ? p.cardinality() : levels);
        size *= is_fixed ? 1 : std::min(own, p.cardinality());
    }
    return size;
}

/// Fewer trials than a grid has configurations see one corner of the space.
std::string grid_text(const TunePlan& plan) {
    const double size = plan.setup.strategy.name == "grid" ? grid_size(plan.setup) : 0;
    if (!plan.limits.max_trials || size <= static_cast<double>(*plan.limits.max_trials)) return {};
    return fmt::format(
        "note: the grid has up to {:.6g} configurations, asked for one after the other: {} see one corner of "
        "the "
        "space; say fewer levels (--strategy-option levels=3, for integers levels_of.NAME=3), more --trials, "
        "or --strategy sobol, which "
        "spreads any number evenly\n",
        size, counted(*plan.limits.max_trials, "trial"));
}

/// The command line of a first trial of a study that is not kept.
std::string sample_command(const TunePlan& plan) {
    const auto sample = plan.setup.sample();
    if (!sample) return "nothing: the space is spent";
    return command_text(plan.objective.command().arguments(sample->values(), {}, 1, "CONFIG.json"));
}

}  // namespace

TunePlan plan_of(const TuneArguments& arguments) {
    StudySetup setup = arguments.setup();
    ScriptOptions script = arguments.script(setup);
    const StorageAddress study = kept_study(setup.storage);
    script.log_folder = arguments.logs.empty() ? logs_beside(study) : fs::path(arguments.logs);
    TunePlan plan{.setup = std::move(setup),
                  .limits = arguments.limits(),
                  .may_converge = arguments.converged.has_value(),
                  .enqueued = arguments.enqueued_values(),
                  .study = study,
                  .shown_study = shown(study),
                  .report = arguments.report.empty() ? report_beside(study) : fs::path(arguments.report),
                  .log_folder = script.log_folder,
                  .objective = ScriptObjective(script),
                  .shell_word = arguments.shell_word()};
    check_targets(arguments, plan, script);
    plan.objective.command().check_program();
    plan.setup.fill_in(study.text());
    plan.existing = existing_study(study);
    if (plan.existing) {
        adopt_existing(plan);
        arguments.require_constrained(plan.setup);
        check_same_settings(plan.setup, *plan.existing, plan.shown_study);
    }
    check_enqueued(plan);
    pin(plan.setup.parents, study.kind == StorageAddress::Kind::journal ? study.place : study.text());
    (void)plan.setup.sample();
    // A program that is started again goes on from its checkpoint, or begins anew where it has none.
    plan.setup.resumable = plan.setup.resumable || !plan.setup.checkpoints.empty() ||
                           plan.setup.make_strategy().needs_pauses() ||
                           plan.setup.make_stopping().wants_pauses();
    return plan;
}

std::string changes_text(const TunePlan& plan) {
    std::string text;
    if (plan.existing && plan.setup.change_space)
        for (const std::string& line : plan.existing->space().differences(plan.setup.space))
            text += "the study's space changes: " + line + '\n';
    return text;
}

std::vector<ChangedNote> changed_notes(const Study& study, const std::map<std::string, std::string>& notes) {
    std::vector<ChangedNote> changed;
    if (study.trials().empty()) return changed;
    for (const auto& [name, now] : notes) {
        const auto latest = study.attributes().find(name);
        const auto first = study.settings().find(name);
        const bool changed_before = latest != study.attributes().end();
        if (!changed_before && first == study.settings().end()) continue;
        const std::string& there = changed_before ? latest->second : first->second;
        if (there != now) changed.push_back({name, there, now});
    }
    return changed;
}

std::string changed_notes_text(const Study& study, const std::vector<ChangedNote>& changed) {
    std::string text;
    for (const ChangedNote& note : changed)
        text += fmt::format("attune: the study's earlier trials differ in {}: {} there, {} now\n", note.name,
                            note.there, note.now);
    if (const auto failed = study.count(TrialState::failed); !changed.empty() && failed > 0)
        text += fmt::format(
            "attune: {} of these trials failed: they count, and their settings are taken for bad ones; if "
            "what "
            "differs was at fault, begin another --study\n",
            failed);
    return text;
}

std::string notes_text(const TunePlan& plan) {
    std::string text;
    if (!plan.shell_word.empty())
        text += fmt::format(
            "note: no shell reads --command: the program gets '{}' as it stands; with pipes, redirections or "
            "variables say --command \"sh -c '...'\"\n",
            first_line(plan.shell_word));
    if (const auto withheld = plan.objective.command().withheld_parameters(); !withheld.empty())
        text += fmt::format(
            "note: the program is never told {}: put {{{}}} into the command, or hand all over by "
            "--json-config or --env-prefix\n",
            fmt::join(withheld, ", "), withheld.front());
    if (plan.setup.make_strategy().needs_pauses() && plan.setup.checkpoints.empty())
        text += fmt::format(
            "note: {} lets trials pause, and without --checkpoints a program that is gone on with begins "
            "anew "
            "each time\n",
            plan.setup.strategy.name);
    text += grid_text(plan);
    const Limits& limits = plan.limits;
    if (!limits.max_trials && !limits.max_duration && !limits.target &&
        !limits.max_trials_without_improvement && !plan.may_converge)
        text +=
            "note: there is no limit (--trials, --time-limit, --target, --no-improvement, --converged): it "
            "goes on "
            "until it is interrupted or the space is spent\n";
    return text;
}

int check_only(const TunePlan& plan) {
    std::string names;
    for (const Parameter& p : plan.setup.space.parameters()) names += (names.empty() ? "" : ", ") + p.name;
    std::cout << "space: " << counted(plan.setup.space.size(), "parameter") << ": " << names << '\n';
    if (const auto constraints = plan.setup.space.schema().constraints.size(); constraints > 0)
        std::cout << "  and " << counted(constraints, "constraint") << ", which can be satisfied\n";
    std::cout << "objectives: " << objectives_text(plan.setup.objectives) << '\n';
    if (!plan.setup.outcome_constraints.empty())
        std::cout << "outcome constraints: " << outcome_constraints_text(plan.setup.outcome_constraints)
                  << '\n';
    std::cout << "metrics: " << plan.setup.notes.at("metrics") << '\n'
              << "strategy: " << plan.setup.strategy.name << ", stopping: " << plan.setup.stopping.name
              << '\n'
              << "a trial would run: " << sample_command(plan) << '\n'
              << "study: " << plan.shown_study;
    if (plan.existing)
        std::cout << " exists and fits: " << state_counts(*plan.existing) << '\n'
                  << changes_text(plan)
                  << changed_notes_text(*plan.existing, changed_notes(*plan.existing, plan.setup.notes));
    else
        std::cout << " does not exist yet\n";
    std::cout << "report: " << plan.report.string() << ", output of trials: " << plan.log_folder.string()
              << '\n'
              << notes_text(plan) << "nothing was run or written\n";
    return success;
}

std::string state_counts(const Study& study) {
    std::string text = counted(study.trials().size(), "trial");
    for (const TrialState state : {TrialState::running, TrialState::paused, TrialState::interrupted,
                                   TrialState::completed, TrialState::stopped, TrialState::failed})
        if (study.count(state) > 0)
            text += ", " + std::to_string(study.count(state)) + " " + std::string(to_string(state));
    if (!study.enqueued().empty()) text += "; " + std::to_string(study.enqueued().size()) + " enqueued";
    return text;
}

}  // namespace attune::program

#include "attune/execute/script.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "attune/core.hpp"
#include "attune/metrics/regex_metrics.hpp"
#include "support/errors.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using attune::test::check_error;
using attune::test::contents;

namespace {

ScriptOptions script(const std::string& text) {
    ScriptOptions made;
    made.command.command = {"/bin/sh", "-c", text};
    made.command.arguments = ArgumentStyle::none;
    made.command.environment_prefix = "P_";
    made.command.extractor = RegexMetrics({{"acc", "acc=([0-9.]+)"}, {"test", "test=([0-9.]+)"}});
    made.command.collector.objectives = {"acc"};
    made.command.retry.max_attempts = 1;
    return made;
}

Tuner tuner_of(AnyStoppingPolicy stopping = NeverStop{}) {
    SearchSpace space;
    (void)space.continuous("x", 1, 2);
    return Tuner{space, maximize("acc"), RandomSearch{}, std::move(stopping), TunerOptions{.seed = 3}};
}

/// Stops every trial at its second report.
struct StopAtTwo {
    [[nodiscard]] static Verdict decide(const Study&, const TrialRecord& trial) {
        if (trial.reports.size() < 2) return {};
        return {Decision::stop, "two reports are enough"};
    }
};

/// Begins one trial until step 2, then goes on with it to its end.
struct PauseAtTwo {
    static constexpr bool needs_pauses = true;
    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        if (request.only_resume) {
            Suggestion on{study.trial(0).configuration, "go on", "promoted", ""};
            on.resume = 0;
            return on;
        }
        auto begun = RandomSearch{}.suggest(study, request);
        begun->until = 2;
        return begun;
    }
};

}  // namespace

TEST_CASE("a program's reports become the trial's, and what no report had is told with its value") {
    const ScriptObjective objective{script("echo acc=0.5; echo acc=0.75; echo test=0.625")};
    const Outcome outcome = tuner_of().run({.max_trials = 1}, objective);
    const TrialRecord& trial = outcome.best();
    CHECK(trial.reports.size() == 2);
    CHECK(trial.metric("acc") == 0.75);
    CHECK(trial.metric("test") == 0.625);
}

TEST_CASE("hyperparameters, number and folders reach the program; its output is kept") {
    const test::TemporaryFolder folder;
    ScriptOptions options =
        script("echo acc=$P_X; echo number $ATTUNE_TRIAL > \"$ATTUNE_CHECKPOINT_DIR/kept\"");
    options.log_folder = folder.path() / "logs";
    options.checkpoint_folder = folder.path() / "checkpoints";
    const Outcome outcome = tuner_of().run({.max_trials = 2}, ScriptObjective{options});
    for (const TrialRecord& trial : outcome.study().trials()) {
        const std::string name = "trial-" + std::to_string(trial.number);
        CHECK(trial.metric("acc") == std::get<double>(trial.configuration.find("x").value()));
        CHECK(contents(folder.path() / "logs" / (name + ".log")).starts_with("acc=1."));
        CHECK(contents(folder.path() / "checkpoints" / name / "kept") ==
              "number " + std::to_string(trial.number) + "\n");
    }
}

TEST_CASE("a stopped trial's program is ended, and the trial keeps what it reported") {
    const test::TemporaryFolder folder;
    const std::string late = (folder.path() / "late").string();
    const ScriptObjective objective{
        script("for i in 1 2 3 4 5 6 7 8 9; do echo acc=0.$i; sleep 0.2; done; touch '" + late + "'")};
    const Outcome outcome = tuner_of(StopAtTwo{}).run({.max_trials = 1}, objective);
    const TrialRecord& trial = outcome.study().trial(0);
    CHECK(trial.state == TrialState::stopped);
    CHECK(trial.reports.size() == 2);
    CHECK_FALSE(std::filesystem::exists(late));
}

TEST_CASE("whose fault a failure was is told, and retries and unreadable output are noted") {
    CHECK(tuner_of().run({.max_trials = 1}, ScriptObjective{script("exit 3")}).study().trial(0).failure ==
          FailureKind::configuration);
    ScriptOptions options = script("echo acc=0.5; [ $ATTUNE_ATTEMPT -gt 1 ] || exit 75");
    options.command.retry.max_attempts = 2;
    options.command.sleep = [](std::chrono::duration<double>, const std::stop_token&) {};
    const Outcome outcome = tuner_of().run({.max_trials = 1}, ScriptObjective{options});
    CHECK(outcome.study().trial(0).state == TrialState::completed);
    CHECK(outcome.study().trial(0).attributes.at("attempts") == "2");
}

TEST_CASE("a program that does not exist ends the run, whatever starts it") {
    ScriptOptions options = script("");
    options.command.command = {"/nowhere/trainer"};
    check_error<RunFailure>([&] { (void)tuner_of().run({.max_trials = 5}, ScriptObjective{options}); },
                            {"/nowhere/trainer"});
    check_error<RunFailure>(
        [&] { (void)tuner_of().run({.max_trials = 5}, ScriptObjective{script("/nowhere/trainer --fast")}); },
        {"the command's program cannot be run", "/nowhere/trainer"});
}

TEST_CASE(
    "a program that is paused is ended politely, and goes on from its checkpoint when it is started again") {
    const test::TemporaryFolder folder;
    // Counts epochs in its checkpoint folder; SIGTERM makes it note that it was asked to end.
    const std::string program =
        "cd \"$ATTUNE_CHECKPOINT_DIR\"; trap 'echo asked >> ended; exit 0' TERM;"
        "echo \"until ${{ATTUNE_UNTIL:-none}} after ${{ATTUNE_REPORTED_STEP:-none}}\" >> starts;"
        "epoch=$(cat epoch 2>/dev/null || echo 0);"
        "while [ $epoch -lt 4 ]; do epoch=$((epoch+1)); echo $epoch > epoch; echo step=$epoch; echo "
        "acc=0.$epoch;"
        " if [ \"$epoch\" = \"${{ATTUNE_UNTIL:-none}}\" ]; then while :; do sleep 0.05; done; fi; done";
    ScriptOptions options = script(program);
    options.command.extractor = RegexMetrics({{"acc", "acc=([0-9.]+)"}, {"step", "step=([0-9]+)"}});
    options.command.collector.step_metric = "step";
    SearchSpace space;
    (void)space.continuous("x", 1, 2);
    TunerOptions tuner_options{.seed = 3, .resumable = true};
    tuner_options.checkpoint_folder = folder.path();
    Tuner tuner{space, maximize("acc"), PauseAtTwo{}, tuner_options};
    const Outcome outcome = tuner.run({.max_trials = 1}, ScriptObjective{options});
    const TrialRecord& trial = outcome.study().trial(0);
    INFO(trial.reason);
    REQUIRE(trial.state == TrialState::completed);
    CHECK(trial.reports.size() == 4);
    CHECK(trial.rewrites == 0);
    CHECK(trial.metric("acc") == 0.4);
    const auto place = folder.path() / "trial-0";
    CHECK(contents(place / "ended") == "asked\n");
    CHECK(contents(place / "starts") == "until 2 after none\nuntil none after 2\n");
}

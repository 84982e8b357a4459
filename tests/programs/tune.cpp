#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::completed;
using attune::test::contents;
using attune::test::lines_of;
using attune::test::prepare;
using attune::test::put;
using attune::test::study_in;
using attune::test::tune_arguments;
using attune::test::wait_for_completed;

TEST_CASE("a command is tuned by its log") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    const int code = attune.run(tune_arguments({"--strategy", "grid", "--study", "s.attune", "--fixed",
                                                "kind=b", "--enqueue", R"({"width": 3, "kind": "a"})"}));
    CAPTURE(attune.errors());
    REQUIRE(code == 0);
    const Study study = study_in(folder.path() / "s.attune");
    CHECK(study.trials().size() == 9);
    CHECK(study.count(TrialState::completed) == 9);
    CHECK(study.trials()[0].configuration.text() == "width=3 kind=a");
    CHECK(study.trials()[8].configuration.text() == "width=8 kind=b");
    CHECK(study.trials()[8].reports.size() == 3);
    CHECK(study.best()->number == 8);
    CHECK(study.value(*study.best()) == doctest::Approx(0.83));
    CHECK(contents(folder.path() / "s.logs" / "trial-8.log").find("called with --width=8 --kind=b") !=
          std::string::npos);
    CHECK(contents(folder.path() / "s.html").find("<html") != std::string::npos);
    CHECK(attune.errors().find((folder.path() / "s.attune").string()) != std::string::npos);
    CHECK(attune.out().find("report: s.html") != std::string::npos);

    CHECK(attune.run({"replay", "s.attune"}) == 0);
    CHECK(attune.out().find("8 suggestions of strategy 'grid' asked again, 0 differ; 1 trial was enqueued") !=
          std::string::npos);
    CHECK(attune.run({"replay", "s.attune", "--strategy", "random"}) == 1);
    CHECK(attune.run({"status", "s.attune"}) == 0);
    CHECK(attune.out().find("9 trials, 9 completed") != std::string::npos);
    CHECK(attune.run({"export", "s.attune"}) == 0);
    CHECK(lines_of(attune.out()).size() == study.position());
    CHECK(nlohmann::json::parse(lines_of(attune.out())[0])["kind"] == "created");
    CHECK(attune.run({"report", "s.attune", "-o", "again.html"}) == 0);
    CHECK(std::filesystem::exists(folder.path() / "again.html"));
}

TEST_CASE("hopeless trials are stopped while they run, and failures are data") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    put(folder.path() / "train.sh", R"(case $1 in --width=2) echo "cannot go on" >&2; exit 3;; esac
echo accuracy=0.5; echo accuracy=0.1; sleep 60; echo accuracy=0.9)");
    const int code = attune.run(
        tune_arguments({"--strategy", "grid", "--study", "s.attune", "--fixed", "kind=a", "--stopping",
                        "patience", "--stopping-option", "patience=1", "--trials", "3"}));
    CAPTURE(attune.errors());
    REQUIRE(code == 0);
    const Study study = study_in(folder.path() / "s.attune");
    CHECK(study.trials()[0].state == TrialState::stopped);
    CHECK(study.trials()[0].reports.size() == 2);
    CHECK(study.trials()[1].state == TrialState::failed);
    CHECK(study.trials()[1].failure == FailureKind::configuration);
    CHECK(study.trials()[1].reason.find("cannot go on") != std::string::npos);
    CHECK(study.end_reason() == "3 trials were run");
}

TEST_CASE("a run that is killed goes on as the uninterrupted one would have") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments(
                {"--study", "whole.attune", "--trials", "7", "--seed", "4", "--stopping", "off"})) == 0);
    const Study whole = study_in(folder.path() / "whole.attune");

    REQUIRE(::setenv("PAUSE", "0.1", 1) == 0);
    const auto part = folder.path() / "part.attune";
    for (const std::size_t trials : {1, 3}) {
        const pid_t child = attune.start(
            tune_arguments({"--study", "part.attune", "--trials", "7", "--seed", "4", "--stopping", "off"}));
        wait_for_completed(part, trials);
        REQUIRE(::kill(child, SIGKILL) == 0);
        CHECK(Attune::wait(child) == -SIGKILL);
    }
    REQUIRE(::unsetenv("PAUSE") == 0);
    REQUIRE(attune.run(tune_arguments(
                {"--study", "part.attune", "--trials", "7", "--seed", "4", "--stopping", "off"})) == 0);
    CHECK(attune.errors().find("going on after") != std::string::npos);
    const Study resumed = study_in(part);
    REQUIRE(resumed.trials().size() == whole.trials().size());
    for (std::size_t i = 0; i < whole.trials().size(); ++i) {
        CHECK(resumed.trials()[i].configuration == whole.trials()[i].configuration);
        CHECK(resumed.trials()[i].state == TrialState::completed);
        CHECK(resumed.trials()[i].metrics == whole.trials()[i].metrics);
    }
    CHECK(attune.run({"replay", "part.attune"}) == 0);
}

TEST_CASE("Ctrl-C keeps the study") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    REQUIRE(::setenv("PAUSE", "0.2", 1) == 0);
    const pid_t child = attune.start(tune_arguments({"--study", "s.attune", "--trials", "50"}));
    wait_for_completed(folder.path() / "s.attune", 1);
    REQUIRE(::kill(child, SIGINT) == 0);
    CHECK(Attune::wait(child) == 130);
    REQUIRE(::unsetenv("PAUSE") == 0);
    const Study study = study_in(folder.path() / "s.attune");
    CHECK(study.end_reason() == "it was cancelled");
    CHECK(study.count(TrialState::running) == 0);
    CHECK(study.count(TrialState::failed) == 0);
    CHECK(attune.errors().find("the study is kept") != std::string::npos);
}

TEST_CASE("wrong input is refused before anything runs") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    const auto refused = [&](const std::vector<std::string>& arguments, const std::string& message) {
        CHECK(attune.run(arguments) == 2);
        CAPTURE(attune.errors());
        CHECK(attune.errors().find(message) != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(folder.path() / "study.attune"));
    };
    refused({"tune", "missing.json", "--command", "x"}, "missing.json: cannot be read");
    refused(tune_arguments({"--time-limit", "soon"}), "--time-limit 'soon' must be a time");
    refused(tune_arguments({"--strategy", "magic"}), "strategy 'magic' is unknown; known: ");
    refused(tune_arguments({"--fixed", "wdith=3"}), "parameter 'wdith' is unknown");
    refused(tune_arguments({"--fixed", "width=30"}), "parameter width: 30 is outside [1, 8]");
    refused(tune_arguments({"--enqueue", R"({"width": 3})"}), "parameter kind: has no value");
    refused(tune_arguments({"--metric", "loss=[0-9]+"}), "loss");
    refused(tune_arguments({"--target", "x"}), "--target");
    refused({"tune", "space.json", "--command", "train", "--objective", "maximize:a"},
            "no metric is defined");
    refused({"tune", "space.json", "--command", "train {widht}", "--objective", "maximize:a", "--json-lines"},
            "widht");
    refused({"status", "missing.attune"}, "missing.attune: cannot be opened for reading");
    refused({"frobnicate"}, "frobnicate");
    refused({}, "subcommand");
}

TEST_CASE("definitions are tried on a log") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    put(folder.path() / "log", "epoch 1 acc: 0.5\nepoch 2 acc: 0.75\n{\"loss\": 0.25}\n");
    CHECK(attune.run({"extract", "log", "--metric", "accuracy=acc: ([0-9.]+)"}) == 0);
    CHECK(attune.out().find("0.75") != std::string::npos);
    CHECK(attune.run({"extract", "log", "--metric", "accuracy=accuracy: ([0-9.]+)"}) == 1);
    CHECK(attune.run({"extract", "log", "--json-lines"}) == 0);
    CHECK(attune.out().find("loss: 1 number: 0.25") != std::string::npos);
    CHECK(attune.run({"extract", "log", "--metric", "accuracy=acc: [0-9.]+"}) == 2);
}

TEST_CASE("a trial whose worker was killed goes on from its checkpoint under another worker") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", R"(mark=$ATTUNE_CHECKPOINT/epoch
[ "$ATTUNE_CHECKPOINT" = "$ATTUNE_CHECKPOINT_DIR" ] || exit 3
first=1
[ -f "$mark" ] && first=$(($(cat "$mark") + 1))
for epoch in 1 2 3 4 5; do
  [ $epoch -lt $first ] && continue
  echo "epoch=$epoch accuracy=0.$epoch from=$first"
  echo $epoch > "$mark.new" && mv "$mark.new" "$mark"
  [ $epoch = 3 ] && [ $first = 1 ] && touch waiting && sleep 60
done
exit 0
)");
    const auto arguments = tune_arguments({"--metric", "epoch=epoch=([0-9]+)", "--step-metric", "epoch",
                                           "--checkpoints", "kept", "--trials", "1", "--stopping", "off"});
    Attune attune(folder.path());
    const pid_t child = attune.start(arguments);
    const auto journal = folder.path() / "study.attune";
    const auto reports = [&] {
        if (!std::filesystem::exists(folder.path() / "waiting")) return std::size_t{0};
        return study_in(journal).trial(0).reports.size();
    };
    for (int look = 0; look < 2000 && reports() < 3; ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    REQUIRE(reports() == 3);
    Attune looker(folder.path());
    REQUIRE(looker.run({"status", "study.attune"}) == 0);
    CHECK(looker.out().find("trial 0 is running, begun") != std::string::npos);
    REQUIRE(::kill(child, SIGKILL) == 0);
    CHECK(Attune::wait(child) == -SIGKILL);
    REQUIRE(looker.run({"status", "study.attune"}) == 0);
    CHECK(looker.out().find("trial 0 is running, but its worker is gone") != std::string::npos);
    auto elsewhere = arguments;  // the study knows the place, however the next worker is set up
    std::replace(elsewhere.begin(), elsewhere.end(), std::string("kept"), std::string("other"));
    CHECK(attune.run(elsewhere) == 0);
    const Study study = study_in(journal);
    REQUIRE(study.trials().size() == 1);
    const TrialRecord& trial = study.trial(0);
    CHECK(trial.checkpoint() == (folder.path() / "kept" / "trial-0").string());
    CHECK(trial.claim == 1);
    std::vector<double> steps;
    for (const Report& report : trial.reports) steps.push_back(report.step);
    CHECK(steps == std::vector<double>{1, 2, 3, 4, 5});
    CHECK(contents(folder.path() / "study.logs" / "trial-0.log").find("epoch=4 accuracy=0.4 from=4") !=
          std::string::npos);
}

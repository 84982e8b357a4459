#include <signal.h>

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

namespace {

std::vector<std::string> lines_with(const std::string& text, const std::string& part) {
    std::vector<std::string> out;
    for (const std::string& line : lines_of(text))
        if (line.find(part) != std::string::npos) out.push_back(line);
    return out;
}

/// Fails where the width is even, each time for the same reason but for a number in it.
constexpr const char* failing =
    R"(case $1 in *[2468]) echo "Traceback"; echo "ValueError: width ${1#--width=} is even" >&2; exit 3;; esac
echo accuracy=0.5
)";

}  // namespace

TEST_CASE("off a terminal every finished trial has a line, unless quiet is asked for") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", failing);
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments({"--strategy", "grid", "--fixed", "kind=a", "--trials", "4"})) == 0);
    const auto lines = lines_with(attune.errors(), "trial ");
    REQUIRE(lines.size() == 4);
    CHECK(lines[0].find("trial 0 completed: accuracy=0.5") == 0);
    CHECK(lines[0].find("best so far") != std::string::npos);
    CHECK(lines[0].find("width=1 kind=a") != std::string::npos);
    CHECK(lines[1].find("trial 1 failed") == 0);
    CHECK(lines[1].find("exit code 3: ValueError: width 2 is even") != std::string::npos);
    CHECK(lines[2].find("best so far") == std::string::npos);

    REQUIRE(attune.run(tune_arguments(
                {"--strategy", "grid", "--fixed", "kind=a", "--trials", "6", "--quiet"})) == 0);
    CHECK(lines_with(attune.errors(), "trial ").empty());
}

TEST_CASE("numbers of which an expression takes a part are told once while it runs, and at the end") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", "echo accuracy=2.5e-03\n");
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments({"--trials", "3"})) == 0);
    const auto live = lines_with(attune.errors(), "was not read whole");
    REQUIRE(live.size() == 1);
    CHECK(live[0].find("trial 0") != std::string::npos);
    CHECK(live[0].find("2.5e-03") != std::string::npos);
    CHECK(attune.out().find("output not read whole: 3 trials; the first: metric 'accuracy'") !=
          std::string::npos);

    put(folder.path() / "train.sh", "echo accuracy=0.5\n");
    REQUIRE(attune.run(tune_arguments({"--trials", "3", "--study", "whole.attune"})) == 0);
    CHECK(attune.errors().find("not read whole") == std::string::npos);
    CHECK(attune.out().find("not read whole") == std::string::npos);
}

TEST_CASE("why trials failed is told at the end, like reasons together, and by status in full") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", failing);
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments({"--strategy", "grid", "--fixed", "kind=a", "--quiet"})) == 0);
    const auto grouped = lines_with(attune.out(), "exit code 3: ValueError");
    REQUIRE(grouped.size() == 1);
    CHECK(attune.out().find("4 trials failed") != std::string::npos);
    CHECK(grouped[0].find("4 times (trials 1, 3, 5, 7)") != std::string::npos);
    CHECK(attune.out().find("study.logs") != std::string::npos);

    put(folder.path() / "train.sh", "printf '%0300d end\\n' 0; exit 3");
    REQUIRE(attune.run(tune_arguments({"--study", "long.attune", "--trials", "1", "--quiet"})) == 1);
    REQUIRE(attune.run({"status", "long.attune"}) == 0);
    CHECK(attune.out().find("1 trial, 1 failed") != std::string::npos);
    CHECK(lines_with(attune.out(), std::string(300, '0') + " end").size() >= 1);
    CHECK(attune.out().find("command: /bin/sh train.sh --width=") != std::string::npos);
}

TEST_CASE("numbers of one thing are not plurals") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments({"--trials", "1", "--enqueue", R"({"width": 3, "kind": "a"})"})) == 0);
    REQUIRE(attune.run({"replay", "study.attune"}) == 0);
    CHECK(attune.out().find("0 suggestions of") != std::string::npos);
    CHECK(attune.out().find("1 trial was enqueued or repeated and is not") != std::string::npos);
    REQUIRE(attune.run(tune_arguments({"--trials", "2"})) == 0);
    CHECK(attune.errors().find("going on after 1 trial)") != std::string::npos);
    REQUIRE(attune.run({"replay", "study.attune"}) == 0);
    CHECK(attune.out().find("1 suggestion of") != std::string::npos);
    put(folder.path() / "log", "{\"loss\": 0.25}\n");
    REQUIRE(attune.run({"extract", "log", "--json-lines"}) == 0);
    CHECK(attune.out().find("loss: 1 number: 0.25") != std::string::npos);
    REQUIRE(attune.run({"extract", "log", "--metric", "loss=\"loss\": ([0-9.]+)"}) == 0);
    CHECK(attune.out().find("1 line read") != std::string::npos);
}

TEST_CASE("extract: what would steer a terminal is written in digits") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    put(folder.path() / "log", "epoch 1\x1b]0;title\x07 accuracy=\x1b[2Jhalf \xc2\x9b\xff\n");
    CHECK(attune.run({"extract", "log", "--metric", "accuracy=accuracy=(\\S+)", "--metric",
                      "loss=accuracy=([0-9]+) loss"}) == 1);
    for (const char c : attune.out()) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    CHECK(attune.out().find("\xc2\x9b") == std::string::npos);
    CHECK(attune.out().find("\\x") != std::string::npos);
}

TEST_CASE("Ctrl-C shows what there is and how to go on, and the cut trial is run again") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    const auto arguments = tune_arguments({"--trials", "4", "--stopping", "off"});
    REQUIRE(::setenv("PAUSE", "0.2", 1) == 0);
    const pid_t child = attune.start(arguments);
    const auto journal = folder.path() / "study.attune";
    attune::test::wait_until(
        [&] { return completed(journal) >= 1 && study_in(journal).count(TrialState::running) == 1; });
    REQUIRE(::kill(child, SIGINT) == 0);
    CHECK(Attune::wait(child) == 130);
    REQUIRE(::unsetenv("PAUSE") == 0);
    for (const char* part : {"rank", "accuracy", "report: study.html"})
        CHECK_MESSAGE(attune.out().find(part) != std::string::npos, attune.out());
    CHECK(attune.errors().find("the study is kept") != std::string::npos);
    CHECK(attune.errors().find("the same command") != std::string::npos);
    const Study cut = study_in(folder.path() / "study.attune");
    REQUIRE(cut.count(TrialState::interrupted) == 1);
    const TrialRecord& last = cut.trials().back();
    CHECK(last.state == TrialState::interrupted);

    REQUIRE(attune.run(arguments) == 0);
    const Study whole = study_in(folder.path() / "study.attune");
    CHECK(whole.trials().size() == 4);
    CHECK(whole.count(TrialState::completed) == 4);
    CHECK(whole.trial(last.number).configuration == last.configuration);
    CHECK(whole.trial(last.number).reports.size() == 3);
}

TEST_CASE("the help of every subcommand states its exit codes") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    for (const char* name : {"tune", "ask-tell", "extract", "status", "report", "replay", "export"}) {
        CAPTURE(name);
        CHECK(attune.run({name, "--help"}) == 0);
        CHECK(attune.out().find("Exit code") != std::string::npos);
        CHECK(attune.out().find("  2 ") != std::string::npos);
    }
    CHECK(attune.run({"tune", "--help"}) == 0);
    for (const char* part : {"gaussian_process", "median", "SPACE", "-- PROGRAM", "separate (--name value)",
                             "equals (--name=value)", "plain (name=value)", "none", "automatic"})
        CHECK_MESSAGE(attune.out().find(part) != std::string::npos, part);
    CHECK(attune.run({"ask-tell", "--help"}) == 0);
    CHECK(attune.out().find("trials, importance") != std::string::npos);
}

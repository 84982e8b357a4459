#include <nlohmann/json.hpp>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::contents;
using attune::test::prepare;
using attune::test::put;
using attune::test::study_in;
using attune::test::tune_arguments;

namespace {

/// All that lies in a folder but what the tests themselves put there.
std::vector<std::string> written_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (name != "stdin" && name != "stdout" && name != "stderr" && name != "space.json" &&
            name != "train.sh")
            names.push_back(name);
    }
    return names;
}

/// Runs `attune` on arguments that must be refused, with all of these in the message and nothing written.
struct Refusals {
    explicit Refusals(const std::filesystem::path& folder_) : folder(folder_), attune(folder_) {
        prepare(folder_);
    }

    void check(const std::vector<std::string>& arguments, const std::vector<std::string>& parts) {
        const auto before = written_in(folder);
        CHECK(attune.run(arguments) == 2);
        const std::string message = attune.errors();
        CAPTURE(message);
        for (const std::string& part : parts) CHECK_MESSAGE(message.find(part) != std::string::npos, part);
        CHECK(message.size() < 600);
        CHECK(written_in(folder) == before);
    }

    std::filesystem::path folder;
    Attune attune;
};

std::vector<std::string> without_space(std::vector<std::string> more) {
    auto all = tune_arguments(std::move(more));
    all.erase(all.begin() + 1);
    return all;
}

}  // namespace

TEST_CASE("the space is named by a word or by --space, once") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    refusals.check(without_space({}), {"--space"});
    refusals.check(tune_arguments({"--space", "other.json"}), {"twice", "space.json", "other.json"});
    refusals.check(tune_arguments({"python"}), {"python", "--"});
    CHECK(refusals.attune.run(without_space({"--space", "space.json", "--trials", "1"})) == 0);
    CHECK(study_in(folder.path() / "study.attune").trials().size() == 1);
    CHECK(refusals.attune.run({"tune", "--space", "space.json", "--metric", "accuracy=accuracy=([0-9.]+)",
                               "--objective", "maximize:accuracy", "--trials", "1", "--study", "words.attune",
                               "--", "/bin/sh", "train.sh", "--width={width}"}) == 0);
    CHECK(contents(folder.path() / "words.logs" / "trial-0.log").find("called with --width=") == 0);
}

TEST_CASE("metrics that nothing defines are refused before anything runs") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    const std::vector<std::string> begin{"tune",     "space.json",         "--command", "/bin/sh train.sh",
                                         "--metric", "loss=loss=([0-9.]+)"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), begin.begin(), begin.end());
        return more;
    };
    refusals.check(with({"--objective", "maximize:accuracy"}),
                   {"maximize accuracy", "'accuracy'", "defined: loss"});
    refusals.check(with({"--objective", "minimize:los"}), {"'los'", "did you mean 'loss'?"});
    refusals.check(with({"--objective", "minimize:loss", "--step-metric", "epoch"}),
                   {"--step-metric", "'epoch'", "loss"});
    refusals.check(with({"--objective", "minimize:loss", "--stopping-option", "metric=acc"}),
                   {"metric", "'acc'", "loss"});
    CHECK(refusals.attune.run(with({"--objective", "maximize:accuracy", "--json-lines", "--check-only"})) ==
          0);
}

TEST_CASE("--check-only writes nothing and says what it looked at") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    CHECK(attune.run(tune_arguments({"--check-only"})) == 0);
    CHECK(written_in(folder.path()).empty());
    for (const char* part :
         {"2 parameters: width, kind", "maximize accuracy", "gaussian_process", "median",
          "/bin/sh train.sh --width=", "study.attune", "does not exist yet", "nothing was run"})
        CHECK_MESSAGE(attune.out().find(part) != std::string::npos, part << " in " << attune.out());
    REQUIRE(attune.run(tune_arguments({"--trials", "1", "--seed", "4"})) == 0);
    const std::string before = contents(folder.path() / "study.attune");
    CHECK(attune.run(tune_arguments({"--check-only", "--seed", "4"})) == 0);
    CHECK(attune.out().find("1 trial") != std::string::npos);
    CHECK(attune.out().find("fits") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--check-only", "--seed", "5"})) == 2);
    CHECK(attune.errors().find("seed: 4 there, 5 asked for") != std::string::npos);
    std::vector<std::string> other = tune_arguments({"--check-only"});
    other[3] = "/bin/sh ./train.sh";
    CHECK(attune.run(other) == 0);
    CHECK(attune.out().find("differ in command: /bin/sh train.sh there, /bin/sh ./train.sh now") !=
          std::string::npos);
    CHECK(contents(folder.path() / "study.attune") == before);
}

TEST_CASE("what is seldom meant is remarked on: parameters that stay behind, and no limit") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    const std::vector<std::string> one_shown{"tune",        "space.json",
                                             "--command",   "/bin/sh train.sh {width}",
                                             "--metric",    "accuracy=accuracy=([0-9.]+)",
                                             "--objective", "maximize:accuracy",
                                             "--check-only"};
    CHECK(attune.run(one_shown) == 0);
    CHECK(attune.out().find("never told kind: put {kind}") != std::string::npos);
    CHECK(attune.out().find("there is no limit") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--check-only", "--trials", "3"})) == 0);
    CHECK(attune.out().find("never told") == std::string::npos);
    CHECK(attune.out().find("there is no limit") == std::string::npos);
    CHECK(attune.out().find("no shell") == std::string::npos);
}

TEST_CASE("a command that only a shell would understand is remarked on") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    const auto remark = [&](const std::string& command) {
        std::vector<std::string> words = tune_arguments({"--check-only"});
        words[3] = command;
        REQUIRE(attune.run(words) == 0);
        const std::string text = attune.out();
        const auto at = text.find("no shell reads --command: the program gets '");
        if (at == std::string::npos) return std::string{};
        const auto begin = text.find('\'', at) + 1;
        return text.substr(begin, text.find('\'', begin) - begin);
    };
    CHECK(remark("/bin/sh train.sh | tee log") == "|");
    CHECK(remark("/bin/sh train.sh 2>&1") == "2>&1");
    CHECK(remark("/bin/sh train.sh >log") == ">log");
    CHECK(remark("/bin/sh train.sh --data $HOME/data") == "$HOME/data");
    CHECK(remark("/bin/sh train.sh --width {width} && /bin/true") == "&&");
    CHECK(remark("/bin/sh -c 'sh train.sh 2>&1 | tee log'").empty());
    CHECK(remark("/bin/sh train.sh --price 3$ --range <a> --and a&b -").empty());
}

TEST_CASE("enqueued configurations get what is fixed where they leave it out") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    CHECK(attune.run(tune_arguments({"--trials", "2", "--fixed", "kind=b", "--enqueue", R"({"width": 3})",
                                     "--enqueue", R"({"width": 4, "kind": "a"})"})) == 0);
    const Study study = test::study_in(folder.path() / "study.attune");
    CHECK(study.trials()[0].configuration.text() == "width=3 kind=b");
    CHECK(study.trials()[1].configuration.text() == "width=4 kind=a");

    // Into a study that is there: what is new is asked, and the rest not again.
    CHECK(attune.run(tune_arguments({"--trials", "4", "--fixed", "kind=b", "--enqueue", R"({"width": 3})",
                                     "--enqueue", R"({"width": 8, "kind": "a"})"})) == 0);
    const Study longer = test::study_in(folder.path() / "study.attune");
    REQUIRE(longer.trials().size() == 4);
    CHECK(longer.trials()[2].configuration.text() == "width=8 kind=a");
    CHECK(longer.trials()[3].configuration.text().ends_with("kind=b"));
    CHECK(longer.enqueued().empty());
}

TEST_CASE("several objectives are stopped by dominance unless something else is asked for") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    const std::vector<std::string> two{"--metric", "cost=epoch ([0-9]+)", "--objective", "minimize:cost",
                                       "--check-only"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.end(), two.begin(), two.end());
        return tune_arguments(more);
    };
    CHECK(attune.run(with({})) == 0);
    CHECK(attune.out().find("stopping: dominated") != std::string::npos);
    CHECK(attune.run(with({"--stopping", "median"})) == 0);
    CHECK(attune.out().find("stopping: median") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--check-only"})) == 0);
    CHECK(attune.out().find("stopping: median") != std::string::npos);
    const auto grid = [&](const std::string& trials) {
        REQUIRE(attune.run(tune_arguments({"--check-only", "--strategy", "grid", "--trials", trials})) == 0);
        return attune.out().find("note: the grid has up to 16 configurations") != std::string::npos;
    };
    CHECK(grid("15"));
    CHECK_FALSE(grid("16"));
}

TEST_CASE("an existing study is gone on with as it was begun, and another wish is refused") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    Attune& attune = refusals.attune;
    REQUIRE(attune.run(tune_arguments({"--trials", "2", "--seed", "4", "--strategy", "sobol", "--stopping",
                                       "patience", "--stopping-option", "patience=9", "--fixed", "kind=a",
                                       "--duplicates", "allow"})) == 0);
    refusals.check(
        tune_arguments({"--trials", "3", "--seed", "5", "--strategy", "random", "--stopping", "median",
                        "--fixed", "kind=b", "--duplicates", "forbid"}),
        {"study.attune", "seed: 4 there, 5 asked for", "strategy: sobol there, random asked for",
         "stopping: patience {\"patience\":9} there, median asked for", "fixed: {\"kind\":\"a\"} there",
         "duplicates: allow there, forbid asked for", "another --study"});
    CHECK(attune.errors().find("--change-space") == std::string::npos);  // which changes none of these
    refusals.check(tune_arguments({"--strategy", "sobolev"}), {"'sobolev'", "did you mean 'sobol'?"});
    refusals.check(tune_arguments({"--stopping-option", "patience=3"}),
                   {"stopping: patience {\"patience\":9} there, patience {\"patience\":3} asked for"});
    // What is not given is as it was, and limits, parallelism and quiet may change.
    REQUIRE(attune.run(tune_arguments({"--trials", "4", "--parallel", "2", "--quiet"})) == 0);
    const Study study = study_in(folder.path() / "study.attune");
    CHECK(study.trials().size() == 4);
    for (const TrialRecord& trial : study.trials())
        CHECK(trial.configuration.text().find("kind=a") != std::string::npos);
    CHECK(attune.run({"replay", "study.attune"}) == 0);

    std::vector<std::string> minimised = tune_arguments({"--trials", "3"});
    for (std::string& word : minimised)
        if (word == "maximize:accuracy") word = "minimize:accuracy";
    refusals.check(minimised, {"maximize accuracy there, minimize accuracy asked for"});
    put(folder.path() / "space.json", R"~([{"name": "width", "type": "integer", "low": 1, "high": 9}])~");
    refusals.check(tune_arguments({"--trials", "3"}), {"parameter width", "parameter kind"});
}

TEST_CASE("another command or another metric definition in a study is told") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    REQUIRE(attune.run(tune_arguments({"--trials", "1"})) == 0);
    REQUIRE(attune.run(tune_arguments({"--trials", "2"})) == 0);
    CHECK(attune.errors().find("differs") == std::string::npos);
    std::vector<std::string> other = tune_arguments({"--trials", "3"});
    for (std::string& word : other)
        if (word == "/bin/sh train.sh") word = "/bin/sh ./train.sh";
    REQUIRE(attune.run(other) == 0);
    CHECK(attune.errors().find("command: /bin/sh train.sh there, /bin/sh ./train.sh now") !=
          std::string::npos);
    REQUIRE(attune.run(other) == 0);
    CHECK(attune.errors().find("now") == std::string::npos);  // it is known by now
}

TEST_CASE("a program that cannot be started ends the run at once") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    const auto command = [](const std::string& text) {
        return std::vector<std::string>{"tune",     "space.json",  "--command",  text,       "--metric",
                                        "a=a=(.*)", "--objective", "maximize:a", "--trials", "2"};
    };
    refusals.check(command("attune-no-such-program {width}"),
                   {"cannot start 'attune-no-such-program'", "PATH"});
    refusals.check(command("./train.sh {width}"), {"cannot start './train.sh'", "not executable"});
    refusals.check(command("sh missing.sh {width}"), {"'sh' cannot run 'missing.sh': there is no such file"});
    CHECK(refusals.attune.run(command("/bin/sh -c 'exec attune-no-such-program' {width}")) == 2);
    CHECK(refusals.attune.errors().find("attune-no-such-program: not found") != std::string::npos);
    const Study study = study_in(folder.path() / "study.attune");
    CHECK(study.trials().size() == 1);
    CHECK(study.count(TrialState::interrupted) == 1);
    CHECK(refusals.attune.run({"tune", "--help"}) == 0);
    CHECK(refusals.attune.out().find("not counted") != std::string::npos);
}

TEST_CASE("numbers outside their range name the option, the value and the rule") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
        {{"--trials", "-2"}, "--trials: '-2' must be a whole number, at least 1"},
        {{"--trials", "0"}, "--trials: '0' must be a whole number, at least 1"},
        {{"--trials", "many"}, "--trials: 'many' must be a whole number, at least 1"},
        {{"--no-improvement", "0"}, "--no-improvement: '0' must be a whole number, at least 1"},
        {{"--parallel", "0"}, "--parallel: '0' must be a whole number, 1 to 4096"},
        {{"--retries", "-1"}, "--retries: '-1' must be a whole number, 0 to 1000"},
        {{"--max-failures", "0"}, "--max-failures: '0' must be a whole number, 1 to 1000000"},
        {{"--seed", "-1"}, "--seed: '-1' must be a whole number, at least 0"},
        {{"--target", "nan"}, "--target: 'nan' must be a finite number"},
        {{"--time-limit", "-3"}, "--time-limit '-3' must be a time above 0"}};
    for (const auto& [more, message] : wrong) refusals.check(tune_arguments(more), {message});
    CHECK(refusals.attune.run({"status", "study.attune", "--events", "-1"}) == 2);
    CHECK(refusals.attune.errors().find("--events: '-1' must be a whole number, at least 0") !=
          std::string::npos);
}

TEST_CASE("a space that cannot be searched is refused, with the parameter's name") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    put(folder.path() / "space.json", "[]");
    refusals.check(tune_arguments({}), {"a search space needs at least one parameter"});
    put(folder.path() / "space.json",
        R"~([{"name": "lr", "type": "continuous", "low": 1, "high": 2, "scale": "logarithmic"}])~");
    refusals.check(tune_arguments({}),
                   {"parameter lr: scale 'logarithmic'", "linear, log, reverse_log, logit"});
}

TEST_CASE("what is written never takes the place of what is read") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    put(folder.path() / "metrics.json", R"~({"accuracy": "accuracy=([0-9.]+)"
})~");
    for (const char* target : {"space.json", "./space.json", "train.sh", "metrics.json"}) {
        refusals.check(tune_arguments({"--metrics-file", "metrics.json", "--report", target}),
                       {"--report", target});
        refusals.check(tune_arguments({"--metrics-file", "metrics.json", "--study", target}),
                       {"--study", target});
    }
    refusals.check(tune_arguments({"--report", "study.attune"}), {"--report", "study.attune"});
    refusals.check(tune_arguments({"--report", "none/report.html"}), {"--report", "none"});
    refusals.check(tune_arguments({"--study", "none/s.attune"}), {"--study", "no folder 'none'"});
    put(folder.path() / "notes.html", "<html>my notes</html>");
    refusals.check(tune_arguments({"--report", "notes.html"}), {"notes.html"});
    put(folder.path() / "taken", "");
    refusals.check(tune_arguments({"--logs", "taken"}), {"--logs", "taken"});
    CHECK(contents(folder.path() / "notes.html") == "<html>my notes</html>");

    Attune& attune = refusals.attune;
    REQUIRE(attune.run(tune_arguments({"--trials", "1", "--report", "report.html"})) == 0);
    REQUIRE(attune.run(tune_arguments({"--trials", "2", "--report", "report.html"})) == 0);  // its own, again
    const std::string study = contents(folder.path() / "study.attune");
    CHECK(attune.run({"report", "study.attune", "-o", "./study.attune"}) == 2);
    CHECK(contents(folder.path() / "study.attune") == study);
    CHECK(attune.run({"report", "study.attune", "-o", "notes.html"}) == 2);
    CHECK(contents(folder.path() / "notes.html") == "<html>my notes</html>");
}

TEST_CASE("the name that was meant is suggested where one is near") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    const std::vector<std::pair<std::vector<std::string>, std::string>> near{
        {{"--strategy", "gausian_process"}, "did you mean 'gaussian_process'?"},
        {{"--stopping", "meidan"}, "did you mean 'median'?"},
        {{"--stopping-option", "warmup_step=3"}, "did you mean 'warmup_steps'?"},
        {{"--report-on", "next_step"}, "did you mean 'next-step'?"},
        {{"--fixed", "wdith=3"}, "did you mean 'width'?"},
        {{"--objective", "maximise:accuracy"}, "did you mean 'maximize'?"},
        {{"--trails", "3"}, "did you mean '--trials'?"}};
    for (const auto& [more, message] : near) refusals.check(tune_arguments(more), {message});
    const std::vector<std::vector<std::string>> far{{"--strategy", "magic"},
                                                    {"--stopping", "never"},
                                                    {"--report-on", "full-moon"},
                                                    {"--frobnicate", "3"}};
    for (const auto& more : far) {
        refusals.check(tune_arguments(more), {more[1] == "3" ? more[0] : more[1]});
        CHECK(refusals.attune.errors().find("did you mean") == std::string::npos);
    }
    refusals.check({"staus", "x"}, {"no subcommand 'staus'", "did you mean 'status'?"});
    refusals.check({"status"}, {"attune: study is required"});
}

TEST_CASE("a file of metrics that is wrong is named, with the place in it") {
    const test::TemporaryFolder folder;
    Refusals refusals(folder.path());
    const std::vector<std::pair<std::string, std::vector<std::string>>> wrong{
        {"{\"a\": \"x\",\n \"b\" 3}", {"line 2"}},
        {R"~([{"name": "a", "regex": "a=(.*)"}, {"name": "b", "regex": "b=[0-9]+"}])~",
         {"[1]", "'b'", "group"}},
        {R"~([{"name": "a"}])~", {"[0]", "'regex' is missing"}},
        {R"~([{"Name": "a", "Regexp": "a=(.*)"}])~", {"[0]", "'Regexp' is unknown"}},
        {R"~({"acc": 3})~", {"acc", "must be a string"}},
        {R"~({"acc": "a=([0-9.]+"})~", {"acc"}},
        {"3", {"must be a list"}},
        {"[]", {"no metric"}}};
    for (const auto& [text, parts] : wrong) {
        put(folder.path() / "metrics.json", text);
        auto all = parts;
        all.emplace_back("metrics.json");
        refusals.check(tune_arguments({"--metrics-file", "metrics.json"}), all);
    }
}

TEST_CASE("outcome constraints: the best keeps them, and an existing study keeps them too") {
    const attune::test::TemporaryFolder folder;
    attune::test::prepare(folder.path());
    put(folder.path() / "train.sh",
        std::string(attune::test::tune_trainer) + "echo \"latency: $((width * 10)) ms\"\n");
    Attune attune(folder.path());
    const auto arguments = [](std::vector<std::string> more) {
        std::vector<std::string> all{
            "--metric", "latency=latency: ([0-9]+) ms", "--trials", "12", "--strategy", "grid"};
        all.insert(all.end(), more.begin(), more.end());
        return tune_arguments(all);
    };
    REQUIRE(attune.run(arguments({"--outcome-constraint", "latency <= 40"})) == 0);
    CHECK(attune.out().find("latency <= 40") != std::string::npos);
    CHECK(attune.errors().find("(breaks latency <= 40)") != std::string::npos);
    const attune::Study study = attune::test::study_in(folder.path() / "study.attune");
    REQUIRE(study.best() != nullptr);
    CHECK(study.best()->metric("latency") == 40);
    CHECK(study.value(*study.best()) == doctest::Approx(0.43));
    // Left out, they are the study's; others are another study.
    CHECK(attune.run(arguments({"--check-only"})) == 0);
    CHECK(attune.out().find("outcome constraints: latency <= 40") != std::string::npos);
    CHECK(attune.run(arguments({"--outcome-constraint", "latency <= 50"})) == 2);
    CHECK(attune.errors().find("outcome_constraints: latency <= 40 there, latency <= 50 asked for") !=
          std::string::npos);
    CHECK(attune.run(arguments({"--study", "other.attune", "--outcome-constraint", "size <= 50"})) == 2);
    CHECK(attune.errors().find("outcome constraint size <= 50") != std::string::npos);
    REQUIRE(attune.run(arguments({"--study", "none.attune", "--outcome-constraint", "latency <= 5"})) == 1);
    CHECK(attune.out().find("no trial keeps latency <= 5; trial") != std::string::npos);
}

TEST_CASE("a metric that no program gives ends the run after three of them") {
    const attune::test::TemporaryFolder folder;
    attune::test::prepare(folder.path());
    Attune attune(folder.path());
    const auto run = [&](std::vector<std::string> more) {
        std::vector<std::string> all{"--trials", "12", "--stopping", "off"};
        all.insert(all.end(), more.begin(), more.end());
        CHECK(attune.run(tune_arguments(all)) == 1);
        CHECK(attune.out().find("3 programs ended well without a metric that is needed") !=
              std::string::npos);
        CHECK(attune.out().find("attune extract") != std::string::npos);
    };
    run({"--metric", "latency=latency ([0-9]+)", "--outcome-constraint", "latency <= 5"});
    CHECK(attune::test::study_in(folder.path() / "study.attune").trials().size() == 3);
    put(folder.path() / "train.sh", "echo nothing\n");
    run({"--study", "silent.attune"});
    CHECK(attune.out().find("its output never gave 'accuracy'") != std::string::npos);
}

TEST_CASE("a run ends where a better value is unlikely, and finalists know the trials of the run") {
    const attune::test::TemporaryFolder folder;
    attune::test::prepare(folder.path());
    Attune attune(folder.path());
    // Sixteen configurations: all is known of them soon.
    REQUIRE(attune.run(tune_arguments({"--converged", "0.01", "--trials", "200", "--stopping", "off",
                                       "--duplicates", "allow"})) == 0);
    CHECK(attune.out().find("ended: an improvement of accuracy by more than 1 % is unlikely") !=
          std::string::npos);
    REQUIRE(attune.run(tune_arguments({"--study", "finals.attune", "--strategy", "finalists", "--trials",
                                       "10", "--stopping", "off"})) == 0);
    CHECK(attune.out().find("winner: trial ") != std::string::npos);
    CHECK(attune.out().find("all repeats gave the same") != std::string::npos);
    CHECK(attune.run({"status", "finals.attune"}) == 0);
    CHECK(attune.out().find("winner: trial ") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--study", "h.attune", "--strategy", "hyperband", "--check-only"})) ==
          0);
    CHECK(attune.out().find("note: hyperband lets trials pause") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--study", "b.attune", "--strategy-option", "belief.width=99"})) == 2);
    CHECK(attune.errors().find("belief about width: '99' must be a number") != std::string::npos);
    CHECK(!std::filesystem::exists(folder.path() / "b.attune"));
}

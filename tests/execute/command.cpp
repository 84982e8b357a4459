#include "attune/execute/command.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "attune/metrics/json_lines_metrics.hpp"
#include "attune/metrics/regex_metrics.hpp"
#include "support/shared_data.hpp"

using namespace std::chrono_literals;
using attune::ArgumentStyle;
using attune::Command;
using attune::CommandAnswer;
using attune::CommandEnd;
using attune::CommandFault;
using attune::CommandOptions;
using attune::CommandResult;
using attune::MetricReport;
using attune::Value;

namespace {

using Arguments = std::vector<std::string>;
using Values = std::vector<std::pair<std::string, Value>>;

const Values kValues = {
    {"lr", 0.001}, {"layers", std::int64_t{3}}, {"optimizer", std::string("sgd")}, {"nesterov", true}};

CommandOptions options(Arguments command) {
    CommandOptions made;
    made.command = std::move(command);
    made.extractor = attune::RegexMetrics({{"acc", "acc=([-+0-9.eEnaif]+)"}, {"loss", "loss=([0-9.]+)"}});
    made.collector.objectives = {"acc"};
    made.sleep = [](std::chrono::duration<double>, const std::stop_token&) {};
    return made;
}

CommandOptions script(const std::string& text) {
    CommandOptions made = options({"/bin/sh", "-c", text});
    made.arguments = ArgumentStyle::none;
    return made;
}

std::string value_of(const std::vector<std::pair<std::string, std::string>>& environment,
                     const std::string& name) {
    for (const auto& [key, value] : environment)
        if (key == name) return value;
    return "(none)";
}

}  // namespace

TEST_CASE("a command line is split as a shell does with quotes") {
    using attune::split_command_line;
    CHECK(split_command_line(" python  train.py\t--lr 0.1\n") ==
          Arguments{"python", "train.py", "--lr", "0.1"});
    CHECK(split_command_line(R"(a 'b c' "d \"e\" \n" f\ g "" h'i'"j")") ==
          Arguments{"a", "b c", "d \"e\" \\n", "f g", "", "hij"});
    CHECK(split_command_line("echo $HOME | cat") == Arguments{"echo", "$HOME", "|", "cat"});
    CHECK_THROWS_AS(split_command_line("a 'b"), attune::InvalidOption);
    CHECK_THROWS_AS(split_command_line("a \\"), attune::InvalidOption);
    CHECK_THROWS_AS(split_command_line("  "), attune::InvalidOption);
}

TEST_CASE("hyperparameters are appended in the style asked for") {
    const auto with = [](ArgumentStyle style) {
        CommandOptions made = options({"train", "--epochs", "5"});
        made.arguments = style;
        made.true_text = "1";
        return Command(made).arguments(kValues);
    };
    CHECK(with(ArgumentStyle::automatic) == Arguments{"train", "--epochs", "5", "--lr", "0.001", "--layers",
                                                      "3", "--optimizer", "sgd", "--nesterov", "1"});
    CHECK(with(ArgumentStyle::equals) ==
          Arguments{"train", "--epochs", "5", "--lr=0.001", "--layers=3", "--optimizer=sgd", "--nesterov=1"});
    CHECK(with(ArgumentStyle::plain) ==
          Arguments{"train", "--epochs", "5", "lr=0.001", "layers=3", "optimizer=sgd", "nesterov=1"});
    CHECK(with(ArgumentStyle::none) == Arguments{"train", "--epochs", "5"});
}

TEST_CASE("placeholders stand for values and context, and braces for themselves") {
    const Command command(options({"train", "{lr}", "o={optimizer}-{layers}", "{{lr}}", "awk {print $1} {}",
                                   "{trial}.{attempt}.{seed}"}));
    CHECK(command.arguments(kValues, {.trial = 7, .seed = 42}, 2) ==
          Arguments{"train", "0.001", "o=sgd-3", "{lr}", "awk {print $1} {}", "7.2.42"});
    CHECK_THROWS_WITH_AS(static_cast<void>(Command(options({"train", "{lrr}"})).arguments(kValues)),
                         doctest::Contains("{lrr}"), attune::InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(Command(options({"train", "{checkpoint_dir}"})).arguments(kValues)),
                    attune::InvalidOption);
    // Context alone leaves the appending on.
    CHECK(Command(options({"train", "--seed={seed}"})).arguments({{"lr", 0.5}}) ==
          Arguments{"train", "--seed=0", "--lr", "0.5"});
}

TEST_CASE(
    "an inactive parameter takes its argument away, and unknown names are refused before anything runs") {
    CommandOptions made = options({"train", "--momentum", "{momentum}", "--m={momentum}", "-v", "{lr}"});
    made.parameters = {"lr", "momentum"};
    const Command command(made);
    CHECK(command.arguments({{"lr", 0.5}}) == Arguments{"train", "-v", "0.5"});
    CHECK(command.arguments({{"lr", 0.5}, {"momentum", 0.9}}) ==
          Arguments{"train", "--momentum", "0.9", "--m=0.9", "-v", "0.5"});
    made.command.push_back("{moment}");
    CHECK_THROWS_WITH_AS(Command{made}, doctest::Contains("{moment}"), attune::InvalidOption);
}

TEST_CASE("parameters that the program gets in no way are named") {
    CommandOptions made = options({"train", "{lr}"});
    made.parameters = {"lr", "batch", "layers"};
    CHECK(Command(made).withheld_parameters() == Arguments{"batch", "layers"});
    made.json_file = true;
    CHECK(Command(made).withheld_parameters().empty());
    made.json_file = false;
    made.environment_prefix = "P_";
    CHECK(Command(made).withheld_parameters().empty());
    made.environment_prefix.reset();
    made.arguments = ArgumentStyle::equals;
    CHECK(Command(made).withheld_parameters().empty());
    made.arguments = ArgumentStyle::automatic;
    made.command = {"train", "{json}"};
    CHECK(Command(made).withheld_parameters().empty());
    made.command = {"train"};
    CHECK(Command(made).withheld_parameters().empty());
}

TEST_CASE("the environment carries context, and hyperparameters where asked") {
    CommandOptions made = options({"train"});
    made.environment = {{"MORE", "x"}};
    made.environment_prefix = "ATTUNE_";
    const attune::CommandContext context = {.trial = 3, .seed = 9, .checkpoint_directory = "/tmp/c"};
    const auto environment =
        Command(made).environment({{"lr", 0.25}, {"batch size", std::int64_t{8}}}, context, 1, "/tmp/x.json");
    CHECK(value_of(environment, "ATTUNE_LR") == "0.25");
    CHECK(value_of(environment, "ATTUNE_BATCH_SIZE") == "8");
    CHECK(value_of(environment, "ATTUNE_TRIAL") == "3");
    CHECK(value_of(environment, "ATTUNE_SEED") == "9");
    CHECK(value_of(environment, "ATTUNE_CHECKPOINT_DIR") == "/tmp/c");
    CHECK(value_of(environment, "ATTUNE_CHECKPOINT") == "/tmp/c");
    CHECK(value_of(environment, "ATTUNE_CONFIG") == "/tmp/x.json");
    CHECK(value_of(environment, "MORE") == "x");
    CHECK_THROWS_WITH_AS(static_cast<void>(Command(made).environment({{"seed", 1.0}})),
                         doctest::Contains("ATTUNE_SEED"), attune::InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(Command(made).environment({{"a-b", 1.0}, {"a_b", 1.0}})),
                    attune::InvalidOption);
    made.environment_prefix.reset();
    CHECK(value_of(Command(made).environment({{"lr", 0.25}}), "ATTUNE_LR") == "(none)");
}

TEST_CASE("the JSON file holds every value as itself, in order, and goes with the run") {
    CommandOptions made =
        options({"/bin/sh", "-c", "cat \"$0\"; echo; echo acc=1; echo path=$ATTUNE_CONFIG", "{json}"});
    std::string text;
    std::string path;
    const CommandResult result = Command(made).run(
        {{"lr", 0.1}, {"name", std::string("a\"b\xff")}, {"n", std::int64_t{-4}}, {"flag", false}}, {},
        {.on_line = [&](const attune::LogLine& line) {
            const std::string is(line.text);
            if (is.starts_with("path="))
                path = is.substr(5);
            else if (!is.starts_with("acc="))
                text += is + "\n";
        }});
    CHECK(result.end == CommandEnd::completed);
    const auto json = nlohmann::ordered_json::parse(text);
    CHECK(json.begin().key() == "lr");
    CHECK(json["lr"] == 0.1);
    CHECK(json["name"] == "a\"b\xef\xbf\xbd");
    CHECK(json["n"] == -4);
    CHECK(json["flag"] == false);
    CHECK(!path.empty());
    CHECK(!std::filesystem::exists(path));
}

TEST_CASE("reports come live and in steps, and all is kept in the result") {
    std::vector<MetricReport> seen;
    const CommandResult result =
        Command(script("echo loss=3; echo acc=0.5; echo loss=2 acc=nan; echo acc=1e-3; echo loss=9"))
            .run({}, {}, {.on_report = [&](const MetricReport& report) {
                     seen.push_back(report);
                     return CommandAnswer::proceed;
                 }});
    CHECK(result.end == CommandEnd::completed);
    CHECK(result.fault == CommandFault::none);
    REQUIRE(seen.size() == 3);
    CHECK(seen[0] == MetricReport{1, {{"loss", 3.0}, {"acc", 0.5}}});
    CHECK(seen[1].step == 2);
    CHECK(std::isnan(seen[1].value("acc").value()));
    CHECK(seen[2] == MetricReport{3, {{"acc", 1e-3}}});
    CHECK(result.reports.size() == 3);
    CHECK(result.last_values.at("loss") == 9);
    CHECK(result.attempts == 1);
}

TEST_CASE("the answer stop ends a program that would go on for ever, polite or not") {
    for (const std::string trap : {"", "trap '' TERM; "}) {
        CommandOptions made = script(trap + "i=0; while :; do i=$((i+1)); echo acc=$i; sleep 0.01; done");
        made.grace = 100ms;
        const CommandResult result =
            Command(made).run({}, {}, {.on_report = [](const MetricReport& report) {
                                  return report.step == 5 ? CommandAnswer::stop : CommandAnswer::proceed;
                              }});
        CHECK(result.end == CommandEnd::stopped);
        CHECK(result.process.killed == !trap.empty());
        REQUIRE(result.reports.size() == 5);
        CHECK(result.reports.back().value("acc") == 5.0);
        CHECK(result.reason.empty());
    }
}

TEST_CASE("a stop holds for what was read with the same chunk") {
    const CommandResult result =
        Command(script("printf 'acc=1\\nacc=2\\nacc=3\\n'"))
            .run({}, {}, {.on_report = [](const MetricReport&) { return CommandAnswer::stop; }});
    CHECK(result.end == CommandEnd::stopped);
    CHECK(result.reports.size() == 1);
}

TEST_CASE("JSON lines with steps of their own serve as well") {
    CommandOptions made =
        script(R"(echo '{"epoch": 10, "val": {"acc": 0.5}}'; echo 'x {"epoch": 20, "val": {"acc": NaN}}')");
    made.extractor = attune::JsonLinesMetrics();
    made.collector.objectives = {"val.acc"};
    const CommandResult result = Command(made).run({});
    REQUIRE(result.reports.size() == 2);
    CHECK(result.reports[0] == MetricReport{10, {{"val.acc", 0.5}}});
    CHECK(result.reports[1].step == 20);
}

TEST_CASE("an exit code is the configuration's fault and is not tried again") {
    const CommandResult result = Command(script("echo acc=1; echo 'batch too large' >&2; exit 3")).run({});
    CHECK(result.end == CommandEnd::failed);
    CHECK(result.fault == CommandFault::configuration);
    CHECK(result.attempts == 1);
    for (const char* part : {"/bin/sh", "exit code 3", "batch too large"})
        CHECK_MESSAGE(result.reason.find(part) != std::string::npos, result.reason);
    CHECK(result.reports.size() == 1);
    CHECK(Command(script("kill -SEGV $$")).run({}).fault == CommandFault::configuration);
}

TEST_CASE(
    "the first line of a reason says what happened and the program's last words, for lists of failures") {
    const auto first_line = [](const std::string& text) {
        const std::string reason = Command(script(text)).run({}).reason;
        return reason.substr(0, reason.find('\n'));
    };
    CHECK(first_line("echo Traceback; echo ' ValueError: lr is too large '; echo; exit 3") ==
          "exit code 3: ValueError: lr is too large");
    CHECK(first_line("exit 4") == "exit code 4: it printed nothing");
    CHECK(first_line("echo loss=1") ==
          "exit code 0, but its output never gave 'acc' (attune extract shows the nearest "
          "line): loss=1");
    const std::string whole = Command(script("echo one; echo two; exit 3")).run({}).reason;
    for (const char* part : {"\n    one\n    two", "\n  command: /bin/sh -c"})
        CHECK_MESSAGE(whole.find(part) != std::string::npos, whole);
}

TEST_CASE(
    "a program that never prints its objective fails with that reason, and captures that are no numbers are "
    "told") {
    const CommandResult result = Command(script("echo acc=naf; echo loss=1")).run({});
    CHECK(result.end == CommandEnd::failed);
    CHECK(result.fault == CommandFault::configuration);
    CHECK(result.reason.find("'acc'") != std::string::npos);
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems.front().find("'naf'") != std::string::npos);
}

TEST_CASE("limits of time and silence are the configuration's fault") {
    CommandOptions made = script("echo acc=1; sleep 100");
    made.silence_limit = 100ms;
    CHECK(Command(made).run({}).fault == CommandFault::configuration);
    made.silence_limit = 0ms;
    made.time_limit = 100ms;
    const CommandResult result = Command(made).run({});
    CHECK(result.end == CommandEnd::failed);
    CHECK(result.fault == CommandFault::configuration);
    CHECK(result.reason.find("limit of 0.1 s") != std::string::npos);
    CHECK(result.attempts == 1);
}

TEST_CASE("failures of the environment are tried again after growing pauses, and steps are not told twice") {
    attune::test::TemporaryFolder folder;
    const std::string mark = (folder.path() / "mark").string();
    CommandOptions made = script("echo acc=$ATTUNE_ATTEMPT; echo x >> " + mark +
                                 "; [ $ATTUNE_ATTEMPT -ge 3 ] || exit 75; echo acc=30");
    made.retry.jitter = 0;
    std::vector<double> pauses;
    made.sleep = [&](std::chrono::duration<double> span, const std::stop_token&) {
        pauses.push_back(span.count());
    };
    std::vector<int> retried;
    const CommandResult result =
        Command(made).run({}, {}, {.on_retry = [&](const attune::AttemptFailure& failure, double delay) {
                              retried.push_back(failure.attempt);
                              CHECK(failure.fault == CommandFault::environment);
                              CHECK(delay > 0);
                          }});
    CHECK(result.end == CommandEnd::completed);
    CHECK(result.attempts == 3);
    CHECK(pauses == std::vector<double>{1, 2});
    CHECK(retried == std::vector<int>{1, 2});
    CHECK(result.failures.size() == 2);
    REQUIRE(result.reports.size() == 2);
    CHECK(result.reports[0] == MetricReport{1, {{"acc", 1.0}}});
    CHECK(result.reports[1] == MetricReport{2, {{"acc", 30.0}}});
}

TEST_CASE("attempts end at their number; being killed in all of them is the configuration's fault") {
    CommandOptions made = script("exit 75");
    made.retry.max_attempts = 2;
    const CommandResult temporary = Command(made).run({});
    CHECK(temporary.attempts == 2);
    CHECK(temporary.fault == CommandFault::environment);
    made = script("kill -9 $$");
    const CommandResult killed = Command(made).run({});
    CHECK(killed.attempts == 3);
    CHECK(killed.fault == CommandFault::configuration);
    CHECK(killed.reason.find("memory") != std::string::npos);
    made = script("[ $ATTUNE_ATTEMPT = 1 ] && kill -9 $$; kill -TERM $$");
    CHECK(Command(made).run({}).fault == CommandFault::environment);
    made = script("[ $ATTUNE_ATTEMPT = 1 ] && exit 75; exit 3");
    const CommandResult second = Command(made).run({});  // what it fails of then is not tried again
    CHECK(second.attempts == 2);
    CHECK(second.reason.starts_with("attempt 2 of 3: "));
}

TEST_CASE("a program that does not exist is the environment's fault and not tried again") {
    const CommandResult result = Command(options({"attune-no-such-program"})).run(kValues);
    CHECK(result.end == CommandEnd::failed);
    CHECK(result.fault == CommandFault::environment);
    CHECK(result.attempts == 1);
    CHECK(result.reason.find("attune-no-such-program") != std::string::npos);
    const CommandResult in_shell = Command(script("attune-no-such-program")).run({});
    CHECK(in_shell.fault == CommandFault::environment);
    CHECK(in_shell.attempts == 1);
    CHECK(result.cannot_start);
    CHECK(in_shell.cannot_start);
    CHECK_FALSE(Command(script("exit 3")).run({}).cannot_start);
}

TEST_CASE("a program is looked for before it is needed") {
    const attune::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "plain.sh") << "echo";
    const std::string plain = (folder.path() / "plain.sh").string();
    CHECK(attune::find_program("sh").filename() == "sh");
    CHECK(attune::find_program("/bin/sh") == "/bin/sh");
    CHECK_THROWS_WITH_AS(
        (void)attune::find_program("attune-no-such-program"),
        "cannot start 'attune-no-such-program': no folder of PATH has a program of that name",
        attune::SpawnError);
    CHECK_THROWS_WITH_AS((void)attune::find_program(plain), doctest::Contains("exists but is not executable"),
                         attune::SpawnError);
    CHECK_THROWS_WITH_AS((void)attune::find_program(folder.path().string()), doctest::Contains("is a folder"),
                         attune::SpawnError);
    std::filesystem::permissions(plain, std::filesystem::perms::owner_all);
    CHECK(attune::find_program("./plain.sh", folder.path()) == folder.path() / "./plain.sh");
    CHECK_THROWS_AS((void)attune::find_program("./plain.sh", folder.path() / "none"), attune::SpawnError);

    CHECK_NOTHROW(Command(options({plain})).check_program());
    CHECK_THROWS_AS(Command(options({plain + "x"})).check_program(), attune::SpawnError);
    CommandOptions chosen = options({"{program}"});
    chosen.parameters = {"program"};
    CHECK_NOTHROW(Command(chosen).check_program());  // only a trial knows
}

TEST_CASE("an interpreter's script is looked for too, where it is sure which word that is") {
    const attune::test::TemporaryFolder folder;
    std::ofstream(folder.path() / "train.sh") << "true\n";
    const auto check = [&](std::vector<std::string> words) {
        CommandOptions chosen = options(std::move(words));
        chosen.working_directory = folder.path();
        chosen.parameters = {"kind"};
        Command(std::move(chosen)).check_program();
    };
    CHECK_NOTHROW(check({"sh", "train.sh", "missing.sh"}));
    CHECK_NOTHROW(check({"sh", (folder.path() / "train.sh").string()}));
    CHECK_THROWS_WITH_AS(check({"sh", "missing.sh"}), "'sh' cannot run 'missing.sh': there is no such file",
                         attune::SpawnError);
    CHECK_THROWS_AS(check({"/bin/sh", "./sh"}), attune::SpawnError);
    CHECK_NOTHROW(check({"sh", "sh"}));  // a shell looks in PATH too
    CHECK_NOTHROW(check({"sh", "-c", "echo y=1"}));
    CHECK_NOTHROW(check({"sh", "train-{kind}.sh"}));
    CHECK_NOTHROW(check({"env", "sh", "missing.sh"}));

    std::filesystem::create_symlink("/bin/sh", folder.path() / "python3.11");  // known by its name
    CHECK_THROWS_AS(check({"./python3.11", "-u", "-OO", "train.py", "--lr"}), attune::SpawnError);
    CHECK_NOTHROW(check({"./python3.11", "-u", "train.sh"}));
    CHECK_NOTHROW(check({"./python3.11", "-m", "train"}));
    CHECK_NOTHROW(check({"./python3.11", "-W", "ignore", "train.py"}));
    CHECK_NOTHROW(check({"./python3.11"}));
}

TEST_CASE("cancelling works while it runs and while it pauses") {
    std::stop_source source;
    const CommandResult running = Command(script("echo acc=1; sleep 100"))
                                      .run({}, {},
                                           {.on_report =
                                                [&](const MetricReport&) {
                                                    source.request_stop();
                                                    return CommandAnswer::proceed;
                                                }},
                                           source.get_token());
    CHECK(running.end == CommandEnd::cancelled);

    std::stop_source second;
    CommandOptions made = script("exit 75");
    made.retry.first_delay_seconds = made.retry.max_delay_seconds = 1000;
    made.sleep = {};
    const CommandResult pausing = Command(made).run(
        {}, {}, {.on_retry = [&](const auto&, double) { second.request_stop(); }}, second.get_token());
    CHECK(pausing.end == CommandEnd::cancelled);
    CHECK(pausing.attempts == 1);
}

TEST_CASE("pauses grow, are capped, and are spread by a jitter that repeats") {
    const attune::RetryOptions retry = {
        .first_delay_seconds = 1, .factor = 2, .max_delay_seconds = 5, .jitter = 0.5};
    for (int attempt = 2; attempt < 8; ++attempt) {
        const double whole = std::min(5.0, std::pow(2.0, attempt - 2));
        const double delay = attune::retry_delay_seconds(retry, attempt, 4, 11);
        CHECK(delay <= whole);
        CHECK(delay >= whole / 2);
        CHECK(delay == attune::retry_delay_seconds(retry, attempt, 4, 11));
        CHECK(delay != attune::retry_delay_seconds(retry, attempt, 5, 11));
    }
}

TEST_CASE("options are checked when the command is made") {
    const auto broken = [](auto change) {
        CommandOptions made = options({"train"});
        change(made);
        CHECK_THROWS_AS(Command{made}, attune::InvalidOption);
    };
    broken([](CommandOptions& o) { o.command.clear(); });
    broken([](CommandOptions& o) { o.extractor = {}; });
    broken([](CommandOptions& o) { o.collector.objectives.clear(); });
    broken([](CommandOptions& o) { o.retry.max_attempts = 0; });
    broken([](CommandOptions& o) { o.retry.jitter = 1.5; });
    broken([](CommandOptions& o) { o.time_limit = -1s; });
}

TEST_CASE("one command serves several threads, with folders and logs of each") {
    attune::test::TemporaryFolder folder;
    const Command command(script(
        "echo saving to $ATTUNE_CHECKPOINT_DIR; test -d $ATTUNE_CHECKPOINT_DIR && echo acc=$ATTUNE_TRIAL"));
    std::vector<CommandResult> results(4);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < results.size(); ++i)
        threads.emplace_back([&, i] {
            const std::filesystem::path own = folder.path() / std::to_string(i);
            results[i] = command.run({}, {.trial = static_cast<std::int64_t>(i),
                                          .checkpoint_directory = own / "deep",
                                          .log_file = own.string() + ".log"});
        });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < results.size(); ++i) {
        CHECK(results[i].end == CommandEnd::completed);
        CHECK(results[i].last_values.at("acc") == static_cast<double>(i));
        CHECK(std::filesystem::file_size(folder.path() / (std::to_string(i) + ".log")) > 10);
    }
}

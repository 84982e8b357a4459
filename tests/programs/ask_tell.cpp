#include <nlohmann/json.hpp>

#include "run_attune.hpp"
#include "support/shared_data.hpp"

using attune::test::Attune;
using attune::test::lines_of;
using Json = nlohmann::ordered_json;

namespace {

/// Requests and the answers that they must get, in turn; a line that begins with '>' is a request.
void check_session(const std::filesystem::path& folder, const std::string& session) {
    std::string requests;
    std::vector<std::string> asked, expected;
    for (const std::string& line : lines_of(session)) {
        if (line.empty()) continue;
        if (line[0] != '>') {
            expected.push_back(line);
            continue;
        }
        asked.push_back(line);
        requests += line.substr(1) + "\n";
    }
    Attune attune(folder);
    REQUIRE(attune.run({"ask-tell"}, requests) == 0);
    CHECK(attune.errors() == "");
    const auto answers = lines_of(attune.out());
    REQUIRE(answers.size() == expected.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        CAPTURE(asked[i]);
        CHECK(answers[i] == expected[i]);
    }
}

}  // namespace

TEST_CASE("a session of the protocol, word for word") {
    const attune::test::TemporaryFolder folder;
    check_session(folder.path(), R"~(
>{"ask": {}}
{"error":{"kind":"invalid_state","message":"no study was created yet; the first request is create"}}
>{"create": {"space": [{"name": "lr", "type": "continuous", "low": 0.5}], "objectives": [{"metric": "accuracy", "direction": "maximize"}]}}
{"error":{"kind":"invalid_space","message":"parameter lr (continuous): 'high' is missing"}}
>{"create": {"space": [{"name": "batch", "type": "integer", "low": 16, "high": 48, "step": 16}, {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]}, {"name": "nesterov", "type": "categorical", "choices": [true, false], "when": {"optimizer": ["sgd"]}}], "constraints": ["batch <= 32"], "objectives": [{"metric": "accuracy", "direction": "maximize"}], "strategy": {"name": "grid", "options": {}}, "stopping": {"name": "patience", "options": {"patience": 1}}, "fixed": {}, "parents": [], "seed": 1, "duplicates": "forbid"}}
{"created":{"trials":0,"strategy":"grid","stopping":"patience"}}
>{"ask": {"count": 2}}
{"asked":[{"trial":0,"configuration":{"batch":16,"optimizer":"sgd","nesterov":true},"reason":"next point of the grid"},{"trial":1,"configuration":{"batch":16,"optimizer":"sgd","nesterov":false},"reason":"next point of the grid"}]}
>{"report": {"trial": 0, "step": 1, "metrics": {"accuracy": 0.5, "loss": "nan"}}}
{"decision":"proceed"}
>{"report": {"trial": 0, "step": 1, "metrics": {"accuracy": 0.75}}}
{"error":{"kind":"invalid_option","message":"report.step (1): trial 0 has reported 'accuracy' at that step; a step may come again with other metrics only, and an earlier step not at all"}}
>{"report": {"trial": 0, "step": 0.5, "metrics": {"accuracy": 0.75}}}
{"error":{"kind":"invalid_option","message":"report.step (0.5): trial 0 has reported step 1; a step may come again with other metrics only, and an earlier step not at all"}}
>{"report": {"trial": 0, "step": 1, "metrics": {"seconds": 3}}}
{"decision":"proceed","reason":"kept, but no policy judged it: it lacks the objective's metric 'accuracy'"}
>{"report": {"trial": 0, "step": 2, "metrics": {"accuracy": 0.25}}}
{"decision":"stop","reason":"accuracy has not improved on 0.5 for 1 report"}
>{"tell": {"trial": 0, "metrics": {}}}
{"told":0,"best":{"trial":0,"metrics":{"accuracy":0.5,"loss":"nan"}}}
>{"tell": {"trial": 0, "metrics": {"accuracy": 1}}}
{"error":{"kind":"invalid_state","message":"trial 0: is stopped already"}}
>{"fail": {"trial": 1, "reason": "out of memory", "kind": "configuration"}}
{"failed":1}
>{"ask": {"fixed": {"optimizer": "adam"}}}
{"asked":[{"trial":2,"configuration":{"batch":16,"optimizer":"adam"},"reason":"next point of the grid"}]}
>{"enqueue": {"configuration": {"batch": 32, "optimizer": "adam"}}}
{"enqueued":1}
>{"enqueue": {"configuration": {"batch": 33, "optimizer": "adam"}}}
{"error":{"kind":"invalid_configuration","message":"parameter batch: 33 is not on its grid (16 + k * 16)"}}
>{"ask": {}}
{"asked":[{"trial":3,"configuration":{"batch":32,"optimizer":"adam"},"reason":"enqueued by the user"}]}
>{"tell": {"trial": 3, "metrics": {"accuracy": 0.75}, "cost": 2, "seconds": 1.5}}
{"told":3,"best":{"trial":3,"metrics":{"accuracy":0.75}}}
>{"tell": {"trial": 2, "metrics": {"loss": 1}}}
{"error":{"kind":"invalid_option","message":"tell.metrics: has no 'accuracy', the objective's metric, and no report of trial 2 had it; the trial stays open"}}
>{"report": {"trial": 2, "step": 1, "metrics": {"loss": 1}}}
{"decision":"proceed","reason":"kept, but no policy judged it: it lacks the objective's metric 'accuracy'"}
>{"tell": {"trial": 2, "metrics": {"accuracy": "nan"}}}
{"told":2,"failed":"the objective accuracy is NaN","best":{"trial":3,"metrics":{"accuracy":0.75}}}
>{"ask": {"count": 5}}
{"asked":[{"trial":4,"configuration":{"batch":32,"optimizer":"sgd","nesterov":true},"reason":"next point of the grid"},{"trial":5,"configuration":{"batch":32,"optimizer":"sgd","nesterov":false},"reason":"next point of the grid"}],"exhausted":true}
>{"tell": {"trial": 4, "metrics": {"accuracy": 0.5}, "configuration": {"batch": 16, "optimizer": "adam"}}}
{"told":4,"best":{"trial":3,"metrics":{"accuracy":0.75}}}
>{"best": {}}
{"best":[{"trial":3,"configuration":{"batch":32,"optimizer":"adam"},"metrics":{"accuracy":0.75}}]}
>{"tell": {"trial": 9, "metrics": {}}}
{"error":{"kind":"invalid_state","message":"trial 9: is unknown; the study has 6 trials, numbered from 0"}}
>{"tell": {"trial": 5, "metric": {}}}
{"error":{"kind":"invalid_json","message":"tell: 'metric' is unknown; known: trial, metrics, configuration, cost, seconds"}}
>{"asks": {}}
{"error":{"kind":"invalid_json","message":"request: 'asks' is unknown; known: create, ask, enqueue, report, tell, fail, best, trials, importance"}}
>{"fail": {"trial": 5, "kind": "bad luck"}}
{"error":{"kind":"invalid_option","message":"fail.kind 'bad luck' is unknown; known: configuration, environment"}}
>{"importance": {"method": "default"}}
{"importance":{"batch":0.0,"optimizer":0.0,"nesterov":0.0}}
>{"importance": {"method": "shap"}}
{"error":{"kind":"unknown_name","message":"importance method 'shap' is unknown; known: default, fanova, ped_anova, mean_decrease"}}
>{"importance": {"objective": "loss"}}
{"error":{"kind":"unknown_name","message":"objective 'loss' is unknown; known: accuracy"}}
>{"ask": {"count": 0}}
{"error":{"kind":"invalid_option","message":"ask.count (0) must be at least 1"}}
)~");
}

TEST_CASE("whatever is wrong is an error, and the session goes on") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    const std::string space = R"([{"name": "x", "type": "continuous", "low": 0, "high": 1}])";
    const std::string objectives = R"([{"metric": "a", "direction": "maximize"}])";
    const std::vector<std::pair<std::string, std::string>> wrong{
        {R"({"ask": )", "invalid_json"},
        {"[1]", "invalid_json"},
        {R"({"best": {}, "trials": {}})", "invalid_json"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives + R"(, "sampler": "tpe"}})",
         "invalid_json"},
        {R"({"create": {"space": )" + space + R"(, "objectives": []}})", "invalid_option"},
        {R"({"create": {"space": )" + space + "}}", "invalid_json"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives +
             R"(, "strategy": {"name": "magic"}}})",
         "unknown_name"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives +
             R"(, "stopping": {"name": "median", "options": {"x": 1}}}})",
         "invalid_option"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives + R"(, "parents": ["a"]}})",
         "storage"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives +
             R"(, "parents": [{"study": "a", "task": "other"}]}})",
         "invalid_option"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives +
             R"(, "duplicates": "maybe"}})",
         "invalid_option"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives + R"(, "fixed": {"y": 1}}})",
         "invalid_configuration"},
        {R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives +
             R"(, "storage": "none/study.attune"}})",
         "storage"},
        {R"({"create": {"space": )" + space + R"(, "constraints": ["x > 2"], "objectives": )" + objectives +
             "}}",
         "invalid_space"},
        {R"({"create": {"space": )" + space + R"(, "objectives": [{"metric": "a", "direction": "up"}]}})",
         "unknown_name"}};
    std::string input;
    for (const auto& [request, kind] : wrong) input += request + "\n";
    input += R"({"create": {"space": )" + space + R"(, "objectives": )" + objectives + "}}\n" +
             R"({"create": {"space": []}})" + "\n\n";
    REQUIRE(attune.run({"ask-tell"}, input) == 0);
    const auto answers = lines_of(attune.out());
    REQUIRE(answers.size() == wrong.size() + 2);
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        CAPTURE(wrong[i].first);
        CHECK(Json::parse(answers[i])["error"]["kind"] == wrong[i].second);
    }
    CHECK(answers[wrong.size()] ==
          R"({"created":{"trials":0,"strategy":"gaussian_process","stopping":"median"}})");
    CHECK(Json::parse(answers.back())["error"]["kind"] == "invalid_state");
}

TEST_CASE("a study goes on in the next session, and another space is refused") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    const auto create = [](const std::string& high) {
        return R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": )" + high +
               R"(}], "objectives": [{"metric": "a", "direction": "maximize"}], "fixed": {"x": 0.5}, "duplicates": "allow", "storage": "s.attune"}})" +
               "\n";
    };
    REQUIRE(attune.run({"ask-tell"}, create("1") + R"({"ask": {"count": 2}})" + "\n" +
                                         R"({"tell": {"trial": 0, "metrics": {"a": 1}}})" + "\n") == 0);
    const Json first = Json::parse(lines_of(attune.out())[1]);
    CHECK(first["asked"][0]["configuration"]["x"] == 0.5);
    REQUIRE(attune.run({"ask-tell"}, create("1") + R"({"trials": {}})" + "\n" + R"({"ask": {}})" + "\n") ==
            0);
    const auto second = lines_of(attune.out());
    CHECK(second[0] == R"({"created":{"trials":2,"strategy":"gaussian_process","stopping":"median"}})");
    const Json trials = Json::parse(second[1])["trials"];
    CHECK(trials[0]["state"] == "completed");
    CHECK(trials[1]["state"] == "interrupted");
    const Json again = Json::parse(second[2])["asked"][0];
    CHECK(again["trial"] == 1);
    CHECK(again["reason"].get<std::string>().find("run it again from its beginning") != std::string::npos);
    REQUIRE(attune.run({"ask-tell"}, create("2")) == 0);
    const Json refused = Json::parse(lines_of(attune.out())[0]);
    CHECK(refused["error"]["kind"] == "invalid_state");
    CHECK(refused["error"]["message"].get<std::string>().find("parameter x") != std::string::npos);
}

TEST_CASE("several objectives have a front") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string input =
        R"({"create": {"space": [{"name": "x", "type": "integer", "low": 1, "high": 9}], "objectives": [{"metric": "a", "direction": "maximize"}, {"metric": "b", "direction": "minimize"}]}})";
    input += "\n{\"ask\": {\"count\": 3}}\n";
    for (const char* told : {R"(0, "metrics": {"a": 1, "b": 1})", R"(1, "metrics": {"a": 2, "b": 2})",
                             R"(2, "metrics": {"a": 1, "b": 3})"})
        input += R"({"tell": {"trial": )" + std::string(told) + "}}\n";
    REQUIRE(attune.run({"ask-tell"}, input + R"({"best": {}})" + "\n") == 0);
    const auto answers = lines_of(attune.out());
    const Json best = Json::parse(answers.back())["best"];
    REQUIRE(best.size() == 2);
    CHECK(best[0]["trial"] == 0);
    CHECK(best[1]["trial"] == 1);
    CHECK(Json::parse(answers[4])["best"].size() == 2);
}

TEST_CASE("a study of Gaussian processes replays from its journal, fits included") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string input =
        R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}, {"name": "n", "type": "integer", "low": 1, "high": 9}], "objectives": [{"metric": "loss", "direction": "minimize"}], "strategy": {"name": "gaussian_process", "options": {"initial_trials": 4}}, "seed": 3, "storage": "s.attune"}})";
    input += "\n";
    for (int trial = 0; trial < 9; ++trial)
        input += "{\"ask\": {}}\n{\"tell\": {\"trial\": " + std::to_string(trial) +
                 ", \"metrics\": {\"loss\": " + std::to_string((trial * 7) % 5) + "}}}\n";
    REQUIRE(attune.run({"ask-tell"}, input) == 0);
    CHECK(attune.out().find("error") == std::string::npos);
    CHECK(attune.run({"replay", "s.attune"}) == 0);
    CHECK(attune.out().find("9 suggestions of strategy 'gaussian_process' asked again, 0 differ") !=
          std::string::npos);
}

TEST_CASE("NaN goes on with a reason, and whole numbers are written as such") {
    const attune::test::TemporaryFolder folder;
    check_session(folder.path(), R"~(
>{"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], "objectives": [{"metric": "a", "direction": "maximize"}], "fixed": {"x": 1.0}, "strategy": "random", "stopping": "off"}}
{"created":{"trials":0,"strategy":"random","stopping":"off"}}
>{"ask": {}}
{"asked":[{"trial":0,"configuration":{"x":1.0},"reason":"uniform draw"}]}
>{"report": {"trial": 0, "step": 1, "metrics": {"a": "nan"}}}
{"decision":"proceed","reason":"a is NaN, which counts as worse than any number"}
>{"report": {"trial": 0, "step": "nan", "metrics": {"a": 1}}}
{"error":{"kind":"invalid_option","message":"report.step (nan) must be a finite number"}}
>{"report": {"trial": 0, "step": 2.5, "metrics": {"a": 3}}}
{"decision":"proceed"}
>{"tell": {"trial": 0, "metrics": {"b": -2.0, "c": 1e300}, "seconds": 4}}
{"told":0,"best":{"trial":0,"metrics":{"a":3,"b":-2,"c":1e+300}}}
>{"trials": {}}
{"trials":[{"trial":0,"state":"completed","configuration":{"x":1.0},"reports":[{"step":1,"metrics":{"a":"nan"}},{"step":2.5,"metrics":{"a":3}}],"metrics":{"a":3,"b":-2,"c":1e+300},"seconds":4}]}
>{"create": {"space": []}}
{"error":{"kind":"invalid_state","message":"create: a study was created before; a session has one"}}
)~");
    check_session(folder.path(), R"~(
>{"create": {"space": [], "objectives": [{"metric": "a", "direction": "maximize"}]}}
{"error":{"kind":"invalid_space","message":"space: has no parameters; a search space needs at least one parameter"}}
)~");
}

TEST_CASE("what a session does not say of an existing study is as it was") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    const std::string begin =
        R"({"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 4}], "objectives": [{"metric": "a", "direction": "maximize"}], "storage": "s.attune")";
    REQUIRE(attune.run({"ask-tell"}, begin + R"(, "strategy": "grid", "duplicates": "allow"}})" + "\n" +
                                         R"({"ask": {}})" + "\n" +
                                         R"({"tell": {"trial": 0, "metrics": {"a": 1}}})" + "\n") == 0);
    REQUIRE(attune.run({"ask-tell"}, begin + "}}\n{\"ask\": {}}\n") == 0);
    CHECK(lines_of(attune.out())[0] == R"({"created":{"trials":1,"strategy":"grid","stopping":"median"}})");
    CHECK(lines_of(attune.out())[1].find("next point of the grid") != std::string::npos);
}

TEST_CASE("without saying so a session has the strategy and stopping of attune tune") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string input =
        R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], "objectives": [{"metric": "a", "direction": "maximize"}]}})";
    input += "\n";
    for (int trial = 0; trial < 6; ++trial) {
        const std::string number = std::to_string(trial), value = trial < 5 ? "1" : "\"nan\"";
        input += "{\"ask\": {}}\n{\"report\": {\"trial\": " + number +
                 ", \"step\": 1, \"metrics\": {\"a\": " + value + "}}}\n";
        // Trainings of two steps: at its last one nothing is left to save.
        if (trial < 5)
            input += "{\"report\": {\"trial\": " + number + ", \"step\": 2, \"metrics\": {\"a\": 1}}}\n" +
                     "{\"tell\": {\"trial\": " + number + ", \"metrics\": {\"a\": 1}}}\n";
    }
    REQUIRE(attune.run({"ask-tell"}, input) == 0);
    const auto answers = lines_of(attune.out());
    CHECK(answers[0] == R"({"created":{"trials":0,"strategy":"gaussian_process","stopping":"median"}})");
    CHECK(
        answers.back() ==
        R"({"decision":"stop","reason":"a is NaN at step 1, which counts as worse than any number, here the median 1 of the running averages of 5 trials"})");
}

TEST_CASE("outcome constraints: broken ones are named, and their metric must be told") {
    const attune::test::TemporaryFolder folder;
    check_session(folder.path(), R"~(
>{"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 4}], "objectives": [{"metric": "accuracy", "direction": "maximize"}], "outcome_constraints": ["ms < 5"], "strategy": {"name": "grid"}}}
{"error":{"kind":"invalid_option","message":"outcome constraint 'ms < 5': compares by <; write a metric, <= or >=, and a finite number"}}
>{"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 4}], "objectives": [{"metric": "accuracy", "direction": "maximize"}], "outcome_constraints": ["ms <= 5"], "strategy": {"name": "grid"}}}
{"created":{"trials":0,"strategy":"grid","stopping":"median"}}
>{"ask": {"count": 2}}
{"asked":[{"trial":0,"configuration":{"n":1},"reason":"next point of the grid"},{"trial":1,"configuration":{"n":2},"reason":"next point of the grid"}]}
>{"tell": {"trial": 0, "metrics": {"accuracy": 0.9}}}
{"error":{"kind":"invalid_option","message":"tell.metrics: has no 'ms', an outcome constraint's metric, and no report of trial 0 had it; the trial stays open"}}
>{"tell": {"trial": 0, "metrics": {"accuracy": 0.9, "ms": 7}}}
{"told":0,"best":null}
>{"tell": {"trial": 1, "metrics": {"accuracy": 0.5, "ms": 5}}}
{"told":1,"best":{"trial":1,"metrics":{"accuracy":0.5,"ms":5}}}
)~");
}

TEST_CASE("beliefs and costs are options of the Gaussian process") {
    const attune::test::TemporaryFolder folder;
    check_session(folder.path(), R"~(
>{"create": {"space": [{"name": "lr", "type": "continuous", "low": 0.001, "high": 1, "scale": "log"}], "objectives": [{"metric": "loss", "direction": "minimize"}], "strategy": {"name": "gaussian_process", "options": {"belief.lr": "0.01..1", "cost": "per_unit"}}}}
{"created":{"trials":0,"strategy":"gaussian_process","stopping":"median"}}
>{"ask": {}}
{"asked":[{"trial":0,"configuration":{"lr":0.1},"reason":"where good values are believed to lie"}]}
)~");
    // Refused before there is a file.
    check_session(folder.path(), R"~(
>{"create": {"space": [{"name": "lr", "type": "continuous", "low": 0.001, "high": 1, "scale": "log"}], "objectives": [{"metric": "loss", "direction": "minimize"}], "strategy": {"name": "gaussian_process", "options": {"belief.rate": 0.1}}, "storage": "refused.attune"}}
{"error":{"kind":"invalid_option","message":"belief about 'rate': the space has no such parameter"}}
>{"create": {"space": [{"name": "lr", "type": "continuous", "low": 0.001, "high": 1, "scale": "log"}], "objectives": [{"metric": "loss", "direction": "minimize"}]}}
{"created":{"trials":0,"strategy":"gaussian_process","stopping":"median"}}
>{"ask": {}}
{"asked":[{"trial":0,"configuration":{"lr":0.03162277660168379},"reason":"centre of the space"}]}
>{"tell": {"trial": 0, "metrics": {"loss": 1}, "cost": -1}}
{"error":{"kind":"invalid_option","message":"tell.cost (-1) must be at least 0"}}
)~");
    CHECK(!std::filesystem::exists(folder.path() / "refused.attune"));
}

TEST_CASE("after repeats the winner stands beside the best, with its chance") {
    const attune::test::TemporaryFolder folder;
    std::string input =
        R"({"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 9}], "objectives": [{"metric": "a", "direction": "maximize"}], "strategy": {"name": "finalists", "options": {"trials": 12, "share": 0.5, "candidates": 2, "begins": "random"}}}})";
    input += "\n";
    for (int trial = 0; trial < 12; ++trial)
        input += "{\"ask\": {}}\n{\"tell\": {\"trial\": " + std::to_string(trial) +
                 ", \"metrics\": {\"a\": " + std::to_string(trial % 5) + "}}}\n";
    Attune attune(folder.path());
    REQUIRE(attune.run({"ask-tell"}, input + "{\"best\": {}}\n") == 0);
    const Json answer = Json::parse(lines_of(attune.out()).back());
    REQUIRE(answer.contains("winner"));
    CHECK(answer["winner"]["trial"].get<int>() < 6);
    CHECK(answer["winner"]["expected"].is_number());
    CHECK(answer["winner"]["chance"].get<double>() >= 0.5);
}

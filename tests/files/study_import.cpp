#include "attune/files/study_import.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/files/study_export.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/storage/studies.hpp"
#include "attune/study/study.hpp"
#include "support/errors.hpp"
#include "support/shared_data.hpp"
#include "support/study_events.hpp"

using namespace attune;
using test::check_error;

namespace {

Study folded(const ImportedStudy& imported) {
    Study study;
    for (const Event& event : imported.events) study.apply(event);
    return study;
}

Study from_csv(const std::string& text, ImportOptions options = {}) {
    if (options.objectives.empty()) options.objectives = {minimize("loss")};
    return folded(study_from_csv(text, "table.csv", options));
}

const Parameter& parameter(const Study& study, const std::string& name) {
    return study.space()[study.space().schema().index(name)];
}

/// Lines of Optuna's journal: a study, and trials in one line each.
class JournalLines {
  public:
    explicit JournalLines(const std::string& directions = "[1]")
        : text_(R"({"op_code":0,"worker_id":"w","study_name":"s","directions":)" + directions + "}\n") {}

    void attribute(const std::string& member) {
        text_ += R"({"op_code":2,"worker_id":"w","study_id":0,)" + member + "}\n";
    }
    /// `params` as {"x":0.5}, `distributions` as {"x": {...}} in plain JSON.
    void trial(int state, const std::string& values, const std::string& params,
               const std::string& distributions, const std::string& more = "") {
        Json texts = Json::object();
        const Json parsed = Json::parse(distributions);
        for (const auto& [name, json] : parsed.items()) texts[name] = json.dump();
        text_ +=
            R"({"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"2026-01-02T03:04:05.25+00:00",)"
            R"("datetime_complete":"2026-01-02T04:04:05.25+01:00","state":)" +
            std::to_string(state) + R"(,"values":)" + values + R"(,"params":)" + params +
            R"(,"distributions":)" + texts.dump() + more + "}\n";
    }
    void line(const std::string& text) { text_ += text + "\n"; }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

constexpr const char* unit =
    R"({"x":{"name":"FloatDistribution","attributes":{"low":0,"high":1,"step":null,"log":false}}})";

std::string categorical(const std::string& choices) {
    return R"({"c":{"name":"CategoricalDistribution","attributes":{"choices":)" + choices + "}}}";
}

ImportedStudy read(const JournalLines& lines, const ImportOptions& options = {}) {
    return study_from_optuna_journal(lines.text(), "study.log", options);
}

}  // namespace

TEST_CASE("a table becomes a space of the values seen") {
    const Study study = from_csv(
        "units,lr,flag,optimizer,loss,state\n8,0.1,true,sgd,1,completed\n64,1e-3,False,adam,nan,PRUNED\n16,2,"
        "true,\"a, b\",,fail\n32,0.5,true,sgd,,\n");
    CHECK(parameter(study, "units").kind == ParameterKind::integer);
    CHECK(parameter(study, "units").high == 64);
    CHECK(parameter(study, "lr").kind == ParameterKind::continuous);
    CHECK(parameter(study, "lr").low == 1e-3);
    CHECK(same_value(parameter(study, "flag").choices[1], Value{false}));
    CHECK(parameter(study, "optimizer").choices.size() == 3);
    REQUIRE(study.trials().size() == 3);
    CHECK(study.trial(0).state == TrialState::completed);
    CHECK(study.trial(0).metric("loss") == 1);
    CHECK(study.trial(1).state == TrialState::stopped);
    CHECK(std::isnan(study.trial(1).metric("loss")));
    CHECK(study.trial(2).state == TrialState::failed);
    REQUIRE(study.enqueued().size() == 1);
    CHECK(study.name() == "table");
}

TEST_CASE("without a column of states, rows with a value are trials and the others wait") {
    const Study study = from_csv("x,loss\n1,0.5\n2,\n3,0.25\n");
    CHECK(study.trials().size() == 2);
    CHECK(study.best()->configuration.text() == "x=3");
    CHECK(study.enqueued().size() == 1);
    check_error<FileError>(
        [] {
            (void)from_csv("x,loss,accuracy\n1,0.5,\n",
                           {.objectives = {minimize("loss"), maximize("accuracy")}});
        },
        {"table.csv", "line 2", "accuracy"});
}

TEST_CASE("with a space, columns are what it says, numbers are metrics and the rest attributes") {
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 1, Scale::log);
    (void)space.categorical("version", {"1", "2"});
    const Study study = from_csv("lr,version,seconds,host,loss\n0.1,2,1.5,a,3\n", {.space = space});
    CHECK(study.space().differences(space).empty());
    CHECK(study.trial(0).configuration.text() == "lr=0.1 version=2");
    CHECK(study.trial(0).metric("seconds") == 1.5);
    CHECK(study.trial(0).attributes.at("host") == "a");
    check_error<FileError>([&] { (void)from_csv("lr,version,loss\n5,1,3\n", {.space = space}); },
                           {"table.csv", "line 2", "lr", "5", "[0.0001, 1]"});
}

TEST_CASE("Optuna's data frames: prefixes tell the columns apart, dates are kept") {
    const Study study = from_csv(
        "number,value,datetime_start,datetime_complete,duration,params_lr,user_attrs_note,state\n"
        "4,0.5,2026-01-01 00:00:00.5,2026-01-01 01:00:02.5+01:00,x,0.25,hello,COMPLETE\n");
    const TrialRecord& trial = study.trial(0);
    CHECK(trial.configuration.text() == "lr=0.25");
    CHECK(trial.metric("loss") == 0.5);
    CHECK(trial.started_seconds == 1767225600.5);
    CHECK(trial.duration_seconds() == 2);
    CHECK(trial.attributes.at("note") == "hello");
    CHECK(trial.attributes.at("imported_number") == "4");
}

TEST_CASE("errors of tables name file, line and value") {
    check_error<FileError>([] { (void)from_csv(""); }, {"table.csv", "empty"});
    check_error<FileError>([] { (void)from_csv("x,x,loss\n"); }, {"line 1", "'x'", "twice"});
    check_error<FileError>([] { (void)from_csv("x,y\n1,2\n"); }, {"'loss'", "x, y"});
    check_error<FileError>([] { (void)from_csv("x,loss\n1,2\n1,two\n"); }, {"line 3", "loss", "'two'"});
    check_error<FileError>([] { (void)from_csv("x,loss\n1,2\n1\n"); }, {"line 3", "1 field,", "2"});
    check_error<FileError>([] { (void)from_csv("x,loss,state\n1,2,done\n"); },
                           {"line 2", "'done'", "PRUNED"});
    check_error<FileError>([] { (void)from_csv("x,loss,state\n1,,completed\n"); }, {"line 2", "loss"});
    check_error<FileError>([] { (void)from_csv("x,loss,datetime_start\n1,2,yesterday\n"); },
                           {"line 2", "datetime_start", "'yesterday'"});
    check_error<FileError>([] { (void)from_csv("loss\n1\n"); }, {"no column of a parameter"});
    check_error<InvalidOption>([] { (void)study_from_csv("x,loss\n1,2\n", "t.csv"); },
                               {"t.csv", "objectives"});
}

TEST_CASE("a parameter that some trials lack gets the condition that explains it") {
    const Study study = from_csv(
        "layers,units2,opt,momentum,odd,loss\n1,,adam,,1,1\n2,16,sgd,0.5,,2\n3,8,sgd,0.1,,3\n1,,sgd,0.2,2,"
        "4\n");
    CHECK(study.trial(1).configuration.text() == "layers=2 opt=sgd units2=16 momentum=0.5");
    const auto momentum = parameter(study, "momentum").condition.node();
    CHECK(momentum.kind == Condition::Kind::in);
    CHECK(same_value(momentum.values.at(0), Value{std::string("sgd")}));
    CHECK(parameter(study, "units2").condition.node().kind == Condition::Kind::greater_equal);
    CHECK(parameter(study, "odd").condition.node().kind == Condition::Kind::less_equal);

    // Nothing tells: a companion says it, and the study says that.
    const ImportedStudy imported =
        study_from_csv("c,d,loss\nx,1,1\nx,,2\n", "t.csv", {.objectives = {minimize("loss")}});
    const Study told = folded(imported);
    CHECK(told.trial(0).configuration.text() == "c=x d is set=true d=1");
    CHECK(told.trial(1).configuration.text() == "c=x d is set=false");
    REQUIRE(imported.notes.size() == 1);
    CHECK(imported.notes[0].find("d is set") != std::string::npos);
}

TEST_CASE("JSON lines: what we export we take back, event by event") {
    std::string text;
    for (const Event& event : test::rich_events()) text += to_json(event).dump() + "\n";
    const ImportedStudy imported = study_from_json_lines(text, "study.jsonl");
    REQUIRE(imported.events.size() == test::rich_events().size());
    std::string again;
    for (const Event& event : imported.events) again += to_json(event).dump() + "\n";
    CHECK(again == text);
    CHECK(folded(study_from_json_lines(text, "study.jsonl", {.name = "other"})).name() == "other");
    check_error<InvalidOption>(
        [&] { (void)study_from_json_lines(text, "study.jsonl", {.objectives = {minimize("x")}}); },
        {"study.jsonl", "its own"});
    const std::string twice = text + text.substr(0, text.find('\n') + 1);
    const std::string line = "study.jsonl: line " + std::to_string(test::rich_events().size() + 1);
    check_error<FileError>([&] { (void)study_from_json_lines(twice, "study.jsonl"); },
                           {line.c_str(), "created twice"});
}

TEST_CASE("JSON lines: a table of trials") {
    const std::string text =
        R"({"parameters": {"lr": 0.5, "n": 1, "mixed": 1}, "metrics": {"loss": 2, "time": "inf"}}

{"parameters": {"lr": 1, "n": 3, "mixed": "a"}, "state": "stopped", "reports": [{"step": 1, "metrics": {"loss": 3}}], "reason": "bad", "attributes": {"k": "v"}, "started_seconds": 100, "duration_seconds": 5}
{"parameters": {"lr": 0.25, "n": 2, "mixed": true}}
)";
    const ImportOptions options{.objectives = {minimize("loss")}};
    const Study study = folded(study_from_json_lines(text, "t.jsonl", options));
    CHECK(parameter(study, "lr").kind == ParameterKind::continuous);
    CHECK(parameter(study, "n").kind == ParameterKind::integer);
    CHECK(parameter(study, "mixed").choices_text() == "1, a, true");
    CHECK(study.trial(0).metric("time") == INFINITY);
    CHECK(study.trial(1).metric("loss") == 3);
    CHECK(study.trial(1).reason == "bad");
    CHECK(study.trial(1).finished_seconds == 105);
    CHECK(study.trial(1).attributes.at("k") == "v");
    CHECK(study.enqueued().size() == 1);
    const auto fails = [&](const std::string& line, std::initializer_list<const char*> parts) {
        check_error<FileError>([&] { (void)study_from_json_lines(line, "t.jsonl", options); }, parts);
    };
    fails("{\"parameters\": {\"x\": 1}}\n{", {"t.jsonl: line 2", "JSON"});
    fails("{\"parameters\": {\"x\": 1}, \"metric\": 1}", {"line 1", "'metric'", "known"});
    fails("{\"parameters\": {\"x\": null}}", {"line 1", "parameters.x", "null"});
    fails("{\"parameters\": {\"x\": 1}, \"state\": \"gone\"}", {"line 1", "'gone'"});
    fails("", {"t.jsonl", "empty"});
}

TEST_CASE("Optuna's journal: the last line may be cut, anything else may not") {
    JournalLines lines;
    lines.trial(1, "[0.5]", R"({"x":0.25})", unit);
    ImportedStudy imported = study_from_optuna_journal(lines.text() + "{\"op_co", "study.log");
    CHECK(folded(imported).trials().size() == 1);
    REQUIRE(imported.notes.size() == 1);
    CHECK(imported.notes[0].find("line 3") != std::string::npos);
    const TrialRecord trial = folded(imported).trial(0);
    CHECK(trial.started_seconds == 1767323045.25);
    CHECK(trial.finished_seconds == 1767323045.25);
    const auto fails = [&](const std::string& line, std::initializer_list<const char*> parts) {
        JournalLines more = lines;
        more.line(line);
        check_error<FileError>([&] { (void)read(more); }, parts);
    };
    fails("{", {"study.log: line 3", "JSON"});
    fails("7", {"study.log: line 3", "7"});
    fails(R"({"op_code":11})", {"line 3", "operation 11"});
    fails(R"({"op_code":6,"trial_id":0})"
          "\n"
          R"({"op_code":4,"study_id":0,"state":9})",
          {"line 4", "9"});
    fails(R"({"op_code":4,"study_id":0,"params":{"x":1},"distributions":{}})", {"line 3", "'x'"});
    fails(R"({"op_code":4,"study_id":0,"datetime_start":"now"})", {"line 3", "now"});
    check_error<FileError>([] { (void)study_from_optuna_journal("", "empty.log"); }, {"no study"});
}

TEST_CASE("Optuna's journal: claims, deleted studies and late operations as Optuna reads them") {
    JournalLines lines("[2]");
    lines.line(R"({"op_code":0,"study_name":"s","directions":[1]})");  // lost the race for the name
    lines.line(R"({"op_code":0,"study_name":"gone","directions":[1]})");
    lines.line(R"({"op_code":4,"study_id":1,"datetime_start":null})");  // trial 0, of the other study
    lines.line(R"({"op_code":4,"study_id":0,"datetime_start":"2026-01-01T00:00:00+00:00"})");
    lines.line(R"({"op_code":1,"study_id":1})");
    lines.line(R"({"op_code":4,"study_id":1,"datetime_start":null})");  // too late: no trial
    const std::string distribution =
        R"("{\"name\":\"IntDistribution\",\"attributes\":{\"low\":1,\"high\":9,\"step\":2,\"log\":false}}")";
    lines.line(R"({"op_code":5,"trial_id":1,"param_name":"n","param_value_internal":5.0,"distribution":)" +
               distribution + "}");
    lines.line(R"({"op_code":7,"trial_id":1,"step":3,"intermediate_value":-Infinity})");
    lines.line(R"({"op_code":8,"trial_id":1,"user_attr":{"k":[NaN,1]}})");
    lines.line(R"({"op_code":9,"trial_id":1,"system_attr":{"constraints":[-0.5,2]}})");
    lines.line(
        R"({"op_code":6,"trial_id":1,"state":1,"values":[2.5],"datetime_complete":"2026-01-01T00:00:01+00:00"})");
    lines.line(R"({"op_code":8,"trial_id":1,"user_attr":{"late":1}})");
    const Study study = folded(read(lines));
    CHECK(study.objective().direction == Direction::maximize);
    REQUIRE(study.trials().size() == 1);
    const TrialRecord& trial = study.trial(0);
    CHECK(trial.configuration.text() == "n=5");
    CHECK(parameter(study, "n").step == 2);
    CHECK(trial.reports[0].metrics.at("value") == -INFINITY);
    CHECK(trial.attributes.at("k") == "[NaN,1]");
    CHECK(trial.attributes.at("optuna:constraints") == "[-0.5,2]");
    CHECK(trial.metric("constraint_1") == 2);
    CHECK(study.outcome_constraints() == std::vector{at_most("constraint_0", 0), at_most("constraint_1", 0)});
    CHECK(study.best() == nullptr);
    CHECK(!trial.attributes.contains("late"));
    CHECK(trial.metric("value") == 2.5);
}

TEST_CASE("Optuna's choices keep their type where they have one, and are told apart where not") {
    const auto choices = [](const std::string& list) {
        JournalLines lines;
        lines.trial(1, "[1]", R"({"c":0})", categorical(list));
        const Study study = folded(read(lines));
        return std::pair(std::string(type_name(parameter(study, "c").choices[0])),
                         parameter(study, "c").choices_text());
    };
    using Pair = std::pair<std::string, std::string>;
    CHECK(choices(R"(["sgd","adam"])") == Pair{"string", "sgd, adam"});
    CHECK(choices("[true,false]") == Pair{"boolean", "true, false"});
    CHECK(choices("[1,2,4]") == Pair{"integer", "1, 2, 4"});
    CHECK(choices("[0.5,2]") == Pair{"number", "0.5, 2"});
    CHECK(choices(R"(["a",null,true,3,0.5])") == Pair{"string", "a, null, true, 3, 0.5"});
    CHECK(choices(R"(["3",3])") == Pair{"string", "\"3\", 3"});
    CHECK(choices("[1,1.0]") == Pair{"string", "1, 1.0"});
    CHECK(choices(R"(["a","a"])") == Pair{"string", "a"});
    CHECK(choices("[1,9223372036854775808]") == Pair{"string", "1, 9223372036854775808"});
}

TEST_CASE("Optuna's choices that are no JSON are read as Python writes them") {
    JournalLines lines;
    lines.line(
        R"({"op_code":4,"study_id":0,"datetime_start":null,"state":1,"values":[-Infinity],"params":{"c":0},)"
        R"("distributions":{"c":"{\"name\":\"CategoricalDistribution\",\"attributes\":{\"choices\":[NaN,\"NaN\"]}}"}})");
    const Study study = folded(read(lines));
    CHECK(parameter(study, "c").choices_text() == "NaN, \"NaN\"");
    CHECK(study.trial(0).metric("value") == -INFINITY);
}

TEST_CASE("Optuna's ranges are joined, and old names of distributions are known") {
    const auto number = [](const std::string& name, const std::string& attributes) {
        return R"({"x":{"name":")" + name + R"(","attributes":)" + attributes + "}}";
    };
    JournalLines lines;
    lines.trial(1, "[1]", R"({"x":0.5})",
                number("FloatDistribution", R"({"low":0,"high":1,"step":0.25,"log":false})"));
    lines.trial(1, "[1]", R"({"x":4})",
                number("DiscreteUniformDistribution", R"({"low":-1,"high":4,"q":0.25})"));
    ImportedStudy imported = read(lines);
    CHECK(parameter(folded(imported), "x").low == -1);
    CHECK(parameter(folded(imported), "x").high == 4);
    CHECK(parameter(folded(imported), "x").step == 0.25);
    CHECK(imported.notes.empty());
    lines.trial(1, "[1]", R"({"x":1.7})", number("UniformDistribution", R"({"low":0,"high":2})"));
    imported = read(lines);
    CHECK(!parameter(folded(imported), "x").step);
    CHECK(imported.notes.size() == 1);
    lines.trial(1, "[1]", R"({"x":1.7})", number("LogUniformDistribution", R"({"low":1,"high":2})"));
    check_error<FileError>([&] { (void)read(lines); }, {"study.log: trial 3", "parameter x", "another kind"});
    JournalLines off;
    off.trial(1, "[1]", R"({"x":7})", categorical("[1,2]").replace(2, 1, "x"));
    check_error<FileError>([&] { (void)read(off); }, {"trial 0", "parameter x", "7", "2 choices"});
    JournalLines unknown;
    unknown.trial(1, "[1]", R"({"x":7})", number("BetaDistribution", "{}"));
    check_error<FileError>([&] { (void)read(unknown); }, {"trial 0", "BetaDistribution"});
}

TEST_CASE("trials that died early are left out, said and kept; what waits is enqueued") {
    JournalLines lines;
    lines.trial(3, "null", "{}", "{}");
    lines.trial(1, "[0.5]", R"({"x":0.25})", unit);
    lines.trial(0, "null", R"({"x":0.75})", unit);
    lines.trial(4, "null", "{}", "{}", R"(,"system_attrs":{"fixed_params":{"x":0.125}})");
    const ImportedStudy imported = read(lines);
    const Study study = folded(imported);
    REQUIRE(study.trials().size() == 2);
    CHECK(study.trial(0).attributes.at("imported_number") == "1");
    CHECK(study.trial(1).state == TrialState::interrupted);
    CHECK(study.enqueued().begin()->second.at(0).second == Value{0.125});
    REQUIRE(imported.notes.size() == 1);
    CHECK(imported.notes[0].find("trial 0 (failed)") != std::string::npos);
    CHECK(study.attributes().at("left_out:trial 0").find("failed") != std::string::npos);
}

TEST_CASE("several studies in a file: one is named, or the error lists them") {
    JournalLines lines;
    lines.line(R"({"op_code":0,"study_name":"t","directions":[1,2]})");
    check_error<FileError>([&] { (void)read(lines); }, {"study.log", "2 studies", "'s', 't'"});
    check_error<FileError>([&] { (void)read(lines, {.study = "u"}); }, {"'u'", "'s', 't'"});
    lines.trial(1, "[0.5]", R"({"x":0.25})", unit);
    CHECK(folded(read(lines, {.study = "s", .objectives = {minimize("loss")}})).objective().metric == "loss");
    check_error<InvalidOption>([&] { (void)read(lines, {.study = "s", .objectives = {maximize("loss")}}); },
                               {"loss", "maximize", "minimize"});
    check_error<FileError>([&] { (void)read(lines, {.study = "t"}); }, {"no parameter"});
}

TEST_CASE("Optuna's database: written, read back, and told from others") {
    JournalLines lines("[1,2]");
    lines.attribute(R"("user_attr":{"text":"µ","list":[1,null]})");
    lines.trial(1, "[Infinity,-2.5]", R"({"x":0.25,"c":2})",
                std::string(unit).substr(0, std::string(unit).size() - 1) + "," +
                    categorical(R"(["a",null,"b"])").substr(1),
                R"(,"intermediate_values":{"3":NaN,"-1":0.5},"user_attrs":{"k":1})");
    lines.trial(4, "null", "{}", "{}", R"(,"system_attrs":{"fixed_params":{"x":0.5,"c":null}})");
    const Study study = folded(read(lines));
    CHECK(study.enqueued().size() == 1);
    const test::TemporaryFolder folder;
    const auto file = folder.path() / "größe #1.db";
    write_optuna_sqlite(study, file);
    CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
    const Study again = folded(import_study(file));
    CHECK(study_as_optuna_journal(again) == study_as_optuna_journal(study));
    CHECK(study_as_optuna_journal(study).find(R"(\"choices\":[\"a\",null,\"b\"])") != std::string::npos);
    CHECK(study_as_optuna_journal(study).find(R"("fixed_params":{"x":0.5,"c":null})") != std::string::npos);
    check_error<FileError>([&] { write_optuna_sqlite(study, file); }, {"größe #1.db", "is there already"});
    check_error<FileError>([&] { write_optuna_sqlite(study, folder.path() / "none" / "x.db"); }, {"none"});

    const auto ours = "sqlite:" + (folder.path() / "ours.db").string() + "?study=one";
    store_study(test::rich_events(), ours);
    check_error<FileError>([&] { (void)import_study(folder.path() / "ours.db"); },
                           {"ours.db", "no database of Optuna", "study_directions"});
    check_error<FileError>([&] { (void)import_study(folder.path() / "missing.db"); }, {"missing.db"});
    std::ofstream(folder.path() / "text") << "hello";
    check_error<FileError>([&] { (void)import_study(folder.path() / "text"); }, {"text", ".csv"});
}

TEST_CASE("Optuna's databases of earlier versions are read, unknown ones refused by name") {
    const test::TemporaryFolder folder;
    const auto file = folder.path() / "old.db";
    JournalLines lines;
    lines.trial(1, "[0.5]", R"({"x":0.25})", unit, R"(,"intermediate_values":{"1":NaN,"2":3})");
    write_optuna_sqlite(folded(read(lines)), file);
    const auto change = [&](const char* sql) {
        sqlite3* database = nullptr;
        REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
        char* message = nullptr;
        const int result = sqlite3_exec(database, sql, nullptr, nullptr, &message);
        INFO(sql << ": " << (message == nullptr ? "" : message));
        CHECK(result == SQLITE_OK);
        sqlite3_free(message);
        sqlite3_close(database);
    };
    // Before 3.0 values had no type: an empty one is NaN.
    change("ALTER TABLE trial_values DROP COLUMN value_type");
    change("ALTER TABLE trial_intermediate_values DROP COLUMN intermediate_value_type");
    change("UPDATE alembic_version SET version_num = 'v2.6.0.a'");
    const Study study = folded(import_study(file));
    REQUIRE(study.trials().size() == 1);
    CHECK(study.trial(0).metric("value") == 0.5);
    REQUIRE(study.trial(0).reports.size() == 2);
    CHECK(std::isnan(study.trial(0).reports[0].metrics.at("value")));
    CHECK(study.trial(0).started_seconds == 1767323045.25);
    change("DROP TABLE alembic_version");
    CHECK(folded(import_study(file)).trials().size() == 1);
    change("CREATE TABLE alembic_version (version_num)");
    change("INSERT INTO alembic_version VALUES ('v9.9.0.a')");
    check_error<FileError>([&] { (void)import_study(file); }, {"old.db", "v9.9.0.a", "v3.2.0.a"});
    change("UPDATE alembic_version SET version_num = 'v1.3.0.a'");
    check_error<FileError>([&] { (void)import_study(file); }, {"old.db", "v1.3.0.a"});
    // Before 2.4 the table of values held reports.
    change("ALTER TABLE trial_values RENAME COLUMN objective TO step");
    check_error<FileError>([&] { (void)import_study(file); }, {"old.db", "not supported", "upgrade"});
    change("UPDATE trials SET state = 'DONE'");
    change("ALTER TABLE trial_values RENAME COLUMN step TO objective");
    change("DELETE FROM alembic_version");
    check_error<FileError>([&] { (void)import_study(file); }, {"old.db", "trial 0", "'DONE'"});
}

TEST_CASE("an imported study is stored like any other, once") {
    const test::TemporaryFolder folder;
    const std::string address = (folder.path() / "s.attune").string();
    const ImportedStudy imported =
        study_from_csv("x,loss\n1,2\n3,4\n", "t.csv", {.objectives = {minimize("loss")}});
    store_study(imported.events, address);
    CHECK(open_storage(address, {.read_only = true}).read(0).size() == imported.events.size());
    check_error<InvalidState>([&] { store_study(imported.events, address); }, {"s.attune", "already"});
}

TEST_CASE("trials from before a change of the space keep their values in Optuna's files") {
    const auto suggested = [](std::int64_t number, event::Values values) {
        event::Suggested body;
        body.trial = number;
        body.configuration = std::move(values);
        return Event{2.0, body};
    };
    SearchSpace before, after;
    (void)before.continuous("x", 0, 1);
    (void)before.categorical("c", {"a", "b"});
    (void)after.continuous("x", 0, 0.5);
    (void)after.categorical("c", {"b", "z"});
    Study study;
    study.apply({1, event::Created{"s", 1, before, {minimize("y")}, {}, {}, {}}});
    study.apply(suggested(0, {{"x", 0.9}, {"c", std::string("a")}}));
    study.apply({3, event::SpaceChanged{after, {}}});
    study.apply(suggested(1, {{"x", 0.2}, {"c", std::string("z")}}));
    const Study back = folded(study_from_optuna_journal(study_as_optuna_journal(study), "study.log"));
    REQUIRE(back.trials().size() == 2);
    CHECK(back.trial(0).configuration.text() == "x=0.9 c=a");
    CHECK(back.trial(1).configuration.text() == "x=0.2 c=z");
}

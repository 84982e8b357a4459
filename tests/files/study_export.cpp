#include "attune/files/study_export.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attune/error.hpp"
#include "attune/files/csv.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using attune::test::contents;

namespace {

/// A completed trial with reports, a stopped, a failed and a running one, and one that waits.
std::vector<Event> events() {
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 1, Scale::log);
    (void)space.integer("units", 8, 64).step(8);
    auto optimizer = space.categorical("optimizer", {"sgd", "a, \"b\""});
    (void)space.continuous("momentum", 0, 1).when(optimizer == "sgd");
    std::vector<Event> out{
        {1700000000.25,
         event::Created{"st'udy", 1, space, {minimize("loss")}, event::FinalValue::best_report, {}, {}}}};
    const auto suggest = [&](std::int64_t trial, event::Values values) {
        event::Suggested suggested;
        suggested.trial = trial;
        suggested.configuration = std::move(values);
        suggested.view = out.size();
        out.push_back({1700000001.5 + static_cast<double>(trial), suggested});
    };
    const auto finish = [&](std::int64_t trial, TrialState state, Metrics metrics,
                            const std::string& reason) {
        event::Finished finished;
        finished.trial = trial;
        finished.state = state;
        finished.metrics = std::move(metrics);
        finished.reason = reason;
        if (state == TrialState::failed) finished.failure = FailureKind::configuration;
        out.push_back({1700000010, finished});
    };
    suggest(0, {{"lr", 0.1 + 0.2},
                {"units", std::int64_t{16}},
                {"optimizer", std::string("sgd")},
                {"momentum", 0.5}});
    out.push_back({1700000002, event::Reported{0, 1, {{"loss", std::nan("")}, {"accuracy", 0.5}}}});
    out.push_back({1700000003, event::Reported{0, 2, {{"loss", 0.25}}}});
    finish(0, TrialState::completed, {{"loss", 0.25}, {"seconds", 1}}, "");
    suggest(1, {{"lr", 0.001}, {"units", std::int64_t{8}}, {"optimizer", std::string("a, \"b\"")}});
    out.push_back({1700000004, event::Reported{1, 1, {{"loss", INFINITY}}}});
    finish(1, TrialState::stopped, {}, "hopeless");
    suggest(2, {{"lr", 0.01}, {"units", std::int64_t{64}}, {"optimizer", std::string("a, \"b\"")}});
    finish(2, TrialState::failed, {}, "out of memory");
    suggest(3, {{"lr", 1.0}, {"units", std::int64_t{64}}, {"optimizer", std::string("a, \"b\"")}});
    out.push_back(
        {1700000011,
         event::Enqueued{{{"lr", 0.5}, {"units", std::int64_t{8}}, {"optimizer", std::string("a, \"b\"")}}}});
    out.push_back({1700000012, event::Attribute{0, "note", "\x01NaN\x01"}});
    return out;
}

Study study() {
    Study out;
    for (const Event& event : events()) out.apply(event);
    return out;
}

std::vector<std::string> lines(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

}  // namespace

TEST_CASE("CSV: a line a trial, read back field by field") {
    const auto rows = parse_csv(study_as_csv(study()), "export");
    REQUIRE(rows.size() == 5);
    CHECK(rows[0].fields == std::vector<std::string>{"trial", "state", "started_seconds", "duration_seconds",
                                                     "lr", "units", "optimizer", "momentum", "loss",
                                                     "seconds", "reason"});
    CHECK(rows[1].fields[1] == "completed");
    CHECK(std::stod(rows[1].fields[4]) == 0.1 + 0.2);
    CHECK(rows[2].fields[6] == "a, \"b\"");
    CHECK(rows[2].fields[7].empty());
    CHECK(rows[2].fields[8] == "inf");
    CHECK(rows[3].fields.back() == "out of memory");
    CHECK(rows[4].fields[3].empty());
}

TEST_CASE("Optuna's journal: every line stands alone, states and values are Optuna's") {
    const auto all = lines(study_as_optuna_journal(study(), "name"));
    REQUIRE(all.size() == 7);
    const auto json = [&](std::size_t i) { return nlohmann::json::parse(all[i]); };
    CHECK(json(0)["study_name"] == "name");
    CHECK(json(0)["directions"] == nlohmann::json{1});
    CHECK(json(1)["system_attr"]["study:metric_names"] == nlohmann::json{"loss"});
    CHECK(all[2].find(R"("intermediate_values":{"1":NaN,"2":0.25})") != std::string::npos);
    CHECK(all[2].find(R"("values":[0.25])") != std::string::npos);
    CHECK(all[2].find(R"("note":"NaN")") != std::string::npos);
    CHECK(all[2].find(R"("datetime_start":"2023-11-14T22:13:21.500000+00:00")") != std::string::npos);
    CHECK(all[2].find("\\\"log\\\":true") != std::string::npos);
    CHECK(all[3].find(R"("values":[Infinity])") != std::string::npos);
    CHECK(all[3].find(R"("state":2)") != std::string::npos);
    CHECK(json(4)["state"] == 3);
    CHECK(json(4)["values"].is_null());
    CHECK(json(4)["params"]["optimizer"] == 1);
    CHECK(json(5)["state"] == 0);
    CHECK(json(6)["state"] == 4);
    CHECK(json(6)["system_attrs"]["fixed_params"]["units"] == 8);
}

TEST_CASE("MLflow's file store: a run a trial, its reports and values") {
    const test::TemporaryFolder folder;
    const std::string id = write_mlflow_experiment(study(), folder.path() / "mlruns");
    const auto experiment = folder.path() / "mlruns" / id;
    CHECK(contents(experiment / "meta.yaml").find("name: 'st''udy'") != std::string::npos);
    int runs = 0;
    bool found = false;
    for (const auto& run : std::filesystem::directory_iterator(experiment)) {
        if (!run.is_directory()) continue;
        ++runs;
        CHECK(run.path().filename().string().size() == 32);
        if (contents(run.path() / "tags" / "mlflow.runName") != "trial-0") continue;
        found = true;
        CHECK(contents(run.path() / "params" / "units") == "16");
        CHECK(contents(run.path() / "metrics" / "loss") == "1700000002000 nan 1\n1700000003000 0.25 2\n");
        CHECK(contents(run.path() / "metrics" / "final seconds") == "1700000010000 1 0\n");
        CHECK(contents(run.path() / "meta.yaml").find("status: 3") != std::string::npos);
    }
    CHECK(runs == 4);
    CHECK(found);
    CHECK_THROWS_AS((void)write_mlflow_experiment(study(), folder.path() / "mlruns"), FileError);
}

TEST_CASE("TensorBoard's event files: framed records with checksums, as they come") {
    CHECK(crc32c("123456789") == 0xE3069283U);
    const test::TemporaryFolder folder;
    TensorBoardFiles files(folder.path() / "logs");
    Study study;
    for (const Event& event : events()) {
        study.apply(event);
        files(study, event);
    }
    const auto run = folder.path() / "logs" / "trial-00000";
    std::string bytes;
    for (const auto& file : std::filesystem::directory_iterator(run)) {
        CHECK(file.path().filename().string().rfind("events.out.tfevents.", 0) == 0);
        bytes = contents(file.path());
    }
    std::vector<std::string> records;
    const auto number = [&](std::size_t at) {
        std::uint32_t out = 0;
        for (std::size_t i = 0; i < 4; ++i)
            out |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
        return out;
    };
    const auto masked = [](const std::string& data) { return std::rotr(crc32c(data), 15) + 0xA282EAD8U; };
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = number(at);
        CHECK(number(at + 8) == masked(bytes.substr(at, 8)));
        records.push_back(bytes.substr(at + 12, length));
        CHECK(number(at + 12 + length) == masked(records.back()));
        at += 16 + length;
    }
    REQUIRE(records.size() == 6);  // the version, the configuration, two reports, the end, its kind
    CHECK(records[0].find("brain.Event:2") != std::string::npos);
    CHECK(records[1].find("_hparams_/session_start_info") != std::string::npos);
    CHECK(records[1].find("units") != std::string::npos);
    CHECK(records[2].find("accuracy") != std::string::npos);
    CHECK(records[4].find("final/loss") != std::string::npos);
    CHECK(records[5].find("_hparams_/session_end_info") != std::string::npos);
    CHECK(!std::filesystem::exists(folder.path() / "logs" / "trial-00003"));
}

TEST_CASE("outcome constraints reach Optuna as what it calls constraints: 0 or less where they are kept") {
    SearchSpace space;
    (void)space.continuous("lr", 0, 1);
    Study constrained;
    event::Created created{"s", 1, space, {minimize("loss")}, event::FinalValue::best_report, {}, {}};
    created.outcome_constraints = {at_most("ms", 5), at_least("recall", 0.5)};
    constrained.apply({1, created});
    for (std::int64_t trial = 0; trial < 2; ++trial) {
        event::Suggested suggested;
        suggested.trial = trial;
        suggested.configuration = {{"lr", 0.5}};
        constrained.apply({2, suggested});
    }
    constrained.apply(
        {3, event::Finished{
                0, TrialState::completed, {{"loss", 1}, {"ms", 7}, {"recall", 0.75}}, {}, "", {}, {}, {}}});
    constrained.apply(
        {4, event::Finished{1, TrialState::failed, {}, FailureKind::configuration, "", {}, {}, {}}});
    const auto all = lines(study_as_optuna_journal(constrained, "name"));
    REQUIRE(all.size() == 4);
    CHECK(nlohmann::json::parse(all[2])["system_attrs"]["constraints"] == nlohmann::json{2.0, -0.25});
    CHECK(!nlohmann::json::parse(all[3])["system_attrs"].contains("constraints"));
}

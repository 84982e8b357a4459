#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/files/study_import.hpp"
#include "attune/study/study.hpp"
#include "support/shared_data.hpp"

// Studies that Optuna made, in both of its forms, against what Optuna itself says of them.

using namespace attune;
using Expected = nlohmann::json;

namespace {

double number(const Expected& json) {
    if (json.is_number()) return json.get<double>();
    const auto text = json.get<std::string>();
    return text == "nan" ? std::nan("") : text == "-inf" ? -INFINITY : INFINITY;
}

bool same(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    return a == b || std::abs(a - b) <= 1e-12 * std::abs(b);
}

/// Where choices of several types were mixed the value is a text.
bool same(const Value& value, const Expected& expected) {
    if (const auto* text = std::get_if<std::string>(&value))
        return expected.is_string() ? *text == expected.get<std::string>() : *text == expected.dump();
    if (const auto* flag = std::get_if<bool>(&value)) return expected.is_boolean() && *flag == expected;
    if (const auto* integer = std::get_if<std::int64_t>(&value))
        return expected.is_number_integer() && *integer == expected.get<std::int64_t>();
    return expected.is_number() && same(std::get<double>(value), expected.get<double>());
}

void check_trial(const Study& study, const TrialRecord& trial, const Expected& expected) {
    INFO("trial ", trial.number);
    const std::string state = expected["state"];
    const std::map<std::string, TrialState> states{{"COMPLETE", TrialState::completed},
                                                   {"PRUNED", TrialState::stopped},
                                                   {"FAIL", TrialState::failed},
                                                   {"RUNNING", TrialState::interrupted}};
    CHECK(trial.state == states.at(state));
    CHECK(trial.configuration.values().size() == expected["params"].size());
    for (const auto& [name, value] : trial.configuration.values()) {
        INFO("parameter ", name);
        REQUIRE(expected["params"].contains(name));
        CHECK(same(value, expected["params"][name]));
    }
    if (expected["values"].is_array())
        for (std::size_t i = 0; i < study.objectives().size(); ++i)
            CHECK(same(study.value(trial, i), number(expected["values"][i])));
    CHECK(trial.reports.size() == expected["intermediate_values"].size());
    for (const Report& report : trial.reports) {
        const auto key = std::to_string(static_cast<std::int64_t>(report.step));
        REQUIRE(expected["intermediate_values"].contains(key));
        CHECK(
            same(report.metrics.at(study.objective().metric), number(expected["intermediate_values"][key])));
    }
    for (const auto& [name, value] : expected["user_attrs"].items())
        CHECK(trial.attributes.at(name) == (value.is_string() ? value.get<std::string>() : value.dump()));
}

void check_study(const std::filesystem::path& file, const std::string& name, const Expected& expected) {
    INFO(file.string() << ": " << name);
    const ImportedStudy imported = import_study(file, {.study = name});
    Study study;
    for (const Event& event : imported.events) study.apply(event);
    CHECK(study.name() == name);
    REQUIRE(study.objectives().size() == expected["directions"].size());
    for (std::size_t i = 0; i < study.objectives().size(); ++i) {
        const bool minimize = study.objectives()[i].direction == Direction::minimize;
        CHECK(expected["directions"][i] == (minimize ? "MINIMIZE" : "MAXIMIZE"));
        if (expected["metric_names"].is_array())
            CHECK(study.objectives()[i].metric == expected["metric_names"][i]);
    }
    std::map<std::int64_t, const TrialRecord*> by_number;
    for (const TrialRecord& trial : study.trials()) {
        const auto old = trial.attributes.find("imported_number");
        by_number[old == trial.attributes.end() ? trial.number : std::stoll(old->second)] = &trial;
    }
    for (const Expected& trial : expected["trials"]) {
        if (const auto found = by_number.find(trial["number"]); found != by_number.end()) {
            check_trial(study, *found->second, trial);
            continue;
        }
        // What waits, and what never came to have all parameters, is no trial: but nothing goes in silence.
        const std::string state = trial["state"];
        const std::string words = "trial " + std::to_string(trial["number"].get<std::int64_t>()) + " ";
        bool noted = state == "WAITING" && !study.enqueued().empty();
        for (const std::string& note : imported.notes) noted = noted || note.starts_with(words);
        INFO(words << "is missing");
        CHECK(noted);
        CHECK(state != "COMPLETE");
        CHECK(state != "PRUNED");
    }
}

}  // namespace

TEST_CASE("studies of Optuna's database and journal are what Optuna says they are") {
    const auto folder = test::shared("fixtures/files/optuna");
    if (!folder) return;
    const Expected all = Expected::parse(std::ifstream(*folder / "expected.json"));
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        const bool database = entry.path().extension() == ".db";
        if (!database && entry.path().extension() != ".log") continue;
        for (const auto& [name, expected] : all[database ? "sqlite" : "journal"].items()) {
            check_study(entry.path(), name, expected);
            test::count_run();
        }
    }
}

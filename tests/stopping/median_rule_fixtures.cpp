#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/patience.hpp"
#include "support/problems.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;

namespace {

/// Numbers, or "nan", "inf" and "-inf" as text.
double number(const json& value) {
    return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

std::vector<double> numbers(const json& values) {
    std::vector<double> out;
    for (const json& value : values) out.push_back(number(value));
    return out;
}

/// Trials that report curves and end where the policy says so.
class Trials {
  public:
    Trials(Direction direction, AnyStoppingPolicy policy)
        : script_(space(), Objective{"value", direction}), policy_(std::move(policy)) {}

    std::int64_t begin() {
        script_.ask(0.5, 0);
        return static_cast<std::int64_t>(script_.study.trials().size()) - 1;
    }
    bool stops(std::int64_t trial, double step, double value) {
        script_.report(trial, step, value, 1);
        return policy_.decide(script_.study, script_.study.trial(trial)).decision == Decision::stop;
    }
    void end(std::int64_t trial, bool stopped) {
        script_.apply(
            event::Finished{
                trial, stopped ? TrialState::stopped : TrialState::completed, {}, {}, "", {}, {}, {}},
            2);
    }

    /// One trial from begin to end, its steps counted from `first`; where it was stopped.
    std::optional<int> run(const std::vector<double>& curve, int first) {
        const std::int64_t trial = begin();
        for (std::size_t i = 0; i < curve.size(); ++i) {
            const int step = first + static_cast<int>(i);
            if (!stops(trial, step, curve[i])) continue;
            end(trial, true);
            return step;
        }
        end(trial, false);
        return std::nullopt;
    }

  private:
    static SearchSpace space() {
        SearchSpace out;
        (void)out.continuous("x", 0, 1);
        return out;
    }
    test::StudyScript script_;
    AnyStoppingPolicy policy_;
};

std::optional<int> step_or_none(const json& value) {
    return value.is_null() ? std::nullopt : std::optional<int>(value.get<int>());
}

void check_median_rule(const json& c) {
    const MedianRule rule{
        {.minimum_trials = c.at("minimum_trials_in_pool").get<int>(),
         .pool = c.at("pool") == "completed_only" ? MedianPool::completed : MedianPool::all_earlier}};
    Trials trials(direction_from(c.at("direction").get<std::string>()), rule);
    for (std::size_t k = 0; k < c.at("curves").size(); ++k) {
        INFO(c.at("pool").dump(), " minimum ", c.at("minimum_trials_in_pool").dump(), " trial ", k);
        CHECK(trials.run(numbers(c.at("curves")[k]), 1) == step_or_none(c.at("stopped_at_epoch")[k]));
    }
}

void check_patience(const json& c) {
    const Patience policy{{.patience = std::max(1, c.at("patience").get<int>()),
                           .minimum_change = c.at("min_delta").get<double>()}};
    Trials trials(c.at("mode") == "min" ? Direction::minimize : Direction::maximize, policy);
    INFO(c.dump());
    CHECK(trials.run(numbers(c.at("values")), 0) == step_or_none(c.at("stop_epoch")));
}

/// A pruner's run with ours in its place, trials one after the other or in the order of its reports.
void check_run(const json& run, const json& curves, const AnyStoppingPolicy& policy) {
    const bool turned = run.at("direction") == "maximize";
    std::vector<std::vector<double>> values;
    for (const json& curve : curves.at(run.at("curves").get<std::string>())) {
        values.push_back(numbers(curve));
        if (turned)
            for (double& v : values.back()) v = std::round((1 - v) * 1e5) / 1e5;
    }
    Trials trials(turned ? Direction::maximize : Direction::minimize, policy);
    const int first = run.at("first_step").get<int>();
    std::vector<std::optional<int>> stopped(values.size());
    std::size_t reports = 0;
    if (run.contains("event_order")) {
        for (std::size_t k = 0; k < values.size(); ++k) (void)trials.begin();
        for (const json& entry : run.at("event_order")) {
            const auto trial = entry[0].get<std::int64_t>();
            const int step = entry[1].get<int>();
            const auto& curve = values.at(static_cast<std::size_t>(trial));
            const bool stop = trials.stops(trial, step, curve.at(static_cast<std::size_t>(step - first)));
            if (stop) stopped[static_cast<std::size_t>(trial)] = step;
            if (stop || step - first + 1 == static_cast<int>(curve.size())) trials.end(trial, stop);
            ++reports;
        }
    } else {
        for (std::size_t k = 0; k < values.size(); ++k) {
            stopped[k] = trials.run(values[k], first);
            reports += stopped[k] ? static_cast<std::size_t>(*stopped[k] - first + 1) : values[k].size();
        }
    }
    INFO(run.at("pruner").dump(), " on ", run.at("curves").dump());
    CHECK(reports == run.at("reports").get<std::size_t>());
    for (std::size_t k = 0; k < values.size(); ++k)
        CHECK(stopped[k] == step_or_none(run.at("pruned_at_step")[k]));
}

}  // namespace

TEST_CASE("stopping policies decide as the reference values say") {
    const auto folder = test::shared("fixtures/stopping");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".json") continue;
        const json file = json::parse(std::ifstream(entry.path()));
        for (const json& c : file.value("median_rule", json::array())) {
            check_median_rule(c);
            test::count_run();
        }
        for (const json& c : file.value("patience", json::array())) {
            check_patience(c);
            test::count_run();
        }
        std::map<std::string, int> unknown;
        for (const json& run : file.value("runs", json::array())) {
            if (run.at("pruner") != "NopPruner") {
                ++unknown[run.at("pruner").get<std::string>()];
                continue;
            }
            check_run(run, file.at("curves"), NeverStop{});
            test::count_run();
        }
        for (const auto& [pruner, runs] : unknown)
            for (int i = 0; i < runs; ++i)
                test::count_skip(pruner, "no policy of ours has exactly this rule");
        for (std::size_t i = 0; i < file.value("wilcoxon_p_values", json::array()).size(); ++i)
            test::count_skip("wilcoxon_p_values", "there is no signed-rank test yet");
    }
}

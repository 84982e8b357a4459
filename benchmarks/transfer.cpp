// Does a study that learns from earlier ones get there in fewer trials? Leave-one-task-out over the tasks of
// the surrogate of LCBench (shared/data/learning-curves): parents are cold studies of the other tasks. For
// each task and seed: after how many trials the warm study has reached what the cold one has after all of its
// trials; and the same with one parent only, which was told the opposite of the truth.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/strategy/by_name.hpp"
#include "attune/strategy/warm_start.hpp"
#include "replay/lcbench_surrogate.hpp"

namespace {

using namespace attune;
using attune::replay_benchmark::LcbenchSurrogate;
using Json = nlohmann::json;

/// A study of `trials` trials; `sign` -1 tells the opposite of what was measured. `best` gets the best
/// measured value after each trial.
Study run(const LcbenchSurrogate& surrogate, const std::string& task, AnyStrategy strategy,
          std::uint64_t seed, int trials, std::vector<double>& best, double sign = 1) {
    Study study;
    study.apply(
        {0,
         event::Created{
             task, seed, surrogate.space(), {maximize("accuracy")}, event::FinalValue::best_report, {}, {}}});
    for (int i = 0; i < trials; ++i) {
        SuggestionRequest request;
        request.trial = i;
        const auto suggestion = strategy.suggest(study, request);
        if (!suggestion) break;
        event::Suggested suggested;
        suggested.trial = i;
        suggested.configuration = suggestion->configuration.values();
        suggested.view = study.position();
        suggested.role = suggestion->role;
        suggested.fit = suggestion->fit;
        study.apply({static_cast<double>(i), suggested});
        const double value = surrogate.final_accuracy(task, suggestion->configuration);
        best.push_back(std::max(value, best.empty() ? value : best.back()));
        study.apply(
            {i + 0.5,
             event::Finished{i, TrialState::completed, {{"accuracy", sign * value}}, {}, "", {}, {}, {}}});
    }
    return study;
}

/// The first trial, from 1, with at least `wanted`; one more than there are where none has.
double reached(const std::vector<double>& best, double wanted) {
    const auto found = std::find_if(best.begin(), best.end(), [&](double v) { return v >= wanted; });
    return static_cast<double>(found - best.begin()) + 1;
}

double quantile(std::vector<double> values, double q) {
    if (values.empty()) return std::nan("");
    std::sort(values.begin(), values.end());
    const double at = q * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const std::size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

Json summary(const std::vector<double>& values) {
    return {{"median", quantile(values, 0.5)},
            {"quartiles", {quantile(values, 0.25), quantile(values, 0.75)}},
            {"count", values.size()}};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Trials that a study saves by learning from earlier ones, task by task."};
    std::string folder = "../shared/data/learning-curves", strategy = "gaussian_process";
    int seeds = 3, trials = 30, most_tasks = 1000;
    app.add_option("--data", folder, "Where lcbench-surrogate.json and .safetensors lie")
        ->capture_default_str();
    app.add_option("--strategy", strategy, "By name")->capture_default_str();
    app.add_option("--seeds", seeds, "Of the cold and warm studies")->capture_default_str();
    app.add_option("--trials", trials, "Of each study")->capture_default_str();
    app.add_option("--tasks", most_tasks, "At most so many are left out in turn")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    const LcbenchSurrogate surrogate(folder);
    const std::vector<std::string>& tasks = surrogate.tasks();
    const AnyStrategy cold = StrategyRegistry::standard().make(strategy);
    std::vector<double> warm_reached, ratio, misled_reached, again_reached, misled_more;
    for (int seed = 1; seed <= seeds; ++seed) {
        const auto number = static_cast<std::uint64_t>(seed);
        std::vector<std::shared_ptr<const Study>> studies;
        std::vector<std::vector<double>> bests(tasks.size());
        for (std::size_t t = 0; t < tasks.size(); ++t)
            studies.push_back(
                std::make_shared<const Study>(run(surrogate, tasks[t], cold, number, trials, bests[t])));
        for (std::size_t t = 0; t < std::min(tasks.size(), static_cast<std::size_t>(most_tasks)); ++t) {
            std::vector<ParentStudy> parents;
            for (std::size_t other = 0; other < tasks.size(); ++other)
                if (other != t) parents.push_back({studies[other]});
            std::vector<double> warm, misled, again, lied;
            (void)run(surrogate, tasks[t], WarmStart(parents, cold), number + 1000, trials, warm);
            // A cold study with another seed needs as many trials by luck alone as the misled one may.
            (void)run(surrogate, tasks[t], cold, number + 2000, 2 * trials, again);
            const auto liar = std::make_shared<const Study>(
                run(surrogate, tasks[t], cold, number + 3000, trials, lied, -1));
            (void)run(surrogate, tasks[t], WarmStart({{liar}}, cold), number + 2000, 2 * trials, misled);
            const double wanted = bests[t].back();
            warm_reached.push_back(reached(warm, wanted));
            ratio.push_back(warm_reached.back() / reached(bests[t], wanted));
            again_reached.push_back(reached(again, wanted));
            misled_reached.push_back(reached(misled, wanted));
            misled_more.push_back(misled_reached.back() - again_reached.back());
        }
    }
    double mean = 0;
    for (const double more : misled_more) mean += more / static_cast<double>(misled_more.size());
    std::cout << Json{{"strategy", strategy},
                      {"trials", trials},
                      {"seeds", seeds},
                      {"tasks", tasks.size()},
                      {"warm_trials_to_cold_best", summary(warm_reached)},
                      {"ratio_to_the_cold_trial_that_found_it", summary(ratio)},
                      {"cold_again_trials_to_cold_best", summary(again_reached)},
                      {"misled_trials_to_cold_best", summary(misled_reached)},
                      {"misled_minus_cold_again", summary(misled_more)},
                      {"misled_minus_cold_again_mean", mean}}
                     .dump(2)
              << '\n';
    return 0;
}

// How many epochs methods that pause or stop take to find as good a configuration as 100 fully trained random
// ones, on every task of the LCBench surrogate. Prints JSON, one entry a task and repeat;
// benchmarks/freeze_thaw_lcbench.py puts Optuna beside it.
//     freeze_thaw_lcbench ../shared/data/learning-curves --repeats 1
#include <attune/error.hpp>
#include <attune/stopping/curve_prediction.hpp>
#include <attune/strategy/asynchronous_halving.hpp>
#include <attune/strategy/by_name.hpp>
#include <attune/strategy/freeze_thaw.hpp>
#include <attune/strategy/hyperband.hpp>
#include <attune/tune/tuner.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "replay/lcbench_surrogate.hpp"

namespace {

using namespace attune;
using namespace attune::replay_benchmark;

constexpr int random_trials = 100;

double best_of_random(const LcbenchSurrogate& surrogate, const std::string& task, std::uint64_t seed) {
    const SearchSpace& space = surrogate.space();
    double best = 0;
    for (int i = 0; i < random_trials; ++i) {
        RandomStream stream(seed, static_cast<std::uint64_t>(i), Purpose::user);
        std::vector<double> native(space.size());
        for (std::size_t j = 0; j < space.size(); ++j) native[j] = space[j].decode(stream.uniform());
        best = std::max(best, surrogate.final_accuracy(task, space.from_native(std::move(native))));
    }
    return best;
}

/// How a method's trials are begun, gone on with and paused.
struct Parts {
    AnyStrategy strategy;
    AnyStoppingPolicy policy = NeverStop{};
};

/// `<what pauses>+<where trials begin>`, or the latter alone.
Parts parts_of(const std::string& name, double budget) {
    const auto plus = name.find('+');
    const std::string outer = plus == std::string::npos ? "" : name.substr(0, plus);
    const std::string begins = plus == std::string::npos ? name : name.substr(plus + 1);
    AnyStrategy inner = StrategyRegistry::standard().make(begins);
    constexpr double horizon = LcbenchSurrogate::epochs;
    if (outer.empty()) return {inner};
    if (outer == "freeze_thaw") return {FreezeThaw{inner, {.horizon = horizon, .budget_steps = budget}}};
    if (outer == "freeze_thaw_open") return {FreezeThaw{inner, {.horizon = horizon}}};
    if (outer == "asynchronous_halving") return {AsynchronousHalving{inner, {.maximum_resource = horizon}}};
    if (outer == "hyperband") return {Hyperband{inner, {.maximum_resource = horizon}}};
    if (outer == "curve_prediction") return {inner, CurvePrediction{{.horizon = horizon}}};
    throw UnknownName("method '" + name +
                      "' is unknown; before '+' may stand: freeze_thaw, freeze_thaw_open (without a budget), "
                      "asynchronous_halving, hyperband, curve_prediction");
}

/// Epochs until a fully trained trial was as good as `target`, or nothing within the budget; and the best.
struct Reached {
    double epochs = std::nan("");
    double best = 0;
};

Reached reach(const LcbenchSurrogate& surrogate, const std::string& task, const std::string& method,
              std::uint64_t seed, double target, double budget) {
    Parts parts = parts_of(method, budget);
    Tuner tuner{surrogate.space(), maximize("accuracy"), parts.strategy, parts.policy,
                TunerOptions{.seed = seed, .resumable = true}};
    std::map<std::int64_t, int> trained;
    double spent = 0;
    Reached out;
    while (spent < budget && std::isnan(out.epochs)) {
        auto trial = tuner.ask();
        if (!trial) break;
        const auto curve = surrogate.curve(task, trial->configuration());
        int& epoch = trained[trial->number()];
        Decision decision = Decision::proceed;
        while (epoch < LcbenchSurrogate::epochs && spent < budget && decision == Decision::proceed) {
            const double value = curve[static_cast<std::size_t>(epoch++)];
            ++spent;
            decision = trial->report(epoch, value);
        }
        if (decision == Decision::pause && epoch < LcbenchSurrogate::epochs) {
            tuner.pause(trial->number(), {}, "");
            continue;
        }
        if (decision == Decision::stop) {
            trial->tell(Metrics{});
            continue;
        }
        if (epoch < LcbenchSurrogate::epochs) break;
        trial->tell(curve.back());
        out.best = std::max(out.best, curve.back());
        if (curve.back() >= target) out.epochs = spent;
    }
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    std::string folder;
    std::vector<std::string> methods{"freeze_thaw+gaussian_process", "curve_prediction+gaussian_process",
                                     "asynchronous_halving+gaussian_process"},
        tasks;
    int repeats = 1;
    double share = 0.2;
    CLI::App app{"epochs to the best of 100 random trainings on the LCBench surrogate"};
    app.add_option("folder", folder, "where lcbench-surrogate.safetensors and .json are")->required();
    app.add_option("--methods", methods, "[WHAT PAUSES+]STRATEGY: freeze_thaw, freeze_thaw_open, ...")
        ->capture_default_str()
        ->delimiter(',');
    app.add_option("--tasks", tasks, "all where left out")->delimiter(',');
    app.add_option("--repeats", repeats)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--budget", share, "share of the random trials' epochs to give up after")
        ->check(CLI::Range(0.01, 1.0))
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        const LcbenchSurrogate surrogate(folder);
        if (tasks.empty()) tasks = surrogate.tasks();
        for (const std::string& task : tasks)
            if (std::find(surrogate.tasks().begin(), surrogate.tasks().end(), task) ==
                surrogate.tasks().end())
                throw UnknownName("task '" + task + "' is unknown to the surrogate");
        const double all = random_trials * LcbenchSurrogate::epochs;
        nlohmann::json rows = nlohmann::json::array();
        for (int repeat = 1; repeat <= repeats; ++repeat)
            for (const std::string& task : tasks) {
                const auto seed = static_cast<std::uint64_t>(repeat);
                const double target = best_of_random(surrogate, task, seed);
                for (const std::string& method : methods) {
                    const Reached out = reach(surrogate, task, method, seed, target, share * all);
                    std::cerr << task << ' ' << method << ": " << out.epochs / all << " (best " << out.best
                              << ", target " << target << ")\n";
                    rows.push_back(
                        {{"task", task},
                         {"repeat", repeat},
                         {"method", method},
                         {"target", target},
                         {"best", out.best},
                         {"share_of_epochs",
                          std::isnan(out.epochs) ? nlohmann::json() : nlohmann::json(out.epochs / all)}});
                }
            }
        std::printf("%s\n", rows.dump(1).c_str());
    } catch (const Error& error) {
        std::cerr << "freeze_thaw_lcbench: " << error.what() << '\n';
        return 2;
    }
}

// How much of the best front's hypervolume do strategies find? Runs each on problems with several losses and
// prints, for each number of evaluations, the median over seeds (and quartiles) of log10 of the share of the
// hypervolume that is still missing. `--serve PROBLEM` evaluates configurations for another program instead:
// a line of JSON in, losses and the missing share out (see fronts_optuna.py).

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <ctime>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/strategy/by_name.hpp"
#include "attune/study/random_stream.hpp"
#include "attune/tune/tuner.hpp"
#include "problems.hpp"

namespace {

using namespace attune;
using attune::fronts::Problem;
using Json = nlohmann::json;

struct Arguments {
    std::vector<std::string> strategies{"gaussian_process", "random"};
    std::vector<std::string> problems{"all"};
    std::vector<int> at{20, 40, 80};
    int seeds = 10, parallel = 1, threads = 1;
    std::string serve;
};

/// What a run has found so far.
class Found {
  public:
    Found(const Problem& problem, std::uint64_t seed) : problem_(problem), seed_(seed) {}

    /// What is observed of a configuration; its losses without noise join the front.
    Losses evaluate(const Configuration& configuration) {
        Losses losses = problem_.losses(configuration);
        front_.push_back(losses);
        RandomStream noise(seed_, front_.size(), Purpose::suggestion, 0);
        for (double& loss : losses)
            if (problem_.noise > 0) loss += problem_.noise * noise.normal();
        return losses;
    }
    /// log10 of the missing share of the hypervolume.
    [[nodiscard]] double missing() const {
        return std::log10(std::max(1e-12, 1 - hypervolume(front_, problem_.reference) / problem_.volume));
    }
    [[nodiscard]] std::size_t count() const { return front_.size(); }

  private:
    const Problem& problem_;
    std::uint64_t seed_;
    std::vector<Losses> front_;
};

std::vector<Objective> objectives_of(const Problem& problem) {
    std::vector<Objective> out;
    for (std::size_t k = 0; k < problem.reference.size(); ++k)
        out.push_back(minimize("f" + std::to_string(k)));
    return out;
}

struct Run {
    std::vector<double> missing;  ///< at each of the numbers of evaluations
    double ask_seconds = 0;       ///< processor time, all asks together
};

double thread_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Run run(const std::string& strategy, const Problem& problem, std::uint64_t seed, const Arguments& arguments) {
    Tuner tuner{problem.space, objectives_of(problem), StrategyRegistry::standard().make(strategy, {}),
                TunerOptions{.seed = seed}};
    Found found(problem, seed);
    Run out;
    std::deque<Trial> flying;
    const auto budget = static_cast<std::size_t>(*std::max_element(arguments.at.begin(), arguments.at.end()));
    while (found.count() < budget) {
        while (flying.size() < static_cast<std::size_t>(arguments.parallel) &&
               found.count() + flying.size() < budget) {
            const double begin = thread_seconds();
            auto trial = tuner.ask();
            out.ask_seconds += thread_seconds() - begin;
            if (!trial) throw InvalidState(problem.name + ": the space is spent");
            flying.push_back(std::move(*trial));
        }
        const Losses losses = found.evaluate(flying.front().configuration());
        Metrics metrics;
        for (std::size_t k = 0; k < losses.size(); ++k) metrics["f" + std::to_string(k)] = losses[k];
        flying.front().tell(metrics);
        flying.pop_front();
        if (std::ranges::find(arguments.at, static_cast<int>(found.count())) != arguments.at.end())
            out.missing.push_back(found.missing());
    }
    return out;
}

double quantile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    const double place = share * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (place - std::floor(place)) * (values[high] - values[low]);
}

Json summary(const std::string& strategy, const Problem& problem, const std::vector<Run>& runs,
             const Arguments& arguments) {
    Json out{{"method", strategy},
             {"problem", problem.name},
             {"parallel", arguments.parallel},
             {"seeds", runs.size()}};
    double seconds = 0;
    for (const Run& r : runs) seconds += r.ask_seconds;
    out["milliseconds_an_ask"] = 1e3 * seconds / static_cast<double>(runs.size()) /
                                 *std::max_element(arguments.at.begin(), arguments.at.end());
    for (std::size_t i = 0; i < arguments.at.size(); ++i) {
        std::vector<double> values;
        for (const Run& r : runs) values.push_back(r.missing.at(i));
        out["at"][std::to_string(arguments.at[i])] = {
            {"median", quantile(values, 0.5)},
            {"quartiles", {quantile(values, 0.25), quantile(values, 0.75)}},
            {"all", values}};
    }
    return out;
}

std::vector<Problem> chosen(const std::vector<std::string>& names) {
    std::vector<Problem> out;
    for (const std::string& name : names) {
        const std::size_t before = out.size();
        for (Problem& problem : fronts::all_problems())
            if (name == "all" || name == problem.name) out.push_back(std::move(problem));
        if (out.size() == before) throw UnknownName("problem '" + name + "' is unknown");
    }
    return out;
}

void measure(const Arguments& arguments) {
    for (const Problem& problem : chosen(arguments.problems))
        for (const std::string& strategy : arguments.strategies) {
            std::vector<Run> runs(static_cast<std::size_t>(arguments.seeds));
            std::atomic<std::size_t> next{0};
            {
                std::vector<std::jthread> pool;
                for (int t = 0; t < arguments.threads; ++t)
                    pool.emplace_back([&] {
                        for (std::size_t i = next++; i < runs.size(); i = next++)
                            runs[i] = run(strategy, problem, i, arguments);
                    });
            }
            std::cout << summary(strategy, problem, runs, arguments).dump() << std::endl;
        }
}

/// First the space; then for {"seed": s} a new run, and for {"configuration": {...}} its losses.
void serve(const Problem& problem) {
    std::cout << Json{{"space", space_to_json(problem.space).at("space")},
                      {"losses", problem.reference.size()}}
                     .dump()
              << std::endl;
    auto found = std::make_unique<Found>(problem, 0);
    for (std::string line; std::getline(std::cin, line);) {
        const Json request = Json::parse(line);
        if (request.contains("seed")) {
            found = std::make_unique<Found>(problem, request.at("seed").get<std::uint64_t>());
            continue;
        }
        const auto values = values_from_json(request.at("configuration"), "configuration");
        const Losses losses = found->evaluate(problem.space.configuration(values));
        std::cout << Json{{"losses", losses}, {"missing", found->missing()}}.dump() << std::endl;
    }
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Hypervolume that strategies find on problems with several losses; prints JSON"};
    Arguments arguments;
    app.add_option("--strategies", arguments.strategies)->delimiter(',')->capture_default_str();
    app.add_option("--problems", arguments.problems, "Names, or all")->delimiter(',')->capture_default_str();
    app.add_option("--at", arguments.at, "Numbers of evaluations, rising; the last is the budget")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--seeds", arguments.seeds)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--parallel", arguments.parallel, "Evaluations in flight")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--threads", arguments.threads, "Runs at a time")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--serve", arguments.serve, "Evaluates for another program instead");
    CLI11_PARSE(app, argc, argv);
    if (arguments.serve.empty())
        measure(arguments);
    else
        serve(chosen({arguments.serve}).front());
    return 0;
} catch (const std::exception& error) {
    std::cerr << "fronts: " << error.what() << '\n';
    return 2;
}

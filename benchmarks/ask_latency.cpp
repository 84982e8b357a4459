// Seconds of one ask as a study grows: random search beside the other strategies in one run. Prints JSON.
//     ask_latency --dimensions 5 --trials 100
#include <attune/runtime.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

nlohmann::json measure(const std::string& name, int dimensions, int trials) {
    attune::SearchSpace space;
    std::vector<attune::Handle<double>> x;
    for (int i = 0; i < dimensions; ++i) x.push_back(space.continuous("x" + std::to_string(i), -5.0, 5.0));
    attune::Tuner tuner{space, attune::minimize("y"), attune::StrategyRegistry::standard().make(name),
                        attune::TunerOptions{.seed = 1}};
    std::vector<double> asks;
    double best = 0;
    for (int k = 0; k < trials; ++k) {
        const auto start = std::chrono::steady_clock::now();
        auto trial = tuner.ask();
        asks.push_back(seconds_since(start));
        double y = 0;
        for (const auto& handle : x)
            y += std::pow((*trial)[handle] - 1.5, 2) + std::sin(3 * (*trial)[handle]);
        best = k == 0 ? y : std::min(best, y);
        trial->tell(y);
    }
    std::vector<double> last(asks.end() - std::min<std::ptrdiff_t>(20, std::ssize(asks)), asks.end());
    double mean = 0;
    for (const double a : last) mean += a / static_cast<double>(last.size());
    std::sort(last.begin(), last.end());
    return {{"strategy", name},
            {"dimensions", dimensions},
            {"trials", trials},
            {"mean_of_last_20_seconds", mean},
            {"median_of_last_20_seconds", last[last.size() / 2]},
            {"dearest_seconds", *std::max_element(asks.begin(), asks.end())},
            {"best", best}};
}

}  // namespace

int main(int argc, char** argv) {
    int dimensions = 5, trials = 100;
    CLI::App app{"latency of one ask"};
    app.add_option("--dimensions", dimensions)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--trials", trials)->check(CLI::PositiveNumber)->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    nlohmann::json rows = nlohmann::json::array();
    for (const char* name : {"random", "sobol", "gaussian_process"})
        rows.push_back(measure(name, dimensions, trials));
    std::printf("%s\n", rows.dump(2).c_str());
}

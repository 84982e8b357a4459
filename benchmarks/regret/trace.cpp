#include "trace.hpp"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "attune/error.hpp"
#include "attune/version.hpp"

namespace attune::regret {

std::optional<double> Trace::at(int k) const {
    if (evaluations < k) return std::nullopt;
    double regret = std::numeric_limits<double>::infinity();  // nothing found yet
    for (const auto& [first, value] : steps)
        if (first <= k) regret = value;
    return regret;
}

std::vector<Trace> read_traces(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw InvalidOption("traces " + file.string() + ": cannot be read");
    const auto document = nlohmann::json::parse(stream);
    std::vector<Trace> traces;
    for (const auto& run : document.at("runs")) {
        if (!run.contains("problem") || !run.contains("steps")) continue;
        Trace trace{document.at("peer"),
                    run.at("problem"),
                    run.at("seed"),
                    run.at("budget"),
                    run.at("batch"),
                    run.at("n"),
                    0.0,
                    {},
                    0};
        for (const auto& step : run.at("steps")) trace.steps.emplace_back(step.at(0), step.at(1));
        traces.push_back(std::move(trace));
    }
    return traces;
}

void write_traces(const std::filesystem::path& file, const std::vector<Trace>& traces) {
    std::ofstream stream(file);
    if (!stream) throw InvalidOption("traces " + file.string() + ": cannot be written");
    auto runs = nlohmann::ordered_json::array();
    for (const Trace& t : traces)
        runs.push_back({{"problem", t.problem},
                        {"seed", t.seed},
                        {"budget", t.budget},
                        {"batch", t.batch},
                        {"steps", t.steps},
                        {"n", t.evaluations}});
    const nlohmann::ordered_json document{
        {"peer", traces.front().method}, {"versions", {{"attune", version()}}}, {"runs", std::move(runs)}};
    stream << document.dump() << '\n';
}

}  // namespace attune::regret

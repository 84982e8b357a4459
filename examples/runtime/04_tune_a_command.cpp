// Tunes a program it knows nothing about: a shell script that "trains" and prints its progress. The metrics
// are read from the output as it comes, hopeless runs are ended early, and an extractor of one's own reads a
// line that no regular expression is made for.
#include <attune/runtime.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace {

// Reads lines such as "memory|megabytes|512": any class with this one member is a metric extractor.
struct PipeSeparated {
    std::vector<attune::MetricValue> extract(std::string_view line) const {
        const auto first = line.find('|'), second = line.rfind('|');
        if (first == std::string_view::npos || first == second) return {};
        const auto number = attune::parse_number(line.substr(second + 1));
        if (!number) return {};
        return {{std::string(line.substr(0, first)), *number, {}}};
    }
};

// Both kinds in one: the parts are values, so putting them together is a matter of calling them.
struct TrainingLog {
    attune::RegexMetrics accuracy{
        std::vector<attune::MetricDefinition>{{"accuracy", R"(validation: accuracy=([0-9\.]+))"}}};
    PipeSeparated resources;
    std::vector<attune::MetricValue> extract(std::string_view line) {
        auto values = accuracy.extract(line);
        for (auto& value : resources.extract(line)) values.push_back(std::move(value));
        return values;
    }
};

constexpr const char* trainer = R"(#!/bin/sh
# arguments: --lr VALUE --layers VALUE
awk -v lr="$2" -v layers="$4" 'BEGIN {
    good = 0.9 - 0.1 * (log(lr) / log(10) + 2) ^ 2 - 0.05 * (layers - 3) ^ 2
    for (epoch = 1; epoch <= 8; ++epoch) {
        printf "epoch %d\nvalidation: accuracy=%.4f loss=0.1\n", epoch, (good > 0 ? good : 0) * (1 - exp(-epoch / 2))
        fflush()
    }
    print "memory|megabytes|" 100 * layers
}'
)";

}  // namespace

int main() {
    const auto folder = std::filesystem::temp_directory_path() / "attune-example-command";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "train.sh") << trainer;

    attune::SearchSpace space;
    space.continuous("lr", 1e-4, 1.0, attune::Scale::log);
    space.integer("layers", 1, 6);

    attune::ScriptOptions script;
    script.command.command = {"/bin/sh", (folder / "train.sh").string()};  // --lr and --layers are appended
    script.command.extractor = TrainingLog{};
    script.command.collector.objectives = {"accuracy"};
    script.log_folder = folder / "logs";

    attune::Tuner tuner{space, attune::maximize("accuracy"), attune::GaussianProcess{}, attune::MedianRule{},
                        attune::Threads{2}};
    const auto outcome = tuner.run({.max_trials = 25}, attune::ScriptObjective{script});
    std::printf("%s", attune::best_trials_table(outcome.study(), {.rows = 5}).c_str());
    attune::write_report(outcome.study(), folder / "report.html");
    const double memory = outcome.best().metric("memory");
    std::printf("the best run used %.0f MB; the report is %s\n", memory, (folder / "report.html").c_str());
    return outcome.best_value() > 0.8 && memory > 0 ? 0 : 1;
}

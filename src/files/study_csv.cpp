#include <set>

#include "attune/files/csv.hpp"
#include "attune/files/study_export.hpp"

namespace attune {

std::string study_as_csv(const Study& study) {
    std::set<std::string, std::less<>> metrics;
    for (const TrialRecord& trial : study.trials())
        for (const auto& [name, value] : trial.metrics) metrics.insert(name);
    std::vector<std::string> fields{"trial", "state", "started_seconds", "duration_seconds"};
    for (const Parameter& parameter : study.space().parameters()) fields.push_back(parameter.name);
    fields.insert(fields.end(), metrics.begin(), metrics.end());
    fields.emplace_back("reason");
    std::string out = csv_line(fields);
    for (const TrialRecord& trial : study.trials()) {
        fields = {std::to_string(trial.number), std::string(to_string(trial.state)),
                  to_string(trial.started_seconds),
                  trial.finished() ? to_string(trial.duration_seconds()) : ""};
        for (const Parameter& parameter : study.space().parameters()) {
            const auto value = trial.configuration.find(parameter.name);
            fields.push_back(value ? to_string(*value) : "");
        }
        for (const std::string& name : metrics) {
            const auto value = trial.metrics.find(name);
            fields.push_back(value == trial.metrics.end() ? "" : to_string(value->second));
        }
        fields.push_back(trial.reason);
        out += csv_line(fields);
    }
    return out;
}

}  // namespace attune

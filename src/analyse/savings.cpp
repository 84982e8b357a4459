#include "attune/analyse/savings.hpp"

#include <algorithm>
#include <cmath>

namespace attune {
namespace {

double last_step(const TrialRecord& trial) {
    double last = trial.reports.front().step;
    for (const Report& report : trial.reports) last = std::max(last, report.step);
    return last;
}

template <class T>
T median(std::vector<T> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Seconds between a trial's reports: the start and the end of its program are not in them, nor is the time
/// that it stood paused. NaN where it has a single report.
double pace(const TrialRecord& trial) {
    const std::size_t gaps = trial.reports.size() - 1;
    if (gaps == 0) return std::nan("");
    const double between = trial.reports.back().time_seconds - trial.reports.front().time_seconds;
    return std::min(between / static_cast<double>(gaps),
                    trial.duration_seconds() / static_cast<double>(trial.reports.size()));
}

/// Whether the interval that the decision forecast reaches what it was compared with.
bool overlaps_best(const Objective& objective, const Metrics& numbers) {
    const auto best = numbers.find("best");
    const auto end = numbers.find(objective.direction == Direction::minimize ? "low" : "high");
    return best != numbers.end() && end != numbers.end() && objective.better(end->second, best->second);
}

}  // namespace

std::optional<Savings> savings(const Study& study) {
    std::vector<std::size_t> reports;
    std::vector<double> steps, paces;
    for (const TrialRecord& trial : study.trials())
        if (trial.state == TrialState::completed && !trial.reports.empty()) {
            reports.push_back(trial.reports.size());
            steps.push_back(last_step(trial));
            if (trial.reports.size() > 1) paces.push_back(pace(trial));
        }
    if (reports.empty()) return std::nullopt;
    const std::size_t whole = median(reports);
    const double end = median(steps);
    const double usual_pace = paces.empty() ? 0 : median(paces);
    Savings out;
    double run = 0;
    for (const TrialRecord& trial : study.trials()) {
        if (trial.reports.empty()) continue;
        run += last_step(trial);
        const bool stopped = trial.state == TrialState::stopped;
        const bool paused = trial.state == TrialState::paused;
        if ((!stopped && !paused) || trial.reports.size() >= whole) continue;
        ++(stopped ? out.stopped : out.paused);
        const auto made = static_cast<double>(trial.reports.size());
        const double missing = static_cast<double>(whole) - made;
        out.steps += std::max(0.0, end - last_step(trial));
        out.seconds += missing * (made > 1 ? pace(trial) : std::min(usual_pace, trial.duration_seconds()));
        if (trial.cost) out.cost = out.cost.value_or(0) + *trial.cost * missing / made;
        if (stopped && overlaps_best(study.objective(), trial.numbers)) out.risked.push_back(trial.number);
    }
    if (out.stopped + out.paused == 0) return std::nullopt;
    if (out.steps + run > 0) out.share = out.steps / (out.steps + run);
    return out;
}

}  // namespace attune

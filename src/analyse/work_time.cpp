#include "attune/analyse/work_time.hpp"

#include <algorithm>

namespace attune {
namespace {

constexpr double longest_thought_seconds = 5;

using Span = std::pair<double, double>;

double end_of(const TrialRecord& trial, double latest) {
    if (trial.finished() || trial.state == TrialState::paused) return trial.finished_seconds;
    if (trial.state == TrialState::running) return latest;
    return trial.reports.empty() ? trial.started_seconds : trial.reports.back().time_seconds;
}

std::vector<Span> spans_of(const Study& study) {
    std::vector<Span> spans;
    for (const TrialRecord& trial : study.trials()) {
        spans.insert(spans.end(), trial.earlier_work.begin(), trial.earlier_work.end());
        spans.emplace_back(trial.started_seconds,
                           std::max(trial.started_seconds, end_of(trial, study.latest_seconds())));
    }
    std::sort(spans.begin(), spans.end());
    return spans;
}

}  // namespace

WorkTime work_time(const Study& study) {
    WorkTime time{0, study.created_seconds(), study.latest_seconds(), {}};
    const std::vector<Span> spans = spans_of(study);
    if (spans.empty()) return time;
    time.begun_seconds = spans.front().first;
    double reached = time.begun_seconds;
    for (const auto& [from, until] : spans) {
        if (from - reached > longest_thought_seconds) {
            time.pauses.emplace_back(reached, from);
            reached = from;
        }
        if (until <= reached) continue;
        time.seconds += until - reached;
        reached = until;
    }
    return time;
}

double seconds_paused(const WorkTime& time) {
    double sum = 0;
    for (const auto& [from, until] : time.pauses) sum += until - from;
    return sum;
}

}  // namespace attune

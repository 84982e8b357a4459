#include "attune/metrics/metric_collector.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "attune/error.hpp"

namespace attune {
namespace {

constexpr double kWholeNumbersEnd = 9007199254740992.0;  // 2^53: beyond it doubles skip whole numbers

bool is_whole(double value) { return std::trunc(value) == value && std::abs(value) <= kWholeNumbersEnd; }

}  // namespace

std::optional<double> MetricReport::value(const std::string& name) const {
    const auto found =
        std::find_if(values.begin(), values.end(), [&](const auto& entry) { return entry.first == name; });
    return found == values.end() ? std::nullopt : std::optional(found->second);
}

void MetricCollectorOptions::validate() const {
    if (objectives.empty()) throw InvalidOption("objectives is empty; at least one metric completes reports");
    for (const std::string& name : objectives) {
        if (name.empty()) throw InvalidOption("objectives has an empty name; each must name a metric");
        if (std::count(objectives.begin(), objectives.end(), name) > 1)
            throw InvalidOption("objectives names '" + name + "' twice; each metric may stand once");
        if (name == step_metric)
            throw InvalidOption("step_metric is '" + name +
                                "', which is an objective; the step is another metric");
    }
}

MetricCollector::MetricCollector(MetricCollectorOptions options) : options_(std::move(options)) {
    options_.validate();
}

bool MetricCollector::is_objective(const std::string& name) const {
    return std::find(options_.objectives.begin(), options_.objectives.end(), name) !=
           options_.objectives.end();
}

bool MetricCollector::has_pending(const std::string& name) const {
    return std::any_of(pending_.begin(), pending_.end(),
                       [&](const auto& entry) { return entry.first == name; });
}

std::size_t MetricCollector::objectives_pending() const {
    return static_cast<std::size_t>(std::count_if(
        pending_.begin(), pending_.end(), [&](const auto& entry) { return is_objective(entry.first); }));
}

std::vector<MetricReport> MetricCollector::add(const std::vector<MetricValue>& line_values) {
    std::vector<MetricReport> reports;
    for (const MetricValue& value : line_values)
        if (!options_.step_metric.empty() && value.name == options_.step_metric)
            take_step(value.value, reports);
    for (const MetricValue& value : line_values) {
        if (!options_.step_metric.empty() && value.name == options_.step_metric) continue;
        if (value.step) take_step(static_cast<double>(*value.step), reports);
        take_value(value.name, value.value, reports);
    }
    const bool complete_now = options_.completion == ReportCompletion::on_objective &&
                              objectives_pending() == options_.objectives.size();
    if (complete_now) complete(reports);
    return reports;
}

std::optional<MetricReport> MetricCollector::finish() {
    std::vector<MetricReport> reports;
    if (objectives_pending() > 0) complete(reports);
    return reports.empty() ? std::nullopt : std::optional(std::move(reports.front()));
}

void MetricCollector::take_step(double value, std::vector<MetricReport>& reports) {
    if (!is_whole(value)) {
        ++passed_over_;
        return;
    }
    const auto step = static_cast<std::int64_t>(value);
    if (current_step_ == step) return;
    if (objectives_pending() > 0) complete(reports);
    current_step_ = step;
}

void MetricCollector::take_value(const std::string& name, double value, std::vector<MetricReport>& reports) {
    const bool arrives_again = is_objective(name) && has_pending(name);
    if (arrives_again && options_.completion == ReportCompletion::on_objective) complete(reports);
    const auto found = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == pending_.end())
        pending_.emplace_back(name, value);
    else
        found->second = value;
}

void MetricCollector::complete(std::vector<MetricReport>& reports) {
    const std::int64_t step = current_step_ ? *current_step_ : last_reported_.value_or(0) + 1;
    if (last_reported_ && step <= *last_reported_) {
        ++passed_over_;
        std::erase_if(pending_, [&](const auto& entry) { return is_objective(entry.first); });
        return;
    }
    reports.push_back({.step = step, .values = std::exchange(pending_, {})});
    last_reported_ = step;
}

}  // namespace attune

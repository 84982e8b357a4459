#include "replay/table.hpp"

#include <attune/error.hpp>
#include <attune/files/csv.hpp>
#include <attune/storage/open.hpp>
#include <attune/study/study.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "replay/configurations.hpp"

namespace attune::replay_benchmark {
namespace {

namespace fs = std::filesystem;

/// NaN for a field that is no number.
double number(const std::string& field) {
    double value = std::nan("");
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    return error == std::errc{} && end == field.data() + field.size() ? value : std::nan("");
}

/// `metric_12` as (metric, 12).
std::optional<std::pair<std::string, int>> epoch_column(const std::string& name) {
    const auto bar = name.rfind('_');
    if (bar == std::string::npos || bar == 0 || bar + 1 == name.size()) return std::nullopt;
    int epoch = 0;
    const auto [end, error] = std::from_chars(name.data() + bar + 1, name.data() + name.size(), epoch);
    if (error != std::errc{} || end != name.data() + name.size() || epoch < 0) return std::nullopt;
    return std::pair{name.substr(0, bar), epoch};
}

Objective objective_for(const std::string& metric, const TableOptions& options) {
    if (options.direction) return {metric, *options.direction};
    for (const char* word : {"loss", "error", "entropy", "perplexity", "wer", "rmse", "mae"})
        if (metric.find(word) != std::string::npos) return minimize(metric);
    return maximize(metric);
}

/// One column an epoch; nothing where the file has no two such columns.
std::optional<RecordedTable> epoch_table(const std::string& name, const std::vector<CsvRow>& rows,
                                         const TableOptions& options) {
    if (rows.size() < 2) return std::nullopt;
    std::map<std::string, std::map<int, std::size_t>> metrics;
    for (std::size_t i = 0; i < rows[0].fields.size(); ++i)
        if (const auto column = epoch_column(rows[0].fields[i])) metrics[column->first][column->second] = i;
    const std::pair<const std::string, std::map<int, std::size_t>>* chosen = nullptr;
    for (const auto& metric : metrics) {
        if (metric.second.size() < 2 || (!options.metric.empty() && metric.first != options.metric)) continue;
        if (chosen == nullptr || metric.second.size() > chosen->second.size()) chosen = &metric;
    }
    if (chosen == nullptr) return std::nullopt;
    RecordedTable table{name, objective_for(chosen->first, options), "epoch", "epochs", {}};
    std::vector<std::size_t> trained;
    for (std::size_t r = 1; r < rows.size(); ++r) {
        RecordedTrial trial;
        for (const auto& [epoch, column] : chosen->second) {
            if (column >= rows[r].fields.size()) continue;
            const double value = number(rows[r].fields[column]);
            if (std::isnan(value)) continue;
            trial.steps.push_back(epoch);
            trial.values.push_back(value);
            trial.spent.push_back(epoch);
        }
        if (trial.steps.empty()) continue;
        table.trials.push_back(std::move(trial));
        trained.push_back(r);
    }
    add_configurations(table, rows, trained, options);
    return table;
}

std::size_t column_of(const std::vector<std::string>& header, const std::string& name) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
}

std::string first_column(const std::vector<std::string>& header, const std::string& part, bool at_begin) {
    for (const std::string& name : header) {
        const auto place = name.find(part);
        if (place != std::string::npos && (!at_begin || place == 0)) return name;
    }
    return {};
}

/// A file of curves beside one of trials; the latter says which trials there are, in their order.
std::optional<RecordedTable> pair_table(const std::string& name, const std::vector<CsvRow>& trials,
                                        const std::vector<CsvRow>& curves, const TableOptions& options) {
    if (trials.size() < 2 || curves.size() < 2) return std::nullopt;
    const auto& header = curves[0].fields;
    const std::string metric =
        options.metric.empty() ? first_column(header, "validation_", true) : options.metric;
    // Trainings of one task are given the same time, but the steps that fit into it differ.
    std::string along = options.step;
    for (const char* part : {"seconds", "step"})
        if (along.empty()) along = first_column(header, part, false);
    const std::string cost = options.cost.empty() ? along : options.cost;
    const std::size_t id = column_of(header, "trial_id"), step = column_of(header, along),
                      value = column_of(header, metric), spent = column_of(header, cost),
                      key = column_of(trials[0].fields, "trial_id");
    const std::size_t last = std::max({id, step, value, spent});
    if (last >= header.size() || key >= trials[0].fields.size()) return std::nullopt;
    RecordedTable table{name, objective_for(metric, options), along, cost, {}};
    std::map<std::string, std::size_t> index;
    std::vector<std::size_t> row_of, trained;
    for (std::size_t r = 1; r < trials.size(); ++r)
        if (key < trials[r].fields.size() && index.emplace(trials[r].fields[key], index.size()).second)
            row_of.push_back(r);
    table.trials.resize(index.size());
    for (std::size_t r = 1; r < curves.size(); ++r) {
        const auto& fields = curves[r].fields;
        if (fields.size() <= last) continue;
        const auto found = index.find(fields[id]);
        const double s = number(fields[step]), c = number(fields[spent]);
        if (found == index.end() || !std::isfinite(s) || !std::isfinite(c)) continue;
        RecordedTrial& trial = table.trials[found->second];
        if (!trial.steps.empty() && s <= trial.steps.back()) continue;  // an evaluation that was repeated
        trial.steps.push_back(s);
        trial.values.push_back(number(fields[value]));
        trial.spent.push_back(c);
    }
    for (std::size_t i = 0; i < row_of.size(); ++i)
        if (!table.trials[i].steps.empty()) trained.push_back(row_of[i]);
    std::erase_if(table.trials, [](const RecordedTrial& trial) { return trial.steps.empty(); });
    add_configurations(table, trials, trained, options);
    return table;
}

const std::string curves_end = "-curves.csv", trials_end = "-trials.csv";

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() > end.size() && text.ends_with(end);
}

/// The other file of a pair; empty for files of other names.
std::string partner_of(const std::string& file) {
    if (ends_with(file, curves_end)) return file.substr(0, file.size() - curves_end.size()) + trials_end;
    if (ends_with(file, trials_end)) return file.substr(0, file.size() - trials_end.size()) + curves_end;
    return {};
}

}  // namespace

double RecordedTable::horizon() const {
    double last = 0;
    for (const RecordedTrial& trial : trials) last = std::max(last, trial.steps.back());
    return last;
}

TableFolder read_tables(const fs::path& folder, const TableOptions& options) {
    std::error_code failed;
    std::set<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder, failed))
        if (entry.is_regular_file()) files.insert(entry.path().filename().string());
    if (failed) throw FileError(folder.string() + ": cannot be read: " + failed.message());
    TableFolder out;
    for (const std::string& file : files) try {
            const std::string partner = partner_of(file);
            if (ends_with(file, trials_end) && files.contains(partner)) continue;  // read with its curves
            std::optional<RecordedTable> table;
            if (!ends_with(file, curves_end)) {
                if (ends_with(file, ".csv"))
                    table = epoch_table(file.substr(0, file.size() - 4), read_csv(folder / file), options);
            } else if (files.contains(partner)) {
                table = pair_table(file.substr(0, file.size() - curves_end.size()),
                                   read_csv(folder / partner), read_csv(folder / file), options);
            }
            if (table && table->trials.size() >= 2)
                out.tables.push_back(std::move(*table));
            else
                out.left_aside.push_back(file);
        } catch (const FileError& error) {
            out.broken.emplace_back(error.what());
        }
    return out;
}

RecordedTable table_of_study(const std::string& address) {
    Study study;
    for (const Event& event : open_storage(address, {.read_only = true}).read(0)) study.apply(event);
    if (!study.is_created()) throw InvalidState(address + ": holds no study");
    RecordedTable table{study.name(), study.objective(), "step", "seconds", {}, study.space()};
    for (const TrialRecord& trial : study.trials()) {
        if (trial.state != TrialState::completed) continue;
        RecordedTrial recorded;
        recorded.configuration = trial.configuration.values();
        double spent = 0, since = trial.started_seconds;
        for (const Report& report : trial.reports) {
            const auto value = report.metrics.find(study.objective().metric);
            if (value == report.metrics.end()) continue;
            if (!recorded.steps.empty() && report.step <= recorded.steps.back()) continue;
            spent += std::max(0.0, report.time_seconds - since);
            since = report.time_seconds;
            recorded.steps.push_back(report.step);
            recorded.values.push_back(value->second);
            recorded.spent.push_back(spent);
        }
        if (!recorded.steps.empty()) table.trials.push_back(std::move(recorded));
    }
    return table;
}

}  // namespace attune::replay_benchmark

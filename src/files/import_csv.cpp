#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "attune/error.hpp"
#include "attune/files/csv.hpp"
#include "attune/files/study_import.hpp"
#include "attune/space/detail/counted.hpp"
#include "date_text.hpp"
#include "number_text.hpp"
#include "trial_table.hpp"

namespace attune {
namespace {

using namespace detail;

constexpr std::string_view parameter_prefix = "params_";

/// A field as the kind of value that it looks like.
Value value_from(const std::string& text) {
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    constexpr std::int64_t largest = std::int64_t{1} << 53;
    const auto integer = number_of_text<std::int64_t>(text);
    if (integer && *integer <= largest && *integer >= -largest) return *integer;
    if (const auto number = number_of_text<double>(text); number && std::isfinite(*number)) return *number;
    return text;
}

/// A field as the parameter takes it: a choice by its text.
Value value_for(const Parameter& parameter, const std::string& text) {
    const Value value = value_from(text);
    for (const Value& choice : parameter.choices)
        if (to_string(choice) == text || equivalent(choice, value)) return choice;
    return value;
}

class CsvStudy {
  public:
    CsvStudy(std::vector<CsvRow> rows, const std::string& file, const ImportOptions& options)
        : rows_(std::move(rows)), options_(options) {
        table_.file = file;
        table_.name = std::filesystem::path(file).stem().string();
        table_.objectives = options.objectives;
    }

    TrialTable run() {
        if (options_.objectives.empty())
            throw InvalidOption(table_.file + ": a table does not say what is better; name the objectives, " +
                                "such as minimize:loss");
        if (rows_.empty()) throw FileError(table_.file + ": is empty; its first line must name the columns");
        read_header();
        declare_parameters();
        note_columns_outside_space();
        for (std::size_t i = 1; i < rows_.size(); ++i) table_.trials.push_back(trial(rows_[i]));
        return std::move(table_);
    }

  private:
    enum class Role { parameter, metric, number_or_attribute, attribute, reserved };
    struct Column {
        std::string name;  ///< without a prefix
        Role role = Role::reserved;
    };

    [[nodiscard]] bool is_reserved(const std::string& name) const {
        static const std::set<std::string> names{"trial",
                                                 "number",
                                                 "state",
                                                 "started_seconds",
                                                 "finished_seconds",
                                                 "duration_seconds",
                                                 "datetime_start",
                                                 "datetime_complete",
                                                 "duration",
                                                 "reason"};
        return names.contains(name);
    }

    /// The metric that a column holds, or nothing: an objective by name or by its place, or one of `metrics`.
    [[nodiscard]] std::optional<std::string> metric_of(const std::string& name) const {
        for (const Objective& objective : options_.objectives)
            if (objective.metric == name || "values_" + objective.metric == name) return objective.metric;
        for (const std::string& metric : options_.metrics)
            if (metric == name) return name;
        if (options_.objectives.size() == 1 && name == "value") return options_.objectives.front().metric;
        for (std::size_t i = 0; i < options_.objectives.size(); ++i)
            if (name == "values_" + std::to_string(i)) return options_.objectives[i].metric;
        return std::nullopt;
    }

    void read_header() {
        const CsvRow& header = rows_.front();
        const bool prefixed =
            std::any_of(header.fields.begin(), header.fields.end(),
                        [](const std::string& f) { return f.starts_with(parameter_prefix); });
        std::set<std::string> seen;
        for (const std::string& field : header.fields) {
            if (!seen.insert(field).second)
                throw FileError(fmt::format("{}: line {}: the column '{}' stands twice", table_.file,
                                            header.line, field));
            columns_.push_back(column(field, prefixed));
        }
        for (const Objective& objective : options_.objectives) require(objective.metric);
        for (const std::string& metric : options_.metrics) require(metric);
    }

    [[nodiscard]] Column column(const std::string& field, bool prefixed) const {
        if (const auto metric = metric_of(field)) return {*metric, Role::metric};
        std::string name = field;
        if (prefixed && field.starts_with(parameter_prefix)) {
            name = field.substr(parameter_prefix.size());
            if (!options_.space || options_.space->schema().find(name)) return {name, Role::parameter};
        }
        if (options_.space && options_.space->schema().find(field)) return {field, Role::parameter};
        if (is_reserved(field)) return {field, Role::reserved};
        if (field.starts_with("user_attrs_")) return {field.substr(11), Role::attribute};
        if (field.starts_with("system_attrs_")) return {"optuna:" + field.substr(13), Role::attribute};
        if (prefixed || options_.space) return {name, Role::number_or_attribute};
        return {field, Role::parameter};
    }

    void require(const std::string& metric) const {
        std::string list;
        for (const Column& column : columns_) {
            if (column.role == Role::metric && column.name == metric) return;
            list += (list.empty() ? "" : ", ") + column.name;
        }
        throw FileError(table_.file + ": has no column for the metric '" + metric + "'; it has " + list);
    }

    void declare_parameters() {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const Column& column = columns_[i];
            if (column.role != Role::parameter) continue;
            if (options_.space) {
                parameters_[i] = (*options_.space)[options_.space->schema().index(column.name)];
                continue;
            }
            std::vector<Value> values;
            for (std::size_t row = 1; row < rows_.size(); ++row)
                if (i < rows_[row].fields.size() && !rows_[row].fields[i].empty())
                    values.push_back(value_from(rows_[row].fields[i]));
            if (values.empty()) {
                table_.notes.push_back("column '" + column.name + "' is empty; it is left out");
                continue;
            }
            parameters_[i] = parameter_from_values(column.name, values);
            table_.parameters.push_back(parameters_[i]);
        }
        if (parameters_.empty()) throw FileError(table_.file + ": has no column of a parameter");
    }

    /// A column that the space does not name is no parameter, which may be a slip of either.
    void note_columns_outside_space() {
        if (!options_.space) return;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (columns_[i].role == Role::number_or_attribute)
                table_.notes.push_back(
                    fmt::format("column '{}' is no parameter of the space; its values are "
                                "kept as the trials' metrics or notes",
                                rows_.front().fields[i]));
    }

    [[nodiscard]] TableTrial trial(const CsvRow& row) {
        TableTrial out;
        out.where = "line " + std::to_string(row.line);
        out.number = static_cast<std::int64_t>(table_.trials.size());
        if (row.fields.size() != columns_.size())
            throw FileError(fmt::format("{}: {}: has {}, but the header names {}", table_.file, out.where,
                                        detail::counted(row.fields.size(), "field"), columns_.size()));
        std::map<std::string, std::string> reserved;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (!row.fields[i].empty()) take(columns_[i], i, row.fields[i], out, reserved);
        take_reserved(reserved, out);
        return out;
    }

    void take(const Column& column, std::size_t index, const std::string& field, TableTrial& out,
              std::map<std::string, std::string>& reserved) const {
        const auto number = number_of_text<double>(field);
        const bool is_metric =
            column.role == Role::metric || (column.role == Role::number_or_attribute && number);
        if (is_metric && !number) refuse(out, column.name, field, "must be a number");
        if (is_metric)
            out.metrics[column.name] = *number;
        else if (column.role == Role::parameter)
            out.values.emplace_back(column.name, value_for(parameters_.at(index), field));
        else if (column.role == Role::reserved)
            reserved[column.name] = field;
        else
            out.attributes[column.name] = field;
    }

    [[noreturn]] void refuse(const TableTrial& trial, const std::string& column, const std::string& field,
                             const std::string& rule) const {
        throw FileError(fmt::format("{}: {}: {} '{}' {}", table_.file, trial.where, column, field, rule));
    }

    void take_reserved(const std::map<std::string, std::string>& fields, TableTrial& out) const {
        const auto number = [&](const std::string& name) -> std::optional<double> {
            const auto found = fields.find(name);
            if (found == fields.end()) return std::nullopt;
            const auto value = number_of_text<double>(found->second);
            if (!value || !std::isfinite(*value)) refuse(out, name, found->second, "must be a finite number");
            return value;
        };
        const auto date = [&](const std::string& name) -> std::optional<double> {
            const auto found = fields.find(name);
            if (found == fields.end()) return std::nullopt;
            const auto value = seconds_of_date(found->second, Clock::utc);
            if (!value) refuse(out, name, found->second, "is no date such as 2026-01-31 23:59:59");
            return value;
        };
        for (const char* name : {"number", "trial"})
            if (const auto value = number(name)) {
                if (*value != std::floor(*value) || std::abs(*value) > 0x1p53)
                    refuse(out, name, fields.at(name), "must be a whole number");
                out.number = static_cast<std::int64_t>(*value);
            }
        out.started = number("started_seconds");
        if (!out.started) out.started = date("datetime_start");
        out.finished = number("finished_seconds");
        if (!out.finished) out.finished = date("datetime_complete");
        if (const auto duration = number("duration_seconds"); duration && out.started && !out.finished)
            out.finished = *out.started + *duration;
        if (fields.contains("reason")) out.reason = fields.at("reason");
        out.state = state(fields, out);
    }

    [[nodiscard]] TrialState state(const std::map<std::string, std::string>& fields,
                                   const TableTrial& trial) const {
        std::string missing;
        std::size_t told = 0;
        for (const Objective& objective : options_.objectives)
            trial.metrics.contains(objective.metric) ? ++told : (missing = objective.metric, 0);
        const auto found = fields.find("state");
        if (found == fields.end()) {
            if (told == 0) return TrialState::waiting;
            if (!missing.empty())
                throw FileError(table_.file + ": " + trial.where + ": has no value of " + missing +
                                ", but of other objectives");
            return TrialState::completed;
        }
        const auto state = state_from_word(found->second);
        if (!state)
            refuse(trial, "state", found->second,
                   "is unknown; known: waiting, running, paused, interrupted, completed, stopped, failed "
                   "and COMPLETE, PRUNED, FAIL");
        if (*state == TrialState::completed && !missing.empty())
            throw FileError(table_.file + ": " + trial.where + ": is completed, but has no value of " +
                            missing);
        return *state;
    }

    std::vector<CsvRow> rows_;
    const ImportOptions& options_;
    TrialTable table_;
    std::vector<Column> columns_;
    std::map<std::size_t, Parameter> parameters_;  ///< of a column
};

}  // namespace

ImportedStudy study_from_csv(std::string_view text, const std::string& file, const ImportOptions& options) {
    return study_from_table(CsvStudy(parse_csv(text, file), file, options).run(), options);
}

}  // namespace attune

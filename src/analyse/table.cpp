#include "attune/analyse/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "attune/analyse/work_time.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/study/pareto.hpp"
#include "text.hpp"

namespace attune {
namespace {

struct Column {
    std::vector<std::string> cells;  ///< the head first
    bool number = true;              ///< aligned to the right
};

struct Ranked {
    const TrialRecord* trial;
    std::size_t rank;  ///< from 1; 0 for those that break an outcome constraint
};

std::vector<Ranked> ranking(const Study& study) {
    const StudyLosses seen = study_losses(study);
    const bool several = study.objectives().size() > 1;
    std::vector<std::size_t> keeping, breaking;
    std::vector<Losses> losses;
    for (std::size_t i = 0; i < seen.trials.size(); ++i) {
        (seen.violations[i] > 0 ? breaking : keeping).push_back(i);
        if (several && !(seen.violations[i] > 0)) losses.push_back(seen.losses[i]);
    }
    std::vector<std::size_t> front(seen.trials.size(), 0);
    if (several) {
        const std::vector<std::size_t> ranks = nondominated_sort(losses).rank;
        for (std::size_t k = 0; k < keeping.size(); ++k) front[keeping[k]] = ranks[k];
    }
    const auto ahead = [&](std::size_t a, std::size_t b) {
        return front[a] != front[b] ? front[a] < front[b]
                                    : study.beats(study.trial(seen.trials[a]), study.trial(seen.trials[b]));
    };
    std::stable_sort(keeping.begin(), keeping.end(), ahead);
    std::stable_sort(breaking.begin(), breaking.end(), ahead);
    std::vector<Ranked> out;
    for (const std::size_t i : keeping)
        out.push_back({&study.trial(seen.trials[i]), several ? front[i] + 1 : out.size() + 1});
    for (const std::size_t i : breaking) out.push_back({&study.trial(seen.trials[i]), 0});
    if (several) return out;
    // Behind those that ended, what paused trials have come to.
    std::vector<const TrialRecord*> paused;
    for (const std::int64_t number : study.unfinished())
        if (const TrialRecord& trial = study.trial(number);
            trial.state == TrialState::paused && !std::isnan(study.value(trial)))
            paused.push_back(&trial);
    std::sort(paused.begin(), paused.end(),
              [&](const TrialRecord* a, const TrialRecord* b) { return study.beats(*a, *b); });
    for (const TrialRecord* trial : paused) out.push_back({trial, out.size() + 1});
    return out;
}

std::vector<Column> columns_of(const Study& study, const std::vector<Ranked>& rows) {
    std::vector<Column> out;
    const auto add = [&](const std::string& head, bool number, auto cell) {
        Column column{{head}, number};
        for (const Ranked& row : rows) column.cells.push_back(cell(row));
        out.push_back(std::move(column));
    };
    add(study.objectives().size() > 1 ? "front" : "rank", true,
        [](const Ranked& r) { return r.rank == 0 ? std::string("-") : fmt::format("{}", r.rank); });
    add("trial", true, [](const Ranked& r) { return fmt::format("{}", r.trial->number); });
    add("status", false, [](const Ranked& r) { return std::string(to_string(r.trial->state)); });
    // A bound on an objective marks the objective's own column.
    const auto broken = [&](const Ranked& r, const std::string& metric) {
        const auto all = study.broken_constraints(*r.trial);
        return std::any_of(all.begin(), all.end(),
                           [&](const OutcomeConstraint& c) { return c.metric == metric; });
    };
    const auto value_cell = [&](const std::string& head, const std::string& metric, auto value) {
        add(head, true, [&, value](const Ranked& r) {
            const double v = value(r);
            if (std::isnan(v)) return std::string("?");  // not measured
            return detail::short_number(v) + (broken(r, metric) ? " !" : "");
        });
    };
    std::set<std::string> shown;
    for (std::size_t k = 0; k < study.objectives().size(); ++k) {
        const std::string& metric = study.objectives()[k].metric;
        value_cell(metric, metric, [&study, k](const Ranked& r) { return study.value(*r.trial, k); });
        shown.insert(metric);
    }
    for (const OutcomeConstraint& constraint : study.outcome_constraints())
        if (shown.insert(constraint.metric).second)
            value_cell(constraint.text(), constraint.metric,
                       [&constraint](const Ranked& r) { return r.trial->metric(constraint.metric); });
    if (const auto& second = study.objective().tie_break)
        add(second->metric, true,
            [&](const Ranked& r) { return detail::short_number(r.trial->metric(second->metric)); });
    add("seconds", true, [](const Ranked& r) {
        const double seconds = r.trial->duration_seconds();
        return seconds > 0 && seconds < 0.095 ? fmt::format("{:.2g}", seconds)
                                              : fmt::format("{:.1f}", seconds);
    });
    add("step", true, [](const Ranked& r) {
        return r.trial->reports.empty() ? "-" : detail::short_number(r.trial->reports.back().step);
    });
    for (std::size_t i = 0; i < study.space().size(); ++i) {
        const Parameter& parameter = study.space()[i];
        add(parameter.name, parameter.kind != ParameterKind::categorical, [&](const Ranked& r) {
            const Configuration& c = r.trial->configuration;
            return c.active(i) ? detail::short_value(parameter.to_value(c.native()[i])) : std::string("-");
        });
    }
    return out;
}

std::string draw(std::vector<Column> table, std::size_t max_cell_width) {
    std::string text;
    for (Column& column : table) {
        std::size_t width = 0;
        for (std::string& cell : column.cells) {
            cell = detail::cut(cell, max_cell_width);
            width = std::max(width, detail::columns(cell));
        }
        for (std::string& cell : column.cells)
            cell = column.number ? detail::pad_left(std::move(cell), width)
                                 : detail::pad_right(std::move(cell), width);
        column.cells.insert(column.cells.begin() + 1, std::string(width, '-'));
    }
    for (std::size_t row = 0; row < table.front().cells.size(); ++row) {
        std::string line;
        for (const Column& column : table) line += (line.empty() ? "" : "  ") + column.cells[row];
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

std::string footer(const Study& study, std::size_t ranked, std::size_t shown) {
    std::string counts;
    for (const TrialState state :
         {TrialState::completed, TrialState::stopped, TrialState::failed, TrialState::running,
          TrialState::paused, TrialState::interrupted, TrialState::waiting})
        if (study.count(state) > 0)
            counts +=
                fmt::format("{}{} {}", counts.empty() ? ": " : ", ", study.count(state), to_string(state));
    std::string text = detail::counted(study.trials().size(), "trial") + counts;
    if (shown < ranked) text += fmt::format("; the best {} of {} with a value are shown", shown, ranked);
    const WorkTime time = work_time(study);
    text += "\nSearch time " + detail::short_duration(time.seconds);
    if (const double pauses = seconds_paused(time); pauses > 0)
        text += fmt::format(" ({} between trials not counted)", detail::short_duration(pauses));
    if (!study.end_reason().empty()) text += "; ended because " + detail::printable(study.end_reason());
    return text + "\n";
}

std::string without_values(const Study& study) {
    if (study.trials().empty()) return "No trial was begun yet.\n";
    return study.unfinished().empty() ? "No trial came to a value.\n" : "No trial has come to a value yet.\n";
}

}  // namespace

void TableOptions::validate() const {
    if (max_cell_width < 4)
        throw InvalidOption(
            fmt::format("table: max_cell_width ({}) must be at least 4 columns", max_cell_width));
}

std::string best_trials_table(const Study& study, const TableOptions& options) {
    options.validate();
    if (!study.is_created())
        throw InvalidState("table: the study was not created yet; there is nothing to show");
    std::vector<Ranked> rows = ranking(study);
    const std::size_t ranked = rows.size();
    rows.resize(std::min(options.rows, ranked));
    std::string text =
        rows.empty() ? without_values(study) : draw(columns_of(study, rows), options.max_cell_width);
    if (options.footer) text += "\n" + footer(study, ranked, rows.size());
    return text;
}

}  // namespace attune

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "attune/gp/study_space.hpp"
#include "attune/gp/subset.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune::detail {

/// What a study says to a model: the points of its finished trials and what came of them, and the points of
/// those in flight.
struct Observations {
    std::vector<std::int64_t> numbers;  ///< of the finished trials
    Points points;
    std::vector<std::vector<double>> values;  ///< by trial, then by objective
    std::vector<Configuration> configurations;
    std::vector<bool> inside;   ///< whether the present space contains them
    std::vector<bool> keeping;  ///< whether they have a value and keep the outcome constraints
    Points pending;

    /// Those that `subset` lists, in its order; pending ones are all kept.
    [[nodiscard]] Observations only(const std::vector<std::size_t>& subset) const {
        Observations kept;
        kept.points.resize(static_cast<Eigen::Index>(subset.size()), points.cols());
        for (std::size_t k = 0; k < subset.size(); ++k) {
            kept.points.row(static_cast<Eigen::Index>(k)) = points.row(static_cast<Eigen::Index>(subset[k]));
            kept.numbers.push_back(numbers[subset[k]]);
            kept.values.push_back(values[subset[k]]);
            kept.configurations.push_back(configurations[subset[k]]);
            kept.inside.push_back(inside[subset[k]]);
            kept.keeping.push_back(keeping[subset[k]]);
        }
        kept.pending = pending;
        return kept;
    }
};

inline Points stacked(const std::vector<Eigen::RowVectorXd>& rows, std::size_t columns) {
    Points points(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(columns));
    for (std::size_t i = 0; i < rows.size(); ++i) points.row(static_cast<Eigen::Index>(i)) = rows[i];
    return points;
}

[[nodiscard]] inline Observations observe(const Study& study, const StudySpace& space) {
    Observations seen;
    std::vector<Eigen::RowVectorXd> points;
    std::vector<Eigen::RowVectorXd> pending;
    for (const TrialRecord& trial : study.trials()) {
        if (trial.failure == FailureKind::environment) continue;
        const bool changed = trial.original != nullptr;  // the space has, since it was asked
        const auto point =
            changed ? space.evidence(trial.configuration) : std::optional(space.point(trial.configuration));
        if (!point) continue;
        if (trial.pending()) {
            pending.push_back(*point);
            continue;
        }
        points.push_back(*point);
        seen.numbers.push_back(trial.number);
        seen.configurations.push_back(trial.configuration);
        seen.inside.push_back(!changed || study.space().contains(trial.configuration));
        std::vector<double>& values = seen.values.emplace_back();
        for (std::size_t k = 0; k < study.objectives().size(); ++k) values.push_back(study.value(trial, k));
        seen.keeping.push_back(
            std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }) &&
            study.keeps_constraints(trial));
    }
    seen.points = stacked(points, space.dimensions());
    seen.pending = stacked(pending, space.dimensions());
    return seen;
}

/// Smallest finite value and the width of the range, 1 where it has none.
inline std::pair<double, double> finite_range(const std::vector<double>& values) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const double v : values)
        if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
    return {std::isfinite(low) ? low : 0.0, high > low ? high - low : 1.0};
}

/// The trials' values as one number each, less being better; NaN where a trial has none.
[[nodiscard]] inline std::vector<double> losses(const Study& study, const Observations& seen,
                                                RandomStream& stream) {
    const std::vector<Objective>& objectives = study.objectives();
    std::vector<double> joined(seen.values.size());
    if (objectives.size() == 1) {
        for (std::size_t i = 0; i < joined.size(); ++i)
            joined[i] = objectives.front().loss(seen.values[i].front());
        return joined;
    }
    // Weights uniform on the simplex: normalised exponentials.
    std::vector<double> weights;
    for (std::size_t k = 0; k < objectives.size(); ++k) weights.push_back(-std::log(1.0 - stream.uniform()));
    double total = 0.0;
    for (const double w : weights) total += w;
    std::vector<double> largest(joined.size(), -std::numeric_limits<double>::infinity());
    for (std::size_t k = 0; k < objectives.size(); ++k) {
        std::vector<double> column;
        for (const auto& values : seen.values) column.push_back(objectives[k].loss(values[k]));
        const auto [low, width] = finite_range(column);
        for (std::size_t i = 0; i < joined.size(); ++i) {
            const double part =
                std::isfinite(column[i]) ? weights[k] / total * (column[i] - low) / width : std::nan("");
            joined[i] += 0.05 * part;
            largest[i] = std::max(largest[i], part);
        }
    }
    for (std::size_t i = 0; i < joined.size(); ++i) joined[i] += largest[i];
    return joined;
}

}  // namespace attune::detail

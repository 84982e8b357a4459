#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/input_metric.hpp"
#include "attune/space/enumerate.hpp"
#include "attune/space/space.hpp"

namespace attune {

/// A search space as a Gaussian process sees it: one dimension for each parameter that can take more than one
/// value.
///
/// Numeric parameters are their coordinates in the unit cube, choices their indices, inactive ones NaN.
/// Models the CandidateSpace of `maximise_acquisition`. Refers to the space, which must outlive it; const
/// members are thread-safe as far as the predicate is.
class StudySpace {
  public:
    using Admits = std::function<bool(const Configuration&)>;

    /// `fixed` holds native values in the order of the space, NaN where free (empty: all free); `admits` says
    /// which configurations may be proposed.
    StudySpace(const SearchSpace& space, std::vector<double> fixed, Admits admits)
        : space_(space), fixed_(std::move(fixed)), admits_(std::move(admits)) {
        fixed_.resize(space.size(), std::numeric_limits<double>::quiet_NaN());
        decodes_all_ = !space.schema().constraints.empty();
        for (std::size_t i = 0; i < space.size(); ++i) {
            const Parameter& p = space[i];
            decodes_all_ |= conditional(p);
            const double count = p.cardinality();
            if (count == 1) continue;
            const bool categorical = p.kind == ParameterKind::categorical;
            parameters_.push_back(i);
            dimensions_.push_back(
                {categorical ? DimensionKind::categorical : DimensionKind::numeric, conditional(p)});
            axes_.push_back({std::isnan(fixed_[i]), !categorical,
                             std::isfinite(count) ? static_cast<std::int64_t>(count) : 0});
        }
    }

    /// How many dimensions the model has; 0 where nothing can vary.
    [[nodiscard]] std::size_t dimensions() const { return parameters_.size(); }
    /// The dimension of a parameter, by its place in the space; nothing where it cannot vary.
    [[nodiscard]] std::optional<Eigen::Index> column_of(std::size_t parameter) const {
        const auto found = std::find(parameters_.begin(), parameters_.end(), parameter);
        if (found == parameters_.end()) return std::nullopt;
        return static_cast<Eigen::Index>(found - parameters_.begin());
    }
    [[nodiscard]] InputMetric metric() const { return InputMetric(dimensions_); }
    [[nodiscard]] const std::vector<SearchAxis>& axes() const { return axes_; }

    [[nodiscard]] double level(std::size_t j, std::int64_t k) const {
        return parameter(j).encode(parameter(j).grid_value(k));
    }

    [[nodiscard]] std::int64_t nearest_level(std::size_t j, double unit) const {
        const Parameter& p = parameter(j);
        const double native = p.decode(unit);
        if (p.kind == ParameterKind::categorical) return static_cast<std::int64_t>(native);
        return static_cast<std::int64_t>(std::round((native - p.low) / p.grid_step()));
    }

    [[nodiscard]] bool express(const Eigen::RowVectorXd& draft, Eigen::RowVectorXd& point) const {
        std::vector<double> native = decode(draft);
        if (decodes_all_) space_.schema().deactivate(native);
        for (std::size_t j = 0; j < parameters_.size(); ++j) {
            const auto column = static_cast<Eigen::Index>(j);
            const std::size_t i = parameters_[j];
            const bool keeps_draft =
                axes_[j].levels == 0 && std::isnan(fixed_[i]) && !std::isnan(draft[column]);
            if (keeps_draft && !(decodes_all_ && std::isnan(native[i])))
                point[column] = draft[column];
            else
                point[column] = coordinate(i, native[i]);
        }
        return !decodes_all_ || space_.schema().satisfies(native);
    }

    [[nodiscard]] bool admits(const Eigen::RowVectorXd& draft) const { return admits_(configuration(draft)); }

    [[nodiscard]] Configuration configuration(const Eigen::RowVectorXd& draft) const {
        std::vector<double> native = decode(draft);
        for (std::size_t j = 0; j < parameters_.size(); ++j)
            if (std::isnan(native[parameters_[j]]))
                native[parameters_[j]] = parameter(j).decode(or_middle(draft[static_cast<Eigen::Index>(j)]));
        return space_.from_native(std::move(native));
    }

    /// What the model gets for a configuration of this space.
    [[nodiscard]] Eigen::RowVectorXd point(const Configuration& configuration) const {
        Eigen::RowVectorXd row(static_cast<Eigen::Index>(parameters_.size()));
        for (std::size_t j = 0; j < parameters_.size(); ++j)
            row[static_cast<Eigen::Index>(j)] =
                coordinate(parameters_[j], configuration.native()[parameters_[j]]);
        return row;
    }

    /// What the model gets for a trial: its point, outside the unit cube where a value is outside a range
    /// that was changed, and a number of its own for each former choice. Nothing where the model cannot take
    /// it in: a value is missing or beyond what the scale can express, or it differs in a parameter that
    /// can have one value only now.
    [[nodiscard]] std::optional<Eigen::RowVectorXd> evidence(const Configuration& trial) const {
        if (space_.first_missing(trial)) return std::nullopt;
        for (std::size_t i = 0; i < space_.size(); ++i) {
            if (!trial.active(i)) continue;
            const Parameter& p = space_[i];
            const double native = trial.native()[i];
            const bool told_apart = p.cardinality() != 1 || p.contains(native);
            if (!told_apart || std::isnan(p.position(native))) return std::nullopt;
        }
        return point(trial);
    }

    /// A draft of a configuration, NaN where inactive: for the caller to fill.
    [[nodiscard]] Eigen::RowVectorXd draft(const Configuration& configuration) const {
        Eigen::RowVectorXd row(static_cast<Eigen::Index>(parameters_.size()));
        for (std::size_t j = 0; j < parameters_.size(); ++j) {
            const double native = configuration.native()[parameters_[j]];
            row[static_cast<Eigen::Index>(j)] = std::isnan(native) ? native : parameter(j).encode(native);
        }
        return row;
    }

    /// Drafts of all the configurations inside the constraints that agree with the fixed values, where the
    /// space has at most `limit` combinations; otherwise nothing.
    [[nodiscard]] std::optional<Points> enumerate(double limit) const {
        double combinations = 1.0;
        for (std::size_t i = 0; i < space_.size(); ++i)
            if (std::isnan(fixed_[i])) combinations *= space_[i].cardinality();
        if (!(combinations <= limit)) return std::nullopt;
        std::vector<std::vector<double>> axes(space_.size());
        for (std::size_t i = 0; i < space_.size(); ++i)
            axes[i] = std::isnan(fixed_[i]) ? axis_values(space_[i], std::numeric_limits<double>::infinity())
                                            : std::vector<double>{fixed_[i]};
        std::vector<Eigen::RowVectorXd> rows;
        for_each_configuration(space_, axes, [&](const Configuration& c) {
            rows.push_back(draft(c));
            return true;
        });
        Points drafts(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(parameters_.size()));
        for (std::size_t r = 0; r < rows.size(); ++r) drafts.row(static_cast<Eigen::Index>(r)) = rows[r];
        return drafts;
    }

  private:
    [[nodiscard]] const Parameter& parameter(std::size_t j) const { return space_[parameters_[j]]; }

    static bool conditional(const Parameter& p) { return p.condition.node().kind != Condition::Kind::always; }

    static double or_middle(double unit) { return std::isnan(unit) ? 0.5 : unit; }

    /// Native values; those of continuous parameters stay NaN where neither conditions nor constraints ask
    /// for them.
    [[nodiscard]] std::vector<double> decode(const Eigen::RowVectorXd& draft) const {
        std::vector<double> native = fixed_;
        for (std::size_t i = 0; i < native.size(); ++i)
            if (std::isnan(native[i]) && space_[i].cardinality() == 1) native[i] = space_[i].decode(0.5);
        for (std::size_t j = 0; j < parameters_.size(); ++j) {
            const std::size_t i = parameters_[j];
            if (!std::isnan(native[i]) || (axes_[j].levels == 0 && !decodes_all_)) continue;
            native[i] = parameter(j).decode(or_middle(draft[static_cast<Eigen::Index>(j)]));
        }
        return native;
    }

    [[nodiscard]] double coordinate(std::size_t i, double native) const {
        if (std::isnan(native) || space_[i].kind == ParameterKind::categorical) return native;
        return space_[i].position(native);
    }

    const SearchSpace& space_;
    std::vector<double> fixed_;
    Admits admits_;
    bool decodes_all_ = false;
    std::vector<std::size_t> parameters_;  ///< of the space, by dimension
    std::vector<InputDimension> dimensions_;
    std::vector<SearchAxis> axes_;
};

}  // namespace attune

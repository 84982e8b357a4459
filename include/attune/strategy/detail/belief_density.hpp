#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "attune/gp/acquisition.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/strategy/belief.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune::detail {

/// A user's beliefs as an unnormalised density over the points of a space: normal along numbers, on their
/// scale, with a floor so that nothing is ruled out; 9 to 1 for the favoured choices. Parameters are
/// independent; inactive ones say nothing.
class BeliefDensity {
  public:
    /// Of no beliefs.
    BeliefDensity() = default;

    /// Throws InvalidOption for a belief about what the space does not have.
    BeliefDensity(const std::vector<Belief>& beliefs, const StudySpace& points, const SearchSpace& space) {
        for (const Belief& belief : beliefs) add(belief, points, space);
    }

    [[nodiscard]] bool empty() const { return axes_.empty(); }

    /// Logarithm of the density at a point, 0 where it is highest.
    [[nodiscard]] double log_value(const Eigen::RowVectorXd& point) const {
        double sum = 0;
        for (const Axis& axis : axes_)
            if (axis.column >= 0) sum += axis.at(point[axis.column]).value;
        return sum;
    }
    /// The same; adds `weight` times its slopes to `gradient`.
    double log_value(const Eigen::RowVectorXd& point, double weight, Eigen::VectorXd& gradient) const {
        double sum = 0;
        for (const Axis& axis : axes_) {
            if (axis.column < 0) continue;
            const ValueAndSlope here = axis.at(point[axis.column]);
            sum += here.value;
            gradient[axis.column] += weight * here.slope;
        }
        return sum;
    }

    /// Coordinates of the unit cube, even ones, as draws of the density; those without a belief stay.
    [[nodiscard]] std::vector<double> drawn(std::vector<double> units) const {
        for (const Axis& axis : axes_) units[axis.parameter] = axis.drawn(units[axis.parameter]);
        return units;
    }
    /// Where the density is highest; those without a belief as given.
    [[nodiscard]] std::vector<double> peak(std::vector<double> units) const {
        for (const Axis& axis : axes_)
            units[axis.parameter] = axis.favoured.empty() ? axis.centre : axis.choice_unit(0.0);
        return units;
    }

  private:
    struct Axis {
        std::size_t parameter = 0;
        Eigen::Index column = -1;  ///< of points; -1 where the parameter cannot vary
        double centre = 0.5;
        double spread = 0.1;
        std::vector<std::size_t> favoured{};  ///< of a choice
        std::size_t choices = 0;

        static constexpr double floor = 0.05;
        static constexpr double favour = 0.9;

        [[nodiscard]] ValueAndSlope at(double x) const {
            if (std::isnan(x)) return {};
            if (!favoured.empty()) {
                if (is_favoured(static_cast<std::size_t>(x)) || favoured.size() == choices) return {};
                const double each = (1 - favour) / static_cast<double>(choices - favoured.size());
                return {std::log(each * static_cast<double>(favoured.size()) / favour), 0.0};
            }
            const double z = (x - centre) / spread;
            const double bump = (1 - floor) * std::exp(-0.5 * z * z);
            return {std::log(bump + floor), -bump * z / spread / (bump + floor)};
        }
        [[nodiscard]] bool is_favoured(std::size_t choice) const {
            return std::find(favoured.begin(), favoured.end(), choice) != favoured.end();
        }
        [[nodiscard]] double drawn(double u) const {
            if (!favoured.empty()) return u < favour ? choice_unit(u / favour) : (u - favour) / (1 - favour);
            // The normal distribution cut off at the ends of the range.
            const double low = normal_cdf(-centre / spread), high = normal_cdf((1 - centre) / spread);
            const double p = std::clamp(low + u * (high - low), 1e-12, 1 - 1e-12);
            return std::clamp(centre + spread * std::sqrt(2.0) * boost::math::erf_inv(2 * p - 1), 0.0, 1.0);
        }
        /// The middle of the cell of one of the favoured choices.
        [[nodiscard]] double choice_unit(double u) const {
            const auto k = static_cast<std::size_t>(u * static_cast<double>(favoured.size()));
            const auto chosen = static_cast<double>(favoured[std::min(k, favoured.size() - 1)]);
            return (chosen + 0.5) / static_cast<double>(choices);
        }
    };

    void add(const Belief& belief, const StudySpace& points, const SearchSpace& space) {
        const auto index = space.schema().find(belief.parameter);
        if (!index)
            throw InvalidOption(
                fmt::format("belief about '{}': the space has no such parameter", belief.parameter));
        const Parameter& parameter = space[*index];
        Axis axis;
        axis.parameter = *index;
        if (const auto column = points.column_of(*index)) axis.column = *column;
        if (parameter.kind == ParameterKind::categorical)
            take_choices(belief, parameter, axis);
        else
            take_range(belief, parameter, axis);
        axes_.push_back(std::move(axis));
    }

    static void take_choices(const Belief& belief, const Parameter& parameter, Axis& axis) {
        axis.choices = parameter.choices.size();
        for (const std::string& text : belief.choices) {
            const auto found =
                std::find_if(parameter.choices.begin(), parameter.choices.end(),
                             [&](const Value& choice) { return attune::to_string(choice) == text; });
            if (found == parameter.choices.end())
                throw InvalidOption(fmt::format("belief about {}: '{}' is not one of its choices ({})",
                                                parameter.name, text, parameter.choices_text()));
            axis.favoured.push_back(static_cast<std::size_t>(found - parameter.choices.begin()));
        }
        if (axis.favoured.empty())
            throw InvalidOption(fmt::format("belief about {}: names none of its choices ({})", parameter.name,
                                            parameter.choices_text()));
    }

    static void take_range(const Belief& belief, const Parameter& parameter, Axis& axis) {
        const bool is_range = belief.low && belief.high && *belief.low <= *belief.high;
        if (!is_range || *belief.low < parameter.low || *belief.high > parameter.high)
            throw InvalidOption(fmt::format(
                "belief about {}: '{}' must be a number, or two in ascending order, from {} to {}",
                parameter.name, text_of(belief), attune::to_string(parameter.low),
                attune::to_string(parameter.high)));
        const double low = parameter.encode(*belief.low), high = parameter.encode(*belief.high);
        axis.centre = 0.5 * (low + high);
        axis.spread = high > low ? std::max(0.5 * (high - low), 0.01) : 0.1;
    }

    static std::string text_of(const Belief& belief) {
        if (belief.low && belief.high)
            return *belief.low == *belief.high ? attune::to_string(*belief.low)
                                               : fmt::format("{}..{}", *belief.low, *belief.high);
        std::string text;
        for (const std::string& choice : belief.choices) text += (text.empty() ? "" : "|") + choice;
        return text;
    }

    std::vector<Axis> axes_;
};

}  // namespace attune::detail

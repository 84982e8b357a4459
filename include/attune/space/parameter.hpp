#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/condition.hpp"
#include "attune/space/scale.hpp"
#include "attune/space/value.hpp"

namespace attune {

enum class ParameterKind { continuous, integer, categorical };

[[nodiscard]] constexpr std::string_view to_string(ParameterKind kind) {
    constexpr std::string_view names[] = {"continuous", "integer", "categorical"};
    return names[static_cast<int>(kind)];
}

/// One named thing that may vary: its range or choices, its scale and when it is active.
///
/// Inside the library a value is its *native* double: a continuous value itself, an integer as a double
/// (ranges stay within +-2^53, where that is exact), a category as its index in `choices`. `encode` maps
/// native values to [0, 1] and `decode` back; on grids (integers, steps, categories) every grid point owns a
/// cell of [0, 1], so a uniform draw is uniform over the scaled range and decode(encode(v)) == v exactly, on
/// grids of up to 2^40 points (on larger ones neighbours may share one double of [0, 1]).
class Parameter {
  public:
    std::string name;
    ParameterKind kind = ParameterKind::continuous;
    double low = 0;   ///< inclusive
    double high = 0;  ///< inclusive; moved down to the last grid point where a step does not divide the range
    Scale scale = Scale::linear;
    std::optional<double> step;  ///< grid of a continuous or integer parameter; integers without have step 1
    std::vector<Value> choices;  ///< of a categorical parameter, all of one type
    /// Choices of earlier forms of the space (see Study): trials have them, nothing new gets them. Their
    /// native values go on after those of `choices`; operator== leaves them aside.
    std::vector<Value> former_choices;
    Condition condition;  ///< when it is active

    /// Throws InvalidSpace naming the parameter, the value and the rule; moves `high` onto the grid.
    void validate() {
        if (name.empty()) throw InvalidSpace("parameter name: is empty; a parameter needs a name");
        kind == ParameterKind::categorical ? validate_choices() : validate_range();
    }

    [[nodiscard]] bool is_grid() const { return kind != ParameterKind::continuous || step.has_value(); }

    /// Distance of neighbouring grid points; meaningless off a grid.
    [[nodiscard]] double grid_step() const {
        return kind == ParameterKind::categorical ? 1 : step.value_or(1);
    }

    /// Number of values: grid points, choices, or infinity for a continuous range (1 where low equals high).
    [[nodiscard]] double cardinality() const {
        if (kind == ParameterKind::categorical) return static_cast<double>(choices.size());
        if (low == high) return 1;
        if (!is_grid()) return std::numeric_limits<double>::infinity();
        return last_step() + 1;
    }

    /// Grid point number k in ascending order (native). Precondition: is_grid() and 0 <= k < cardinality().
    [[nodiscard]] double grid_value(std::int64_t k) const {
        if (kind == ParameterKind::categorical) return static_cast<double>(k);
        const auto last = static_cast<std::int64_t>(cardinality()) - 1;
        return k >= last ? high : grid_point(static_cast<double>(k));
    }

    /// A choice by its native value, former ones included. Precondition: there is one.
    [[nodiscard]] const Value& choice(double native) const {
        const auto index = static_cast<std::size_t>(native);
        return index < choices.size() ? choices[index] : former_choices[index - choices.size()];
    }

    /// Whether a native value can be suggested: within the range, on the grid, no former choice.
    [[nodiscard]] bool contains(double native) const {
        if (kind == ParameterKind::categorical) return native < static_cast<double>(choices.size());
        return native >= low && native <= high && (!is_grid() || snap(native) == native);
    }

    /// Native value -> [0, 1]; strictly increasing within the range, clamped outside.
    [[nodiscard]] double encode(double native) const {
        if (kind == ParameterKind::categorical)
            return std::min((native + 0.5) / static_cast<double>(choices.size()), 1.0);
        if (low == high) return 0.5;
        return std::clamp(scaled(std::clamp(native, low, high)), 0.0, 1.0);
    }

    /// encode(), gone on with beyond the range: below 0 and above 1. NaN where the scale does not reach (a
    /// logarithm of what is not positive), or where the range is a single value and this is another.
    [[nodiscard]] double position(double native) const {
        if (kind == ParameterKind::categorical || (native >= low && native <= high)) return encode(native);
        const double place = low == high ? std::nan("") : scaled(native);
        return std::isfinite(place) ? place : std::nan("");
    }

    /// [0, 1] -> the native value, on the grid where there is one; arguments outside are clamped.
    [[nodiscard]] double decode(double unit) const {
        unit = std::clamp(unit, 0.0, 1.0);
        if (kind == ParameterKind::categorical) {
            const double n = static_cast<double>(choices.size());
            return std::min(std::floor(unit * n), n - 1);
        }
        if (low == high) return low;
        if (unit == 0) return low;  // exact whatever the rounding
        if (unit == 1) return high;
        const auto [bottom, top] = warped_ends();
        const double x = detail::unwarp(scale, bottom + unit * (top - bottom), low, high);
        if (is_grid()) return snap(x);
        return std::clamp(x, low, high);
    }

    /// The nearest value that the parameter can take (native, numeric kinds).
    [[nodiscard]] double snap(double x) const {
        if (!is_grid()) return std::clamp(x, low, high);
        if (low == high) return low;
        const double k = std::round((std::clamp(x, low, high) - low) / grid_step());
        return grid_value(static_cast<std::int64_t>(k));
    }

    /// Native -> the value as the user sees it.
    [[nodiscard]] Value to_value(double native) const {
        switch (kind) {
            case ParameterKind::continuous:
                return native;
            case ParameterKind::integer:
                return static_cast<std::int64_t>(native);
            case ParameterKind::categorical:
                return choice(native);
        }
        return native;
    }

    /// The native value of what a trial had in an earlier form of the space, whether or not it could be
    /// suggested now; nothing where this parameter has no such value (a fraction for an integer, a text for a
    /// number).
    [[nodiscard]] std::optional<double> former_native(const Value& value) const {
        if (kind == ParameterKind::categorical) {
            for (std::size_t i = 0; i < choices.size() + former_choices.size(); ++i)
                if (equivalent(choice(static_cast<double>(i)), value)) return static_cast<double>(i);
            return std::nullopt;
        }
        try {
            const double x = number_of(value);
            if (!std::isfinite(x)) return std::nullopt;
            return x >= low && x <= high && on_grid(x) ? snap(x) : x;
        } catch (const InvalidConfiguration&) {
            return std::nullopt;
        }
    }

    /// The user's value -> native. Throws InvalidConfiguration for a wrong type, a value outside or off the
    /// grid.
    [[nodiscard]] double to_native(const Value& value) const {
        if (kind == ParameterKind::categorical) {
            for (std::size_t i = 0; i < choices.size(); ++i)
                if (equivalent(choices[i], value)) return static_cast<double>(i);
            throw InvalidConfiguration(fmt::format("parameter {}: {} is not one of its choices ({})", name,
                                                   attune::to_string(value), choices_text()));
        }
        const double x = number_of(value);
        const double slack = this->slack();
        if (!(x >= low - slack && x <= high + slack))
            throw InvalidConfiguration(fmt::format("parameter {}: {} is outside [{}, {}]", name,
                                                   attune::to_string(value), attune::to_string(low),
                                                   attune::to_string(high)));
        if (!on_grid(x))
            throw InvalidConfiguration(fmt::format("parameter {}: {} is not on its grid ({} + k * {})", name,
                                                   attune::to_string(value), attune::to_string(low),
                                                   attune::to_string(grid_step())));
        return snap(x);
    }

    friend bool operator==(const Parameter& a, const Parameter& b) {
        if (a.choices.size() != b.choices.size()) return false;
        for (std::size_t i = 0; i < a.choices.size(); ++i)
            if (!same_value(a.choices[i], b.choices[i])) return false;
        return a.name == b.name && a.kind == b.kind && a.low == b.low && a.high == b.high &&
               a.scale == b.scale && a.step == b.step && a.condition == b.condition;
    }

    [[nodiscard]] std::string choices_text() const {
        std::string text;
        for (const Value& choice : choices) text += (text.empty() ? "" : ", ") + attune::to_string(choice);
        return text;
    }

  private:
    static constexpr double epsilon = std::numeric_limits<double>::epsilon();

    /// Grid points written by people (0.1 + 0.2) differ from ours by rounding; anything more is another
    /// value.
    [[nodiscard]] double slack() const {
        return is_grid() ? 1e-9 * grid_step() + 4 * epsilon * std::max(std::abs(low), std::abs(high)) : 0;
    }

    /// Precondition: x is in the range, but for slack().
    [[nodiscard]] bool on_grid(double x) const { return !is_grid() || std::abs(snap(x) - x) <= slack(); }

    /// Precondition: low < high.
    [[nodiscard]] double scaled(double native) const {
        const auto [bottom, top] = warped_ends();
        return (detail::warp(scale, native, low, high) - bottom) / (top - bottom);
    }

    void validate_choices() const {
        if (choices.empty())
            throw InvalidSpace(fmt::format("parameter {}: has no choices; it needs at least one", name));
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (choices[i].index() != choices[0].index())
                throw InvalidSpace(
                    fmt::format("parameter {}: choices {} and {} differ in type; all must be of one type",
                                name, attune::to_string(choices[0]), attune::to_string(choices[i])));
            if (const auto* number = std::get_if<double>(&choices[i]); number && !std::isfinite(*number))
                throw InvalidSpace(
                    fmt::format("parameter {}: choice {} must be finite", name, attune::to_string(*number)));
            for (std::size_t j = 0; j < i; ++j)
                if (equivalent(choices[i], choices[j]))
                    throw InvalidSpace(fmt::format("parameter {}: choice {} is listed twice", name,
                                                   attune::to_string(choices[i])));
        }
    }

    void validate_range() {
        constexpr double largest_exact_integer = 9007199254740992.0;
        const auto text = [](double x) { return attune::to_string(x); };
        if (!std::isfinite(low) || !std::isfinite(high))
            throw InvalidSpace(
                fmt::format("parameter {}: the range [{}, {}] must be finite", name, text(low), text(high)));
        if (low > high)
            throw InvalidSpace(
                fmt::format("parameter {}: low ({}) must be below high ({})", name, text(low), text(high)));
        if (!std::isfinite(high - low))
            throw InvalidSpace(fmt::format("parameter {}: the range [{}, {}] is wider than a double can hold",
                                           name, text(low), text(high)));
        if (kind == ParameterKind::integer && std::max(std::abs(low), std::abs(high)) > largest_exact_integer)
            throw InvalidSpace(fmt::format("parameter {}: integer range [{}, {}] must lie within +-2^53",
                                           name, text(low), text(high)));
        if (kind == ParameterKind::integer && (low != std::floor(low) || high != std::floor(high)))
            throw InvalidSpace(
                fmt::format("parameter {}: the ends of the integer range [{}, {}] must be integers", name,
                            text(low), text(high)));
        if (kind == ParameterKind::integer && high - low > largest_exact_integer)
            throw InvalidSpace(
                fmt::format("parameter {}: integer range [{}, {}] must hold at most 2^53 values", name,
                            text(low), text(high)));
        if ((scale == Scale::log || scale == Scale::reverse_log) && low <= 0)
            throw InvalidSpace(fmt::format("parameter {}: low ({}) must be above 0 on a {} scale", name,
                                           text(low), to_string(scale)));
        if (scale == Scale::logit && (low <= 0 || high >= 1))
            throw InvalidSpace(
                fmt::format("parameter {}: the range [{}, {}] must lie inside (0, 1) on a logit scale", name,
                            text(low), text(high)));
        if (step) validate_step();
    }

    void validate_step() {
        if (!(*step > 0) || !std::isfinite(*step))
            throw InvalidSpace(
                fmt::format("parameter {}: step ({}) must be above 0", name, attune::to_string(*step)));
        if (kind == ParameterKind::integer && *step != std::floor(*step))
            throw InvalidSpace(fmt::format("parameter {}: step ({}) of an integer must be an integer", name,
                                           attune::to_string(*step)));
        if (!((high - low) / *step <= 9007199254740992.0) || step_rounding() > 0.25)
            throw InvalidSpace(
                fmt::format("parameter {}: step ({}) is too fine: doubles cannot tell its grid points "
                            "in [{}, {}] apart",
                            name, attune::to_string(*step), attune::to_string(low), attune::to_string(high)));
        if (!std::isfinite(high - low + *step))
            throw InvalidSpace(
                fmt::format("parameter {}: step ({}) and range are wider than a double can hold", name,
                            attune::to_string(*step)));
        const double steps = last_step();
        // 0.1 * 3 misses 0.3 by rounding: keep the end that was written where it is the grid's.
        if (std::abs((high - low) / *step - steps) > step_rounding()) high = grid_point(steps);
    }

    /// By how much (high - low) / step may be off because its three numbers are rounded decimals.
    [[nodiscard]] double step_rounding() const {
        return 4 * epsilon * (std::abs(low) + std::abs(high)) / grid_step();
    }

    /// Number of the last grid point. Precondition: a numeric grid.
    [[nodiscard]] double last_step() const {
        const double steps = (high - low) / grid_step();
        return kind == ParameterKind::integer ? std::floor(steps) : std::floor(steps + step_rounding());
    }

    /// low + k * step; where both are decimals of up to 15 digits the nearest double to the decimal result:
    /// 0.7, not 0.7000000000000001.
    [[nodiscard]] double grid_point(double k) const {
        constexpr double largest_exact_integer = 9007199254740992.0;
        const double size = grid_step();
        for (double scale_up = 1; scale_up <= 1e15; scale_up *= 10) {
            const double first = std::round(low * scale_up), stride = std::round(size * scale_up);
            if (std::abs(first) + k * stride > largest_exact_integer) break;
            if (first / scale_up == low && stride / scale_up == size) return (first + k * stride) / scale_up;
        }
        return low + k * size;
    }

    /// Ends of the warped range; on a grid widened by half a cell, so that the end points own cells like the
    /// others.
    [[nodiscard]] std::pair<double, double> warped_ends() const {
        double bottom = detail::warp(scale, low, low, high);
        double top = detail::warp(scale, high, low, high);
        if (is_grid()) {
            const double count = cardinality();
            const double second = detail::warp(scale, grid_value(1), low, high);
            const double second_last =
                detail::warp(scale, grid_value(static_cast<std::int64_t>(count) - 2), low, high);
            const double below = (second - bottom) / 2, above = (top - second_last) / 2;
            bottom -= below;
            top += above;
        }
        return {bottom, top};
    }

    [[nodiscard]] double number_of(const Value& value) const {
        if (const auto* integer = std::get_if<std::int64_t>(&value)) {
            constexpr std::int64_t largest = std::int64_t{1} << 53;
            if (kind == ParameterKind::integer && (*integer > largest || *integer < -largest))
                throw InvalidConfiguration(
                    fmt::format("parameter {}: {} is outside [{}, {}]", name, *integer, low, high));
            return static_cast<double>(*integer);
        }
        if (const auto* number = std::get_if<double>(&value)) {
            if (kind == ParameterKind::integer && *number != std::floor(*number))
                throw InvalidConfiguration(
                    fmt::format("parameter {}: {} must be an integer", name, attune::to_string(*number)));
            return *number;
        }
        throw InvalidConfiguration(fmt::format("parameter {}: {} is a {}, not a number", name,
                                               attune::to_string(value), type_name(value)));
    }
};

}  // namespace attune

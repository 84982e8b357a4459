#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "attune/space/space.hpp"

namespace attune::detail {

/// Looks for configurations that satisfy the constraints, however small a part of the space they are, or
/// proves by interval arithmetic that there are none.
class FeasibilitySearch {
  public:
    /// `fixed`: native values in the order of the space, NaN where free; empty where all are.
    explicit FeasibilitySearch(const SearchSpace& space, std::vector<double> fixed = {})
        : space_(space), fixed_(std::move(fixed)), relevant_(relevant()) {}

    enum class Answer { feasible, empty, unknown };

    /// Whether the constraints can be satisfied at all; the same answer whenever it is asked.
    [[nodiscard]] Answer run() const {
        std::uint64_t state = 0;
        const auto uniform = [&state] {  // a Weyl sequence: any points will do, but always the same
            state += 0x9E3779B97F4A7C15;
            return static_cast<double>((state ^ state >> 29) >> 11) * 0x1p-53;
        };
        const auto accept = [this](const Configuration& c) { return space_.satisfies(c); };
        for (int k = 0; k < 2000; ++k)
            if (accept(point(whole(), uniform))) return Answer::feasible;
        if (draw(uniform, accept)) return Answer::feasible;
        return breadth_first(uniform, accept);
    }

    /// A configuration that `accept` takes, found by diving into random halves of the space and leaving out
    /// those where interval arithmetic shows that a constraint cannot hold; nothing where `dives` of them did
    /// not help. Every feasible configuration can come, but not all with the same probability.
    template <class Uniform, class Accept>
    [[nodiscard]] std::optional<Configuration> draw(Uniform&& uniform, Accept&& accept,
                                                    int dives = 32) const {
        for (int dive = 0; dive < dives; ++dive) {
            std::vector<Box> stack{whole()};
            for (int visited = 0; !stack.empty() && visited < boxes_of_a_dive; ++visited) {
                const Box box = std::move(stack.back());
                stack.pop_back();
                if (impossible(box)) continue;
                for (int k = 0; k < 2; ++k)
                    if (Configuration found = point(box, uniform); accept(found)) return found;
                auto halves = split(box);
                if (!halves) continue;
                if (uniform() < 0.5) std::swap(halves->first, halves->second);
                stack.push_back(std::move(halves->first));
                stack.push_back(std::move(halves->second));
            }
        }
        return std::nullopt;
    }

  private:
    struct Box {
        std::vector<double> low, high;  // in the unit cube
    };
    static constexpr int boxes_of_a_dive = 400;
    static constexpr int boxes_of_a_proof = 20'000;
    static constexpr double narrowest = 1e-12;

    [[nodiscard]] Box whole() const {
        return {std::vector<double>(space_.size(), 0.0), std::vector<double>(space_.size(), 1.0)};
    }

    template <class Uniform, class Accept>
    [[nodiscard]] Answer breadth_first(Uniform& uniform, Accept& accept) const {
        std::deque<Box> boxes{whole()};
        bool gave_up = false;
        for (int visited = 0; !boxes.empty(); ++visited) {
            if (visited == boxes_of_a_proof) return Answer::unknown;
            const Box box = std::move(boxes.front());
            boxes.pop_front();
            if (impossible(box)) continue;
            if (accept(point(box, uniform))) return Answer::feasible;
            if (auto halves = split(box)) {
                boxes.push_back(std::move(halves->first));
                boxes.push_back(std::move(halves->second));
            } else {
                gave_up |= !is_point(box);
            }
        }
        return gave_up ? Answer::unknown : Answer::empty;
    }

    /// The parameters that the constraints name, and those that decide whether these are active.
    [[nodiscard]] std::vector<std::size_t> relevant() const {
        std::vector<bool> named(space_.size(), false);
        for (const Expression& constraint : space_.schema().constraints)
            for (const std::size_t i : constraint.parameters()) named[i] = true;
        std::vector<std::size_t> out;
        for (std::size_t i = space_.size(); i-- > 0;) {
            if (!named[i]) continue;
            std::vector<std::size_t> parents;
            space_[i].condition.collect_parameters(parents);
            for (const std::size_t parent : parents) named[parent] = true;
            if (!is_fixed(i)) out.push_back(i);
        }
        std::reverse(out.begin(), out.end());
        return out;
    }

    [[nodiscard]] bool is_fixed(std::size_t i) const { return !fixed_.empty() && !std::isnan(fixed_[i]); }

    [[nodiscard]] bool impossible(const Box& box) const {
        const Schema& schema = space_.schema();
        const auto interval = [&](std::size_t i) { return range(i, box); };
        return std::any_of(
            schema.constraints.begin(), schema.constraints.end(), [&](const Expression& constraint) {
                const auto& named = constraint.parameters();  // an inactive one lifts the constraint
                const bool conditional = std::any_of(named.begin(), named.end(), [&](std::size_t i) {
                    return !schema.parameters[i].condition.is_always();
                });
                return !conditional && constraint.over(interval) == Expression::Truth::never;
            });
    }

    [[nodiscard]] Expression::Interval range(std::size_t i, const Box& box) const {
        const Parameter& p = space_[i];
        const double a = is_fixed(i) ? fixed_[i] : p.decode(box.low[i]);
        const double b = is_fixed(i) ? fixed_[i] : p.decode(box.high[i]);
        if (p.kind != ParameterKind::categorical) return {a, b};
        constexpr double inf = std::numeric_limits<double>::infinity();
        Expression::Interval out{inf, -inf};
        for (double k = a; k <= b; ++k) {
            const double x = space_.schema().number(i, k);
            out = {std::min(out.low, x), std::max(out.high, x)};
        }
        return out;
    }

    template <class Uniform>
    [[nodiscard]] Configuration point(const Box& box, Uniform& uniform) const {
        std::vector<double> native(space_.size());
        for (std::size_t i = 0; i < native.size(); ++i) {
            const double unit = box.low[i] + uniform() * (box.high[i] - box.low[i]);
            native[i] = is_fixed(i) ? fixed_[i] : space_[i].decode(unit);
        }
        return space_.from_native(std::move(native));
    }

    [[nodiscard]] bool is_single(std::size_t i, const Box& box) const {
        return space_[i].decode(box.low[i]) == space_[i].decode(box.high[i]);
    }
    [[nodiscard]] bool is_point(const Box& box) const {
        return std::all_of(relevant_.begin(), relevant_.end(),
                           [&](std::size_t i) { return is_single(i, box); });
    }

    /// The upper end of the left and the lower end of the right half: on a grid neighbours, so that the
    /// halves share no value. Precondition: the ends stand for different values.
    static std::pair<double, double> cut(const Parameter& p, double low, double high) {
        const double middle = (low + high) / 2;
        if (!p.is_grid()) return {middle, middle};
        const auto neighbour = [&](double v, double by) {
            return p.kind == ParameterKind::categorical ? v + by : p.snap(v + by * p.grid_step());
        };
        double left = p.decode(middle);
        if (left >= p.decode(high)) left = neighbour(left, -1);
        return {p.encode(left), p.encode(neighbour(left, 1))};
    }

    /// Halves the widest side that still holds more than one value; nothing where there is none.
    [[nodiscard]] std::optional<std::pair<Box, Box>> split(const Box& box) const {
        std::size_t widest = box.low.size();
        double width = narrowest;
        for (const std::size_t i : relevant_) {
            if (box.high[i] - box.low[i] <= width || is_single(i, box)) continue;
            width = box.high[i] - box.low[i];
            widest = i;
        }
        if (widest == box.low.size()) return std::nullopt;
        std::pair<Box, Box> halves{box, box};
        std::tie(halves.first.high[widest], halves.second.low[widest]) =
            cut(space_[widest], box.low[widest], box.high[widest]);
        return halves;
    }

    const SearchSpace& space_;
    std::vector<double> fixed_;
    std::vector<std::size_t> relevant_;
};

}  // namespace attune::detail

namespace attune {

inline void SearchSpace::validate() const {
    if (schema_->parameters.empty())
        throw InvalidSpace("space: has no parameters; a search space needs at least one parameter");
    if (schema_->constraints.empty()) return;
    const auto answer = detail::FeasibilitySearch(*this).run();
    if (answer == detail::FeasibilitySearch::Answer::feasible) return;
    std::string constraints;
    for (const Expression& c : schema_->constraints)
        constraints += (constraints.empty() ? "'" : "', '") + c.text();
    throw InvalidSpace(
        fmt::format("constraints {}': {}", constraints,
                    answer == detail::FeasibilitySearch::Answer::empty
                        ? "no configuration of the space satisfies them"
                        : "no configuration that satisfies them was found; widen the ranges or loosen them"));
}

}  // namespace attune

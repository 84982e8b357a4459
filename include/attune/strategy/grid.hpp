#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/space/enumerate.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Options of Grid.
struct GridOptions {
    int levels = 10;  ///< values of a continuous parameter, evenly spaced on its scale; at least 1
    std::map<std::string, int>
        levels_of{};  ///< other numbers for single parameters, integers and steps among them

    /// Throws InvalidOption.
    void validate() const {
        if (levels < 1) throw InvalidOption(fmt::format("grid: levels ({}) must be at least 1", levels));
        for (const auto& [name, count] : levels_of)
            if (count < 1)
                throw InvalidOption(fmt::format("grid: levels of {} ({}) must be at least 1", name, count));
    }
};

/// Every combination once, the last parameter turning fastest; ends when spent.
///
/// Integers, steps and choices give all their values, continuous parameters `levels` of them. Inactive
/// parameters and constraints are respected: no configuration comes twice, none is infeasible. A failure of
/// the environment is asked again. Asking throws InvalidOption where a parameter has more than a million
/// values and no levels of its own.
class Grid {
  public:
    Grid() = default;
    explicit Grid(GridOptions options) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "grid"; }
    static constexpr bool ignores_results = true;

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        const SearchSpace& space = study.space();
        for (const auto& [parameter, count] : options_.levels_of) (void)space.schema().index(parameter);
        std::vector<std::vector<double>> axes;
        for (std::size_t i = 0; i < space.size(); ++i) axes.push_back(axis(space[i], i, request));
        std::optional<Suggestion> found;
        // Asked or not is read from the study, so the walk needs no memory of its own and resumes anywhere.
        for_each_configuration(space, axes, [&](const Configuration& configuration) {
            if (study.times_asked(configuration) > 0) return true;
            found = Suggestion{configuration, "next point of the grid", "grid", ""};
            return false;
        });
        return found;
    }

  private:
    [[nodiscard]] std::vector<double> axis(const Parameter& parameter, std::size_t i,
                                           const SuggestionRequest& request) const {
        if (request.is_fixed(i)) return {request.fixed[i]};
        if (const auto own = options_.levels_of.find(parameter.name); own != options_.levels_of.end())
            return axis_values(parameter, own->second);
        if (parameter.is_grid() && parameter.cardinality() > largest_axis)
            throw InvalidOption(fmt::format(
                "grid: parameter {} has {:.0f} values, more than {:.0f}; give it levels in levels_of",
                parameter.name, parameter.cardinality(), largest_axis));
        return axis_values(parameter,
                           parameter.is_grid() ? std::numeric_limits<double>::infinity() : options_.levels);
    }

    static constexpr double largest_axis = 1e6;

    GridOptions options_;
};

}  // namespace attune

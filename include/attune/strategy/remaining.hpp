#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "attune/space/detail/feasibility.hpp"
#include "attune/space/enumerate.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// What is left to ask in a finite space: a uniform draw among all configurations that the request admits, or
/// nothing where the space is spent, infinite, or has more than `limit` combinations to look through (then it
/// can hardly be spent).
///
/// For strategies whose own draws keep hitting what was asked before.
[[nodiscard]] inline std::optional<Suggestion> remaining_configuration(const Study& study,
                                                                       const SuggestionRequest& request,
                                                                       std::uint64_t limit = 2'000'000) {
    const SearchSpace& space = study.space();
    double combinations = 1;
    std::vector<std::vector<double>> axes;
    for (std::size_t i = 0; i < space.size(); ++i) {
        combinations *= request.is_fixed(i) ? 1 : space[i].cardinality();
        if (!(combinations <= static_cast<double>(limit))) return std::nullopt;
        axes.push_back(request.is_fixed(i) ? std::vector<double>{request.fixed[i]}
                                           : axis_values(space[i], std::numeric_limits<double>::infinity()));
    }
    RandomStream stream = request.stream(study, Purpose::retry);
    std::optional<Suggestion> chosen;
    std::uint64_t seen = 0;
    for_each_configuration(space, axes, [&](const Configuration& configuration) {
        if (request.admits(study, configuration) && stream.below(++seen) == 0)
            chosen = Suggestion{configuration, "drawn from what is left of the space", "filling", ""};
        return true;
    });
    return chosen;
}

/// A configuration that the request admits, looked for where the constraints leave so little of the space
/// that uniform draws miss it; not uniform among those. Nothing where none was found.
[[nodiscard]] inline std::optional<Suggestion> rare_configuration(const Study& study,
                                                                  const SuggestionRequest& request) {
    if (study.space().schema().constraints.empty()) return std::nullopt;
    RandomStream stream = request.stream(study, Purpose::retry);
    const detail::FeasibilitySearch search(study.space(), request.fixed);
    auto found = search.draw([&] { return stream.uniform(); },
                             [&](const Configuration& c) { return request.admits(study, c); });
    if (!found) return std::nullopt;
    return Suggestion{*std::move(found), "found between narrow constraints", "filling", ""};
}

}  // namespace attune

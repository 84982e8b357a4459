#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attune/strategy/strategy.hpp"
#include "attune/study/event.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// A suggestion that came out differently when it was asked for again.
struct ReplayDifference {
    std::int64_t trial = 0;
    std::uint64_t view = 0;  ///< how many events both suggestions saw
    Configuration recorded;
    std::optional<Configuration> replayed;  ///< none: the strategy had nothing to suggest
    bool fit_differs = false;               ///< the stored fit of the model is another one
};

struct Replay {
    std::int64_t asked_again = 0;  ///< suggestions of the strategy
    std::int64_t passed_over =
        0;  ///< enqueued by the user, repeats of earlier trials or merged: not the strategy's
    std::vector<ReplayDifference> differences;
};

/// Folds the events and asks the strategy for every recorded suggestion again, from the view, the attempt and
/// the fixed values that were recorded with it. Without differences the study is what this strategy, with its
/// options and on this machine, would have asked for, however many workers asked. Linear in the events where
/// views do not overlap. Throws InvalidState for events that are no study.
[[nodiscard]] inline Replay replay(std::span<const Event> events, AnyStrategy strategy,
                                   Duplicates duplicates = Duplicates::forbid()) {
    Replay result;
    Study study;
    for (std::uint64_t position = 0; position < events.size(); ++position) {
        const auto* suggested = std::get_if<event::Suggested>(&events[position].body);
        if (suggested == nullptr) continue;
        if (suggested->view > position || suggested->view == 0)
            throw InvalidState(
                fmt::format("trial {}: its suggestion says that it saw {} events, but stands at position {}",
                            suggested->trial, suggested->view, position));
        if (suggested->enqueued || suggested->role == "replicate" || suggested->role == "merged") {
            ++result.passed_over;
            continue;
        }
        if (study.position() > suggested->view) study = Study{};  // it saw less than the one before
        while (study.position() < suggested->view) study.apply(events[study.position()]);
        SuggestionRequest request{suggested->trial, suggested->attempt, {}, duplicates};
        if (!suggested->fixed.empty())
            request.fixed.assign(study.space().size(), std::numeric_limits<double>::quiet_NaN());
        for (const auto& [name, value] : suggested->fixed) {
            const std::size_t i = study.space().schema().index(name);
            request.fixed[i] = study.space()[i].to_native(value);
        }
        const std::optional<Suggestion> again = strategy.suggest(study, request);
        ++result.asked_again;
        Configuration recorded = study.space().configuration(suggested->configuration);
        if (again && again->configuration == recorded && again->fit == suggested->fit) continue;
        result.differences.push_back({suggested->trial, suggested->view, std::move(recorded),
                                      again ? std::optional(again->configuration) : std::nullopt,
                                      again && again->fit != suggested->fit});
    }
    return result;
}

}  // namespace attune

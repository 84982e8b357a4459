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
    bool resumption = false;                ///< what was recorded is going on with `trial`, not beginning it
    std::optional<std::int64_t> replayed_resume{};  ///< the paused trial that it would go on with
    bool until_differs = false;                     ///< the same, to another step
};

struct Replay {
    std::int64_t asked_again = 0;  ///< suggestions of the strategy
    std::int64_t passed_over =
        0;  ///< enqueued by the user, repeats of earlier trials or merged: not the strategy's
    std::vector<ReplayDifference> differences;
};

namespace detail {

/// What a recorded suggestion says, of a trial that was begun or gone on with.
struct RecordedSuggestion {
    std::int64_t trial = 0;
    std::uint64_t view = 0;
    bool passed_over = false;
    bool could_pause = true;  ///< otherwise `until` was not recorded, whatever the strategy said
    SuggestionRequest request;
    event::Values fixed;
    std::optional<event::Values> configuration;  ///< none: it was gone on with
    std::optional<double> until;
    std::string fit;
};

inline std::optional<RecordedSuggestion> recorded_suggestion(const EventBody& body, Duplicates duplicates) {
    RecordedSuggestion out;
    out.request.duplicates = duplicates;
    if (const auto* suggested = std::get_if<event::Suggested>(&body)) {
        out.trial = out.request.trial = suggested->trial;
        out.view = suggested->view;
        out.passed_over =
            suggested->enqueued || suggested->role == "replicate" || suggested->role == "merged";
        out.could_pause = suggested->resumable;
        out.request.attempt = suggested->attempt;
        out.request.resumable = suggested->resumable && suggested->fixed.empty();
        out.fixed = suggested->fixed;
        out.configuration = suggested->configuration;
        out.until = suggested->until;
        out.fit = suggested->fit;
        return out;
    }
    const auto* resumed = std::get_if<event::Resumed>(&body);
    if (resumed == nullptr || resumed->view == 0) return std::nullopt;
    out.trial = resumed->trial;
    out.view = resumed->view;
    out.passed_over = resumed->role == "policy";
    out.request.attempt = resumed->attempt;
    out.request.resumable = true;
    out.request.only_resume = resumed->only_resume;
    out.until = resumed->until;
    out.fit = resumed->fit;
    return out;
}

}  // namespace detail

/// Folds the events and asks the strategy for every recorded suggestion again, also to go on with a paused
/// trial, from the view, the attempt and the fixed values that were recorded with it. Without differences the
/// study is what this strategy, with its options and on this machine, would have asked for, however many
/// workers asked. Linear in the events where views do not overlap. Throws InvalidState for events that are no
/// study.
[[nodiscard]] inline Replay replay(std::span<const Event> events, AnyStrategy strategy,
                                   Duplicates duplicates = Duplicates::forbid()) {
    Replay result;
    Study study;
    for (std::uint64_t position = 0; position < events.size(); ++position) {
        auto recorded = detail::recorded_suggestion(events[position].body, duplicates);
        if (!recorded) continue;
        const std::uint64_t view = recorded->view;
        if (view > position || view == 0)
            throw InvalidState(
                fmt::format("trial {}: its suggestion says that it saw {} events, but stands at position {}",
                            recorded->trial, view, position));
        if (recorded->passed_over) {
            ++result.passed_over;
            continue;
        }
        if (study.position() > view) study = Study{};  // it saw less than the one before
        while (study.position() < view) study.apply(events[study.position()]);
        SuggestionRequest& request = recorded->request;
        if (!recorded->configuration) request.trial = static_cast<std::int64_t>(study.trials().size());
        if (!recorded->fixed.empty())
            request.fixed.assign(study.space().size(), std::numeric_limits<double>::quiet_NaN());
        for (const auto& [name, value] : recorded->fixed) {
            const std::size_t i = study.space().schema().index(name);
            request.fixed[i] = study.space()[i].to_native(value);
        }
        const std::optional<Suggestion> again = strategy.suggest(study, request);
        ++result.asked_again;
        const bool resumption = !recorded->configuration.has_value();
        Configuration configuration = resumption ? study.trial(recorded->trial).configuration
                                                 : study.space().configuration(*recorded->configuration);
        const bool same_trial =
            again && (resumption ? again->resume == recorded->trial
                                 : !again->resume && again->configuration == configuration);
        const bool same_until = again && (!recorded->could_pause || again->until == recorded->until);
        if (same_trial && same_until && again->fit == recorded->fit) continue;
        result.differences.push_back({recorded->trial, view, std::move(configuration),
                                      again ? std::optional(again->configuration) : std::nullopt,
                                      again && again->fit != recorded->fit, resumption,
                                      again ? again->resume : std::nullopt, same_trial && !same_until});
    }
    return result;
}

}  // namespace attune

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "attune/study/event.hpp"

namespace attune::test {

/// A study that goes on for ever: trials of ten reports each.
inline Event event_number(std::size_t i) {
    const auto time = static_cast<double>(i);
    if (i == 0) {
        SearchSpace space;
        (void)space.continuous("x", 0, 1);
        return {0, event::Created{
                       "endless", 1, space, {minimize("loss")}, event::FinalValue::best_report, {}, {}}};
    }
    const auto trial = static_cast<std::int64_t>((i - 1) / 12);
    const std::size_t part = (i - 1) % 12;
    if (part == 0) {
        event::Suggested suggested;
        suggested.trial = trial;
        suggested.configuration = {{"x", 1.0 / (time + 1)}};
        suggested.view = i;
        suggested.reason = std::string(i % 700, 'r');  // records of many lengths
        return {time, suggested};
    }
    if (part < 11)
        return {time, event::Reported{trial, static_cast<double>(part), {{"loss", time / 3}, {"zero", 0}}}};
    event::Finished finished;
    finished.trial = trial;
    finished.metrics = {{"loss", time / 3}};
    return {time, finished};
}

inline bool is_report(std::size_t i) { return i > 0 && (i - 1) % 12 >= 1 && (i - 1) % 12 <= 10; }

}  // namespace attune::test

#pragma once

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/files/study_export.hpp"
#include "attune/storage/binary_codec.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/study/study.hpp"

/// What the fuzzers share. An error under attune::Error is an answer; any other exception, and a broken
/// promise, is a finding.
namespace attune::fuzz {

inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

template <class Act>
void allow_errors(Act act) {
    try {
        act();
    } catch (const Error&) {
    }
}

/// Both forms give back what they were given.
inline void check_codecs(const std::vector<Event>& events) {
    const std::string bytes = to_bytes(events);
    std::vector<Event> again;
    from_bytes(bytes, events.size(), again);
    require(to_bytes(again) == bytes, "bytes of events read back as they were");
    for (const Event& event : events) {
        const std::string text = to_json(event).dump();
        require(to_json(event_from_json(parse_json(text, "event"))).dump() == text,
                "JSON of events reads back as it was");
    }
}

/// A study that was accepted can be written in every form.
inline void check_exports(const std::vector<Event>& events) {
    Study study;
    for (const Event& event : events) study.apply(event);
    (void)study_as_csv(study);
    (void)study_as_optuna_journal(study);
}

}  // namespace attune::fuzz

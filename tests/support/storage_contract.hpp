#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/storage/follow.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/storage/storage.hpp"
#include "support/study_events.hpp"

namespace attune::test {

/// Events as text, for comparing them exactly.
inline std::vector<std::string> texts(const std::vector<Event>& events) {
    std::vector<std::string> out;
    for (const Event& event : events) out.push_back(to_json(event).dump());
    return out;
}

/// Followed, a storage gives what is there and then what is appended meanwhile, each event once.
inline void check_follow(AnyStorage& storage, std::uint64_t from, const std::vector<Event>& more) {
    const std::size_t there = storage.read(0).size();
    std::vector<Event> taken;
    const std::uint64_t behind = follow(storage,
                                        [&](std::uint64_t position, const std::vector<Event>& events) {
                                            CHECK(position == from + taken.size());
                                            if (taken.empty()) CHECK(storage.append(more, there));
                                            taken.insert(taken.end(), events.begin(), events.end());
                                            return from + taken.size() < there + more.size();
                                        },
                                        {}, {.from = from, .poll_seconds = 0.001});
    CHECK(behind == there + more.size());
    CHECK(texts(taken) == texts(storage.read(from)));
    std::stop_source stopped;
    stopped.request_stop();
    const auto never = [](std::uint64_t, const std::vector<Event>&) { return true; };
    CHECK(follow(storage, never, stopped.get_token(), {.from = behind}) == behind);
}

/// What every storage must do. `open()` gives one that is empty; `reopen(storage)` gives one that sees what
/// the other held, which is destroyed first where the storage has one owner at a time.
template <class Open, class Reopen>
void check_storage_contract(Open&& open, Reopen&& reopen) {
    const std::vector<Event> events = rich_events();
    AnyStorage storage = open();
    CHECK(storage.read(0).empty());
    CHECK(storage.read(7).empty());
    CHECK_FALSE(storage.append(std::span(events).first(1), 1));
    CHECK(storage.read(0).empty());
    CHECK(storage.append({}, 0));

    CHECK(storage.append(std::span(events).first(1), 0));
    CHECK_FALSE(storage.append(std::span(events).first(1), 0));
    CHECK(storage.append(std::span(events).subspan(1, 4), 1));
    CHECK_FALSE(storage.append(std::span(events).subspan(5), 4));
    CHECK_FALSE(storage.append(std::span(events).subspan(5), 6));
    CHECK(texts(storage.read(0)) == texts({events.begin(), events.begin() + 5}));
    CHECK(texts(storage.read(3)) == texts({events.begin() + 3, events.begin() + 5}));
    CHECK(storage.read(5).empty());

    storage = reopen(std::move(storage));
    CHECK(texts(storage.read(0)) == texts({events.begin(), events.begin() + 5}));
    check_follow(storage, 3, {events.begin() + 5, events.begin() + 7});
    for (std::size_t i = 7; i < events.size(); ++i) {
        CHECK(storage.append(std::span(events).subspan(i, 1), i));
        CHECK(storage.read(i).size() == 1);
    }
    storage = reopen(std::move(storage));
    CHECK(texts(storage.read(0)) == texts(events));
    CHECK(texts(storage.read(events.size() - 1)) == texts({events.back()}));
    CHECK_FALSE(storage.location().empty());
}

}  // namespace attune::test

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "attune/storage/binary_codec.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/storage/studies.hpp"
#include "attune/study/study.hpp"
#include "attune/tune/tuner.hpp"
#include "support/folders.hpp"
#include "support/postgresql_server.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// Changes of a study's space in every storage, merged studies among them, and files from before there were
// any.

using namespace attune;
using attune::test::texts;

namespace {

/// A space of up to five parameters, whose ranges and choices depend on the draw.
SearchSpace any_space(std::mt19937_64& draw) {
    SearchSpace space;
    const auto one_of = [&](std::uint64_t n) { return draw() % n; };
    if (one_of(4) != 0)
        (void)space.continuous("a", 0.1 * static_cast<double>(1 + one_of(3)),
                               1 + static_cast<double>(one_of(3)),
                               one_of(2) == 0 ? Scale::linear : Scale::log);
    const auto low = static_cast<std::int64_t>(one_of(3));
    if (one_of(4) != 0) (void)space.integer("b", low, low + 1 + static_cast<std::int64_t>(one_of(4)));
    const char* names[] = {"p", "q", "r", "s"};
    std::vector<std::string> choices;
    for (const char* name : names)
        if (one_of(3) != 0) choices.emplace_back(name);
    choices.emplace_back("t");
    auto kind = space.categorical("kind", choices);
    if (one_of(3) == 0) (void)space.integer("c", 0, 3).when(kind == "t");
    if (one_of(4) == 0) (void)space.constant("d", static_cast<int>(one_of(3)));
    return space;
}

/// A study of a few trials in each of several spaces, in the given storage.
void run_changing(AnyStorage storage, std::uint64_t seed) {
    std::mt19937_64 draw(seed);
    double now = 0;
    const event::Values stated{{"a", 0.25}, {"b", std::int64_t{9}}, {"c", std::int64_t{7}}};
    Tuner tuner{any_space(draw), minimize("y"), std::move(storage),
                TunerOptions{.seed = seed, .clock = [&now] { return ++now; }}};
    for (int change = 0; change < 5; ++change) {
        for (int i = 0; i < 3; ++i) {
            auto trial = tuner.ask();
            if (!trial) break;
            trial->report(1, 0.5 * i);
            if (draw() % 4 != 0) trial->tell(0.1 * i);
        }
        const SearchSpace space = any_space(draw);
        event::Values old_trials;
        for (const auto& [name, value] : stated)
            if (space.schema().find(name)) old_trials.emplace_back(name, value);
        tuner.change_space(space, old_trials);
    }
}

/// All that a study says, as text.
std::string fold_text(const std::vector<Event>& events) {
    Study study;
    std::string text;
    for (const Event& event : events) study.apply(event);
    for (const TrialRecord& trial : study.trials())
        text += std::to_string(trial.number) + " " + std::string(to_string(trial.state)) + " " +
                trial.asked().text() + " | " + trial.configuration.text() + " | " +
                std::to_string(study.times_asked(trial.configuration)) + "\n";
    for (const Parameter& p : study.space().parameters())
        text += p.name + " " + std::to_string(p.former_choices.size()) + "\n";
    return text + std::to_string(study.space_version());
}

std::filesystem::path data(const std::string& name) {
    return attune::test::source_folder() / "tests" / "storage" / "data" / name;
}

}  // namespace

TEST_CASE("any sequence of changes folds to the same study through every storage and both codecs") {
    const test::TemporaryFolder folder;
    const auto server = test::PostgresqlServer::start();
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        CAPTURE(seed);
        const std::string name = std::to_string(seed);
        const Memory memory;
        run_changing(memory, seed);
        const auto events = memory.read(0);
        const std::string expected = fold_text(events);
        std::vector<std::string> addresses{
            (folder.path() / (name + ".attune")).string(),
            "sqlite:///" + (folder.path() / "all.db").string() + "?study=s" + name};
        if (server) addresses.push_back(server->address() + "&study=s" + name);
        for (const std::string& address : addresses) {
            run_changing(open_storage(address), seed);
            const auto again = open_storage(address, {.read_only = true}).read(0);
            CHECK(fold_text(again) == expected);
        }
        std::vector<Event> by_bytes, by_json;
        from_bytes(to_bytes(events), events.size(), by_bytes);
        for (const Event& event : events)
            by_json.push_back(event_from_json(parse_json(to_json(event).dump(), "e")));
        CHECK(texts(by_bytes) == texts(events));
        CHECK(fold_text(by_bytes) == expected);
        CHECK(fold_text(by_json) == expected);
    }
}

TEST_CASE("studies whose spaces changed on different ways to the same one are merged") {
    const test::TemporaryFolder folder;
    const auto path = [&](const char* name) { return (folder.path() / name).string(); };
    SearchSpace first, second, present;
    (void)first.integer("n", 1, 3);
    (void)second.categorical("kind", {"u", "v"});
    (void)present.integer("n", 2, 5);
    (void)present.categorical("kind", {"v", "w"});
    const auto cost = [](Trial& trial) { return static_cast<double>(trial.number()); };
    const auto run = [&](const char* name, const SearchSpace& before, const event::Values& old_trials) {
        (void)Tuner{before, minimize("y"), Journal(path(name))}.run({.max_trials = 2}, cost);
        (void)Tuner{present, minimize("y"), Journal(path(name)),
                    TunerOptions{.change_space = true, .old_trials = old_trials}}
            .run({.max_trials = 4}, cost);
    };
    run("a.attune", first, {{"kind", std::string("u")}});
    run("b.attune", second, {{"n", std::int64_t{1}}});
    merge_studies({path("a.attune"), path("b.attune")}, path("c.attune"));
    const auto folded = [&](const char* name) {
        Study study;
        for (const Event& event : Journal::read_only(path(name)).read(0)) study.apply(event);
        return study;
    };
    const Study a = folded("a.attune"), b = folded("b.attune"), c = folded("c.attune");
    REQUIRE(c.trials().size() == 8);
    CHECK(c.space().differences(present).empty());
    for (std::int64_t i = 0; i < 4; ++i) {
        CHECK(c.trial(i).configuration.text() == a.trial(i).configuration.text());
        CHECK(c.trial(i).asked().text() == a.trial(i).asked().text());
        CHECK(c.trial(i + 4).configuration.text() == b.trial(i).configuration.text());
        CHECK(c.trial(i + 4).asked().text() == b.trial(i).asked().text());
        CHECK(c.trial(i + 4).metrics == b.trial(i).metrics);
    }
    CHECK_NOTHROW(Tuner(present, minimize("y"), Journal(path("c.attune"))));
}

TEST_CASE("journals and databases of earlier versions are read and gone on with") {
    const test::TemporaryFolder folder;
    // Version 2 is from before spaces could change, version 4 from before outcome constraints.
    for (const auto& [version, count] : {std::pair{"version_2", 16}, std::pair{"version_4", 23}}) {
        std::vector<Event> expected;
        std::ifstream lines(data(version + std::string(".jsonl")));
        for (std::string line; std::getline(lines, line);)
            expected.push_back(event_from_json(parse_json(line, "line")));
        REQUIRE(expected.size() == static_cast<std::size_t>(count));
        expected.push_back({99, event::SpaceChanged{test::rich_space(), {{"lr", 0.3}}}});
        for (const char* ending : {".attune", ".db"}) {
            const std::string name = version + std::string(ending);
            CAPTURE(name);
            const auto path = (folder.path() / name).string();
            std::filesystem::copy_file(data(name.c_str()), path);
            CHECK(texts(open_storage(path, {.read_only = true}).read(0)) ==
                  texts({expected.begin(), expected.end() - 1}));
            CHECK(open_storage(path).append(std::span(expected).last(1), static_cast<std::uint64_t>(count)));
            CHECK(texts(open_storage(path, {.read_only = true}).read(0)) == texts(expected));
        }
    }
}

#include "attune/storage/journal.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "attune/core.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

using namespace attune;
using attune::test::contents;
using attune::test::texts;

namespace {

void put(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// A journal with one append for every event, and where each record ends.
std::vector<std::size_t> write_study(const std::filesystem::path& path, const std::vector<Event>& events) {
    Journal journal(path);
    std::vector<std::size_t> ends;
    for (std::size_t i = 0; i < events.size(); ++i) {
        REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
        ends.push_back(std::filesystem::file_size(path));
    }
    return ends;
}

std::vector<Event> few_events() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return {{1, event::Created{"s", 1, space, {minimize("loss")}, event::FinalValue::best_report, {}, {}}},
            {2, event::Suggested{0, {{"x", 0.25}}, {}, 1, 0, -1, false, std::nullopt, "", "", ""}},
            {3, event::Reported{0, 1, {{"loss", 0.5}}}},
            {4, event::Finished{0,
                                TrialState::completed,
                                {{"loss", 0.5}},
                                std::nullopt,
                                "",
                                std::nullopt,
                                std::nullopt,
                                std::nullopt}},
            {5, event::Ended{"done"}}};
}

bool is_prefix(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
    return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace

TEST_CASE("a file cut at any byte opens with all whole records before the cut") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune", torn = folder.path() / "torn.attune";
    const std::vector<Event> events = few_events();
    const auto ends = write_study(path, events);
    const std::string whole = contents(path).substr(0, ends.back());  // without the mark of a close
    for (std::size_t length = ends[1]; length < whole.size(); ++length) {
        put(torn, whole.substr(0, length));
        const auto kept =
            static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), length) - ends.begin());
        const std::size_t tail = length - ends[kept - 1];
        CAPTURE(length);
        CHECK(Journal::read_only(torn).read(0).size() == kept);
        CHECK(contents(torn).size() == length);
        Journal journal(torn);
        CHECK(texts(journal.read(0)) ==
              texts({events.begin(), events.begin() + static_cast<std::ptrdiff_t>(kept)}));
        CHECK(journal.recovery().has_value() == (tail > 0));
        if (tail > 0) {
            CHECK(journal.recovery()->bytes == tail);
            CHECK(journal.recovery()->position == kept);
            CHECK(contents(journal.recovery()->kept_in) == whole.substr(ends[kept - 1], tail));
            std::filesystem::remove(journal.recovery()->kept_in);
        }
        CHECK(journal.append(std::span(events).subspan(kept, 1), kept));
        CHECK(texts(Journal::read_only(torn).read(0)) ==
              texts({events.begin(), events.begin() + static_cast<std::ptrdiff_t>(kept) + 1}));
    }
}

TEST_CASE("a file cut inside its header is begun anew") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    const std::vector<Event> events = few_events();
    for (const std::string start : {"", "A", "ATTUNE JOUR", "ATTUNE JOURNAL 1", "ATTUNE JOURNAL 2\n"}) {
        put(path, start);
        CHECK(Journal::read_only(path).read(0).empty());
        CHECK(contents(path) == start);
        Journal journal(path);
        CHECK(journal.append(events, 0));
        CHECK(texts(journal.read(0)) == texts(events));
    }
}

TEST_CASE("no flipped bit gives a different study without a word") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune", damaged = folder.path() / "damaged.attune";
    const std::vector<Event> events = few_events();
    const auto ends = write_study(path, events);
    const std::string closed = contents(path), killed = closed.substr(0, ends.back());
    const auto texts_of_all = texts(events);
    // Of a copy of what a killed writer left, only the last record may be taken for a torn one; of a file
    // that was closed, no more than the mark behind it.
    for (const auto& [whole, kept] : {std::pair{closed, events.size()}, {killed, events.size() - 1}}) {
        int refused = 0, cut = 0;
        const auto flip = [&](std::size_t at, int bit) {
            std::string bytes = whole;
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            put(damaged, bytes);
            std::filesystem::remove(damaged.string() + "-workers");
            try {
                const auto seen = texts(Journal::read_only(damaged).read(0));
                Journal journal(damaged);
                CHECK(texts(journal.read(0)) == seen);
                CHECK(is_prefix(seen, texts_of_all));
                CHECK(seen.size() == kept);
                REQUIRE(journal.recovery().has_value());
                std::filesystem::remove(journal.recovery()->kept_in);
                ++cut;
            } catch (const StorageError& error) {
                ++refused;
                CHECK(contents(damaged) == bytes);
                const bool in_records = at >= 32;
                if (in_records) CHECK(std::string(error.what()).find("record ") != std::string::npos);
            }
        };
        for (std::size_t at = 0; at < whole.size(); ++at)
            for (int bit = 0; bit < 8; ++bit) flip(at, bit);
        CHECK(cut == static_cast<int>(8 * (whole.size() - ends[kept - 1])));
        CHECK(refused == static_cast<int>(8 * ends[kept - 1]));
    }
}

TEST_CASE("records that are swapped, doubled or taken out are refused") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune", damaged = folder.path() / "damaged.attune";
    const auto ends = write_study(path, few_events());
    const std::string whole = contents(path);
    const auto record = [&](std::size_t i) { return whole.substr(ends[i - 1], ends[i] - ends[i - 1]); };
    const std::string first = whole.substr(0, ends[0]);
    for (const std::string& bytes : {first + record(2) + record(1) + record(3) + record(4), whole + record(4),
                                     first + record(1) + record(1) + record(2),
                                     first + record(1) + record(3) + record(4), first + record(2)}) {
        put(damaged, bytes);
        CHECK_THROWS_WITH_AS(Journal{damaged}, doctest::Contains("is out of order"), StorageError);
        CHECK_THROWS_AS((void)Journal::read_only(damaged), StorageError);
        CHECK(contents(damaged) == bytes);
    }
}

TEST_CASE("what was appended together is read together or not at all") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    const std::vector<Event> events = few_events();
    std::size_t before = 0;
    std::string whole;
    {
        Journal journal(path);
        CHECK(journal.append(std::span(events).first(2), 0));
        before = std::filesystem::file_size(path);
        CHECK(journal.append(std::span(events).subspan(2), 2));
        whole = contents(path);
    }
    for (std::size_t length = before; length < whole.size(); ++length) {
        put(path, whole.substr(0, length));
        CHECK(Journal::read_only(path).read(0).size() == 2);
    }
    Journal journal(path);
    CHECK(journal.read(0).size() == 2);
    CHECK(std::filesystem::file_size(path) == before);
}

TEST_CASE("readers follow a writer and never write") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    const std::vector<Event> events = few_events();
    Journal reader = [&] {
        Journal writer(path);
        CHECK(writer.append(std::span(events).first(1), 0));
        Journal looking = Journal::read_only(path);
        CHECK(looking.read(0).size() == 1);
        CHECK(writer.append(std::span(events).subspan(1), 1));
        CHECK(texts(looking.read(1)) == texts({events.begin() + 1, events.end()}));
        return looking;
    }();
    CHECK_THROWS_WITH_AS((void)reader.append(events, events.size()), doctest::Contains("reading only"),
                         StorageError);
    CHECK(Journal(path).read(0).size() == events.size());
}

TEST_CASE("files that are no journals are left alone") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "file";
    for (const std::string bytes : {"some other file\n", "ATTUNE JOURNAL 3\n", "attune journal 1\n", "{\n"}) {
        put(path, bytes);
        CHECK_THROWS_AS(Journal{path}, StorageError);
        CHECK_THROWS_AS((void)Journal::read_only(path), StorageError);
        CHECK(contents(path) == bytes);
    }
    put(path, "ATTUNE JOURNAL 3\n");
    CHECK_THROWS_WITH_AS(Journal{path}, doctest::Contains("format version 3"), StorageError);
    CHECK_THROWS_WITH_AS(Journal{folder.path() / "none" / "study.attune"},
                         doctest::Contains("its folder does not exist"), StorageError);
    CHECK_THROWS_WITH_AS((void)Journal::read_only(folder.path() / "missing.attune"),
                         doctest::Contains("missing.attune: cannot be opened for reading: No such file"),
                         StorageError);
    CHECK_THROWS_AS(Journal{folder.path()}, StorageError);
}

TEST_CASE("a tuner that is reopened asks for exactly what an uninterrupted one asks") {
    const test::TemporaryFolder folder;
    SearchSpace space;
    auto lr = space.continuous("lr", 1e-4, 1, Scale::log);
    (void)space.integer("layers", 1, 4);
    const auto objective = [&](Trial& trial) {
        for (int epoch = 1; epoch <= 4; ++epoch)
            if (trial.report(epoch, std::abs(std::log(trial[lr])) / epoch) != Decision::proceed) break;
    };
    const MedianRule rule({.minimum_trials = 2});
    Tuner whole{space, minimize("loss"), rule, TunerOptions{.seed = 7}};
    const Study expected = whole.run({.max_trials = 12}, objective).study();

    const auto path = folder.path() / "study.attune";
    for (const int trials : {3, 7, 12}) {
        Tuner part{space, minimize("loss"), rule, TunerOptions{.seed = 7}, Journal{path}};
        CHECK(part.location() == path.string());
        (void)part.run({.max_trials = trials}, objective);
    }
    Study resumed;
    Journal journal = Journal::read_only(path);
    for (const Event& event : journal.read(0)) resumed.apply(event);
    REQUIRE(resumed.trials().size() == expected.trials().size());
    for (std::size_t i = 0; i < expected.trials().size(); ++i) {
        CHECK(resumed.trials()[i].configuration == expected.trials()[i].configuration);
        CHECK(resumed.trials()[i].state == expected.trials()[i].state);
        CHECK(resumed.trials()[i].metrics == expected.trials()[i].metrics);
    }
    CHECK(resumed.best()->number == expected.best()->number);
}

TEST_CASE("a journal of another study is refused with what differs") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    SearchSpace space, other;
    (void)space.continuous("lr", 0, 1);
    (void)other.continuous("lr", 0, 2);
    (void)other.integer("depth", 1, 2);
    { Tuner tuner{space, minimize("loss"), Journal{path}}; }
    const auto open = [&] { Tuner tuner{other, maximize("loss"), Journal{path}}; };
    CHECK_THROWS_WITH_AS(open(), doctest::Contains("parameter lr"), InvalidState);
    CHECK_THROWS_WITH_AS(open(), doctest::Contains("parameter depth"), InvalidState);
    CHECK_THROWS_WITH_AS(open(), doctest::Contains("objectives: minimize loss -> maximize loss"),
                         InvalidState);
}

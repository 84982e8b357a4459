#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "attune/storage/binary_codec.hpp"
#include "attune/storage/follow.hpp"
#include "attune/storage/journal.hpp"
#include "simulated_files.hpp"
#include "support/errors.hpp"
#include "support/folders.hpp"
#include "support/instrumented.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// Several writers of one journal, files of earlier versions, and files that are replaced while they are open.

using namespace attune;
using attune::test::check_error;
using attune::test::contents;
using attune::test::texts;

namespace {

std::vector<Event> first_event() { return {test::rich_events().front()}; }

Event note(const std::string& key, std::size_t value) {
    return {static_cast<double>(value), event::Attribute{-1, key, std::to_string(value)}};
}

/// Appends `count` notes, each behind all that is there.
void append_notes(Journal journal, const std::string& key, std::size_t count) {
    std::uint64_t position = journal.read(0).size();
    for (std::size_t i = 0; i < count; ++i)
        for (const std::vector<Event> events{note(key, i)}; !journal.append(events, position);)
            position += journal.read(position).size();
}

std::filesystem::path data(const std::string& name) {
    return attune::test::source_folder() / "tests" / "storage" / "data" / name;
}

std::vector<Event> exported(const std::string& name) {
    std::ifstream lines(data(name));
    std::vector<Event> events;
    for (std::string line; std::getline(lines, line);)
        events.push_back(event_from_json(parse_json(line, "line")));
    return events;
}

}  // namespace

TEST_CASE("a reader follows what another process would append meanwhile") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    constexpr std::size_t notes = 50;
    CHECK(Journal(path).append(first_event(), 0));
    Journal reader = Journal::read_only(path);
    std::jthread writer;
    std::size_t taken = 0;
    const auto behind = follow(reader,
                               [&](std::uint64_t position, const std::vector<Event>& events) {
                                   CHECK(position == taken);
                                   if (taken == 0)
                                       writer =
                                           std::jthread([&] { append_notes(Journal(path), "n", notes); });
                                   taken += events.size();
                                   return taken < notes + 1;
                               },
                               {}, {.poll_seconds = 0.001});
    CHECK(behind == notes + 1);
    writer.join();
    CHECK(texts(reader.read(0)) == texts(Journal::read_only(path).read(0)));
    check_error<InvalidOption>(
        [&] { (void)follow(reader, [](auto, auto&) { return true; }, {}, {.poll_seconds = 0}); },
        {"poll_seconds (0)", "above 0"});
}

TEST_CASE("writers take turns: all events are there once, each writer's in its order") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    CHECK(Journal(path).append(first_event(), 0));
    constexpr std::size_t count = 60;
    {
        std::vector<std::jthread> writers;
        for (const std::string name : {"a", "b", "c", "d"})
            writers.emplace_back([&path, name] { append_notes(Journal(path), name, count); });
    }
    std::map<std::string, std::size_t> next;
    const auto events = Journal::read_only(path).read(1);
    CHECK(events.size() == 4 * count);
    for (const Event& event : events) {
        const auto& note = std::get<event::Attribute>(event.body);
        CHECK(note.value == std::to_string(next[note.key]++));
    }
}

TEST_CASE("an append that expects what another writer changed is refused and sees the change") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    Journal one(path), two(path);
    CHECK(one.append(first_event(), 0));
    CHECK_FALSE(two.append(first_event(), 0));
    CHECK(two.read(0).size() == 1);
    const std::vector<Event> more{note("k", 1)};
    CHECK(two.append(more, 1));
    CHECK(texts(one.read(1)) == texts(more));
}

TEST_CASE("writers that wait for the same flush share it") {
    const auto disk = std::make_shared<test::SimulatedFiles>();
    const JournalOptions lazy{Durability::process_crash, disk},
        safe{Durability::power_loss_with_reports, disk};
    Journal one("/disk/s.attune", lazy), two("/disk/s.attune", safe);
    CHECK(one.append(first_event(), 0));
    (void)two.read(0);
    disk->flushes = 0;
    CHECK(one.append(std::vector<Event>{note("k", 1)}, 1));
    CHECK(disk->flushes == 0);
    CHECK(two.append(std::vector<Event>{note("k", 2), note("k", 3)}, 2));
    CHECK(disk->flushes == 1);
    Journal three("/disk/s.attune", safe);  // opening asks for a flush of what is flushed already
    CHECK(disk->flushes == 1);
}

TEST_CASE("a tail that a dead writer left is cut by the next append of another one") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    Journal journal(path), other(path);
    CHECK(journal.append(first_event(), 0));
    std::ofstream(path, std::ios::binary | std::ios::app) << "ATTU of a writer that was killed";
    CHECK(Journal::read_only(path).recovery()->bytes == 32);
    CHECK(other.append(std::vector<Event>{note("k", 1)}, 1));
    REQUIRE(other.recovery());
    CHECK(contents(other.recovery()->kept_in) == "ATTU of a writer that was killed");
    CHECK(journal.read(0).size() == 2);
    CHECK_FALSE(Journal::read_only(path).recovery());
}

TEST_CASE("a journal of version 1 is read as it is") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "old.attune";
    std::filesystem::copy_file(data("version_1.attune"), path);
    const std::string before = contents(path);
    const auto expected = exported("version_1.jsonl");
    REQUIRE(expected.size() == 15);
    Journal reader = Journal::read_only(path);
    CHECK(texts(reader.read(0)) == texts(expected));
    CHECK(texts(reader.read(13)) == texts({expected.begin() + 13, expected.end()}));
    CHECK(reader.read(99).empty());
    CHECK(contents(path) == before);
}

TEST_CASE("a journal of version 1 is gone on with, and its readers follow") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "old.attune";
    std::filesystem::copy_file(data("version_1.attune"), path);
    Journal reader = Journal::read_only(path);
    auto expected = exported("version_1.jsonl");
    CHECK(reader.read(0).size() == expected.size());
    Journal writer(path);
    expected.push_back(note("after", 1));
    CHECK(writer.append(std::span(expected).last(1), 15));
    CHECK(texts(writer.read(0)) == texts(expected));
    CHECK(texts(reader.read(0)) == texts(expected));
    CHECK(contents(path).substr(0, 17) == "ATTUNE JOURNAL 2\n");
}

TEST_CASE("a journal of version 1 that is cut at any byte keeps what is whole, and damage in it is refused") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "old.attune";
    const std::string whole = contents(data("version_1.attune"));
    const auto all = texts(exported("version_1.jsonl"));
    for (std::size_t length = whole.size() - 300; length < whole.size(); length += 7) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
        const auto kept = static_cast<std::size_t>(
            std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length), '\n') - 1);
        CAPTURE(length);
        CHECK(Journal::read_only(path).read(0).size() == kept);
        Journal journal(path);
        CHECK(texts(journal.read(0)) ==
              std::vector<std::string>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept)));
    }
    std::string damaged = whole;
    damaged[1000] ^= 1;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    CHECK_THROWS_WITH_AS(Journal{path}, doctest::Contains("nothing is cut"), StorageError);
    CHECK_THROWS_WITH_AS((void)Journal::read_only(path).read(0), doctest::Contains("record 1 at byte"),
                         StorageError);
    CHECK(contents(path) == damaged);
}

TEST_CASE("compacting keeps every event and position, while others read and write") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    Journal writer(path, {Durability::process_crash}), other(path, {Durability::process_crash});
    Journal reader = Journal::read_only(path);
    CHECK(writer.append(first_event(), 0));
    for (std::size_t i = 1; i <= 200; ++i) CHECK(writer.append(std::vector<Event>{note("k", i)}, i));
    const auto before = texts(reader.read(0));
    const auto size = std::filesystem::file_size(path);
    other.compact();
    CHECK(std::filesystem::file_size(path) < size / 2);
    CHECK(texts(reader.read(0)) == before);
    CHECK(writer.append(std::vector<Event>{note("k", 201)}, 201));
    CHECK(other.read(0).size() == 202);
    CHECK(texts(reader.read(201)) == texts({note("k", 201)}));
    CHECK_THROWS_AS(reader.compact(), StorageError);
}

TEST_CASE("a journal that is taken away or exchanged under its users is an error, not another study") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune", second = folder.path() / "second.attune";
    Journal writer(path);
    CHECK(writer.append(first_event(), 0));
    CHECK(Journal(second).append(first_event(), 0));
    Journal reader = Journal::read_only(path);
    std::filesystem::rename(second, path);
    check_error<StorageError>([&] { (void)writer.append(first_event(), 1); },
                              {"was replaced by another file"});
    check_error<StorageError>([&] { (void)reader.read(0); }, {"was replaced by another file"});
    std::filesystem::remove(path);
    check_error<StorageError>([&] { (void)writer.append(first_event(), 1); }, {"No such file"});
}

TEST_CASE("workers of a journal: numbers are never given twice, beats and leaves are seen by all") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "study.attune";
    Journal one(path), two(path);
    const auto a = one.workers(), b = two.workers();
    const std::uint64_t first = a->join({.period_seconds = 5, .process = "p", .name = "ä"}, 1);
    const std::uint64_t second = b->join({.name = std::string(500, 'x')}, 1);
    CHECK(first == 1);
    CHECK(second == 2);
    CHECK(a->beat(first, 12.5));
    const auto rows = b->rows();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].number == 1);
    CHECK(rows[0].beats == 1);
    CHECK(rows[0].latest_seconds == 12.5);
    CHECK(rows[0].period_seconds == 5);
    CHECK(rows[0].name == "ä");
    b->remove(first);
    CHECK_FALSE(a->beat(first, 13));
    CHECK(a->rows().size() == 1);
    CHECK(a->join({}, 1) == 3);
    CHECK(a->join({}, 40) == 40);
    std::filesystem::remove(path.string() + "-workers");  // it may be lost at any time
    CHECK(a->rows().empty());
    CHECK(b->join({}, 41) == 41);
}

TEST_CASE("event bytes that no program wrote are refused, wherever they are cut or changed") {
    const auto events = test::rich_events();
    const std::string bytes = to_bytes(events);
    std::vector<Event> back;
    from_bytes(bytes, events.size(), back);
    CHECK(texts(back) == texts(events));
    for (std::size_t length = 0; length < bytes.size(); length += test::thorough_step)
        CHECK_THROWS_AS(from_bytes(bytes.substr(0, length), events.size(), back), InvalidEventBytes);
    CHECK_THROWS_AS(from_bytes(bytes + "x", events.size(), back), InvalidEventBytes);
    CHECK(back.size() == events.size());
    std::string later = bytes;
    later[0] = 9;
    CHECK_THROWS_WITH_AS(from_bytes(later, events.size(), back), doctest::Contains("format version 9"),
                         InvalidEventBytes);
    // No checksum here: anything but a crash will do.
    for (std::size_t at = 0; at < bytes.size(); at += test::thorough_step)
        for (const char change : {'\x01', '\x80', '\xff'}) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(changed[at] ^ change);
            std::vector<Event> read;
            try {
                from_bytes(changed, events.size(), read);
                CHECK(read.size() == events.size());
            } catch (const Error&) {
                CHECK(read.empty());
            }
        }
    CHECK_THROWS_WITH_AS((void)to_bytes(std::vector<Event>{{0, event::Reported{0, 1, {{"\xff", 1}}}}}),
                         doctest::Contains("not UTF-8"), InvalidEventBytes);
}

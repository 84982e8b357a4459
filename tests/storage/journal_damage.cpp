#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "attune/storage/binary_codec.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/memory.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/studies.hpp"
#include "simulated_files.hpp"
#include "support/errors.hpp"
#include "support/instrumented.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// What is damage and what is a torn tail, studies that are rewritten as a whole, copies that are put back,
// flushes that fail, and links to studies.

using namespace attune;
using attune::test::check_error;
using attune::test::contents;
using attune::test::texts;

namespace {

namespace fs = std::filesystem;

Event note(std::size_t value, std::size_t length = 1) {
    return {static_cast<double>(value),
            event::Attribute{-1, "note", std::to_string(value) + std::string(length, 'n')}};
}

std::string bytes_of(std::span<const Event> events) { return to_bytes(events); }

std::vector<Event> study_of(std::size_t notes, std::size_t length = 1) {
    std::vector<Event> events{test::rich_events().front()};
    for (std::size_t i = 0; i < notes; ++i) events.push_back(note(i, length));
    return events;
}

/// Keeps the file that it is: its inode.
void overwrite(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string read(const fs::path& path) { return bytes_of(Journal::read_only(path).read(0)); }

bool has_file(const fs::path& folder, const std::string& part) {
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().find(part) != std::string::npos) return true;
    return false;
}

/// No bit of the whole file may be flipped without an error or a word, and whole records stay.
template <class Damaged>
void check_flips(const std::string& whole, const std::vector<Event>& events, std::size_t step,
                 const Damaged& damaged) {
    const auto expected = texts(events);
    for (std::size_t at = 0; at < whole.size(); at += step) {
        CAPTURE(at);
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        const fs::path path = damaged(bytes);
        try {
            Journal reader = Journal::read_only(path);
            CHECK(texts(reader.read(0)) == expected);
            CHECK_FALSE(reader.notice().empty());
        } catch (const StorageError&) {
            CHECK_THROWS_AS(Journal{path}, StorageError);
            CHECK(contents(path) == bytes);
        }
    }
}

}  // namespace

TEST_CASE("a study of long events is compacted, copied and converted in frames that can be read") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune", copy = folder.path() / "copy.attune";
    // Together more than a frame may hold; where all is slow, more than is written at once.
    constexpr std::size_t count = test::is_instrumented ? 9 : 68;
    const std::vector<Event> events = study_of(count, std::size_t{4} << 20);
    {
        Journal journal(path, {Durability::process_crash});
        for (std::size_t i = 0; i < events.size(); ++i)
            REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
    }
    compact_study(path.string());
    CHECK(read(path) == bytes_of(events));
    copy_study(path.string(), copy.string());
    CHECK(read(copy) == bytes_of(events));
}

TEST_CASE("an event that no frame can hold is refused before the old file is touched") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune";
    const std::vector<Event> events = study_of(1, (std::size_t{256} << 20) + 1);
    check_error<StorageError>([&] { Journal::store(path, events); }, {"study.attune", "more than the limit"});
    CHECK_FALSE(fs::exists(path));
    CHECK_FALSE(has_file(folder.path(), ".new"));
    check_error<StorageError>([&] { Journal::store(folder.path() / "none" / "s.attune", study_of(1)); },
                              {"s.attune: its folder does not exist"});
}

TEST_CASE("no flipped bit in a rewritten study that was copied elsewhere takes events without an error") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune", damaged = folder.path() / "damaged.attune";
    const std::vector<Event> events = study_of(600);
    Journal::store(path, events);
    check_flips(contents(path), events, 5, [&](const std::string& bytes) {
        fs::remove(damaged);  // another file: what is known of the first one says nothing of it
        overwrite(damaged, bytes);
        return damaged;
    });
}

TEST_CASE("no flipped bit in a study that was closed takes events without an error") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune", damaged = folder.path() / "damaged.attune";
    const std::vector<Event> events = study_of(8);
    for (const Durability durability : {Durability::process_crash, Durability::power_loss}) {
        fs::remove(path);
        {
            Journal journal(path, {durability});
            for (std::size_t i = 0; i < events.size(); ++i)
                REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
        }
        check_flips(contents(path), events, 1, [&](const std::string& bytes) {
            fs::remove(damaged);
            overwrite(damaged, bytes);
            return damaged;
        });
    }
}

TEST_CASE("no flipped bit of what a writer that was killed had flushed takes events") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune";
    const std::vector<Event> events = study_of(8);
    Journal killed(path);
    for (std::size_t i = 0; i < events.size(); ++i)
        REQUIRE(killed.append(std::span(events).subspan(i, 1), i));
    const std::string whole = contents(path);
    check_flips(whole, events, 1, [&](const std::string& bytes) {
        overwrite(path, bytes);
        return path;
    });
    overwrite(path, whole);
    CHECK(read(path) == bytes_of(events));
}

TEST_CASE("a tail that was never flushed is left by readers and cut by writers, and all storages say so") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune";
    const std::string copy = (folder.path() / "copy.attune").string();
    Journal::store(path, study_of(3));
    CHECK(open_storage(path.string(), {.read_only = true}).notice().empty());
    std::ofstream(path, std::ios::binary | std::ios::app) << "ATTU of a writer that was killed";
    AnyStorage reader = open_storage(path.string(), {.read_only = true});
    CHECK(reader.notice() == path.string() +
                                 ": 32 bytes behind event 4 were left out (record 4: it does not begin as a "
                                 "record does); the next writer cuts what is there");
    CHECK(list_studies(path.string()).at(0).notice == reader.notice());
    CHECK(copy_study(path.string(), copy) == reader.notice());
    const AnyStorage writer = open_storage(path.string());
    CHECK(writer.notice().find("32 bytes behind event 4 were cut off") != std::string::npos);
    CHECK(writer.notice().find("study.attune.cut-1") != std::string::npos);
    CHECK(reader.read(0).size() == 4);
    CHECK(reader.notice().empty());
    CHECK(AnyStorage(Memory{}).notice().empty());
}

TEST_CASE("a copy that is put back into the same file is flushed like a new one, and its readers are told") {
    const test::TemporaryFolder folder;
    const fs::path path = folder.path() / "study.attune";
    const std::vector<Event> events = study_of(40);
    Journal::store(path, std::span(events).first(10));
    const std::string backup = contents(path);
    {
        Journal journal(path);
        for (std::size_t i = 10; i < events.size(); ++i)
            REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
    }
    overwrite(path, backup);
    Journal reader = Journal::read_only(path);
    CHECK(reader.read(0).size() == 10);
    CHECK(reader.notice().find("before what was on the disk once") != std::string::npos);
    {
        Journal journal(path);
        CHECK_FALSE(journal.notice().empty());
        REQUIRE(journal.append(std::span(events).subspan(10, 1), 10));
    }
    CHECK(Journal(path).notice().empty());
    CHECK(read(path) == bytes_of(std::span(events).first(11)));
}

TEST_CASE("what an older copy appends is flushed, however much of the newer one was") {
    const auto disk = std::make_shared<test::SimulatedFiles>();
    const fs::path path = "/disk/study.attune";
    const std::vector<Event> events = study_of(60);
    std::string backup;
    {
        Journal journal(path, {Durability::power_loss, disk});
        for (std::size_t i = 0; i < events.size(); ++i) {
            REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
            if (i == 10) backup = disk->bytes(path.string());
        }
    }
    disk->put_bytes(path.string(), backup);
    disk->flushes = 0;
    Journal journal(path, {Durability::power_loss, disk});
    const int before = disk->flushes;
    for (std::size_t i = 11; i < 31; ++i) REQUIRE(journal.append(std::span(events).subspan(i, 1), i));
    CHECK(disk->flushes == before + 20);
}

TEST_CASE("after somebody's flush failed, no flush counts that saved less than it says") {
    std::mt19937 random(5);
    const fs::path path = "/disk/study.attune";
    const std::vector<Event> events = study_of(6);
    for (const bool reopened : {false, true}) {
        CAPTURE(reopened);
        const auto disk = std::make_shared<test::SimulatedFiles>();
        const JournalOptions lazy{Durability::process_crash, disk}, safe{Durability::power_loss, disk};
        Journal failing(path, safe), writer(path, lazy), other(path, safe);
        REQUIRE(failing.append(std::span(events).first(1), 0));
        REQUIRE(writer.append(std::span(events).subspan(1, 2), 1));
        disk->flushes_fail = true;  // and the system forgets what it could not write
        CHECK_FALSE(failing.append(std::span(events).subspan(1, 1), 1));
        CHECK_THROWS_AS((void)failing.append(std::span(events).subspan(3, 1), 3), StorageError);
        disk->flushes_fail = false;
        if (reopened) other = Journal(path, safe);
        REQUIRE(other.append(std::span(events).subspan(3, 1), 3));
        CHECK_THROWS_AS((void)failing.append(std::span(events).subspan(4, 1), 4), StorageError);
        disk->lose_power(random);
        CHECK(bytes_of(Journal::read_only(path, disk).read(0)) == bytes_of(std::span(events).first(4)));
    }
}

TEST_CASE("a study whose making could not be flushed is made whole by the next writer") {
    std::mt19937 random(6);
    const fs::path path = "/disk/study.attune";
    const std::vector<Event> events = study_of(2);
    const auto disk = std::make_shared<test::SimulatedFiles>();
    disk->flushes_fail = true;
    CHECK_THROWS_AS(Journal(path, {Durability::power_loss, disk}), StorageError);
    disk->flushes_fail = false;
    Journal journal(path, {Durability::power_loss, disk});
    REQUIRE(journal.append(events, 0));
    disk->lose_power(random);
    CHECK(bytes_of(Journal::read_only(path, disk).read(0)) == bytes_of(events));
}

TEST_CASE("a study that cannot be stored whole is not stored at all") {
    const auto disk = std::make_shared<test::SimulatedFiles>();
    const fs::path path = "/disk/study.attune";
    const std::vector<Event> events = study_of(3000, 30);
    for (std::size_t room = 0; room < 60'000; room += 7'000) {
        disk->capacity = disk->used() + room;
        check_error<StorageError>(
            [&] {
                Journal::store(path, events, {Durability::power_loss, disk});
            },
            {"study.attune", "No space"});
        CHECK(disk->files.empty());
    }
    disk->capacity = std::size_t(-1);
    disk->flushes_fail = true;
    check_error<StorageError>(
        [&] {
            Journal::store(path, events, {Durability::power_loss, disk});
        },
        {"cannot be flushed"});
    CHECK(disk->files.empty());
    disk->flushes_fail = false;
    (void)disk->open("/disk/study.attune.new", FileMode::create);  // of a dead one
    Journal::store(path, events, {Durability::power_loss, disk});
    CHECK(bytes_of(Journal::read_only(path, disk).read(0)) == bytes_of(events));
    check_error<StorageError>(
        [&] {
            Journal::store(path, events, {Durability::power_loss, disk});
        },
        {"study.attune: is there already"});
}

TEST_CASE("what is being stored by somebody else at this moment is left to them") {
    const auto disk = std::make_shared<test::SimulatedFiles>();
    const auto other = disk->open("/disk/study.attune.new", FileMode::create);
    REQUIRE(other->try_lock(FileLock::append));
    check_error<StorageError>(
        [&] {
            Journal::store("/disk/study.attune", study_of(3), {Durability::power_loss, disk});
        },
        {"study.attune.new: somebody else is making it"});
    CHECK(other->is_at("/disk/study.attune.new"));
}

TEST_CASE("a study is the same by whatever link it is opened") {
    const test::TemporaryFolder folder;
    fs::create_directories(folder.path() / "a" / "b");
    const fs::path path = folder.path() / "a" / "study.attune",
                   link = folder.path() / "a" / "b" / "link.attune";
    fs::create_symlink("../study.attune", link);
    const std::vector<Event> events = study_of(4);
    {
        Journal made(link);  // where the link leads to nothing yet
        CHECK(made.location() == path.string());
        REQUIRE(made.append(std::span(events).first(2), 0));
        CHECK(made.workers()->join({.period_seconds = 5, .latest_seconds = 1}, 1) == 1);
    }
    Journal direct(path), linked(link);
    CHECK(direct.workers()->rows().size() == 1);
    CHECK(linked.workers()->join({}, 1) == 2);
    linked.compact();
    CHECK(fs::is_symlink(link));
    CHECK_FALSE(has_file(link.parent_path(), "-workers"));
    REQUIRE(direct.append(std::span(events).subspan(2), 2));
    CHECK(bytes_of(linked.read(0)) == bytes_of(events));
    std::ofstream(path, std::ios::binary | std::ios::app) << "torn";
    CHECK(Journal(link).recovery()->kept_in == path.string() + ".cut-1");
    for (const std::uint64_t worker : {1U, 2U}) linked.workers()->remove(worker);
    delete_study(link.string());
    CHECK_FALSE(fs::exists(path));
    CHECK_FALSE(fs::exists(fs::symlink_status(link)));
    CHECK_FALSE(has_file(path.parent_path(), "-workers"));
}

TEST_CASE("a tail that cannot be kept on a full disk leaves no files behind, however often it is tried") {
    const auto disk = std::make_shared<test::SimulatedFiles>();
    const fs::path path = "/disk/study.attune";
    Journal::store(path, study_of(3), {Durability::power_loss, disk});
    disk->put_bytes(path.string(), disk->bytes(path.string()) + std::string(100, 'x'));
    const std::size_t files = disk->files.size();
    disk->capacity = disk->used();
    for (int i = 0; i < 3; ++i)
        check_error<StorageError>([&] { Journal(path, {Durability::power_loss, disk}); }, {"No space"});
    CHECK(disk->files.size() == files);
    disk->capacity = std::size_t(-1);
    CHECK(Journal(path, {Durability::power_loss, disk}).recovery()->kept_in == path.string() + ".cut-1");
}

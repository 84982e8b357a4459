#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "attune/core.hpp"
#include "attune/storage/journal.hpp"
#include "simulated_files.hpp"
#include "support/endless_study.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

using namespace attune;
using attune::test::event_number;
using attune::test::is_report;
using attune::test::SimulatedFiles;
using attune::test::texts;

namespace {

constexpr const char* path = "/disk/study.attune";

void append_one(Journal& journal, std::size_t i) {
    const std::vector<Event> events{event_number(i)};
    const bool appended = journal.append(events, i);
    REQUIRE(appended);
}

void check_prefix(const std::vector<Event>& events) {
    for (std::size_t i = 0; i < events.size(); ++i) CHECK(to_json(events[i]) == to_json(event_number(i)));
}

JournalOptions on(const std::shared_ptr<SimulatedFiles>& disk,
                  Durability durability = Durability::power_loss) {
    return {durability, disk};
}

}  // namespace

TEST_CASE("a power loss takes no more than the durability level allows") {
    std::mt19937 random(11);
    for (const Durability durability : {Durability::power_loss, Durability::power_loss_with_reports})
        for (int round = 0; round < 300; ++round) {
            const auto disk = std::make_shared<SimulatedFiles>();
            const std::size_t count = 1 + random() % 40;
            {
                Journal journal(path, on(disk, durability));
                for (std::size_t i = 0; i < count; ++i) append_one(journal, i);
            }
            std::size_t safe = count;
            if (durability == Durability::power_loss)
                while (safe > 0 && is_report(safe - 1)) --safe;
            disk->lose_power(random);
            const std::size_t seen = Journal::read_only(path, disk).read(0).size();
            Journal journal(path, on(disk, durability));
            const auto events = journal.read(0);
            CHECK(events.size() >= safe);
            CHECK(events.size() <= count);
            CHECK(events.size() == seen);
            check_prefix(events);
            append_one(journal, events.size());
            CHECK(Journal::read_only(path, disk).read(0).size() == events.size() + 1);
        }
}

TEST_CASE("damage in front of flushed records is refused also where it looks like an unwritten page") {
    const auto disk = std::make_shared<SimulatedFiles>();
    {
        Journal journal(path, on(disk, Durability::power_loss_with_reports));
        for (std::size_t i = 0; i < 30; ++i) append_one(journal, i);
    }
    std::string damaged = disk->bytes(path);
    damaged.replace(1024, 512, 512, '\0');
    disk->put_bytes(path, damaged);
    CHECK_THROWS_WITH_AS(Journal(path, on(disk)), doctest::Contains("nothing is cut"), StorageError);
    CHECK(disk->bytes(path) == damaged);
}

TEST_CASE("a full disk refuses the append, keeps the file whole and lets the study go on later") {
    for (std::size_t room = 0; room < 120; room += 3) {
        const auto disk = std::make_shared<SimulatedFiles>();
        Journal journal(path, on(disk));
        append_one(journal, 0);
        const std::string before = disk->bytes(path);
        disk->capacity = disk->used() + room;
        const std::vector<Event> events{event_number(1), event_number(2), event_number(3)};
        CHECK_THROWS_WITH_AS((void)journal.append(events, 1),
                             doctest::Contains("/disk/study.attune: cannot be written: No space left"),
                             StorageError);
        CHECK(disk->bytes(path) == before);
        CHECK(journal.read(0).size() == 1);
        disk->capacity = std::size_t(-1);
        CHECK(journal.append(events, 1));
        CHECK(texts(Journal::read_only(path, disk).read(1)) == texts(events));
    }
}

TEST_CASE("an append that cannot even be taken back is passed over by readers and removed later") {
    const auto disk = std::make_shared<SimulatedFiles>();
    Journal journal(path, on(disk));
    append_one(journal, 0);
    disk->capacity = disk->used() + 50;
    disk->cuts_fail = true;
    CHECK_THROWS_AS(append_one(journal, 1), StorageError);
    CHECK(Journal::read_only(path, disk).read(0).size() == 1);
    disk->capacity = std::size_t(-1);
    CHECK_THROWS_AS(append_one(journal, 1), StorageError);
    disk->cuts_fail = false;
    append_one(journal, 1);
    CHECK(Journal::read_only(path, disk).read(0).size() == 2);
}

TEST_CASE("after a failed flush the journal takes nothing more until it is opened again") {
    const auto disk = std::make_shared<SimulatedFiles>();
    {
        Journal journal(path, on(disk));
        append_one(journal, 0);
        disk->flushes_fail = true;
        CHECK_THROWS_WITH_AS(append_one(journal, 1), doctest::Contains("cannot be flushed"), StorageError);
        disk->flushes_fail = false;
        CHECK_THROWS_WITH_AS(append_one(journal, 1), doctest::Contains("open it again"), StorageError);
    }
    Journal journal(path, on(disk));
    CHECK(journal.read(0).size() == 1);
    append_one(journal, 1);
}

TEST_CASE("reports are flushed only where that was asked for") {
    for (const auto& [durability, expected] : {std::pair{Durability::process_crash, 0},
                                               {Durability::power_loss, 3},
                                               {Durability::power_loss_with_reports, 13}}) {
        const auto disk = std::make_shared<SimulatedFiles>();
        Journal journal(path, on(disk, durability));
        disk->flushes = 0;
        for (std::size_t i = 0; i < 13; ++i)
            append_one(journal, i);  // the creation and a trial of ten reports
        CHECK(disk->flushes == expected);
    }
}

TEST_CASE("a writer that is killed at any moment loses nothing that it acknowledged") {
    const test::TemporaryFolder folder;
    const auto file = folder.path() / "study.attune";
    std::mt19937 random(3);
    std::size_t known = 0;
    for (int round = 0; round < 20; ++round) {
        int acknowledged[2];
        REQUIRE(::pipe(acknowledged) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {  // only calls that a forked child may make: this program has no other thread
            try {
                Journal journal(file, {Durability::process_crash});
                for (std::size_t i = journal.read(0).size();; ++i) {
                    const std::vector<Event> events{event_number(i)};
                    if (!journal.append(events, i)) ::_exit(3);
                    if (::write(acknowledged[1], "x", 1) != 1) ::_exit(4);
                }
            } catch (...) {
                ::_exit(5);
            }
        }
        ::close(acknowledged[1]);
        char byte = 0;
        const std::size_t at_least = 1 + random() % 50;
        std::size_t heard = 0;
        while (heard < at_least && ::read(acknowledged[0], &byte, 1) == 1) ++heard;
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        while (::read(acknowledged[0], &byte, 1) == 1) ++heard;
        ::close(acknowledged[0]);
        REQUIRE(WIFSIGNALED(status));
        Journal journal(file);  // the dead writer's lock is gone
        const auto events = journal.read(0);
        CHECK(events.size() >= known + heard);
        CHECK(events.size() <= known + heard + 1);
        known = events.size();
        if (round % 5 == 4) check_prefix(events);
    }
}

TEST_CASE("a reader beside a writer sees a growing prefix and never an error") {
    const test::TemporaryFolder folder;
    const auto file = folder.path() / "study.attune";
    {
        Journal writer(file, {Durability::process_crash});
        append_one(writer, 0);
    }
    constexpr std::size_t count = 3000;
    std::jthread writing([&] {
        Journal writer(file, {Durability::process_crash});
        for (std::size_t i = 1; i < count; i += 3) {
            const std::vector<Event> events{event_number(i), event_number(i + 1), event_number(i + 2)};
            (void)writer.append(events, i);
        }
    });
    Journal reader = Journal::read_only(file);
    std::vector<Event> seen = reader.read(0);
    while (seen.size() < count - 2) {
        const auto more = reader.read(seen.size());
        CHECK(more.size() % 3 == 0);
        seen.insert(seen.end(), more.begin(), more.end());
    }
    check_prefix(seen);
}

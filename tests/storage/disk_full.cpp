#include <doctest/doctest.h>

#include <filesystem>

#include "attune/storage/journal.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/storage/studies.hpp"
#include "attune/tune/tuner.hpp"
#include "small_disk.hpp"
#include "support/errors.hpp"
#include "support/storage_contract.hpp"

// A real disk that is full during each kind of write and freed again, folders that cannot be written or are
// not there, and names that are no plain words.

using namespace attune;
using attune::test::check_error;
using attune::test::SmallDisk;
using attune::test::texts;

namespace {

struct Kind {
    const char* name;
    const char* size;  ///< of the disk: SQLite keeps a log of whole pages
    std::string address(const std::filesystem::path& folder, const std::string& study) const {
        const std::string file = (folder / study).string();
        return std::string(name) == "journal" ? file + ".attune" : "sqlite:///" + file + ".db";
    }
};

const Kind kinds[] = {{"journal", "256k"}, {"sqlite", "16m"}};

/// What is stored, as this handle and as a new reader see it.
void check_holds(AnyStorage& storage, const std::string& address, const std::vector<Event>& expected) {
    CHECK(texts(storage.read(0)) == texts(expected));
    CHECK(texts(open_storage(address, {.read_only = true}).read(0)) == texts(expected));
}

/// Appends `event` again and again to a full disk until that fails; the last pages have room for some.
bool fails_at_last(AnyStorage& storage, const Event& event, std::vector<Event>& stored) {
    for (int i = 0; i < 5000; ++i) {
        bool appended = false;
        try {
            appended = storage.append(std::span(&event, 1), stored.size());
        } catch (const StorageError& error) {
            CAPTURE(std::string(error.what()));
            CHECK(std::string(error.what()).find("attune disk µ") != std::string::npos);
            return true;
        }
        REQUIRE(appended);
        stored.push_back(event);
    }
    return false;
}

}  // namespace

TEST_CASE("a disk that is full during each kind of event loses nothing, and work goes on when it is freed") {
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        const auto events = test::rich_events();
        for (std::size_t i = 1; i < events.size(); ++i) {
            CAPTURE(i);
            const auto disk = SmallDisk::make(kind.size);
            if (!disk) return;
            const std::string address = kind.address(disk->path(), "s");
            AnyStorage storage = open_storage(address);
            std::vector<Event> stored{events.front()};
            REQUIRE(storage.append(stored, 0));
            disk->fill();
            CHECK(fails_at_last(storage, events[i], stored));
            check_holds(storage, address, stored);
            CHECK(fails_at_last(storage, events[i], stored));  // and still
            disk->free();
            for (std::size_t k = 1; k < events.size(); ++k) {
                REQUIRE(storage.append(std::span(&events[k], 1), stored.size()));
                stored.push_back(events[k]);
            }
            check_holds(storage, address, stored);
            storage = open_storage(address);
            check_holds(storage, address, stored);
        }
    }
}

TEST_CASE("a study that cannot be made on a full disk is made when there is room") {
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        const auto disk = SmallDisk::make(kind.size);
        if (!disk) return;
        const std::string address = kind.address(disk->path(), "s");
        const auto events = test::rich_events();
        disk->fill();
        CHECK_THROWS_AS(
            {
                AnyStorage storage = open_storage(address);
                (void)storage.append(std::span(events).first(1), 0);
            },
            StorageError);
        disk->free();
        AnyStorage storage = open_storage(address);
        CHECK(storage.append(std::span(events).first(1), 0));
        check_holds(storage, address, {events.front()});
    }
}

TEST_CASE("rewriting a study on a full disk leaves it as it was") {
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        const auto disk = SmallDisk::make(kind.size);
        if (!disk) return;
        const std::string address = kind.address(disk->path(), "s");
        AnyStorage storage = open_storage(address);
        std::vector<Event> stored = test::rich_events();
        REQUIRE(storage.append(stored, 0));
        for (int i = 0; i < 300; ++i) {
            const Event event{20.0 + i, event::Attribute{-1, "note", std::string(100, 'n')}};
            REQUIRE(storage.append(std::span(&event, 1), stored.size()));
            stored.push_back(event);
        }
        disk->fill();
        CHECK_THROWS_AS(compact_study(address), StorageError);
        check_holds(storage, address, stored);
        disk->free();
        compact_study(address);
        check_holds(storage, address, stored);
    }
}

TEST_CASE("workers on a full disk hear of it, keep what was acknowledged, and go on when it is freed") {
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        const auto disk = SmallDisk::make(kind.size);
        if (!disk) return;
        const std::string address = kind.address(disk->path(), "s");
        SearchSpace space;
        (void)space.continuous("x", 0, 1);
        Tuner tuner{space, minimize("y"), open_storage(address)};
        std::size_t finished = 0, errors = 0;
        for (int round = 0; round < 3; ++round) {
            disk->fill();
            for (int i = 0; i < 3000 && errors == static_cast<std::size_t>(round); ++i) try {
                    auto trial = tuner.ask();
                    REQUIRE(trial);
                    trial->report(1, 0.5);
                    trial->tell(1);
                    ++finished;
                } catch (const StorageError&) {
                    ++errors;
                }
            disk->free();
            for (int i = 0; i < 3; ++i) {
                auto trial = tuner.ask();
                REQUIRE(trial);
                trial->report(1, 0.5);
                trial->tell(1);
                ++finished;
            }
        }
        CHECK(errors == 3);
        Study study;
        for (const Event& event : open_storage(address, {.read_only = true}).read(0)) study.apply(event);
        CHECK(study.count(TrialState::completed) == finished);
        CHECK(study.unfinished().empty());  // what could not be told was given back and gone on with
        for (const TrialRecord& trial : study.trials())
            if (trial.finished()) CHECK(trial.reports.size() == 1);
    }
}

TEST_CASE("a folder that cannot be written: looking is fine, writing says why") {
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        const auto disk = SmallDisk::make(kind.size);
        if (!disk) return;
        const std::string place = disk->path().string();
        const std::string address = kind.address(place, "s");
        const std::vector<Event> stored = test::rich_events();
        REQUIRE(open_storage(address).append(stored, 0));
        REQUIRE(disk->make_read_only());
        CHECK(texts(open_storage(address, {.read_only = true}).read(0)) == texts(stored));
        check_error<StorageError>([&] { (void)open_storage(address).append(stored, stored.size()); },
                                  {place.c_str(), "ead-only"});
        check_error<StorageError>([&] { (void)open_storage(kind.address(place, "new")).append(stored, 0); },
                                  {place.c_str()});
    }
}

TEST_CASE("a folder that is not there is said so, and one with spaces and other letters is fine") {
    const test::TemporaryFolder folder;
    for (const Kind& kind : kinds) {
        CAPTURE(kind.name);
        check_error<StorageError>([&] { (void)open_storage(kind.address(folder.path() / "none", "s")); },
                                  {"none", "folder does not exist"});
        const auto odd = folder.path() / "mit Leerzeichen, ü, 文 & ?x=1#%41";
        std::filesystem::create_directories(odd);
        const std::string address = kind.address(odd, "µ s");
        if (std::string(kind.name) == "sqlite") {  // in an address ? begins the options
            Sqlite storage(odd / "µ s.db");
            REQUIRE(storage.append(test::rich_events(), 0));
            CHECK(texts(Sqlite::read_only(odd / "µ s.db").read(0)) == texts(test::rich_events()));
            continue;
        }
        REQUIRE(open_storage(address).append(test::rich_events(), 0));
        CHECK(texts(open_storage(address, {.read_only = true}).read(0)) == texts(test::rich_events()));
    }
}

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "attune/storage/open.hpp"
#include "attune/storage/postgresql.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/storage/studies.hpp"
#include "attune/study/study.hpp"
#include "support/errors.hpp"
#include "support/postgresql_server.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// Studies in databases: the contract of storages, many writers at once, damage, and what is done with whole
// studies.

using namespace attune;
using attune::test::check_error;
using attune::test::texts;

namespace {

Event note(const std::string& key, std::size_t value) {
    return {static_cast<double>(value), event::Attribute{-1, key, std::to_string(value)}};
}

std::vector<Event> first_event() { return {test::rich_events().front()}; }

template <class Open>
void check_many_writers(const Open& open, std::size_t writers, std::size_t count) {
    CHECK(open().append(first_event(), 0));
    {
        std::vector<std::jthread> threads;
        for (std::size_t w = 0; w < writers; ++w)
            threads.emplace_back([&open, count, name = "writer " + std::to_string(w)] {
                AnyStorage storage = open();
                std::uint64_t position = 0;
                for (std::size_t i = 0; i < count; ++i)
                    for (const std::vector<Event> events{note(name, i)}; !storage.append(events, position);)
                        position += storage.read(position).size();
            });
    }
    std::map<std::string, std::size_t> next;
    const auto events = open().read(1);
    CHECK(events.size() == writers * count);
    for (const Event& event : events) {
        const auto& body = std::get<event::Attribute>(event.body);
        CHECK(body.value == std::to_string(next[body.key]++));
    }
}

/// `look` opens the same study for reading only.
template <class Open, class Look>
void check_workers(const Open& open, const Look& look) {
    AnyStorage one = open(), two = open();
    const auto a = one.workers(), b = two.workers();
    REQUIRE(a != nullptr);
    CHECK(a->is_shared_by_processes());
    const std::uint64_t first =
        a->join({.period_seconds = 5, .latest_seconds = 2, .process = "p", .name = "n"}, 4);
    CHECK(first == 4);
    CHECK(b->join({}, 1) == 5);
    CHECK(b->beat(first, 7.5));
    const auto rows = a->rows();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].beats == 1);
    CHECK(rows[0].latest_seconds == 7.5);
    CHECK(rows[0].period_seconds == 5);
    CHECK(rows[0].process == "p");
    CHECK(rows[0].name == "n");
    AnyStorage looker = look();
    REQUIRE(looker.workers() != nullptr);
    CHECK(looker.workers()->rows().size() == 2);
    a->remove(5);
    CHECK_FALSE(b->beat(5, 1));
    CHECK(a->join({}, 1) == 6);
}

template <class Make>
void check_compacting(const Make& make) {
    auto storage = make();
    CHECK(storage.append(first_event(), 0));
    for (std::size_t i = 1; i <= 50; ++i) CHECK(storage.append(std::vector<Event>{note("k", i)}, i));
    const auto before = texts(storage.read(0));
    storage.compact();
    CHECK(texts(storage.read(0)) == before);
    CHECK(texts(storage.read(17)) == std::vector<std::string>(before.begin() + 17, before.end()));
    CHECK(storage.append(std::vector<Event>{note("k", 51)}, 51));
    CHECK(texts(storage.read(50)) == std::vector<std::string>{before[50], texts({note("k", 51)})[0]});
}

}  // namespace

TEST_CASE("SQLite keeps the contract of storages") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies % µ?.db";
    const auto open = [&] { return AnyStorage(Sqlite(path)); };
    test::check_storage_contract(open, [&](AnyStorage old) {
        { const AnyStorage gone = std::move(old); }
        return open();
    });
    CHECK(std::filesystem::exists(path));
    const auto again = Sqlite::read_only(path).read(0);
    CHECK(texts(again) == texts(test::rich_events()));
}

TEST_CASE("SQLite: a commit of a short event writes little, also beside long ones") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    Sqlite storage(path, {.durability = Durability::process_crash});
    const auto log_size = [&] { return std::filesystem::file_size(path.string() + "-wal"); };
    std::vector<Event> events = first_event();
    for (std::size_t i = 1; i < 40; ++i) events.push_back(note("key", i));
    events.push_back({40, event::Attribute{-1, "long", std::string(10'000, 'x')}});
    for (std::size_t i = 41; i < 60; ++i) events.push_back(note("key", i));
    std::uintmax_t short_commits = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
        const auto before = log_size();
        REQUIRE(storage.append(std::span(events).subspan(i, 1), i));
        if (i > 1 && i != 40) short_commits += log_size() - before;
    }
    CHECK(short_commits / 57 <= 4096);  // two pages, and now and then what comes of a full one
    CHECK(texts(Sqlite::read_only(path).read(0)) == texts(events));
}

TEST_CASE("SQLite: many writers take turns, and none is told that the database is locked") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    check_many_writers([&] { return AnyStorage(Sqlite(path, {.durability = Durability::process_crash})); }, 8,
                       25);
}

TEST_CASE("SQLite: workers, compacting, several studies in one file") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    check_workers([&] { return AnyStorage(Sqlite(path)); },
                  [&] { return AnyStorage(Sqlite::read_only(path)); });
    check_compacting([&] { return Sqlite(path, {.study = "compact"}); });
    CHECK(Sqlite::studies(path) == std::vector<std::string>{"study", "compact"});
    CHECK(Sqlite(path).read(0).empty());
    Sqlite::rename_study(path, "compact", "it's renamed");
    check_error<StorageError>([&] { Sqlite::rename_study(path, "compact", "x"); },
                              {"holds no study 'compact'"});
    check_error<StorageError>([&] { Sqlite::rename_study(path, "study", "it's renamed"); }, {"already"});
    CHECK(Sqlite::read_only(path, {.study = "it's renamed"}).read(0).size() == 52);
    Sqlite::remove_study(path, "study");
    CHECK(Sqlite::studies(path) == std::vector<std::string>{"it's renamed"});
    check_error<StorageError>([&] { (void)Sqlite::read_only(path); }, {"holds no study of this name"});
}

TEST_CASE("SQLite: what is no database of ours, or cannot be reached, is named as such") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "file.db";
    std::ofstream(path) << std::string(5000, 'x');
    check_error<StorageError>([&] { Sqlite{path}; }, {"file.db", "is no SQLite database"});
    check_error<StorageError>([&] { Sqlite{folder.path() / "none" / "s.db"}; },
                              {"its folder does not exist"});
    check_error<StorageError>([&] { (void)Sqlite::read_only(folder.path() / "missing.db"); }, {"missing.db"});
    check_error<InvalidOption>([&] { (Sqlite{path, {.study = ""}}); }, {"study is empty"});
    check_error<InvalidOption>([&] { (Sqlite{path, {.patience_seconds = -1}}); }, {"patience_seconds"});
}

TEST_CASE("SQLite: readers of a folder that cannot be written see the study") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    { CHECK(Sqlite(path).append(first_event(), 0)); }
    ::chmod(path.c_str(), 0444);
    ::chmod(folder.path().c_str(), 0555);
    CHECK(Sqlite::read_only(path).read(0).size() == 1);
    ::chmod(folder.path().c_str(), 0755);
}

TEST_CASE("PostgreSQL keeps the contract of storages, also when its server is restarted") {
    if (!Postgresql::is_built_in()) return test::count_skip("PostgreSQL", "libpq is missing");
    auto server = test::PostgresqlServer::start();
    if (!server) return;
    test::count_run();
    const std::string address = server->address();
    const auto named = [&](const std::string& study) {
        return [&address, study] { return AnyStorage(Postgresql(address, {.study = study})); };
    };
    check_error<StorageError>([&] { Postgresql(address, {.study = "none", .read_only = true}); },
                              {"attune_studies"});
    test::check_storage_contract(named("contract"), [&](AnyStorage old) {
        { const AnyStorage gone = std::move(old); }
        return named("contract")();
    });
    check_many_writers(named("writers"), 8, 25);
    check_workers(named("workers"),
                  [&] { return AnyStorage(Postgresql(address, {.study = "workers", .read_only = true})); });
    check_compacting([&] { return Postgresql(address, {.study = "compact"}); });
    CHECK(Postgresql::studies(address).size() == 4);
    Postgresql::rename_study(address, "workers", "renamed");
    Postgresql::remove_study(address, "renamed");
    check_error<StorageError>([&] { Postgresql::remove_study(address, "renamed"); },
                              {"holds no study 'renamed'"});
    check_error<StorageError>([&] { Postgresql(address, {.study = "none", .read_only = true}); },
                              {"of this name"});

    const test::TemporaryFolder folder;
    const std::string journal = (folder.path() / "s.attune").string();
    const std::string copy = StorageAddress{StorageAddress::Kind::postgresql, address, "copied"}.text();
    CHECK(open_storage(journal).append(test::rich_events(), 0));
    CHECK(named("copied")().read(0).empty());  // as a copy leaves it that is cut off before its one statement
    CHECK(copy_study(journal, copy).empty());
    CHECK(texts(open_storage(copy).read(0)) == texts(test::rich_events()));
    check_error<InvalidState>([&] { copy_study(journal, copy); }, {"a study is stored there already"});

    Postgresql storage(address, {.study = "restarted"});
    CHECK(storage.append(first_event(), 0));
    std::jthread restarting([&] {
        for (const char* mode : {"fast", "immediate"}) {
            std::this_thread::sleep_for(std::chrono::milliseconds(150));
            server->go_down(mode);
            (void)server->go_up();
        }
    });
    std::size_t count = 1;
    for (const auto begin = std::chrono::steady_clock::now();
         std::chrono::steady_clock::now() - begin < std::chrono::seconds(3); ++count)
        CHECK(storage.append(std::vector<Event>{note("k", count)}, count));
    restarting.join();
    const auto events = Postgresql(address, {.study = "restarted", .read_only = true}).read(0);
    CHECK(events.size() == count);
    for (std::size_t i = 1; i < events.size(); ++i)
        CHECK(std::get<event::Attribute>(events[i].body).value == std::to_string(i));
    check_error<StorageError>(
        [&] {
            Postgresql("postgresql://postgres@/nowhere?host=/tmp/attune-nowhere", {.patience_seconds = 0.1});
        },
        {"nowhere"});
}

TEST_CASE("addresses name a storage, a place and a study, and read back as themselves") {
    using Kind = StorageAddress::Kind;
    const auto check = [](const std::string& text, Kind kind, const std::string& place,
                          const std::string& study) {
        for (const std::string& address : {text, StorageAddress::parse(text).text()}) {
            const auto parsed = StorageAddress::parse(address);
            CHECK(parsed.kind == kind);
            CHECK(parsed.place == place);
            CHECK(parsed.study == study);
        }
    };
    check("study.attune", Kind::journal, "study.attune", "");
    check("journal:a:b", Kind::journal, "a:b", "");
    check("/x y/ü.attune", Kind::journal, "/x y/ü.attune", "");
    check("memory:", Kind::memory, "", "");
    check("sqlite:////a/b.db?study=n m", Kind::sqlite, "/a/b.db", "n m");
    check("sqlite:/a/b.db?study=n m", Kind::sqlite, "/a/b.db", "n m");
    check("sqlite:///a/b.db", Kind::sqlite, "a/b.db", "study");
    check("sqlite:b.db", Kind::sqlite, "b.db", "study");
    check("some/where.sqlite3?study=x", Kind::sqlite, "some/where.sqlite3", "x");
    check("postgresql://u@h/d?host=/tmp&study=x&sslmode=off", Kind::postgresql,
          "postgresql://u@h/d?host=/tmp&sslmode=off", "x");
    check("postgresql://u@h/d", Kind::postgresql, "postgresql://u@h/d", "study");
    CHECK_THROWS_AS((void)StorageAddress::parse("redis://h"), UnknownName);
    for (const char* address :
         {"", "journal:", "sqlite:", "sqlite:///", "sqlite://", "sqlite://b.db", "sqlite://host/b.db"})
        CHECK_THROWS_AS((void)StorageAddress::parse(address), UnknownName);
}

TEST_CASE("whole studies are listed, copied, renamed, merged, compacted and deleted, across storages") {
    const test::TemporaryFolder folder;
    const std::string a = (folder.path() / "a.attune").string(), b = (folder.path() / "b.attune").string();
    const std::string db = "sqlite:///" + (folder.path() / "c.db").string() + "?study=copy";
    const auto events = test::rich_events();
    CHECK(open_storage(a).append(events, 0));
    copy_study(a, db);
    copy_study(db, b);
    CHECK(texts(open_storage(b, {.read_only = true}).read(0)) == texts(events));
    check_error<InvalidState>([&] { copy_study(a, b); }, {"b.attune", "stored there already"});
    check_error<InvalidState>([&] { copy_study(a + "x", b); }, {"no study is stored there"});
    check_error<InvalidState>([&] { rename_study(b, db + "2"); }, {"not in the same place"});
    compact_study(a);
    compact_study(db);
    rename_study(db, db + " two");
    CHECK(texts(open_storage(db + " two", {.read_only = true}).read(0)) == texts(events));

    std::ofstream(folder.path() / "others.db") << "of another program";
    const auto listed = list_studies(folder.path().string());
    REQUIRE(listed.size() == 3);
    CHECK(listed[0].address == a);
    CHECK(listed[1].address == b);
    CHECK(listed[2].address == db + " two");
    CHECK(listed[0].trials == 2);
    CHECK(listed[0].finished == 2);
    CHECK(listed[0].events == events.size());
    CHECK(list_studies("sqlite:///" + (folder.path() / "c.db").string()).size() == 1);

    const std::string merged = (folder.path() / "merged.attune").string();
    const std::string notice = merge_studies({a, db + " two"}, merged);
    CHECK(notice.find("2 trials are in more than one of the studies") != std::string::npos);
    Study study, source;
    for (const Event& event : events) source.apply(event);
    for (const Event& event : open_storage(merged, {.read_only = true}).read(0)) study.apply(event);
    REQUIRE(study.trials().size() == 2);
    CHECK(study.trial(0).configuration == source.trial(0).configuration);
    CHECK(study.trial(1).state == source.trial(1).state);
    CHECK(study.trial(0).metrics == source.trial(0).metrics);
    CHECK(study.trial(1).role == "merged");

    const auto worker = open_storage(a).workers();
    const auto number = worker->join({}, 1);
    check_error<InvalidState>([&] { delete_study(a); }, {"a.attune", "worker 1 joined from elsewhere"});
    worker->remove(number);
    check_error<InvalidOption>(
        [&] {
            merge_studies({a, b, a}, merged + "2");
        },
        {"merge", "a.attune", "twice"});
    check_error<InvalidOption>([&] { delete_studies({a, b, a}); }, {"delete", "a.attune", "twice"});
    check_error<InvalidState>([&] { delete_studies({a, b, a + "x"}); }, {"no study is stored there"});
    check_error<StorageError>([&] { (void)open_storage(db + " none", {.read_only = true}); },
                              {"no study of this name", "copy two"});
    CHECK(studies_in(StorageAddress::parse(db)) == std::vector<std::string>{"copy two"});
    CHECK(storage_exists(StorageAddress::parse(a)));
    delete_studies({a, b, merged, db + " two"});
    CHECK(list_studies(folder.path().string()).empty());
    CHECK(list_studies("sqlite:///" + (folder.path() / "c.db").string()).empty());
}

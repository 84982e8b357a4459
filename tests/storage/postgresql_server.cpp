#include <doctest/doctest.h>

#include "attune/storage/open.hpp"
#include "attune/storage/postgresql.hpp"
#include "attune/storage/studies.hpp"
#include "support/errors.hpp"
#include "support/postgresql_server.hpp"
#include "support/storage_contract.hpp"

// What a PostgreSQL server does to a study beside being restarted: it crashes, it gives few rights.

using namespace attune;
using attune::test::check_error;
using attune::test::texts;

namespace {

std::optional<test::PostgresqlServer> started() {
    if (Postgresql::is_built_in()) return test::PostgresqlServer::start();
    test::count_skip("PostgreSQL", "libpq is missing");
    return std::nullopt;
}

}  // namespace

TEST_CASE("PostgreSQL: a crash of the server empties the workers' table, and gives no number twice") {
    auto server = started();
    if (!server) return;
    test::count_run();
    Postgresql storage(server->address());
    const auto workers = storage.workers();
    const WorkerRow row{.number = workers->join({}, 1), .beats = 1, .period_seconds = 3};
    server->go_down("immediate");
    REQUIRE(server->go_up());
    CHECK_FALSE(workers->beat(row.number, 1));
    workers->put_back(row);
    CHECK(workers->beat(row.number, 1));
    const auto rows = workers->rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].beats == 2);
    CHECK(rows[0].period_seconds == 3);
    CHECK(workers->join({}, 1) == row.number + 1);
    Postgresql::remove_study(server->address(), "study");
    workers->put_back({.number = 9});  // of no study any more
    CHECK(workers->rows().empty());
}

TEST_CASE("PostgreSQL: a role that may not make tables works with those that are there") {
    auto server = started();
    if (!server) return;
    test::count_run();
    const auto events = test::rich_events();
    CHECK(Postgresql(server->address()).append(events, 0));
    REQUIRE(
        server->execute("CREATE ROLE worker LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON attune_studies, "
                        "attune_events, attune_workers TO worker"));
    const std::string address = "postgresql://worker@/postgres?host=" + server->folder();
    Postgresql storage(address);
    CHECK(texts(storage.read(0)) == texts(events));
    CHECK(storage.append(std::vector<Event>{events.back()}, events.size()));
    CHECK(storage.workers()->join({}, 1) == 1);
    CHECK(Postgresql(address, {.study = "another"}).append(std::span(events).first(1), 0));
    Postgresql::remove_study(address, "another");
}

TEST_CASE("PostgreSQL: passwords are shown nowhere, however they are given") {
    if (!Postgresql::is_built_in()) return test::count_skip("PostgreSQL", "libpq is missing");
    const auto check = [](const std::string& address, const std::string& shown) {
        CHECK(Postgresql::without_passwords(address) == shown);
    };
    check("postgresql://u:secret@h:5433/d?sslmode=disable", "postgresql://u@h:5433/d?sslmode=disable");
    check("postgresql://h/d?user=u&password=secret", "postgresql://u@h/d");
    check("postgresql://u@h/d?%70assword=secret", "postgresql://u@h/d");
    check("postgresql://u:se%40cret@/d?host=/tmp", "postgresql://u@/d?host=/tmp");
    check("postgresql://u:secret@h1,h2/d", "postgresql://u@/d?host=h1%2Ch2&port=%2C");
    check("host=h user=u password='secret word' dbname='a b'", "postgresql://u@h/a%20b");
    check("postgresql://u:sec/ret@h/d", "postgresql");  // its port is no number
    check("postgresql://u:12/ret@h/d", "postgresql");
    for (const char* address : {"postgresql://u:sec/ret@h/d", "postgresql://u:secret@/d?host=/nowhere",
                                "postgresql://@/d?host=/nowhere&user=u&password=secret"})
        try {
            Postgresql(address, {.patience_seconds = 0.01});
            CHECK(false);
        } catch (const StorageError& error) {
            const std::string message = error.what();
            CAPTURE(message);
            CHECK(message.find("sec") == std::string::npos);
        }
}

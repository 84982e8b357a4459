#include <doctest/doctest.h>

#include "attune/storage/detail/process_identity.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/memory.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/storage/studies.hpp"
#include "support/errors.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// Rows of workers that come back after they were lost, and what their rows keep from being deleted.

using namespace attune;
using attune::test::check_error;

namespace {

void check_putting_back(WorkerTable& workers) {
    const WorkerRow row{
        .number = 7, .beats = 3, .period_seconds = 5, .latest_seconds = 2, .process = "p", .name = "n"};
    CHECK_FALSE(workers.beat(7, 1));
    workers.put_back(row);
    CHECK(workers.beat(7, 9));
    workers.put_back(row);  // it is there: nothing happens
    const auto rows = workers.rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].number == 7);
    CHECK(rows[0].beats == 4);
    CHECK(rows[0].latest_seconds == 9);
    CHECK(rows[0].period_seconds == 5);
    CHECK(rows[0].process == "p");
    CHECK(rows[0].name == "n");
}

}  // namespace

TEST_CASE("a worker's row is put back under its number, in every storage") {
    const test::TemporaryFolder folder;
    SUBCASE("memory") { check_putting_back(*Memory{}.workers()); }
    SUBCASE("journal") {
        const auto workers = Journal(folder.path() / "s.attune").workers();
        check_putting_back(*workers);
        CHECK(workers->join({}, 1) == 8);
    }
    SUBCASE("SQLite") { check_putting_back(*Sqlite(folder.path() / "s.db").workers()); }
}

TEST_CASE("a study is deleted or renamed under workers only by force, but for those that have ended here") {
    const std::string own = detail::process_identity();
    if (own.empty()) return;  // no /proc here
    const test::TemporaryFolder folder;
    const std::string a = (folder.path() / "a.attune").string(), b = (folder.path() / "b.attune").string();
    const auto events = test::rich_events();
    CHECK(open_storage(a).append(events, 0));
    const auto join = [&](const std::string& process) {
        const auto workers = open_storage(a).workers();
        for (const WorkerRow& row : workers->rows()) workers->remove(row.number);
        (void)workers->join({.latest_seconds = 1, .process = process, .name = "night run"}, 1);
    };
    const auto check_refused = [&](const char* why) {
        check_error<InvalidState>([&] { rename_study(a, b); },
                                  {"a.attune: worker", "(night run)", why, "force"});
        check_error<InvalidState>([&] { delete_study(a); },
                                  {"a.attune: worker", "(night run)", why, "force"});
    };
    join(own);
    check_refused("a process of this machine");
    join("another boot/pid:[1]/1/1");  // however long ago it says, by its clock, that it was seen
    check_refused("joined from elsewhere");
    rename_study(a, b, WithWorkers::force);
    rename_study(b, a);
    join(detail::process_scope() + "4194305/1");
    rename_study(a, b);
    delete_study(b, WithWorkers::force);
    CHECK(list_studies(folder.path().string()).empty());
}

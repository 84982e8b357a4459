#include "attune/storage/journal.hpp"
#include "attune/storage/memory.hpp"
#include "attune/storage/open.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

using namespace attune;

TEST_CASE("memory keeps the contract of storages") {
    Memory memory;
    test::check_storage_contract([&] { return AnyStorage(memory); },
                                 [&](AnyStorage) { return AnyStorage(memory); });
}

TEST_CASE("the journal keeps the contract of storages") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "a study µ.attune";
    const auto open = [&] { return AnyStorage(Journal(path)); };
    const auto reopen = [&](AnyStorage old) {
        { const AnyStorage gone = std::move(old); }
        return open();
    };
    test::check_storage_contract(open, reopen);
}

TEST_CASE("storages are opened by their address") {
    const test::TemporaryFolder folder;
    CHECK(storage_from("memory:").location() == "memory");
    const std::string path = (folder.path() / "x y.attune").string();
    CHECK(storage_from(path).location() == path);
    CHECK(storage_from("journal:" + path).location() == path);
    CHECK_THROWS_WITH_AS(
        (void)storage_from("postgressql://user:secret@host/studies"),
        "storage 'postgressql:...': scheme 'postgressql' is unknown; known: memory: (nothing after it), "
        "journal:path, sqlite:///file.db?study=name, postgresql://user@host/database?study=name, or a path "
        "alone",
        UnknownName);
    CHECK_THROWS_WITH_AS((void)storage_from("redis://host"), doctest::Contains("scheme 'redis' is unknown"),
                         UnknownName);
    CHECK_THROWS_AS((void)storage_from("memory:x"), UnknownName);
}

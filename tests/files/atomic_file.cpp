#include "attune/files/atomic_file.hpp"

#include <doctest/doctest.h>
#include <iterator>

#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

TEST_CASE("a file appears at its commit and not before") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.txt";
    write_text(path, "old");
    {
        AtomicFile file(path);
        file.write("new ");
        file.write("content");
        CHECK(read_text(path) == "old");
        file.commit();
        CHECK(read_text(path) == "new content");
        CHECK_THROWS_AS(file.write("more"), InvalidState);
        CHECK_THROWS_AS(file.commit(), InvalidState);
    }
    CHECK(read_text(path) == "new content");
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a writer without a commit leaves no trace") {
    const TemporaryFolder folder;
    { AtomicFile(folder.path() / "a.txt").write("lost"); }
    CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a replaced file keeps its permissions") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.sh";
    write_text(path, "old");
    fs::permissions(path, fs::perms::owner_all);
    write_file_atomically(path, "new");
    CHECK(fs::status(path).permissions() == fs::perms::owner_all);
    CHECK(read_text(path) == "new");
}

TEST_CASE("what cannot be written is named") {
    const TemporaryFolder folder;
    const fs::path inside = folder.path() / "absent" / "a.txt";
    CHECK(error_of([&] { write_file_atomically(inside, "x"); }).starts_with(inside.string()));
    CHECK(error_of([&] { write_file_atomically(folder.path() / "", "x"); }).find("no file name") !=
          std::string::npos);
    fs::create_directory(folder.path() / "taken");
    CHECK_THROWS_AS(write_file_atomically(folder.path() / "taken", "x"), FileError);
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

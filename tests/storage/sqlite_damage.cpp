#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "attune/storage/open.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/storage/studies.hpp"
#include "support/errors.hpp"
#include "support/instrumented.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// Bits that flip in a database of studies and in the log that a killed writer left: never a different study
// without an error, and never a new one in the place of one that was there.

using namespace attune;
using attune::test::check_error;
using attune::test::contents;
using attune::test::texts;

namespace {

namespace fs = std::filesystem;

/// Keeps the file that it is: its inode.
void overwrite(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void write_study(Sqlite storage, const std::vector<Event>& events) {
    for (std::size_t i = 0; i < events.size(); ++i)
        REQUIRE(storage.append(std::span(events).subspan(i, 1), i));
}

/// A database with its log and its marks, that can be put back as it was.
class Snapshot {
  public:
    explicit Snapshot(fs::path path) : path_(std::move(path)) {
        for (const char* ending : {"", "-wal", "-marks"})
            if (fs::exists(path_.string() + ending)) files_[ending] = contents(path_.string() + ending);
    }
    void put_back(const std::string& changed, const std::string& bytes) const {
        for (const char* ending : {"-wal", "-shm"}) fs::remove(path_.string() + ending);
        for (const auto& [ending, whole] : files_)
            overwrite(path_.string() + ending, ending == changed ? bytes : whole);
    }
    [[nodiscard]] const std::string& bytes(const std::string& ending) const { return files_.at(ending); }

  private:
    fs::path path_;
    std::map<std::string, std::string> files_;
};

/// In memory where the system has such a place: these tests open thousands of databases.
class FastFolder {
  public:
    FastFolder() {
        const fs::path memory = "/dev/shm";
        std::error_code ignored;
        const fs::path base = fs::is_directory(memory, ignored) && ::access(memory.c_str(), W_OK) == 0
                                  ? memory
                                  : fs::temp_directory_path();
        std::string pattern = (base / "attune-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    FastFolder(const FastFolder&) = delete;
    FastFolder& operator=(const FastFolder&) = delete;
    ~FastFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

/// Whether opening and reading was refused; what is read must be the study.
template <class Open>
bool is_refused(const Open& open, const std::vector<std::string>& expected) {
    try {
        const auto seen = texts(open().read(0));
        CHECK(seen == expected);
        return false;
    } catch (const StorageError&) {
        return true;
    }
}

/// Flips a bit of every `step`th byte of one of the files, but for most of the room that is not used, and
/// opens the study for reading and for writing. Gives how many flips were refused.
int check_flips(const fs::path& path, const std::vector<Event>& events, const std::string& ending,
                std::size_t step) {
    const Snapshot snapshot(path);
    const std::string& whole = snapshot.bytes(ending);
    const auto expected = texts(events);
    constexpr std::size_t step_over_zeros = 61;
    int refused = 0;
    for (std::size_t at = 0; at < whole.size(); at += step) {
        if (whole[at] == 0 && at % step_over_zeros != 0) continue;
        CAPTURE(at);
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        snapshot.put_back(ending, bytes);
        refused += is_refused([&] { return Sqlite::read_only(path); }, expected);
        snapshot.put_back(ending, bytes);
        refused += is_refused([&] { return Sqlite(path); }, expected);
    }
    return refused;
}

/// Leaves a database whose last events are in the log alone, as a process that was killed does.
void write_and_die(const fs::path& path, const std::vector<Event>& events, std::size_t before) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // this program has no other thread
        try {
            Sqlite storage(path, {.durability = Durability::process_crash});
            for (std::size_t i = before; i < events.size(); ++i)
                if (!storage.append(std::span(events).subspan(i, 1), i)) ::_exit(3);
            ::kill(::getpid(), SIGKILL);
        } catch (...) {
        }
        ::_exit(4);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE(fs::file_size(path.string() + "-wal") > 0);
}

}  // namespace

TEST_CASE("SQLite: no flipped bit of a database gives readers or writers another study without an error") {
    const FastFolder folder;
    const auto path = folder.path() / "studies.db";
    const auto events = test::rich_events();
    write_study(Sqlite(path), events);
    write_study(Sqlite(path, {.study = "studz"}), {events.begin(), events.begin() + 1});
    CHECK(check_flips(path, events, "", test::thorough_step) > 1000 / static_cast<int>(test::thorough_step));
}

TEST_CASE("SQLite: no flipped bit of the log that a killed writer left takes what was acknowledged") {
    const FastFolder folder;
    const auto path = folder.path() / "studies.db";
    auto events = test::rich_events();
    events.resize(8);
    SUBCASE("the whole study is in the log") { write_and_die(path, events, 0); }
    SUBCASE("its end is in the log") {
        write_study(Sqlite(path), {events.begin(), events.begin() + 5});
        write_and_die(path, events, 5);
    }
    constexpr std::size_t step = test::is_instrumented ? 71 : 7;
    CHECK(check_flips(path, events, "-wal", step) > (test::is_instrumented ? 20 : 300));
}

TEST_CASE("SQLite: a log that is cut or taken away is said so, and a copy that is put back can be used") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    const auto events = test::rich_events();
    write_study(Sqlite(path), {events.begin(), events.begin() + 5});
    const std::string backup = contents(path);
    write_and_die(path, events, 5);
    fs::remove(path.string() + "-wal");
    fs::remove(path.string() + "-shm");
    for (const bool read_only : {true, false})
        check_error<StorageError>(
            [&] { (void)open_storage(path.string(), {.read_only = read_only}).read(0); },
            {"studies.db: study 'study' has 5 events, but", "were acknowledged", "-wal", "studies.db-marks"});
    check_error<StorageError>([&] { Sqlite(path, {.study = "new"}); }, {"were acknowledged"});
    fs::remove(path.string() + "-marks");
    CHECK(Sqlite(path).read(0).size() == 5);
    fs::remove(path);  // and one with another file behind it says nothing of it
    overwrite(path, backup);
    CHECK(Sqlite(path).read(0).size() == 5);
}

TEST_CASE("SQLite: studies that are deleted, and databases that are made anew, are missed by nobody") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db";
    const auto events = test::rich_events();
    write_study(Sqlite(path), events);
    write_study(Sqlite(path, {.study = "other"}), events);
    Sqlite::remove_study(path, "study");
    CHECK(Sqlite(path).read(0).empty());
    Sqlite::rename_study(path, "other", "renamed");
    CHECK(texts(Sqlite::read_only(path, {.study = "renamed"}).read(0)) == texts(events));
    CHECK(Sqlite::studies(path) == std::vector<std::string>{"renamed", "study"});
}

TEST_CASE("SQLite: a study is stored whole or not at all, by whatever link") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "studies.db", link = folder.path() / "link.db";
    fs::create_symlink("studies.db", link);
    const auto events = test::rich_events();
    std::vector<Event> broken = events;
    broken.push_back({1, event::Reported{0, 1, {{"\xff", 1}}}});
    CHECK_THROWS_AS(Sqlite::store(path, {.study = "s"}, broken), Error);
    CHECK(Sqlite::studies(path).empty());
    Sqlite::store(link, {.study = "s"}, events);
    CHECK(fs::is_symlink(link));
    CHECK_FALSE(fs::exists(link.string() + "-marks"));
    CHECK(texts(Sqlite::read_only(path, {.study = "s"}).read(0)) == texts(events));
    check_error<StorageError>([&] { Sqlite::store(path, {.study = "s"}, events); }, {"holds a study 's'"});
}

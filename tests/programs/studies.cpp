#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::put;
namespace fs = std::filesystem;

// Whole studies and their addresses, as a user of the program meets them.

namespace {

bool holds(const std::string& text, const std::string& part) {
    INFO(text, "\nshould hold ", part);
    const bool found = text.find(part) != std::string::npos;
    CHECK(found);
    return found;
}

/// A study of one trial at each address.
void make(Attune& attune, const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses)
        REQUIRE(
            attune.run(
                {"ask-tell"},
                R"({"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 9}], "objectives": [{"metric": "y", "direction": "minimize"}], "storage": ")" +
                    address + "\"}}\n{\"ask\": {}}\n{\"tell\": {\"trial\": 0, \"metrics\": {\"y\": 1}}}\n") ==
            0);
}

}  // namespace

TEST_CASE("studies delete: all or none, and each once") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune", "b.attune"});
    CHECK(attune.run({"studies", "delete", "a.attune", "missing.attune"}) == 2);
    holds(attune.errors(), "missing.attune: no study is stored there");
    CHECK(fs::exists(folder.path() / "a.attune"));
    CHECK(attune.run({"studies", "delete", "a.attune", "./a.attune"}) == 2);
    holds(attune.errors(), "./a.attune is named twice, first as a.attune");
    CHECK(fs::exists(folder.path() / "a.attune"));
    CHECK(attune.run({"studies", "delete", "a.attune", "b.attune"}) == 0);
    CHECK_FALSE(fs::exists(folder.path() / "a.attune"));
    CHECK_FALSE(fs::exists(folder.path() / "b.attune"));
}

TEST_CASE("studies rename: in a database the name alone will do") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune", "sqlite:///s.db?study=one", "sqlite:///s.db?study=two"});
    CHECK(attune.run({"studies", "rename", "sqlite:///s.db?study=one", "two"}) == 2);
    holds(attune.errors(), "two: a study is stored there already");
    CHECK(attune.run({"studies", "rename", "sqlite:///s.db?study=one", "first"}) == 0);
    CHECK(attune.run({"studies", "rename", "sqlite:///s.db?study=two", "sqlite:///s.db?study=second"}) == 0);
    CHECK(attune.run({"studies", "rename", "a.attune", "b.attune"}) == 0);
    CHECK(attune.run({"studies", "list", "s.db"}) == 0);
    holds(attune.out(), "?study=first: study 'one', here called 'first'");  // what it was made as stays
    holds(attune.out(), "?study=second: ");
    CHECK(fs::exists(folder.path() / "b.attune"));
    CHECK(attune.run({"report", "sqlite:///s.db?study=first"}) == 0);
    std::ostringstream page;
    page << std::ifstream(folder.path() / "s-first.html").rdbuf();
    CHECK(page.str().find("<title>one (first)</title>") != std::string::npos);
}

TEST_CASE("studies list: of the working folder where no place is named") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune", "sqlite:///s.db?study=one"});
    CHECK(attune.run({"studies", "list"}) == 0);
    holds(attune.out(), "a.attune: study 'a'");
    holds(attune.out(), "?study=one: study 'one'");
    CHECK(attune.run({"studies", "list", "--help"}) == 0);
    holds(attune.out(), "list [OPTIONS] [PLACE]\n");
    CHECK(attune.run({"studies", "merge", "--help"}) == 0);
    holds(attune.out(), "merge [OPTIONS] STUDY... NEW\n");
}

TEST_CASE("studies merge: what a copy has is taken once, and said") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune"});
    CHECK(attune.run({"studies", "copy", "a.attune", "b.attune"}) == 0);
    CHECK(attune.run({"studies", "merge", "a.attune", "b.attune", "m.attune"}) == 0);
    holds(attune.errors(), "1 trial is in more than one of the studies");
    CHECK(attune.run({"studies", "list", "m.attune"}) == 0);
    holds(attune.out(), "1 of 1 trial");
}

TEST_CASE("studies merge: the same study twice is refused, however it is written") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune", "sqlite:///s.db?study=one", "sqlite:///s.db?study=two"});
    CHECK(attune.run({"studies", "merge", "a.attune", "a.attune", "m.attune"}) == 2);
    holds(attune.errors(), "merge: a.attune is named twice");
    const std::string absolute = "sqlite:///" + (folder.path() / "s.db").string();
    CHECK(attune.run({"studies", "merge", "sqlite:///s.db?study=one", absolute + "?study=one", "m.attune"}) ==
          2);
    holds(attune.errors(), "is named twice, first as sqlite:///s.db?study=one");
    CHECK_FALSE(fs::exists(folder.path() / "m.attune"));
    CHECK(attune.run({"studies", "merge", "sqlite:///s.db?study=one", absolute + "?study=two", "m.attune"}) ==
          0);
    CHECK(test::study_in(folder.path() / "m.attune").trials().size() == 2);
}

TEST_CASE("studies list: what cannot be read gives exit code 2, beside what can") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune"});
    CHECK(attune.run({"studies", "list", "."}) == 0);
    holds(attune.out(), "a.attune: study 'a', 1 of 1 trial finished, ");
    put(folder.path() / "broken.attune", "this is no journal\n");
    CHECK(attune.run({"studies", "list", "."}) == 2);
    holds(attune.out(), "a.attune: study 'a'");
    holds(attune.out(), "broken.attune: is ");
    holds(attune.errors(), "1 of 2 studies cannot be read");
    CHECK(attune.run({"studies", "list", "broken.attune"}) == 2);
    CHECK(attune.run({"studies", "list", "missing.attune"}) == 2);
}

TEST_CASE("a database's studies are named where the address names none of them") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"sqlite:///s.db?study=one", "sqlite:///s.db?study=two"});
    for (const char* command : {"status", "report", "export", "replay"}) {
        CAPTURE(command);
        CHECK(attune.run({command, "s.db"}) == 2);
        holds(attune.errors(), "holds no study of this name; it has: one, two");
    }
    CHECK(attune.run({"studies", "copy", "s.db?study=three", "c.attune"}) == 2);
    holds(attune.errors(), "the database has: one, two");
    CHECK(attune.run({"status", "s.db?study=two"}) == 0);
    CHECK(attune.run({"status", "missing.db"}) == 2);
    CHECK_FALSE(fs::exists(folder.path() / "missing.db"));
}

TEST_CASE("three slashes are relative, four absolute, two are refused") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"sqlite:///s.db"});
    CHECK(fs::exists(folder.path() / "s.db"));
    CHECK(attune.run({"status", "sqlite:///" + (folder.path() / "s.db").string()}) ==
          0);  // itself begins with /
    CHECK(attune.run({"status", "sqlite://s.db"}) == 2);
    holds(attune.errors(), "two slashes would name a host");
    const std::string three = "sqlite://" + (folder.path() / "s.db").string();
    for (const auto& words : {std::vector<std::string>{"status", three}, {"studies", "list", three}}) {
        CHECK(attune.run(words) == 2);
        holds(attune.errors(), "the absolute path takes four slashes: sqlite:////");
    }
}

TEST_CASE("a reader that has enough is no failure") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string requests =
        R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], "objectives": [{"metric": "y", "direction": "minimize"}], "strategy": {"name": "random"}, "storage": "a.attune"}})"
        "\n";
    for (int i = 0; i < 1000; ++i) requests += "{\"ask\": {}}\n";  // more than a pipe holds
    REQUIRE(attune.run({"ask-tell"}, requests) == 0);
    const std::string program = (test::build_folder() / "bin" / "attune").string();
    const std::string line = "cd '" + folder.path().string() + "' && { '" + program +
                             "' export a.attune 2> err; echo $? > code; } | head -c 1 > /dev/null";
    CHECK(std::system(line.c_str()) == 0);
    CHECK(test::contents(folder.path() / "code") == "0\n");
    CHECK(test::contents(folder.path() / "err").empty());
}

TEST_CASE("what could not be written is no success") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune"});
    const std::string program = (test::build_folder() / "bin" / "attune").string();
    for (const char* command : {"status", "export", "studies list"}) {
        CAPTURE(command);
        const std::string line = "cd '" + folder.path().string() + "' && '" + program + "' " + command +
                                 " a.attune > /dev/full 2> err";
        const int status = std::system(line.c_str());
        CHECK(WEXITSTATUS(status) == 2);
    }
    holds(test::contents(folder.path() / "err"), "standard output cannot be written");
    CHECK(attune.run({"extract", ".", "--metric", "a=a([0-9])"}) == 2);
    holds(attune.errors(), ".: is a folder");
    CHECK(attune.run({"studies", "delete", ""}) == 2);
    holds(attune.errors(), "names no file");
}

TEST_CASE("a report without a name stands beside the study, whatever its address") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, {"a.attune", "sqlite:///s.db?study=one", "s.db?study=two/2"});
    for (const auto& [address, page] : {std::pair{"a.attune", "a.html"},
                                        {"journal:a.attune", "a.html"},
                                        {"s.db?study=one", "s-one.html"},
                                        {"sqlite:///s.db?study=two/2", "s-two_2.html"}}) {
        fs::remove(folder.path() / page);
        CHECK(attune.run({"report", address}) == 0);
        CHECK(attune.out() == std::string(page) + "\n");
        CHECK(fs::file_size(folder.path() / page) > 1000);
    }
    CHECK(attune.run({"report", "s.db?study=one", "-o", "s.db"}) == 2);
    holds(attune.errors(), "'s.db' is the study, which would be overwritten");
}

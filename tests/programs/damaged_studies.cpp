#include <string>
#include <vector>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::contents;
using attune::test::lines_of;
using attune::test::put;
namespace fs = std::filesystem;

// What the programs say of studies whose end was torn or damaged.

namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string create(const std::string& address) {
    return R"({"create": {"space": [{"name": "n", "type": "integer", "low": 1, "high": 9}], "objectives": )"
           R"([{"metric": "y", "direction": "minimize"}], "storage": ")" +
           address + "\"}}\n";
}

/// A study of one trial.
void make(Attune& attune, const std::string& address) {
    REQUIRE(attune.run({"ask-tell"}, create(address) + "{\"ask\": {}}\n{\"tell\": {\"trial\": 0, "
                                                       "\"metrics\": {\"y\": 1}}}\n") == 0);
}

}  // namespace

TEST_CASE("every program that reads a study says in a line what it left out of it") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, "a.attune");
    REQUIRE(attune.run({"export", "a.attune"}) == 0);
    CHECK(attune.errors().empty());
    const std::string all = attune.out(), whole = contents(folder.path() / "a.attune");
    put(folder.path() / "a.attune", whole + "ATTU of a writer that was killed");
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"export", "a.attune"},
                                               {"status", "a.attune"},
                                               {"report", "a.attune"},
                                               {"replay", "a.attune"},
                                               {"importance", "a.attune"},
                                               {"studies", "list", "a.attune"},
                                               {"studies", "copy", "a.attune", "copy.attune"},
                                               {"studies", "merge", "a.attune", "merged.attune"}}) {
        CAPTURE(words[0]);
        (void)attune.run(words);
        const std::string errors = attune.errors();
        CAPTURE(errors);
        REQUIRE_FALSE(errors.empty());
        const std::string line = lines_of(errors).front();
        CHECK(holds(line, "attune: "));
        CHECK(holds(line, "a.attune: 32 bytes behind event "));
        CHECK(holds(line, "were left out"));
        CHECK(contents(folder.path() / "a.attune").size() == whole.size() + 32);
    }
    REQUIRE(attune.run({"export", "copy.attune"}) == 0);
    CHECK(attune.out() == all);
    CHECK(attune.errors().empty());
    REQUIRE(attune.run({"studies", "compact", "a.attune"}) == 0);
    CHECK(holds(attune.errors(), "were cut off"));
    CHECK(holds(attune.errors(), "a.attune.cut-1"));
    REQUIRE(attune.run({"export", "a.attune"}) == 0);
    CHECK(attune.out() == all);
}

TEST_CASE("a compacted study whose only record is damaged is refused by readers and writers alike") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    make(attune, "a.attune");
    REQUIRE(attune.run({"studies", "compact", "a.attune"}) == 0);
    std::string bytes = contents(folder.path() / "a.attune");
    bytes[bytes.size() / 2] ^= 1;
    put(folder.path() / "b.attune", bytes);
    for (const char* command : {"export", "status", "report", "replay"}) {
        CAPTURE(command);
        CHECK(attune.run({command, "b.attune"}) == 2);
        CHECK(holds(attune.errors(), "nothing is cut"));
    }
    (void)attune.run({"ask-tell"}, create("b.attune"));
    CHECK(holds(attune.out(), "nothing is cut"));
    CHECK(contents(folder.path() / "b.attune") == bytes);
    CHECK_FALSE(fs::exists(folder.path() / "b.attune.cut-1"));
}

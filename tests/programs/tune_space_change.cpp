#include <nlohmann/json.hpp>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::put;
using attune::test::study_in;
using attune::test::tune_arguments;

namespace {

constexpr const char* changed_space =
    R"([{"name": "width", "type": "integer", "low": 2, "high": 9}, {"name": "kind", "type": "categorical", "choices": ["b", "c"]},
        {"name": "depth", "type": "integer", "low": 1, "high": 3}])";

bool holds(const std::string& text, const std::string& part) {
    INFO(text, "\nshould hold ", part);
    const bool found = text.find(part) != std::string::npos;
    CHECK(found);
    return found;
}

}  // namespace

TEST_CASE("tune: another space is refused with the differences, and changes the study where that is said") {
    const test::TemporaryFolder folder;
    test::prepare(folder.path());
    Attune attune(folder.path());
    const std::vector<std::string> four{"--strategy", "random", "--trials", "4"};
    REQUIRE(attune.run(tune_arguments(four)) == 0);
    put(folder.path() / "space.json", changed_space);
    const auto eight = [](std::vector<std::string> more) {
        std::vector<std::string> all{"--trials", "8"};
        all.insert(all.end(), more.begin(), more.end());
        return tune_arguments(all);
    };
    const auto journal = folder.path() / "study.attune";
    const auto events = study_in(journal).position();
    CHECK(attune.run(eight({})) == 2);
    for (const char* part : {"parameter width: integer [1, 8], linear -> integer [2, 9], linear",
                             "parameter kind: one of a, b (strings) -> one of b, c (strings)",
                             "parameter depth: not there -> integer [1, 3], linear", "--change-space"})
        holds(attune.errors(), part);
    CHECK(attune.run(eight({"--change-space"})) == 2);
    holds(attune.errors(), "parameter depth: trial 0");
    holds(attune.errors(), "--old-trials name=value");
    CHECK(attune.run(eight({"--old-trials", "depth=1"})) == 2);
    CHECK(attune.run(eight({"--change-space", "--old-trials", "deep=1"})) == 2);
    holds(attune.errors(), "'deep' is unknown");
    CHECK(attune.run(eight({"--change-space", "--old-trials", "depth=1", "--check-only"})) == 0);
    holds(attune.out(), "the study's space changes: parameter depth");
    CHECK(study_in(journal).position() == events);

    for (int again = 0; again < 2; ++again) {
        CHECK(attune.run(eight({"--change-space", "--old-trials", "depth=1"})) == 0);
        const Study study = study_in(journal);
        CHECK(study.space_version() == 1);
        CHECK(study.trials().size() == 8);
        CHECK(*study.trial(0).configuration.find("depth") == Value(std::int64_t{1}));
    }
    holds(test::contents(folder.path() / "study.logs" / "trial-7.log"), "--depth=");
    CHECK(attune.run({"status", "study.attune", "--events", "100"}) == 0);
    holds(attune.out(), "its space was changed 1 time");
    holds(attune.out(), "space changed to: width, kind, depth; trials before are taken to have had depth=1");
    CHECK(attune.run({"replay", "study.attune"}) == 0);
    CHECK(attune.run({"report", "study.attune"}) == 0);
    for (const char* format : {"jsonl", "csv", "optuna"})
        CHECK(attune.run({"export", "study.attune", "--format", format}) == 0);
    CHECK(attune.run({"export", "study.attune"}) == 0);
    holds(attune.out(), R"("kind":"space_changed")");
}

TEST_CASE("ask-tell: create says that the space changes, and what old trials had") {
    const test::TemporaryFolder folder;
    Attune attune(folder.path());
    const std::string create =
        R"({"create": {"storage": "s.attune", "objectives": [{"metric": "y", "direction": "minimize"}], )";
    const std::string ask = "{\"ask\": {}}\n{\"tell\": {\"trial\": 0, \"metrics\": {\"y\": 1}}}\n";
    CHECK(attune.run({"ask-tell"},
                     create + R"("space": [{"name": "n", "type": "integer", "low": 1, "high": 4}]}})" + "\n" +
                         ask) == 0);
    const std::string other =
        R"("space": [{"name": "n", "type": "integer", "low": 1, "high": 4}, {"name": "m", "type": "integer", "low": 1, "high": 4}])";
    CHECK(attune.run({"ask-tell"}, create + other + "}}\n") == 0);
    holds(attune.out(), "parameter m: not there -> integer");
    CHECK(attune.run({"ask-tell"}, create + other + ", \"change_space\": true}}\n") == 0);
    holds(attune.out(), "create.old_trials");
    CHECK(attune.run({"ask-tell"}, create + other + R"(, "change_space": true, "old_trials": {"m": 2}}})" +
                                       "\n{\"ask\": {}}\n{\"trials\": {}}\n") == 0);
    holds(attune.out(), R"({"created":{"trials":1,)");
    const Study study = study_in(folder.path() / "s.attune");
    CHECK(study.space_version() == 1);
    CHECK(study.trials().size() == 2);
    CHECK(study.trial(1).configuration.find("m"));
}

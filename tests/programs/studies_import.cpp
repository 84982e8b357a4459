#include <doctest/doctest.h>

#include <fstream>

#include "run_attune.hpp"
#include "support/shared_data.hpp"

using attune::test::Attune;
using attune::test::contents;
using attune::test::put;

TEST_CASE("attune studies import: a table becomes a study, and goes to Optuna's database and back") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    put(folder.path() / "table.csv",
        "lr,opt,seconds,loss,started_seconds\n"  // dates of whole microseconds, which is what Optuna keeps
        "0.1,sgd,5,1,1790000000.5\n0.2,adam,6,2,1790000010.25\n0.3,sgd,,,1790000020\n");
    CHECK(attune.run({"studies", "import", "table.csv", "study.attune"}) == 2);
    CHECK(attune.errors().find("table.csv: a table does not say what is better") != std::string::npos);
    REQUIRE(attune.run({"studies", "import", "table.csv", "study.attune", "--objective", "minimize:loss",
                        "--metric", "seconds", "--name", "mine"}) == 0);
    CHECK(attune.out() == "study.attune: study 'mine', 2 trials, 1 waiting, parameters lr opt\n");
    CHECK(attune.run({"studies", "import", "table.csv", "study.attune", "--objective", "minimize:loss"}) ==
          2);
    CHECK(attune.errors().find("already") != std::string::npos);
    CHECK(attune.run({"export", "study.attune", "--format", "optuna-sqlite"}) == 2);
    CHECK(attune.errors().find("--to") != std::string::npos);
    REQUIRE(attune.run({"export", "study.attune", "--format", "optuna-sqlite", "--to", "optuna.db"}) == 0);
    for (const char* format : {"csv", "jsonl", "optuna", "optuna-sqlite"}) {  // nothing is written over
        CHECK(attune.run({"export", "study.attune", "--format", format, "--to", "study.attune"}) == 2);
        CHECK(attune.errors().find("study.attune") != std::string::npos);
    }
    REQUIRE(attune.run({"studies", "import", "optuna.db", "sqlite:///ours.db?study=two"}) == 0);
    REQUIRE(attune.run({"export", "study.attune", "--format", "csv"}) == 0);
    const std::string before = attune.out();
    REQUIRE(attune.run({"export", "sqlite:///ours.db?study=two", "--format", "csv"}) == 0);
    CHECK(attune.out() == before);
}

TEST_CASE("attune studies import: a space file, notes, and files that are nothing") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    put(folder.path() / "space.json",
        R"([{"name": "lr", "type": "continuous", "low": 1e-4, "high": 1, "scale": "log"}])");
    put(folder.path() / "t.jsonl",
        "{\"parameters\": {\"lr\": 0.5}, \"metrics\": {\"loss\": 1}}\n{\"parameters\": {}, \"state\": "
        "\"failed\"}\n");
    REQUIRE(attune.run({"studies", "import", "t.jsonl", "study.attune", "--objective", "minimize:loss",
                        "--space", "space.json"}) == 0);
    CHECK(attune.errors().find("attune: t.jsonl: line 2 (failed) is left out") != std::string::npos);
    REQUIRE(attune.run({"export", "study.attune"}) == 0);
    put(folder.path() / "again.jsonl", attune.out());
    REQUIRE(attune.run({"studies", "import", "again.jsonl", "again.attune"}) == 0);
    REQUIRE(attune.run({"export", "again.attune"}) == 0);
    CHECK(attune.out() == contents(folder.path() / "again.jsonl"));
    put(folder.path() / "t.csv", "lr,depth,loss\n0.5,3,1\n");
    REQUIRE(attune.run({"studies", "import", "t.csv", "table.attune", "--objective", "minimize:loss",
                        "--space", "space.json"}) == 0);
    CHECK(attune.errors().find("column 'depth' is no parameter of the space") != std::string::npos);
    CHECK(attune.errors().find("'lr'") == std::string::npos);
    CHECK(attune.run({"studies", "import", "t.jsonl", "x.attune", "--objective", "loss"}) == 2);
    CHECK(attune.errors().find("--objective 'loss'") != std::string::npos);
    CHECK(attune.run({"studies", "import", "missing", "x.attune"}) == 2);
    CHECK(attune.errors().find("missing") != std::string::npos);
    CHECK(attune.run({"studies", "import", "--help"}) == 0);
    CHECK(attune.out().find("--objective") != std::string::npos);
}

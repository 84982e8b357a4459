#include "attune/storage/open.hpp"
#include "support/postgresql_server.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::tune_arguments;

namespace {

/// Two runs on the study, the second going on; the report and logs must lie where `stem` says.
void check_tuning(const std::filesystem::path& folder, const std::string& address, const std::string& stem) {
    Attune attune(folder);
    const auto run = [&](const char* trials) {
        return attune.run(
            tune_arguments({"--strategy", "random", "--study", address, "--trials", trials, "--durability",
                            "process_crash", "--heartbeat", "1m", "--worker-name", "one of many"}));
    };
    const int code = run("2");
    CAPTURE(attune.errors());
    REQUIRE(code == 0);
    CHECK(std::filesystem::exists(folder / (stem + ".html")));
    CHECK(std::filesystem::exists(folder / (stem + ".logs") / "trial-1.log"));
    REQUIRE(run("3") == 0);
    CHECK(attune.errors().find("(going on after 2 trials)") != std::string::npos);
    CHECK(attune.run({"status", address}) == 0);
    CHECK(attune.out().find("3 trials, 3 completed") != std::string::npos);
}

}  // namespace

TEST_CASE("a study is tuned in an SQLite database, with report and logs beside it") {
    const test::TemporaryFolder folder;
    test::prepare(folder.path());
    check_tuning(folder.path(), "sqlite:///many.db?study=mine", "many-mine");
    CHECK(studies_in(StorageAddress::parse((folder.path() / "many.db").string())) ==
          std::vector<std::string>{"mine"});
    Attune attune(folder.path());
    CHECK(attune.run(tune_arguments({"--study", "sqlite:///none/many.db", "--trials", "1"})) == 2);
    CHECK(attune.errors().find("there is no folder 'none'") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--durability", "total", "--trials", "1"})) == 2);
    CHECK(attune.errors().find("'total' is unknown; known: none, process_crash") != std::string::npos);
    CHECK(attune.run(tune_arguments({"--heartbeat", "0", "--trials", "1"})) == 2);
    CHECK(attune.errors().find("--heartbeat '0' must be a time above 0") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.path() / "study.attune"));
}

TEST_CASE("a study is tuned in a PostgreSQL database, whose password is not shown") {
    auto server = test::PostgresqlServer::start();
    if (!server) return;
    test::count_run();
    const test::TemporaryFolder folder;
    test::prepare(folder.path());
    const std::string address = server->address() + "&password=secret&study=mine";
    check_tuning(folder.path(), address, "mine");
    Attune attune(folder.path());
    for (const std::vector<std::string>& arguments : {tune_arguments({"--study", address, "--trials", "4"}),
                                                      {"status", address},
                                                      {"studies", "list", address},
                                                      {"studies", "delete", address + "2"},
                                                      {"report", address + "2"}}) {
        (void)attune.run(arguments);
        CAPTURE(attune.errors());
        CHECK((attune.out() + attune.errors()).find("secret") == std::string::npos);
    }
}

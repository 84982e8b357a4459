#include <csignal>
#include <cstdlib>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::study_in;
using attune::test::tune_arguments;

// Other processes on a study: lookers while it runs, and later runs that extend it.

TEST_CASE("a running study is looked at from other processes, and an ended one is extended") {
    const test::TemporaryFolder folder, other;
    test::prepare(folder.path());
    Attune runner(folder.path()), looker(other.path());
    const auto journal = folder.path() / "study.attune";
    const auto arguments = [](const std::string& trials) {
        return tune_arguments({"--strategy", "random", "--trials", trials});
    };
    REQUIRE(::setenv("PAUSE", "0.1", 1) == 0);
    const pid_t child = runner.start(arguments("4"));
    REQUIRE(::unsetenv("PAUSE") == 0);
    test::wait_for_completed(journal, 1);
    CHECK(looker.run({"status", journal.string()}) == 0);
    CHECK(looker.out().find("running") != std::string::npos);
    CHECK(looker.out().find("No trial came to a value") == std::string::npos);
    CHECK(looker.run({"report", journal.string(), "-o", (other.path() / "r.html").string()}) == 0);
    CHECK(looker.run({"export", journal.string()}) == 0);
    CHECK(looker.out().find("\"kind\":\"reported\"") != std::string::npos);
    CHECK(Attune::wait(child) == 0);
    CHECK(study_in(journal).trials().size() == 4);
    CHECK(study_in(journal).end_reason() == "4 trials were run");

    const std::string ended = test::contents(journal);
    CHECK(looker.run({"status", journal.string()}) == 0);
    CHECK(test::contents(journal) == ended);
    CHECK(runner.run(arguments("6")) == 0);
    const Study extended = study_in(journal);
    CHECK(extended.trials().size() == 6);
    CHECK(extended.end_reason() == "6 trials were run");
    CHECK(runner.run(arguments("2")) == 0);  // fewer than there are
    CHECK(study_in(journal).end_reason() == "6 trials were run; the limit is 2");
}

TEST_CASE("status --follow prints events as they come, until Ctrl-C") {
    const test::TemporaryFolder folder, other;
    test::prepare(folder.path());
    Attune runner(folder.path()), looker(other.path());
    const auto arguments = [](const std::string& trials) {
        return tune_arguments({"--strategy", "random", "--trials", trials});
    };
    REQUIRE(runner.run(arguments("1")) == 0);
    const pid_t child =
        looker.start({"status", (folder.path() / "study.attune").string(), "--events", "0", "--follow"});
    test::wait_until([&] { return looker.out().find("following it") != std::string::npos; });
    CHECK(looker.out().find("trial 1 ") == std::string::npos);
    REQUIRE(runner.run(arguments("2")) == 0);
    test::wait_until([&] { return looker.out().find("2 trials were run") != std::string::npos; });
    REQUIRE(::kill(child, SIGINT) == 0);
    CHECK(Attune::wait(child) == 0);
    const std::string out = looker.out();
    for (const char* part : {"trial 1 begun: ", "trial 1 at step 2: ", "trial 1 completed"})
        CHECK_MESSAGE(out.find(part) != std::string::npos, out);
    CHECK(out.find("trial 0 at step") == std::string::npos);  // came before
}

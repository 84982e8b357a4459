#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "attune/storage/journal.hpp"
#include "attune/study/study.hpp"
#include "run_attune.hpp"

using namespace attune;
using attune::test::Attune;
using Json = nlohmann::ordered_json;

namespace {

/// `attune ask-tell` that is asked one line after another.
class Session {
  public:
    explicit Session(const std::filesystem::path& folder) {
        int requests[2] = {}, answers[2] = {};
        REQUIRE(::pipe2(requests, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(answers, O_CLOEXEC) == 0);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, requests[0], 0);
        ::posix_spawn_file_actions_adddup2(&actions, answers[1], 1);
        ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
        std::string program = (test::build_folder() / "bin" / "attune").string(), command = "ask-tell";
        char* const words[] = {program.data(), command.data(), nullptr};
        REQUIRE(::posix_spawn(&child_, program.c_str(), &actions, nullptr, words, environ) == 0);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(requests[0]);
        ::close(answers[1]);
        requests_ = requests[1];
        answers_ = ::fdopen(answers[0], "r");
    }
    ~Session() {
        ::close(requests_);
        CHECK(Attune::wait(child_) == 0);
        std::fclose(answers_);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] Json answer(const std::string& request) {
        const std::string line = request + '\n';
        REQUIRE(::write(requests_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
        std::string text;
        for (int c = std::fgetc(answers_); c != EOF && c != '\n'; c = std::fgetc(answers_))
            text += static_cast<char>(c);
        return Json::parse(text);
    }

  private:
    pid_t child_ = 0;
    int requests_ = -1;
    std::FILE* answers_ = nullptr;
};

Study study_of(Journal& journal) {
    Study study;
    for (const Event& event : journal.read(0)) study.apply(event);
    return study;
}

/// Does what another worker does that has taken this one for dead.
void take_over(Journal& journal, std::int64_t trial) {
    const Study study = study_of(journal);
    event::Resumed resumed;
    resumed.trial = trial;
    resumed.worker = 2;
    resumed.view = study.position() + 1;
    const double now = study.latest_seconds();
    REQUIRE(journal.append(std::vector<Event>{{now, event::Interrupted{trial, 0}}, {now, resumed}},
                           study.position()));
}

}  // namespace

TEST_CASE("ask-tell: a result that comes too late is answered so, and the worker is as create says") {
    const test::TemporaryFolder folder;
    Session session(folder.path());
    const std::string create =
        R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], )"
        R"("objectives": [{"metric": "y", "direction": "minimize"}], "strategy": "random", )"
        R"("storage": "s.attune", "durability": "process_crash", "heartbeat_seconds": 600, )"
        R"("worker_name": "night run"}})";
    CHECK(session.answer(create).contains("created"));
    CHECK(session.answer(R"({"ask": {"count": 3}})")["asked"].size() == 3);
    Journal journal(folder.path() / "s.attune");
    const auto rows = journal.workers()->rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].name == "night run");
    CHECK(rows[0].period_seconds == 600);
    journal.workers()->remove(rows[0].number);
    Attune looker(folder.path());
    CHECK(looker.run({"status", "s.attune"}) == 0);
    CHECK(looker.out().find("trial 0 is running, but its worker is not among the study's") !=
          std::string::npos);
    take_over(journal, 0);
    take_over(journal, 1);
    const Json late = session.answer(R"({"tell": {"trial": 0, "metrics": {"y": 1}}})");
    CAPTURE(late.dump());
    CHECK(late["told"] == 0);
    CHECK(late["best"].is_null());
    CHECK(late.value("late", "").find("another worker has gone on with the trial") == 0);
    CHECK(session.answer(R"({"fail": {"trial": 1, "reason": "none"}})").contains("late"));
    CHECK(study_of(journal).trial(0).state == TrialState::running);  // of the other worker
    CHECK(study_of(journal).trial(1).state == TrialState::running);

    take_over(journal, 2);
    const Study study = study_of(journal);
    CHECK(journal.append(std::vector<Event>{{study.latest_seconds(), event::Interrupted{2, 1}}},
                         study.position()));
    CHECK(session.answer(R"({"ask": {}})")["asked"][0]["trial"] == 2);
    CHECK(study_of(journal).trial(2).state == TrialState::running);
    const Json in_time = session.answer(R"({"tell": {"trial": 2, "metrics": {"y": 2}}})");
    CHECK_FALSE(in_time.contains("late"));
    CHECK(in_time["best"]["trial"] == 2);
}

TEST_CASE("ask-tell: what create says of the worker and of durability must make sense") {
    const test::TemporaryFolder folder;
    Session session(folder.path());
    const auto message = [&](const std::string& member) {
        return session
            .answer(R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], )"
                    R"("objectives": [{"metric": "y", "direction": "minimize"}], "storage": "s.attune", )" +
                    member + "}}")["error"]["message"]
            .get<std::string>();
    };
    CHECK(message(R"("durability": "total")").find("durability 'total' is unknown; known: none") == 0);
    CHECK(message(R"("heartbeat_seconds": 0)") == "create.heartbeat_seconds (0) must be above 0");
    CHECK_FALSE(std::filesystem::exists(folder.path() / "s.attune"));
}

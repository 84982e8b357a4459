// Kills workers of one study with SIGKILL at random moments and starts them again until its trials are done,
// then asks the strategy for every suggestion again, from the recorded views.
//   fault_replay [--storage journal|sqlite] [--strategy gaussian_process] [--workers 4] [--trials 40]
//                [--kills 30] [--seed 1]
// Prints JSON; ends with 1 where a suggestion came out differently by a bit, or a trial is without an end.
#include <signal.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "attune/storage/open.hpp"
#include "attune/strategy/by_name.hpp"
#include "attune/tune/replay.hpp"
#include "faults/process.hpp"
#include "support/shared_data.hpp"

namespace {

using namespace attune;

struct Settings {
    std::string storage = "journal", strategy = "gaussian_process";
    int workers = 4, trials = 40, kills = 30;
    unsigned seed = 1;
};

class Workers {
  public:
    Workers(const Settings& settings, std::string address, std::string acknowledged)
        : settings_(settings), address_(std::move(address)), acknowledged_(std::move(acknowledged)) {
        for (int i = 0; i < settings.workers; ++i) running_.push_back(start());
    }

    /// Kills at random moments until so many are killed or all have ended, having nothing left to do.
    void run(std::mt19937& random) {
        while (!running_.empty()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10 + random() % 80));
            take_ended();
            if (running_.empty() || kills >= settings_.kills) continue;
            pid_t& victim = running_[random() % running_.size()];
            ::kill(victim, SIGKILL);
            int status = 0;
            ::waitpid(victim, &status, 0);
            if (WIFSIGNALED(status)) ++kills;
            victim = start();
        }
    }

    int kills = 0, failed = 0;

  private:
    pid_t start() {
        return test::start_beside("fault_worker", {address_, acknowledged_, "1",
                                                   std::to_string(settings_.trials), settings_.strategy});
    }
    void take_ended() {
        std::erase_if(running_, [&](pid_t worker) {
            int status = 0;
            if (::waitpid(worker, &status, WNOHANG) == 0) return false;
            if (status != 0) ++failed;
            return true;
        });
    }

    const Settings& settings_;
    std::string address_, acknowledged_;
    std::vector<pid_t> running_;
};

int run(const Settings& settings) {
    const test::TemporaryFolder folder;
    const std::string address = settings.storage == "journal"
                                    ? (folder.path() / "study.attune").string()
                                    : "sqlite:///" + (folder.path() / "s.db").string();
    std::mt19937 random(settings.seed);
    Workers workers(settings, address, (folder.path() / "acknowledged").string());
    workers.run(random);
    const auto events = open_storage(address, {.read_only = true}).read(0);
    Study study;
    for (const Event& event : events) study.apply(event);
    const Replay replayed = replay(events, StrategyRegistry::standard().make(settings.strategy, {}));
    const auto differing = static_cast<long>(replayed.differences.size());
    long resumed = 0, by_model = 0;
    for (const TrialRecord& trial : study.trials()) {
        resumed += trial.claim > 0;
        by_model += !trial.fit.empty();
    }
    const bool fine = differing == 0 && workers.failed == 0 && study.unfinished().empty() &&
                      static_cast<int>(study.trials().size()) >= settings.trials &&
                      replayed.asked_again == static_cast<std::int64_t>(study.trials().size());
    std::cout << nlohmann::ordered_json{{"storage", settings.storage},
                                        {"strategy", settings.strategy},
                                        {"workers", settings.workers},
                                        {"kills", workers.kills},
                                        {"trials", study.trials().size()},
                                        {"trials_gone_on_with", resumed},
                                        {"suggestions_of_a_model", by_model},
                                        {"suggestions_asked_again", replayed.asked_again},
                                        {"suggestions_that_differ", differing},
                                        {"trials_without_an_end", study.unfinished().size()},
                                        {"workers_that_ended_with_an_error", workers.failed},
                                        {"fine", fine}}
                     .dump()
              << '\n';
    return fine ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    Settings settings;
    CLI::App app{"Kills workers of a study at random and replays its suggestions."};
    app.add_option("--storage", settings.storage)->check(CLI::IsMember({"journal", "sqlite"}));
    app.add_option("--strategy", settings.strategy);
    app.add_option("--workers", settings.workers)->check(CLI::PositiveNumber);
    app.add_option("--trials", settings.trials)->check(CLI::PositiveNumber);
    app.add_option("--kills", settings.kills)->check(CLI::NonNegativeNumber);
    app.add_option("--seed", settings.seed);
    CLI11_PARSE(app, count, arguments);
    try {
        return run(settings);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}

// Kills workers of one study with SIGKILL at random moments, starts them again, and checks afterwards that
// what was acknowledged is there once, that no trial is stuck, and how soon the trials of the dead were gone
// on with.
//   fault_kills [--storage journal|sqlite|postgresql] [--workers 8] [--kills 1000] [--heartbeat 2] [--seed 1]
// With --kills 0 nobody is killed: the workers run --trials together, and a PostgreSQL server is restarted
// after a quarter of them and crashes after half. Prints JSON; ends with 1 where something was lost, doubled
// or stuck, a trial of the dead lay about for two heartbeats, or one of the living was taken.
#include <signal.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "attune/error.hpp"
#include "attune/storage/open.hpp"
#include "attune/study/study.hpp"
#include "faults/process.hpp"
#include "support/postgresql_server.hpp"
#include "support/shared_data.hpp"

namespace {

using namespace attune;

struct Settings {
    std::string storage = "journal";
    int workers = 8;
    int kills = 1000;
    int trials = 200;  ///< where nobody is killed
    double heartbeat_seconds = 2;
    unsigned seed = 1;
};

struct Findings {
    int kills = 0;
    long acknowledged = 0, trials = 0, interrupted = 0, late = 0;
    long lost = 0, doubled = 0, stuck = 0, refused = 0;
    int restarts = 0, restarts_amid = 0;  ///< of the server, and those with trials before and behind them
    double longest_reclaim_seconds = 0;
    [[nodiscard]] bool fine(const Settings& settings) const {
        const bool in_time = longest_reclaim_seconds < 2 * settings.heartbeat_seconds;
        const bool taken = settings.kills == 0 && interrupted > 0;
        return lost + doubled + stuck + refused == 0 && in_time && !taken && restarts_amid == restarts;
    }
};

class Round {
  public:
    Round(const Settings& settings, std::string address, std::filesystem::path folder)
        : settings_(settings),
          address_(std::move(address)),
          acknowledged_((folder / "acknowledged").string()) {
        std::filesystem::remove(acknowledged_);
    }

    void run(int kills, std::mt19937& random, Findings& findings) {
        std::vector<pid_t> workers;
        for (int i = 0; i < settings_.workers; ++i) workers.push_back(start("1000000000"));
        for (int kill = 0; kill < kills; ++kill) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 100));
            pid_t& victim = workers[random() % workers.size()];
            ::kill(victim, SIGKILL);
            int status = 0;
            ::waitpid(victim, &status, 0);
            if (!WIFSIGNALED(status)) ++findings.refused;  // it had ended by itself: by an error
            victim = start("1000000000");
            ++findings.kills;
        }
        for (const pid_t worker : workers) {
            ::kill(worker, SIGKILL);
            ::waitpid(worker, nullptr, 0);
        }
        const pid_t last = start("1");  // goes on with what the dead left, and ends
        int status = 0;
        ::waitpid(last, &status, 0);
        if (status != 0) ++findings.refused;
        check(findings);
    }

    /// All at once, to the end. `restart` is called in the ways named, one after another, while they are at
    /// work: each after another quarter of the trials.
    void crowd(const std::vector<std::string>& ways, const std::function<void(const std::string&)>& restart,
               Findings& findings) {
        const std::string limit = std::to_string(settings_.trials);
        std::vector<pid_t> workers;
        for (int i = 0; i < settings_.workers; ++i)
            workers.push_back(start(limit.c_str(), ways.empty() ? "" : "random"));
        for (const std::string& way : ways) {
            ++findings.restarts;
            while (begun() < settings_.trials * findings.restarts / 4)
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            restart(way);
            findings.restarts_amid += begun() < settings_.trials ? 1 : 0;
        }
        for (const pid_t worker : workers) {
            int status = 0;
            ::waitpid(worker, &status, 0);
            if (status != 0) ++findings.refused;
        }
        check(findings);
    }

  private:
    /// With a strategy its trials take a while.
    pid_t start(const char* trials, const std::string& strategy = "") {
        std::vector<std::string> words{address_, acknowledged_, std::to_string(settings_.heartbeat_seconds),
                                       trials};
        if (!strategy.empty()) words.push_back(strategy);
        return test::start_beside("fault_worker", std::move(words));
    }

    /// Trials begun so far; none while the study is not made yet.
    int begun() try {
        const auto events = open_storage(address_, {.read_only = true}).read(0);
        return static_cast<int>(std::ranges::count_if(
            events, [](const Event& event) { return std::holds_alternative<event::Suggested>(event.body); }));
    } catch (const StorageError&) {
        return 0;
    }

    void check(Findings& findings) {
        const auto events = open_storage(address_, {.read_only = true}).read(0);
        Study study;
        std::map<std::int64_t, double> latest;  // word of each trial from a worker
        std::map<std::string, long> seen;
        for (const Event& event : events) {
            study.apply(event);
            if (const auto* body = std::get_if<event::Suggested>(&event.body)) {
                latest[body->trial] = event.time_seconds;
                ++seen["asked " + std::to_string(body->trial) + " 0"];
            } else if (const auto* again = std::get_if<event::Resumed>(&event.body)) {
                const auto claim = study.trial(again->trial).claim;
                // It was begun, or reported, before its worker was killed: at most so long it lay about.
                findings.longest_reclaim_seconds =
                    std::max(findings.longest_reclaim_seconds, event.time_seconds - latest[again->trial]);
                latest[again->trial] = event.time_seconds;
                ++seen["asked " + std::to_string(again->trial) + ' ' + std::to_string(claim)];
            } else if (const auto* report = std::get_if<event::Reported>(&event.body)) {
                latest[report->trial] = event.time_seconds;
                ++seen["reported " + std::to_string(report->trial) + ' ' + std::to_string(*report->claim) +
                       ' ' + std::to_string(static_cast<int>(report->step))];
            } else if (const auto* told = std::get_if<event::Finished>(&event.body)) {
                ++seen["told " + std::to_string(told->trial) + ' ' + std::to_string(*told->claim)];
            } else if (std::holds_alternative<event::Interrupted>(event.body)) {
                ++findings.interrupted;
            }
        }
        findings.trials += static_cast<long>(study.trials().size());
        findings.stuck += static_cast<long>(study.unfinished().size());
        for (const TrialRecord& trial : study.trials()) findings.late += static_cast<long>(trial.late.size());
        for (const auto& [line, count] : seen) findings.doubled += count > 1;
        check_acknowledged(seen, findings);
    }

    void check_acknowledged(const std::map<std::string, long>& seen, Findings& findings) const {
        std::ifstream lines(acknowledged_);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            pid_t process = 0;
            std::string rest;
            words >> process;
            std::getline(words >> std::ws, rest);
            if (rest == "opened") continue;
            ++findings.acknowledged;
            if (!seen.contains(rest)) {
                ++findings.lost;
                std::cerr << "lost: " << rest << '\n';
            }
        }
    }

    const Settings& settings_;
    std::string address_;
    std::string acknowledged_;
};

int run(const Settings& settings) {
    const test::TemporaryFolder folder;
    const bool on_server = settings.storage == "postgresql";
    auto server = on_server ? test::PostgresqlServer::start() : std::nullopt;
    if (on_server && !server) return 77;
    std::mt19937 random(settings.seed);
    Findings findings;
    const auto address_of = [&](const std::string& name) {
        return settings.storage == "journal" ? (folder.path() / (name + ".attune")).string()
               : settings.storage == "sqlite"
                   ? "sqlite:///" + (folder.path() / "s.db").string() + "?study=" + name
                   : server->address() + "&study=" + name;
    };
    if (settings.kills == 0) {
        const std::vector<std::string> ways =
            on_server ? std::vector<std::string>{"fast", "immediate"} : std::vector<std::string>{};
        const auto restart = [&](const std::string& way) {
            server->go_down(way);
            (void)server->go_up();
        };
        Round(settings, address_of("crowd"), folder.path()).crowd(ways, restart, findings);
    }
    constexpr int kills_a_study = 50;  // so that loading it does not become most of the time
    for (int study = 0; findings.kills < settings.kills; ++study) {
        Round(settings, address_of("s" + std::to_string(study)), folder.path())
            .run(std::min(kills_a_study, settings.kills - findings.kills), random, findings);
    }
    const bool fine = findings.fine(settings);
    std::cout << nlohmann::ordered_json{{"storage", settings.storage},
                                        {"workers", settings.workers},
                                        {"kills", findings.kills},
                                        {"acknowledged", findings.acknowledged},
                                        {"trials", findings.trials},
                                        {"interruptions", findings.interrupted},
                                        {"late_results", findings.late},
                                        {"lost", findings.lost},
                                        {"doubled", findings.doubled},
                                        {"stuck", findings.stuck},
                                        {"workers_that_ended_with_an_error", findings.refused},
                                        {"restarts_of_the_server", findings.restarts},
                                        {"restarts_amid_trials", findings.restarts_amid},
                                        {"longest_reclaim_seconds", findings.longest_reclaim_seconds},
                                        {"heartbeat_seconds", settings.heartbeat_seconds},
                                        {"fine", fine}}
                     .dump()
              << '\n';
    return fine ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    Settings settings;
    CLI::App app{"Kills workers of a study at random and checks what is left."};
    app.add_option("--storage", settings.storage)->check(CLI::IsMember({"journal", "sqlite", "postgresql"}));
    app.add_option("--workers", settings.workers)->check(CLI::PositiveNumber);
    app.add_option("--kills", settings.kills)->check(CLI::NonNegativeNumber);
    app.add_option("--trials", settings.trials)->check(CLI::PositiveNumber);
    app.add_option("--heartbeat", settings.heartbeat_seconds)->check(CLI::PositiveNumber);
    app.add_option("--seed", settings.seed);
    CLI11_PARSE(app, count, arguments);
    try {
        return run(settings);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}

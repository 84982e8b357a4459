// One worker of a study, made to be killed: it writes what was acknowledged to a file of its own.
//   fault_worker ADDRESS ACKNOWLEDGED HEARTBEAT_SECONDS TRIALS [STRATEGY]
// With a strategy each report takes a while, so that trials are under way when it is killed. On a server
// reports wait for the disk too, since it may crash.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

#include "attune/core.hpp"
#include "attune/storage/open.hpp"
#include "attune/strategy/by_name.hpp"

namespace {

/// Lines that survive the death of the process, each written by one call.
class Acknowledged {
  public:
    explicit Acknowledged(const char* path)
        : file_(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {}
    void line(const std::string& text) const {
        const std::string whole = std::to_string(::getpid()) + ' ' + text + '\n';
        if (::write(file_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) std::abort();
    }

  private:
    int file_;
};

int work(char** arguments, const std::string& strategy) {
    attune::SearchSpace space;
    const auto x = space.continuous("x", 0, 1);
    (void)space.categorical("kind", {"a", "b", "c"});
    const Acknowledged acknowledged(arguments[2]);
    const std::chrono::milliseconds pause(strategy.empty() ? 0 : 50);
    const auto address = attune::StorageAddress::parse(arguments[1]);
    const bool on_server = address.kind == attune::StorageAddress::Kind::postgresql;
    const auto level = on_server ? attune::Durability::power_loss_with_reports : attune::default_durability;
    attune::Tuner tuner{space, attune::minimize("y"), attune::open_storage(address, {.durability = level}),
                        attune::StrategyRegistry::standard().make(strategy.empty() ? "random" : strategy, {}),
                        attune::TunerOptions{.seed = 3, .heartbeat_seconds = std::atof(arguments[3])}};
    acknowledged.line("opened");
    const std::int64_t limit = std::strtoll(arguments[4], nullptr, 10);
    (void)tuner.run({.max_trials = limit}, [&](attune::Trial& trial) {
        const auto claim =
            tuner.with_study([&](const attune::Study& study) { return study.trial(trial.number()).claim; });
        const std::string which = std::to_string(trial.number()) + ' ' + std::to_string(claim);
        acknowledged.line("asked " + which);
        for (int step = 1; step <= 3; ++step) {
            std::this_thread::sleep_for(pause);
            (void)trial.report(step, trial[x] / step);
            acknowledged.line("reported " + which + ' ' + std::to_string(step));
        }
        trial.tell(static_cast<double>(trial.number()) + 1000.0 * claim);
        acknowledged.line("told " + which);
    });
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5 && count != 6) return 2;
    try {
        return work(arguments, count == 6 ? arguments[5] : "");
    } catch (const std::exception& error) {
        std::cerr << "worker " << ::getpid() << ": " << error.what() << '\n';
        return 4;
    }
}

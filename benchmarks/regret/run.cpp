#include "run.hpp"

#include <ctime>
#include <deque>
#include <limits>

namespace attune::regret {
namespace {

double thread_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

Trace run_once(const Method& method, const Problem& problem, const RunOptions& options) {
    Trace trace{method.label(), problem.name, options.seed, options.budget, options.batch, 0, 0.0, {}, 0};
    const auto session = method.begin(problem, options.seed);
    std::deque<Session::Asked> flying;
    double best = std::numeric_limits<double>::infinity();
    const auto finish_oldest = [&] {
        const Session::Asked asked = std::move(flying.front());
        flying.pop_front();
        const std::optional<double> exact = problem.value(asked.configuration);
        const auto k = static_cast<std::uint64_t>(trace.evaluations++);
        if (!exact) {
            trace.late_failures += 2 * trace.evaluations > options.budget ? 1 : 0;
            return session->tell(asked.id, std::nullopt);
        }
        double observed = *exact;
        if (problem.noise > 0) observed += problem.noise * observation_noise(options.seed, k);
        Metrics metrics = problem.outcomes ? problem.outcomes(asked.configuration) : Metrics{};
        const bool kept = violation(problem.constraints, metrics) == 0;
        metrics["loss"] = observed;
        session->tell(asked.id, metrics);
        if (!kept || !(observed < best)) return;
        best = observed;
        trace.steps.emplace_back(trace.evaluations, *exact - problem.optimum);
    };
    int asked = 0;
    bool spent = false;
    while (trace.evaluations < options.budget) {
        while (!spent && asked < options.budget && static_cast<int>(flying.size()) < options.batch) {
            const double start = thread_seconds();
            auto next = session->ask();
            trace.ask_seconds += thread_seconds() - start;
            if (next)
                flying.push_back(*std::move(next)), ++asked;
            else
                spent = true;
        }
        if (flying.empty()) break;  // nothing is left to ask
        finish_oldest();
        while (options.overlap == Overlap::synchronous && !flying.empty()) finish_oldest();
    }
    // A spent space has given all it has: what was found stands for the rest of the budget.
    trace.evaluations = options.budget;
    return trace;
}

}  // namespace attune::regret

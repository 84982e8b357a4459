// Processor time of one stopping decision as a study grows: many trials under way that report in turn. Beside
// each policy, the same decision by a fresh copy that has to read the study from its beginning. Prints JSON.
//     decision_latency --trials 10000 --reports 100
//     decision_latency --policies curve_prediction --from 99
#include <attune/core.hpp>
#include <attune/stopping/by_name.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using namespace attune;

double processor_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

SearchSpace space() {
    SearchSpace out;
    (void)out.continuous("x", 0, 1);
    return out;
}

struct Setting {
    std::string name;
    StoppingPolicyRegistry::Options options{};
};

/// No decision is asked for before step `from`.
nlohmann::json measure(const Setting& setting, int trials, int reports, int from, int fresh_every) {
    AnyStoppingPolicy policy = StoppingPolicyRegistry::standard().make(setting.name, setting.options);
    const AnyStoppingPolicy fresh = policy;
    Study study;
    double now = 0;
    const auto apply = [&](EventBody body) { study.apply({++now, std::move(body)}); };
    apply(event::Created{"latency", 1, space(), {minimize("loss")}, event::FinalValue::best_report, {}, {}});
    std::vector<double> levels;
    RandomStream stream(1, 0, Purpose::user);
    for (int n = 0; n < trials; ++n) {
        event::Suggested suggested;
        suggested.trial = n;
        suggested.configuration = {{"x", stream.uniform()}};
        suggested.resumable = true;
        apply(suggested);
        levels.push_back(stream.uniform());
    }
    std::vector<double> seconds, fresh_seconds;
    std::size_t stopped = 0;
    for (int step = 1; step <= reports; ++step)
        for (int n = 0; n < trials; ++n) {
            const double loss = levels[static_cast<std::size_t>(n)] + 2.0 / step + 0.05 * stream.normal();
            apply(event::Reported{n, static_cast<double>(step), {{"loss", loss}}});
            if (step < from) continue;
            const TrialRecord& trial = study.trial(n);
            const double begun = processor_seconds();
            const Verdict verdict = policy.decide(study, trial);
            seconds.push_back(processor_seconds() - begun);
            stopped +=
                verdict.decision != Decision::proceed ? 1 : 0;  // it goes on: all are to be compared with
            if (fresh_every == 0 || seconds.size() % static_cast<std::size_t>(fresh_every) != 0) continue;
            AnyStoppingPolicy other = fresh;
            const double fresh_begun = processor_seconds();
            const Verdict again = other.decide(study, trial);
            fresh_seconds.push_back(processor_seconds() - fresh_begun);
            if (again.decision != verdict.decision || again.reason != verdict.reason) {
                std::fprintf(stderr, "%s: a fresh policy decides otherwise\n", setting.name.c_str());
                std::exit(1);
            }
        }
    const auto mean = [](const std::vector<double>& values) {
        double sum = 0;
        for (const double value : values) sum += value / static_cast<double>(values.size());
        return sum;
    };
    std::vector<double> last(seconds.end() - trials, seconds.end());
    std::sort(last.begin(), last.end());
    const auto quantile = [&](double share) {
        return last[static_cast<std::size_t>(share * static_cast<double>(last.size() - 1))];
    };
    nlohmann::json options = nlohmann::json::object();
    for (const auto& [name, value] : setting.options) options[name] = to_string(value);
    return {{"policy", setting.name},
            {"options", options},
            {"trials", trials},
            {"reports", reports},
            {"from", from},
            {"verdicts_against", stopped},
            {"mean_microseconds", 1e6 * mean(seconds)},
            {"mean_microseconds_at_the_last_step", 1e6 * mean(last)},
            {"median_microseconds_at_the_last_step", 1e6 * quantile(0.5)},
            {"p99_microseconds_at_the_last_step", 1e6 * quantile(0.99)},
            {"dearest_microseconds", 1e6 * *std::max_element(seconds.begin(), seconds.end())},
            {"fresh_mean_microseconds", fresh_seconds.empty() ? 0 : 1e6 * mean(fresh_seconds)}};
}

}  // namespace

int main(int argc, char** argv) {
    int trials = 10'000, reports = 100, from = 1, fresh_every = 100'000;
    std::vector<std::string> names{"median", "successive_halving", "hyperband"};
    CLI::App app{"processor time of one stopping decision"};
    app.add_option("--trials", trials)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--reports", reports)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--from", from, "The step of the first decisions; the last one's figures want one before")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--policies", names, "Names of policies")->capture_default_str();
    app.add_option("--fresh-every", fresh_every, "How often a fresh policy decides too; 0: never")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    nlohmann::json rows = nlohmann::json::array();
    for (const std::string& name : names) {
        StoppingPolicyRegistry::Options options;
        // All are under way: none has completed that could be compared with.
        if (name == "median" || name == "percentile") options["pool"] = std::string("all_earlier");
        if (name == "percentile") options["minimum_trials"] = std::int64_t{0};
        if (name == "hyperband") options["maximum_resource"] = static_cast<double>(reports);
        // Trainings that are half way, so that there is something to forecast.
        if (name == "curve_prediction") options["horizon"] = 2.0 * reports;
        rows.push_back(measure({name, options}, trials, reports, std::min(from, reports), fresh_every));
    }
    std::printf("%s\n", rows.dump(2).c_str());
}

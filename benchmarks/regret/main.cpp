// Regret of optimisers on test problems: methods x problems x seeds x batch sizes.
//     regret --method gaussian_process --method random --problems shown --seeds 50 --peers
//     ../shared/hpo/peers
// Writes one file of traces a method (--out), prints medians, ranks and their bootstrap intervals.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "attune/error.hpp"
#include "external.hpp"
#include "run.hpp"
#include "table.hpp"

namespace {

using namespace attune::regret;

struct Arguments {
    std::vector<std::string> methods;
    std::vector<std::string> drive;
    std::string drive_strategy = "gaussian_process";
    std::vector<std::string> problems{"shown"};
    std::vector<std::string> external;
    std::string svc_digits;
    std::vector<int> batches{1};
    Overlap overlap = Overlap::synchronous;
    std::uint64_t seeds = 10;
    std::uint64_t first_seed = 0;
    int budget = 100;
    int threads = 1;
    std::string out;
    std::string peers;
    bool list = false;
    bool quiet = false;
    TableOptions table;
};

void declare(CLI::App& app, Arguments& a) {
    app.add_option("--method", a.methods,
                   "A strategy of this library: [LABEL=][flat ]STRATEGY[:OPTION=VALUE,...]; flat hides "
                   "conditions. May be repeated");
    app.add_option(
        "--drive", a.drive,
        "A program that speaks ask-tell over its standard streams: [LABEL=]COMMAND. May be repeated");
    app.add_option("--drive-strategy", a.drive_strategy, "What driven programs are asked to use")
        ->capture_default_str();
    app.add_option("--problems", a.problems, "Names or families of problems, or all (see --list)")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--external", a.external,
                   "A JSON file that describes a problem served by a program. May be repeated");
    app.add_option("--svc-digits", a.svc_digits,
                   "Adds the peers' problem of that name, served by this command: "
                   "\"python3 problems.py serve svc_digits\"");
    app.add_option("--batch", a.batches, "Evaluations at a time, such as 1,2,8")
        ->delimiter(',')
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--overlap", a.overlap, "Whether batches end together or one by one")
        ->transform(CLI::CheckedTransformer(std::map<std::string, Overlap>{
            {"synchronous", Overlap::synchronous}, {"asynchronous", Overlap::asynchronous}}));
    app.add_option("--seeds", a.seeds, "Runs of each method on each problem")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--first-seed", a.first_seed)->capture_default_str();
    app.add_option("--budget", a.budget, "Evaluations of a run")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--at", a.table.evaluations, "Where regrets are compared")
        ->delimiter(',')
        ->capture_default_str();
    app.add_option("--threads", a.threads, "Runs at a time")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--out", a.out, "Folder for the traces, one file a method");
    app.add_option("--peers", a.peers, "Folder of traces of other programs, which join the tables");
    app.add_flag("--list", a.list, "Lists the problems");
    app.add_flag("--quiet", a.quiet, "No progress on standard error");
}

std::vector<Problem> chosen(const Arguments& a) {
    std::vector<Problem> problems;
    const std::vector<Problem> all = all_problems();
    for (const std::string& name : a.problems) {
        const std::size_t before = problems.size();
        for (const Problem& p : all)
            if (name == "all" || name == p.name || name == p.family) problems.push_back(p);
        if (problems.size() == before && name != "none")
            throw attune::UnknownName("problem '" + name + "' is unknown; --list shows those that there are");
    }
    for (const std::string& file : a.external) problems.push_back(external_problem(file));
    if (!a.svc_digits.empty()) problems.push_back(svc_digits(a.svc_digits));
    return problems;
}

struct Job {
    const Method* method;
    const Problem* problem;
    RunOptions options;
};

std::vector<Trace> run_all(const std::vector<Job>& jobs, int threads, bool quiet) {
    std::vector<Trace> traces(jobs.size());
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::string failure;
    const auto work = [&] {
        for (std::size_t i = next++; i < jobs.size(); i = next++) try {
                traces[i] = run_once(*jobs[i].method, *jobs[i].problem, jobs[i].options);
                if (!quiet && (i + 1) % 50 == 0)
                    std::fprintf(stderr, "%zu of %zu runs\n", i + 1, jobs.size());
            } catch (const std::exception& e) {
                const std::lock_guard lock(mutex);
                failure = jobs[i].method->label() + " on " + jobs[i].problem->name + ": " + e.what();
                next = jobs.size();
            }
    };
    {
        std::vector<std::jthread> pool;
        for (int t = 0; t < threads; ++t) pool.emplace_back(work);
    }
    if (!failure.empty()) throw attune::InvalidState(failure);
    return traces;
}

void write(const std::vector<Trace>& traces, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::map<std::string, std::vector<Trace>> by_method;
    for (const Trace& t : traces) by_method[t.method].push_back(t);
    for (const auto& [method, own] : by_method) {
        std::string name = method;
        for (char& c : name)
            if (c == '/' || c == ' ' || c == ':') c = '_';
        write_traces(folder / (name + ".json"), own);
    }
}

void print_times(const std::vector<Trace>& traces) {
    std::map<std::string, std::pair<double, int>> total;
    for (const Trace& t : traces)
        total[t.method].first += t.ask_seconds, total[t.method].second += t.evaluations;
    std::printf("\nprocessor milliseconds of one ask, mean:");
    for (const auto& [method, sum] : total)
        std::printf(" %s %.3f;", method.c_str(), 1e3 * sum.first / sum.second);
    std::printf("\n");
}

/// Where evaluations fail: how many did in the second halves of the runs.
void print_failures(const std::vector<Trace>& traces) {
    std::map<std::pair<std::string, std::string>, std::pair<int, int>> total;
    for (const Trace& t : traces) {
        auto& [failed, all] = total[{t.problem, t.method}];
        failed += t.late_failures, all += t.budget / 2;
    }
    for (const auto& [key, count] : total)
        if (count.first > 0)
            std::printf("late evaluations that failed: %s, %s: %.0f %%\n", key.first.c_str(),
                        key.second.c_str(), 100.0 * count.first / count.second);
}

/// Traces of other programs on the same problems with the same numbers at a time.
void join_peers(const Arguments& a, const std::vector<Problem>& problems, std::vector<Trace>& traces) {
    const auto compared = [&](const Trace& t) {
        return std::find(a.batches.begin(), a.batches.end(), t.batch) != a.batches.end() &&
               std::any_of(problems.begin(), problems.end(),
                           [&](const Problem& p) { return p.name == t.problem; });
    };
    std::set<std::filesystem::path> files;
    for (const auto& file : std::filesystem::directory_iterator(a.peers))
        if (file.path().extension() == ".json") files.insert(file.path());
    for (const auto& file : files)
        for (Trace& t : read_traces(file))
            if (compared(t)) traces.push_back(std::move(t));
}

int run(const Arguments& a) {
    if (a.list) {
        for (const Problem& p : all_problems())
            std::printf("%-20s %-12s %3zu parameters, optimum %.10g, noise %g\n", p.name.c_str(),
                        p.family.c_str(), p.space.size(), p.optimum, p.noise);
        return 0;
    }
    std::vector<std::unique_ptr<Method>> methods;
    for (const std::string& text : a.methods) methods.push_back(make_method(text));
    for (const std::string& text : a.drive) methods.push_back(drive_method(text, a.drive_strategy));
    const std::vector<Problem> problems = chosen(a);
    std::vector<Job> jobs;
    for (const Problem& problem : problems)
        for (const int batch : a.batches)
            for (const auto& method : methods)
                for (std::uint64_t s = 0; s < a.seeds; ++s)
                    jobs.push_back({method.get(), &problem, {a.budget, batch, a.overlap, a.first_seed + s}});
    std::vector<Trace> traces = run_all(jobs, a.threads, a.quiet);
    if (!a.out.empty() && !traces.empty()) write(traces, a.out);
    if (!traces.empty()) print_times(traces);
    print_failures(traces);
    if (!a.peers.empty()) join_peers(a, problems, traces);
    std::printf("%s", table(traces, a.table).c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Regret of optimisers on test problems"};
    declare(app, arguments);
    CLI11_PARSE(app, argc, argv);
    try {
        return run(arguments);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "regret: %s\n", e.what());
        return 1;
    }
}

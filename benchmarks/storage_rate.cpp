// What a trial with ten reports costs in each storage: durable writes, processor time, trials a second with
// one and with several processes, and the time to load a study. Beside them a bare loop of the same durable
// writes on the same disk and, where a Python with Optuna is named, Optuna's storages, all in one run.
//   storage_rate [--folder .] [--trials 300] [--processes 8] [--load 10000] [--memory-trials 1000000]
//   [--postgresql ADDRESS | --postgresql-server] [--optuna-python PATH]
// Then the memory that a trial takes, and pairs of ask and tell in memory by the million. With --count
// journal, sqlite or postgresql only the durable writes in that storage. Prints JSON; ends with 1 where a
// trial costs more than three durable writes.
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/core.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/studies.hpp"
#include "support/postgresql_server.hpp"

namespace {
std::atomic<long> flushes{0};

template <class Function>
int forward(const char* name, int file) {
    static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
    ++flushes;
    return real(file);
}
}  // namespace

// Every flush of this process, whoever asks for it, comes by here.
extern "C" int fsync(int file) { return forward<int (*)(int)>("fsync", file); }
extern "C" int fdatasync(int file) { return forward<int (*)(int)>("fdatasync", file); }

namespace {

using namespace attune;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

SearchSpace space() {
    SearchSpace out;
    (void)out.continuous("lr", 1e-4, 1, Scale::log);
    (void)out.integer("layers", 1, 8);
    (void)out.categorical("optimizer", {"sgd", "adam"});
    return out;
}

/// Runs trials with ten reports each until the study has that many.
void work(AnyStorage storage, std::size_t trials) {
    Tuner tuner{space(), maximize("accuracy"), std::move(storage)};
    for (;;) {
        if (tuner.with_study([&](const Study& study) { return study.trials().size() >= trials; })) return;
        auto trial = tuner.ask();
        if (!trial) return;
        for (int step = 1; step <= 10; ++step) (void)trial->report(step, 0.1 * step);
        trial->tell(0.9);
    }
}

pid_t spawn(std::vector<std::string> words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, words[0].c_str(), nullptr, nullptr, pointers.data(), environ) != 0)
        throw std::runtime_error(words[0] + ": cannot be started");
    return child;
}

/// Seconds that `count` processes take together.
double together(int count, const std::vector<std::string>& words) {
    const double begin = now();
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) children.push_back(spawn(words));
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        if (status != 0) throw std::runtime_error(words[0] + ": a process failed");
    }
    return now() - begin;
}

/// What a trial with ten reports must cost: twelve short writes, the first and the last of them flushed.
void bare_loop(const std::string& path, std::size_t trials) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const std::string bytes(100, 'x');
    for (std::size_t i = 0; i < 12 * trials; ++i) {
        const bool flushed = i % 12 == 0 || i % 12 == 11;
        if (::write(file, bytes.data(), bytes.size()) < 0 || (flushed && ::fdatasync(file) != 0))
            throw std::runtime_error(path + ": cannot be written");
    }
    ::close(file);
}

/// At the default level of durability: one for ask, one for tell, and room for what a study costs once.
constexpr double most_durable_writes = 3;
constexpr const char* durable_writes = "durable_writes_a_trial";

/// Whether no storage makes more of them; those of a server that is not ours are not known.
bool keeps_promise(const Json& results) {
    return std::all_of(results.begin(), results.end(), [](const Json& result) {
        const auto writes = result.find(durable_writes);
        return writes == result.end() || !writes->is_number() || *writes <= most_durable_writes;
    });
}

struct Settings {
    std::string self, folder = ".";
    std::size_t trials = 300, load = 10000, memory_trials = 1000000;
    int processes = 8;
    bool postgresql_server = false;
    std::string postgresql, optuna_python;
};

/// The events of a study of finished trials, each with so many reports.
std::vector<Event> events_of(std::size_t trials, int reports) {
    std::vector<Event> events;
    const auto add = [&](EventBody body) {
        events.push_back({1e9 + static_cast<double>(events.size()), std::move(body)});
    };
    add(event::Created{"load", 1, space(), {maximize("accuracy")}, event::FinalValue::best_report, {}, {}});
    for (std::size_t i = 0; i < trials; ++i) {
        const auto number = static_cast<std::int64_t>(i);
        event::Suggested suggested;
        suggested.trial = number;
        suggested.configuration = {{"lr", 1e-4 + 1e-6 * static_cast<double>(i % 1000)},
                                   {"layers", std::int64_t{3}},
                                   {"optimizer", std::string("sgd")}};
        suggested.view = events.size();
        suggested.reason = "uniform draw";
        suggested.worker = 1;
        add(suggested);
        for (int step = 1; step <= reports; ++step)
            add(event::Reported{number, static_cast<double>(step), {{"accuracy", 0.1 * step}}, 0});
        event::Finished finished;
        finished.trial = number;
        finished.metrics = {{"accuracy", 0.9}};
        finished.claim = 0;
        add(finished);
    }
    return events;
}

/// A study of `load` trials, each event appended by itself, and the processor time to read and fold it.
Json loading(const std::string& address, std::size_t trials) {
    {
        AnyStorage storage = open_storage(address, {.durability = Durability::process_crash});
        const std::vector<Event> events = events_of(trials, 10);
        for (std::size_t i = 0; i < events.size(); ++i)
            if (!storage.append(std::span(events).subspan(i, 1), i))
                throw std::runtime_error(address + ": is not alone");
    }
    double best = 1e9, best_compacted = 1e9;
    const auto load = [&] {
        const double begin = processor_seconds();
        Study study;
        for (const Event& event : open_storage(address, {.read_only = true}).read(0)) study.apply(event);
        if (study.trials().size() != trials) throw std::runtime_error(address + ": is not whole");
        return processor_seconds() - begin;
    };
    for (int i = 0; i < 5; ++i) best = std::min(best, load());
    compact_study(address);
    for (int i = 0; i < 5; ++i) best_compacted = std::min(best_compacted, load());
    return {{"trials", trials},
            {"load_processor_seconds", best},
            {"load_processor_seconds_compacted", best_compacted}};
}

Json measure(const Settings& settings, const std::string& name,
             const std::function<std::string(const std::string&)>& address) {
    AnyStorage storage = open_storage(address("one"));
    const long flushes_before = flushes;
    const double processor = processor_seconds(), begin = now();
    work(std::move(storage), settings.trials);
    const double seconds = now() - begin, trials = static_cast<double>(settings.trials);
    Json out{{"storage", name},
             {durable_writes,
              name == "postgresql" ? Json() : Json(static_cast<double>(flushes - flushes_before) / trials)},
             {"processor_ms_a_trial", 1e3 * (processor_seconds() - processor) / trials},
             {"trials_a_second_1", trials / seconds}};
    const double several = together(settings.processes, {settings.self, "--worker", address("several"),
                                                         "--trials", std::to_string(settings.trials)});
    out["trials_a_second_" + std::to_string(settings.processes)] = trials / several;
    if (settings.load > 0) out["loading"] = loading(address("load"), settings.load);
    return out;
}

Json bare(const Settings& settings) {
    const std::string path = (fs::path(settings.folder) / "bare").string();
    const double processor = processor_seconds(), begin = now(),
                 trials = static_cast<double>(settings.trials);
    bare_loop(path, settings.trials);
    const double seconds = now() - begin, used = processor_seconds() - processor;
    const std::size_t each = settings.trials / static_cast<std::size_t>(settings.processes);
    const double several =
        together(settings.processes, {settings.self, "--bare", path, "--trials", std::to_string(each)});
    return {{"storage", "bare loop of twelve writes a trial, two of them flushed"},
            {"processor_ms_a_trial", 1e3 * used / trials},
            {"trials_a_second_1", trials / seconds},
            {"trials_a_second_" + std::to_string(settings.processes),
             static_cast<double>(each) * settings.processes / several}};
}

/// Pairs of ask and tell a second of processor time in memory: all, and the first and last tenth.
Json in_memory(std::size_t trials) {
    Tuner tuner{space(), maximize("accuracy"), RandomSearch{}};
    const std::size_t tenth = trials / 10;
    const double begin = processor_seconds();
    double first = begin, last = begin;
    for (std::size_t i = 0; i < trials; ++i) {
        if (i == tenth) first = processor_seconds();
        if (i == trials - tenth) last = processor_seconds();
        tuner.ask()->tell(0.5);
    }
    const double end = processor_seconds();
    const auto rate = [](std::size_t pairs, double seconds) { return static_cast<double>(pairs) / seconds; };
    return {{"storage", "memory"},
            {"trials", trials},
            {"pairs_a_second", rate(trials, end - begin)},
            {"pairs_a_second_in_the_first_tenth", rate(tenth, first - begin)},
            {"pairs_a_second_in_the_last_tenth", rate(tenth, end - last)}};
}

/// Bytes that a finished trial takes in a study, without its reports and for each of them.
Json memory_of_a_trial(std::size_t trials) {
    const auto bytes = [&](int reports) {
        const std::vector<Event> events = events_of(trials, reports);
        const auto before = ::mallinfo2().uordblks;
        Study study;
        for (const Event& event : events) study.apply(event);
        return static_cast<double>(::mallinfo2().uordblks - before) / static_cast<double>(trials);
    };
    const double alone = bytes(0), with_reports = bytes(10);
    return {{"memory of a study of", trials},
            {"bytes_a_trial", alone},
            {"bytes_a_report", (with_reports - alone) / 10}};
}

Json optuna(const Settings& settings) {
    const std::string script = (fs::path(ATTUNE_SOURCE_DIR) / "benchmarks" / "optuna_rate.py").string();
    const std::string command = "'" + settings.optuna_python + "' '" + script + "' '" + settings.folder +
                                "' " + std::to_string(settings.processes);
    std::string text;
    if (FILE* pipe = ::popen(command.c_str(), "r")) {
        for (char buffer[4096]; const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe);)
            text.append(buffer, n);
        ::pclose(pipe);
    }
    return Json::parse(text, nullptr, false);
}

Json on_server(const Settings& settings, const std::string& server) {
    return measure(settings, "postgresql", [&](const std::string& name) {
        return server + (server.find('?') == std::string::npos ? "?" : "&") + "study=" + name;
    });
}

/// A throw-away server's own flushes and processor time for a trial. What nobody waits for it writes at its
/// leisure, and seldom here, so that the count does not depend on the time that trials take.
Json counted_on(const test::PostgresqlServer& server, std::size_t count) {
    if (!server.execute("ALTER SYSTEM SET wal_writer_delay = '10s'") ||
        !server.execute("SELECT pg_reload_conf()"))
        throw std::runtime_error("the server takes no settings");
    const auto settle = [] { ::sleep(2); };  // its statistics come late
    settle();
    const long flushes_before = server.flushes();
    const double before = server.processor_seconds(), trials = static_cast<double>(count);
    work(open_storage(server.address() + "&study=counted"), count);
    const double processor = server.processor_seconds() - before;
    settle();
    return {{durable_writes, static_cast<double>(server.flushes() - flushes_before) / trials},
            {"processor_ms_a_trial_of_the_server", 1e3 * processor / trials}};
}

Json on_own_server(const Settings& settings) {
    const auto server = test::PostgresqlServer::start();
    if (!server) return {{"storage", "postgresql"}, {"skipped", "no server could be started"}};
    const Json counted = counted_on(*server, settings.trials);
    Json out = on_server(settings, server->address());
    out.update(counted);
    return out;
}

/// The exit code; 77 where there is no server to count on.
int count_in(const std::string& storage, std::size_t trials) {
    Json out{{"storage", storage}};
    if (storage == "postgresql") {
        const auto server = test::PostgresqlServer::start();
        if (!server) return 77;
        out.update(counted_on(*server, trials));
    } else {
        const test::TemporaryFolder folder;
        const long before = flushes;
        work(open_storage((folder.path() / (storage == "sqlite" ? "s.db" : "s.attune")).string()), trials);
        out[durable_writes] = static_cast<double>(flushes - before) / static_cast<double>(trials);
    }
    std::cout << out.dump() << '\n';
    return keeps_promise(Json::array({out})) ? 0 : 1;
}

int run(const Settings& settings) {
    fs::create_directories(settings.folder);
    const auto in = [&](const std::string& name) { return (fs::absolute(settings.folder) / name).string(); };
    Json results = Json::array();
    results.push_back(bare(settings));
    results.push_back(
        measure(settings, "journal", [&](const std::string& name) { return in(name + ".attune"); }));
    results.push_back(measure(settings, "sqlite",
                              [&](const std::string& name) { return "sqlite:///" + in(name + ".db"); }));
    if (!settings.postgresql.empty()) results.push_back(on_server(settings, settings.postgresql));
    if (settings.postgresql_server) results.push_back(on_own_server(settings));
    if (!settings.optuna_python.empty()) results.push_back(optuna(settings));
    results.push_back(memory_of_a_trial(10000));
    results.push_back(in_memory(settings.memory_trials));
    std::cout << results.dump(2) << '\n';
    return keeps_promise(results) ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    Settings settings;
    settings.self = fs::read_symlink("/proc/self/exe").string();
    std::string worker, bare_path, counted;
    CLI::App app{"What a trial costs in each storage."};
    app.add_option("--folder", settings.folder, "An empty folder on the disk to measure");
    app.add_option("--trials", settings.trials);
    app.add_option("--processes", settings.processes);
    app.add_option("--load", settings.load, "Trials of the study to load; 0: not measured");
    app.add_option("--memory-trials", settings.memory_trials, "Pairs of ask and tell in memory");
    app.add_option("--postgresql", settings.postgresql, "Address of a database");
    app.add_flag("--postgresql-server", settings.postgresql_server, "Start a throw-away server for it");
    app.add_option("--optuna-python", settings.optuna_python, "A Python that has Optuna");
    app.add_option("--count", counted, "Only the durable writes in one storage")
        ->check(CLI::IsMember({"journal", "sqlite", "postgresql"}));
    app.add_option("--worker", worker)->group("");
    app.add_option("--bare", bare_path)->group("");
    CLI11_PARSE(app, count, arguments);
    try {
        if (!worker.empty()) return work(open_storage(worker), settings.trials), 0;
        if (!bare_path.empty()) return bare_loop(bare_path, settings.trials), 0;
        if (!counted.empty()) return count_in(counted, settings.trials);
        return run(settings);
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}

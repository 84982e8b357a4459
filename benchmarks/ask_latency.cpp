// Seconds of one ask as a study grows, and what the first ask after opening it costs. Prints JSON.
//     ask_latency --dimensions 5,20 --trials 100,1000,10000
//     ask_latency --trials 100,1000 --optuna "python3 benchmarks/optuna_ask.py"
// Up to --grown trials every trial is asked by the strategy itself; studies beyond are filled at random, and
// the strategy asks the last ones.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <attune/runtime.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

namespace {

using namespace attune;

/// Wall and processor seconds of what `work` does.
template <class Work>
std::pair<double, double> seconds_of(const Work& work) {
    const auto processor = [] {
        timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
    };
    const double before = processor();
    const auto start = std::chrono::steady_clock::now();
    work();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
            processor() - before};
}

/// Megabytes of memory that the process has held at most.
double peak_megabytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024.0;
    return 0.0;
}

/// A study in memory with the events that made it.
class Growing {
  public:
    explicit Growing(int dimensions) {
        event::Created created;
        created.seed = 1;
        for (int i = 0; i < dimensions; ++i) created.space.continuous(fmt::format("x{}", i), -5.0, 5.0);
        created.objectives = {minimize("y")};
        add({0, created});
    }

    [[nodiscard]] const Study& study() const { return study_; }
    [[nodiscard]] SuggestionRequest request() const {
        SuggestionRequest request;
        request.trial = static_cast<std::int64_t>(study_.trials().size());
        return request;
    }
    [[nodiscard]] Study reopened() const {
        Study study;
        for (const Event& event : events_) study.apply(event);
        return study;
    }

    void tell(const Suggestion& suggestion) {
        event::Suggested asked;
        asked.trial = request().trial;
        asked.configuration = suggestion.configuration.values();
        asked.view = study_.position();
        asked.fit = suggestion.fit;
        add({0, asked});
        double y = 0;
        for (const double x : suggestion.configuration.native()) y += std::pow(x - 1.5, 2) + std::sin(3 * x);
        event::Finished end;
        end.trial = asked.trial;
        end.state = TrialState::completed;
        end.metrics = {{"y", y}};
        add({0, end});
    }

  private:
    void add(Event event) {
        study_.apply(event);
        events_.push_back(std::move(event));
    }

    Study study_;
    std::vector<Event> events_;
};

double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

nlohmann::json measure(const std::string& name, int dimensions, int trials, int grown, int window) {
    AnyStrategy strategy = StrategyRegistry::standard().make(name);
    AnyStrategy filler = StrategyRegistry::standard().make("random");
    Growing growing(dimensions);
    std::vector<double> wall;
    std::vector<double> processor;
    const int first = trials <= grown ? 0 : trials - window;
    for (int k = 0; k < trials; ++k) {
        std::optional<Suggestion> suggestion;
        const auto [w, p] = seconds_of([&] {
            suggestion = (k < first ? filler : strategy).suggest(growing.study(), growing.request());
        });
        if (k >= first) wall.push_back(w), processor.push_back(p);
        growing.tell(*suggestion);
    }
    const double dearest = *std::max_element(processor.begin(), processor.end());
    const auto keep = std::min<std::size_t>(static_cast<std::size_t>(window), processor.size());
    const std::vector<double> last(processor.end() - static_cast<std::ptrdiff_t>(keep), processor.end());
    const std::vector<double> last_wall(wall.end() - static_cast<std::ptrdiff_t>(keep), wall.end());
    const Study opened = growing.reopened();
    AnyStrategy fresh = StrategyRegistry::standard().make(name);
    const auto [open_wall, open_processor] =
        seconds_of([&] { (void)fresh.suggest(opened, growing.request()); });
    return {{"strategy", name},
            {"dimensions", dimensions},
            {"trials", trials},
            {"asked_by_it", trials - first},
            {"window", keep},
            {"median_seconds", median(last)},
            {"median_wall_seconds", median(last_wall)},
            {"mean_seconds", std::accumulate(last.begin(), last.end(), 0.0) / static_cast<double>(keep)},
            {"dearest_seconds", dearest},
            {"first_ask_after_opening_seconds", open_processor},
            {"first_ask_after_opening_wall_seconds", open_wall},
            {"peak_megabytes", peak_megabytes()}};
}

/// What another program prints, one JSON value.
nlohmann::json output_of(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw InvalidOption("'" + command + "' cannot be started");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
    if (::pclose(pipe) != 0) throw InvalidOption("'" + command + "' failed");
    return nlohmann::json::parse(text);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<int> dimensions{5};
    std::vector<int> trials{100};
    std::vector<std::string> strategies{"random", "sobol", "gaussian_process"};
    int grown = 1000;
    int window = 50;
    std::string optuna;
    CLI::App app{"Latency of one ask: processor seconds of one thread"};
    app.add_option("--dimensions", dimensions, "Continuous parameters")
        ->delimiter(',')
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--trials", trials, "Trials at which asks are timed")
        ->delimiter(',')
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--strategies", strategies)->delimiter(',')->capture_default_str();
    app.add_option("--grown", grown,
                   "Studies up to this size are asked by the strategy from the first trial on")
        ->capture_default_str();
    app.add_option("--window", window, "Asks that medians and means are taken over: the last ones")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--optuna", optuna, "Command that times Optuna's GP sampler: COMMAND DIMENSIONS TRIALS");
    CLI11_PARSE(app, argc, argv);
    try {
        nlohmann::json rows = nlohmann::json::array();
        for (const int d : dimensions)
            for (const int n : trials) {
                for (const std::string& name : strategies) rows.push_back(measure(name, d, n, grown, window));
                if (!optuna.empty()) rows.push_back(output_of(fmt::format("{} {} {}", optuna, d, n)));
            }
        std::printf("%s\n", rows.dump(2).c_str());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "ask_latency: %s\n", e.what());
        return 1;
    }
}

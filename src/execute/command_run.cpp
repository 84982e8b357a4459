#include "command_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>

#include "attune/error.hpp"
#include "command_line.hpp"

namespace attune {
namespace {

constexpr int kShellKilled = 128 + SIGKILL;
constexpr int kShellCannotExecute = 126;
constexpr int kShellNotFound = 127;

bool contains(const std::vector<int>& numbers, int number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

// A cause that may have gone when the program is started once more.
bool may_pass(int code) {
    return contains({EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EINTR, EIO, ESTALE, EBUSY}, code);
}

// 53 random bits from a counter: splitmix64's finaliser over the key.
double unit_random(std::uint64_t seed, std::int64_t trial, int attempt) {
    const auto mix = [](std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    };
    std::uint64_t key = mix(seed + 0x9E3779B97F4A7C15U);
    key = mix(key ^ static_cast<std::uint64_t>(trial));
    key = mix(key + static_cast<std::uint64_t>(attempt));
    return static_cast<double>(key >> 11) * 0x1.0p-53;
}

void sleep_until_cancelled(std::chrono::duration<double> span, const std::stop_token& cancel) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, cancel, span, [] { return false; });
}

std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The first line stands alone in lists of failures, so it has the program's last words, which mostly say why.
std::string with_last_lines(const std::string& what, const std::vector<std::string>& lines,
                            const std::vector<std::string>& arguments) {
    std::string last;
    int with_words = 0;
    for (const std::string& line : lines)
        if (std::string words = trimmed(line); !words.empty()) {
            last = std::move(words);
            ++with_words;
        }
    std::string text = what + ": " + (last.empty() ? "it printed nothing" : last);
    if (with_words > 1) text += "\n  the last lines of its output:";
    for (const std::string& line : lines)
        if (with_words > 1) text.append("\n    ").append(line);
    return text + "\n  command: " + detail::command_text(arguments);
}

nlohmann::ordered_json as_json(const Value& value) {
    return std::visit([](const auto& v) { return nlohmann::ordered_json(v); }, value);
}

}  // namespace

double retry_delay_seconds(const RetryOptions& options, int attempt, std::int64_t trial, std::uint64_t seed) {
    const double grown = options.first_delay_seconds * std::pow(options.factor, attempt - 2);
    return std::min(grown, options.max_delay_seconds) *
           (1 - options.jitter * unit_random(seed, trial, attempt));
}

namespace detail {

JsonFile::JsonFile(const std::vector<std::pair<std::string, Value>>& values) {
    std::error_code ignored;
    std::filesystem::path folder = std::filesystem::temp_directory_path(ignored);
    if (folder.empty()) folder = "/tmp";
    std::string pattern = (folder / "attune-XXXXXX.json").string();
    const int fd = ::mkostemps(pattern.data(), 5, O_CLOEXEC);
    if (fd < 0)
        throw FileError(fmt::format("{}: cannot be made for the hyperparameters: {}", pattern,
                                    std::error_code(errno, std::generic_category()).message()));
    ::close(fd);
    path_ = pattern;
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : values) object[name] = as_json(value);
    std::ofstream file(path_);
    file << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    file.close();
    if (!file) {
        std::filesystem::remove(path_, ignored);
        throw FileError(fmt::format("{}: the hyperparameters cannot be written", path_.string()));
    }
}

JsonFile::~JsonFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
}

void make_folder(const std::filesystem::path& folder) {
    if (folder.empty()) return;
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (code)
        throw FileError(fmt::format("{}: the folder cannot be made: {}", folder.string(), code.message()));
}

CommandResult CommandRun::all_attempts(const std::function<ProcessOptions(int)>& process_for) {
    const auto started = std::chrono::steady_clock::now();
    for (int number = 1;; ++number) {
        if (cancel_.stop_requested()) {
            result_.end = CommandEnd::cancelled;
            break;
        }
        result_.attempts = number;
        const std::optional<AttemptFailure> failure = attempt(number, process_for(number));
        if (!failure) break;
        result_.failures.push_back(*failure);
        result_.end = CommandEnd::failed;
        const bool again = failure->fault == CommandFault::environment && failure->transient &&
                           number < options_.retry.max_attempts;
        if (!again) break;
        if (!pause_before(number + 1, *failure)) {
            result_.end = CommandEnd::cancelled;
            break;
        }
    }
    if (result_.end == CommandEnd::failed) conclude();
    result_.duration_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return std::move(result_);
}

std::optional<AttemptFailure> CommandRun::attempt(int number, const ProcessOptions& process) {
    try {
        return start_and_read(number, process);
    } catch (const SpawnError& error) {
        return AttemptFailure{.attempt = number,
                              .fault = CommandFault::environment,
                              .transient = may_pass(error.code()),
                              .reason = error.what(),
                              .cannot_start = !may_pass(error.code())};
    }
}

std::optional<AttemptFailure> CommandRun::start_and_read(int number, const ProcessOptions& process) {
    AnyMetricExtractor extractor = options_.extractor;
    MetricCollector collector(options_.collector);
    LineSplitter splitter(options_.lines);
    result_.last_values.clear();
    const LineSplitter::Sink sink = [&](const LogLine& line) { take_line(line, extractor, collector); };

    Process child(process);
    result_.process = child.wait(
        [&](std::string_view bytes) {
            splitter.feed(bytes, sink);
            return !stopped_;
        },
        cancel_);
    splitter.finish(sink);
    if (!stopped_)
        if (const auto last = collector.finish()) deliver(*last);
    note_problems(extractor, collector, splitter);
    if (result_.process.end == ProcessEnd::cancelled) {
        result_.end = CommandEnd::cancelled;
        return std::nullopt;
    }
    if (result_.process.end == ProcessEnd::stopped) {
        result_.end = CommandEnd::stopped;
        return std::nullopt;
    }
    std::optional<AttemptFailure> failure = judge(number, process);
    if (!failure) result_.end = CommandEnd::completed;
    kills_ += result_.process.signal == SIGKILL || result_.process.exit_code == kShellKilled ? 1 : 0;
    return failure;
}

void CommandRun::take_line(const LogLine& line, AnyMetricExtractor& extractor, MetricCollector& collector) {
    if (stopped_) return;
    if (callbacks_.on_line) callbacks_.on_line(line);
    const std::vector<MetricValue> values = extractor.extract(line.text);
    for (const MetricValue& value : values) result_.last_values[value.name] = value.value;
    for (const MetricReport& report : collector.add(values))
        if (!stopped_) deliver(report);
}

void CommandRun::deliver(const MetricReport& report) {
    if (last_step_ && report.step <= *last_step_) return;
    last_step_ = report.step;
    result_.reports.push_back(report);
    if (callbacks_.on_report && callbacks_.on_report(report) == CommandAnswer::stop) stopped_ = true;
}

void CommandRun::note_problems(const AnyMetricExtractor& extractor, const MetricCollector& collector,
                               const LineSplitter& splitter) {
    result_.problems = extractor.problems();
    if (splitter.truncated_lines() > 0)
        result_.problems.push_back(fmt::format("{} longer than {} characters and cut",
                                               splitter.truncated_lines() == 1
                                                   ? "1 line was"
                                                   : fmt::format("{} lines were", splitter.truncated_lines()),
                                               options_.lines.max_line_characters));
    if (collector.passed_over() > 0)
        result_.problems.push_back(fmt::format(
            "{} an objective came again in a step that was reported, or a step was no whole number",
            collector.passed_over() == 1 ? "once" : fmt::format("{} times", collector.passed_over())));
    if (!result_.process.log_error.empty())
        result_.problems.push_back("the log file is incomplete: " + result_.process.log_error);
}

std::vector<std::string> CommandRun::missing_metrics() const {
    std::vector<std::string> missing;
    for (const auto* names : {&options_.collector.objectives, &options_.required})
        for (const std::string& name : *names)
            if (!result_.last_values.contains(name)) missing.push_back(name);
    return missing;
}

std::optional<AttemptFailure> CommandRun::judge(int number, const ProcessOptions& process) const {
    const ProcessResult& ended = result_.process;
    AttemptFailure failure{.attempt = number,
                           .fault = CommandFault::configuration,
                           .transient = false,
                           .reason = {},
                           .cannot_start = false};
    std::string what = describe(ended, process);
    if (ended.end == ProcessEnd::signalled) {
        failure.transient = contains(options_.environment_signals, ended.signal);
        if (ended.signal == SIGKILL) what += ", mostly for want of memory";
    } else if (ended.end == ProcessEnd::exited && ended.exit_code == 0) {
        const std::vector<std::string> missing = missing_metrics();
        if (missing.empty()) return std::nullopt;
        what += fmt::format(", but {} '{}' (attune extract shows the nearest line)", never_gave,
                            fmt::join(missing, "', '"));
    } else if (ended.end == ProcessEnd::exited) {
        failure.transient = contains(options_.environment_exit_codes, ended.exit_code) || ended.exit_code < 0;
        const bool no_program = ended.exit_code == kShellNotFound || ended.exit_code == kShellCannotExecute;
        if (no_program) failure.fault = CommandFault::environment;
        failure.cannot_start = no_program;
    }
    if (failure.transient) failure.fault = CommandFault::environment;
    failure.reason = with_last_lines(what, ended.last_lines, process.arguments);
    return failure;
}

bool CommandRun::pause_before(int next_attempt, const AttemptFailure& failure) {
    const double delay = retry_delay_seconds(options_.retry, next_attempt, context_.trial, context_.seed);
    if (callbacks_.on_retry) callbacks_.on_retry(failure, delay);
    const std::chrono::duration<double> span(delay);
    if (options_.sleep)
        options_.sleep(span, cancel_);
    else
        sleep_until_cancelled(span, cancel_);
    return !cancel_.stop_requested();
}

void CommandRun::conclude() {
    result_.fault = result_.failures.back().fault;
    result_.reason = result_.failures.back().reason;
    result_.cannot_start = result_.failures.back().cannot_start;
    const auto attempts = static_cast<int>(result_.failures.size());
    if (attempts > 1)
        result_.reason =
            fmt::format("attempt {} of {}: {}", attempts, options_.retry.max_attempts, result_.reason);
    if (attempts < 2 || kills_ != attempts) return;
    result_.fault = CommandFault::configuration;
    result_.reason = fmt::format(
        "killed from outside in all {} attempts, which is taken for the configuration's fault (for want of "
        "memory, mostly); {}",
        attempts, result_.reason);
}

}  // namespace detail
}  // namespace attune

#include "attune/analyse/progress_line.hpp"
#include "attune/space/detail/counted.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "text.hpp"

namespace attune {

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

int terminal_width(int descriptor) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
    return size.ws_col;
}

void ProgressOptions::validate() const {
    if (width < 20)
        throw InvalidOption(fmt::format("progress line: width ({}) must be at least 20 columns", width));
    if (max_trials && *max_trials < 0)
        throw InvalidOption(fmt::format("progress line: max_trials ({}) must be at least 0", *max_trials));
    if (max_duration && !(max_duration->count() > 0))
        throw InvalidOption(
            fmt::format("progress line: max_duration ({} s) must be above 0", max_duration->count()));
    if (!(redraw_interval.count() >= 0))
        throw InvalidOption(
            fmt::format("progress line: redraw_interval ({} s) must be at least 0", redraw_interval.count()));
    if (!clock) throw InvalidOption("progress line: clock is empty; it must give seconds");
}

class ProgressLine::State {
  public:
    State(std::ostream& stream, ProgressOptions options)
        : stream_(stream), options_(std::move(options)), started_seconds_(options_.clock()) {}

    void on_event(const Study& study, const Event& event) {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        const auto* finished = std::get_if<event::Finished>(&event.body);
        const bool old = event.time_seconds < started_seconds_;
        if (finished != nullptr && !old) ++finished_in_this_run_;
        if (const auto* report = std::get_if<event::Reported>(&event.body)) note(study, *report);
        note(study);
        if (options_.is_terminal)
            draw(false);
        else if (options_.line_per_trial && finished != nullptr && !old)
            write_trial(study, study.trial(finished->trial));
    }

    void redraw() {
        const std::lock_guard lock(mutex_);
        if (!ended_ && options_.is_terminal && seen_) draw(false);
    }

    void finish() {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        ended_ = true;
        if (!options_.is_terminal || !seen_) return;
        draw(true);
        stream_ << '\n' << std::flush;
    }

  private:
    void note(const Study& study) {
        seen_ = true;
        done_ = study.count(TrialState::completed) + study.count(TrialState::stopped) +
                study.count(TrialState::failed);
        running_ = study.count(TrialState::running);
        stopped_ = study.count(TrialState::stopped);
        paused_ = study.count(TrialState::paused);
        failed_ = study.count(TrialState::failed);
        if (const TrialRecord* best = study.best())
            best_ = fmt::format("best {} (trial {})", detail::short_number(study.value(*best)), best->number);
        else if (study.nearest_to_constraints() != nullptr)
            best_ = "none keeps the constraints";
    }

    void note(const Study& study, const event::Reported& report) {
        const std::string& metric = study.objective().metric;
        const auto value = report.metrics.find(metric);
        const auto shown = value == report.metrics.end() ? report.metrics.begin() : value;
        latest_ = fmt::format("trial {} step {}", report.trial, detail::short_number(report.step));
        if (shown != report.metrics.end())
            latest_ += fmt::format(": {}={}", shown->first, detail::short_number(shown->second, 4));
    }

    /// Seconds still to come, or nothing where neither a count nor a time ends the run.
    [[nodiscard]] std::optional<double> left(double elapsed) const {
        std::optional<double> seconds;
        if (options_.max_trials && finished_in_this_run_ > 0) {
            const double open =
                std::max(0.0, static_cast<double>(*options_.max_trials) - static_cast<double>(done_));
            seconds = elapsed / static_cast<double>(finished_in_this_run_) * open;
        }
        if (options_.max_duration) {
            const double rest = std::max(0.0, options_.max_duration->count() - elapsed);
            seconds = std::min(seconds.value_or(rest), rest);
        }
        return seconds;
    }

    [[nodiscard]] std::string text(double elapsed) const {
        std::vector<std::string> parts{
            options_.max_trials ? fmt::format("{}/{}", done_, detail::counted(*options_.max_trials, "trial"))
                                : detail::counted(done_, "trial")};
        const auto add = [&](const std::string& part) { parts.push_back(part); };
        if (!best_.empty()) add(best_);
        std::string states = fmt::format("{} running", running_);
        if (stopped_ > 0) states += fmt::format(", {} stopped", stopped_);
        if (paused_ > 0) states += fmt::format(", {} paused", paused_);
        if (failed_ > 0) states += fmt::format(", {} failed", failed_);
        add(states);
        const std::optional<double> rest = ended_ ? std::nullopt : left(elapsed);
        add(detail::short_duration(elapsed) +
            (rest ? ", about " + detail::short_duration(*rest) + " left" : ""));
        if (latest_.empty() || ended_) return joined(parts);
        add(latest_);
        // On a narrow terminal what happens now says more than how many trials are in which state.
        if (detail::columns(joined(parts)) >= static_cast<std::size_t>(options_.width))
            parts.erase(parts.end() - 3);
        return joined(parts);
    }

    static std::string joined(const std::vector<std::string>& parts) {
        std::string line;
        for (const std::string& part : parts) line += (line.empty() ? "" : " | ") + part;
        return line;
    }

    void draw(bool always) {
        const double now = options_.clock();
        if (!always && drawn_seconds_ && now >= *drawn_seconds_ &&
            now - *drawn_seconds_ < options_.redraw_interval.count())
            return;
        drawn_seconds_ = now;
        // One column stays free: terminals that wrap at the last one would leave lines behind.
        stream_ << '\r'
                << detail::cut(text(now - started_seconds_), static_cast<std::size_t>(options_.width) - 1)
                << "\x1b[K" << std::flush;
    }

    void write_trial(const Study& study, const TrialRecord& trial) {
        std::string line = fmt::format("trial {} {}", trial.number, to_string(trial.state));
        if (trial.state != TrialState::failed) {
            for (std::size_t k = 0; k < study.objectives().size(); ++k)
                line += fmt::format(" {}={}", study.objectives()[k].metric,
                                    detail::short_number(study.value(trial, k)));
            if (const auto& second = study.objective().tie_break)
                line +=
                    fmt::format(" {}={}", second->metric, detail::short_number(trial.metric(second->metric)));
        }
        for (const OutcomeConstraint& broken : study.broken_constraints(trial))
            line += fmt::format(" {}={} (breaks {})", broken.metric,
                                detail::short_number(trial.metric(broken.metric)), broken.text());
        line += " in " + detail::short_duration(trial.duration_seconds());
        if (!trial.reason.empty()) line += " (" + trial.reason + ")";
        if (study.best() == &trial) line += wins_by_tie_break(study, trial) ? " *best of equals*" : " *best*";
        stream_ << detail::printable(line) << '\n' << std::flush;
    }

    /// Whether another trial has the same value, so that the tie break decided.
    static bool wins_by_tie_break(const Study& study, const TrialRecord& best) {
        return std::any_of(study.trials().begin(), study.trials().end(), [&](const TrialRecord& other) {
            return &other != &best && other.finished() && study.value(other) == study.value(best);
        });
    }

    std::mutex mutex_;
    std::ostream& stream_;
    ProgressOptions options_;
    double started_seconds_;
    std::optional<double> drawn_seconds_;
    bool seen_ = false, ended_ = false;
    std::size_t done_ = 0, running_ = 0, stopped_ = 0, paused_ = 0, failed_ = 0, finished_in_this_run_ = 0;
    std::string best_, latest_;
};

ProgressLine::ProgressLine(std::ostream& stream, ProgressOptions options) {
    options.validate();
    state_ = std::make_shared<State>(stream, std::move(options));
}

ProgressLine::~ProgressLine() {
    try {
        finish();
    } catch (...) {  // a stream that throws must not end the host
    }
}

Observer ProgressLine::observer() {
    return {[state = state_](const Study& study, const Event& event) { state->on_event(study, event); }};
}

void ProgressLine::on_event(const Study& study, const Event& event) { state_->on_event(study, event); }
void ProgressLine::redraw() { state_->redraw(); }
void ProgressLine::finish() { state_->finish(); }

}  // namespace attune

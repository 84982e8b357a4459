#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>

#include "attune/study/event.hpp"
#include "attune/study/study.hpp"
#include "attune/tune/options.hpp"

namespace attune {

/// Whether a file descriptor is a terminal.
[[nodiscard]] bool is_terminal(int descriptor);

/// Columns of the terminal behind a file descriptor; 80 where it cannot be told.
[[nodiscard]] int terminal_width(int descriptor);

/// What a ProgressLine shows and where.
struct ProgressOptions {
    bool is_terminal = false;                  ///< draw a live line; otherwise be quiet (see line_per_trial)
    int width = 80;                            ///< columns of the terminal, at least 20
    std::optional<std::int64_t> max_trials{};  ///< for the share done and the time left, as in Limits
    std::optional<std::chrono::duration<double>> max_duration{};  ///< for the time left, as in Limits
    bool line_per_trial = false;  ///< off a terminal: one line for every trial that ends
    std::chrono::duration<double> redraw_interval =
        std::chrono::milliseconds(100);  ///< the least time between two drawings
    std::function<double()> clock =
        system_seconds;  ///< seconds; the clock of the tuner, so that both agree on what is old

    /// Throws InvalidOption.
    void validate() const;
};

/// One live line about a run: trials done, the best value, what is running, the time left and the latest
/// report.
///
///     ProgressLine line{std::cerr, {.is_terminal = is_terminal(2), .width = terminal_width(2), .max_trials =
///     30}}; Tuner tuner{space, maximize("accuracy"), line.observer()};
///
/// The time left is the time of this run divided by the trials that ended in it, times those to come, and
/// never more than what max_duration leaves. Text from the study is cut to the width of the terminal, counted
/// in columns, and its control characters are replaced. Writes to the stream it was given and nowhere else.
/// Thread safety: all members may be called from several threads. Observers stay good after the line is gone:
/// they do nothing then.
class ProgressLine {
  public:
    /// Throws InvalidOption. The stream must outlive the line.
    explicit ProgressLine(std::ostream& stream, ProgressOptions options = {});
    /// Ends the line.
    ~ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    /// To hand to a Tuner.
    [[nodiscard]] Observer observer();

    /// What the observer does.
    void on_event(const Study& study, const Event& event);

    /// Draws the line again where it is due: for hosts that want the clock to move between events.
    void redraw();

    /// Draws the last state and ends the line. Later events are ignored; a second call does nothing.
    void finish();

  private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace attune

#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "attune/space/detail/counted.hpp"

/// Thrown where the run was asked to end (Ctrl-C, SIGTERM) and has stopped its work.
struct Interrupted {};

/// Where the program talks: notes on standard error (unless quiet), a counter that moves in a terminal,
/// results on standard output.
class Messages {
  public:
    explicit Messages(bool quiet);
    /// The next part of the work begins: "[12s] text".
    void phase(const std::string& text);
    void note(const std::string& text);
    /// "features: 120 / 1800"; in a terminal drawn over itself, elsewhere not at all. Ends its line when done
    /// == total.
    void count(const std::string& what, std::int64_t done, std::int64_t total);
    void result(const std::string& text);
    /// Said also where quiet, on standard error.
    void say(const std::string& text);
    /// Since the program began.
    [[nodiscard]] double seconds() const;

  private:
    void end_line();
    bool quiet_;
    bool terminal_;
    bool open_line_ = false;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// "7s", "1m 05s", "2h 03m".
[[nodiscard]] std::string duration_text(double seconds);

using attune::detail::counted;

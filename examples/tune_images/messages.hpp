#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

/// Where the program talks: notes on standard error (unless quiet), a counter that moves in a terminal,
/// results on standard output.
class Messages {
  public:
    explicit Messages(bool quiet);
    void note(const std::string& text);
    /// "features: 120 / 1800"; in a terminal drawn over itself, elsewhere not at all. Ends its line when done
    /// == total.
    void count(const std::string& what, std::int64_t done, std::int64_t total);
    void result(const std::string& text);

  private:
    void end_line();
    bool quiet_;
    bool terminal_;
    bool open_line_ = false;
};

#pragma once

#include <sys/types.h>
#include <cstdio>
#include <string>

namespace attune::regret {

/// A program that answers each line on its standard input with a line on its standard output. Started by the
/// shell; ended when the object goes. Throws attune::Error where it cannot be started or falls silent.
class LinePipe {
  public:
    explicit LinePipe(const std::string& command);
    ~LinePipe();
    LinePipe(const LinePipe&) = delete;
    LinePipe& operator=(const LinePipe&) = delete;

    /// Sends `line` and waits for the answer.
    [[nodiscard]] std::string ask(const std::string& line);

  private:
    std::string command_;
    pid_t child_ = -1;
    std::FILE* out_ = nullptr;
};

}  // namespace attune::regret

#pragma once

#include <memory>
#include <stop_token>

namespace attune {

/// For programs: turns SIGINT and SIGTERM into a stop request, so that trials end, checkpoints are written
/// and the study stays. A second signal ends the process at once. The library itself never installs handlers;
/// a host that makes this object asks for it. One at a time in a process (InvalidState otherwise); the former
/// handlers come back when it goes.
class StopOnSignal {
  public:
    StopOnSignal();
    ~StopOnSignal();
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;

    [[nodiscard]] std::stop_token token() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace attune

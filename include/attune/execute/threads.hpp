#pragma once

#include <fmt/format.h>

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// Trials run on `slots` threads of this process, so at most that many at once.
///
/// Each trial is told how many threads it may use itself (Trial::threads: the cores divided by the slots).
/// The order in which trials finish, and with it what later suggestions see, depends on timing; the recorded
/// views make it replayable.
class Threads {
  public:
    /// Throws InvalidOption below 1.
    explicit Threads(int slots) : slots_(slots) {
        if (slots < 1) throw InvalidOption(fmt::format("threads: slots ({}) must be at least 1", slots));
    }

    void run(const std::function<bool()>& work) const {
        std::mutex mutex;
        std::exception_ptr fault;
        std::atomic<bool> stop{false};
        {
            std::vector<std::jthread> workers;
            workers.reserve(static_cast<std::size_t>(slots_));
            for (int i = 0; i < slots_; ++i)
                workers.emplace_back([&] {
                    try {
                        while (!stop && work()) {
                        }
                    } catch (...) {
                        const std::lock_guard lock(mutex);
                        if (!fault) fault = std::current_exception();
                        stop = true;
                    }
                });
        }
        if (fault) std::rethrow_exception(fault);
    }

    [[nodiscard]] int slots() const { return slots_; }

  private:
    int slots_;
};

}  // namespace attune

#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>

#include "attune/execute/executor.hpp"

namespace attune::test {

/// Lets callers wait for each other: true when `wanted` of them were inside at once, false after a long wait.
class Meeting {
  public:
    explicit Meeting(int wanted) : wanted_(wanted) {}
    bool wait() {
        std::unique_lock lock(mutex_);
        if (++inside_ >= wanted_) met_ = true;
        all_here_.notify_all();
        all_here_.wait_for(lock, std::chrono::seconds(30), [&] { return met_; });
        --inside_;
        return met_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable all_here_;
    int wanted_, inside_ = 0;
    bool met_ = false;
};

/// What every executor must do.
inline void executor_contract(AnyExecutor executor) {
    const int slots = executor.slots();
    REQUIRE(slots >= 1);

    // Every call is made until one says no; never more at once than there are slots; none after run() is
    // back.
    std::atomic<int> calls{0}, inside{0}, most{0};
    const auto work = [&] {
        const int now = ++inside;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        const bool more = ++calls <= 200;
        --inside;
        return more;
    };
    executor.run(work);
    CHECK(inside == 0);
    CHECK(most <= slots);
    CHECK(calls >= 201);
    CHECK(calls <= 200 + slots);
    const int before = calls;
    calls = 0;
    executor.run(work);  // once more: executors are not used up
    CHECK(calls >= 201);
    CHECK(before >= 201);

    // All slots work at once.
    Meeting meeting(slots);
    std::atomic<int> met{0};
    executor.run([&] {
        met += meeting.wait();
        return false;
    });
    CHECK(met == slots);

    // Work that ends at once.
    std::atomic<int> none{0};
    executor.run([&] { return ++none < 0; });
    CHECK(none >= 1);
    CHECK(none <= slots);

    // A fault of the study comes out when the others have come to rest.
    std::atomic<int> resting{0};
    std::atomic<bool> thrown{false};
    std::string message;
    try {
        executor.run([&]() -> bool {
            ++resting;
            if (!thrown.exchange(true)) {
                --resting;
                throw std::runtime_error("the storage is full");
            }
            --resting;
            return true;  // would go on for ever
        });
    } catch (const std::runtime_error& error) {
        message = error.what();
    }
    CHECK(message == "the storage is full");
    CHECK(resting == 0);
}

}  // namespace attune::test

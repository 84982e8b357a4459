#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace attune::detail {

/// Deals the numbers from 0 to count - 1 one by one to `threads` threads (0: one for each core), of which the
/// caller's is one, and calls `work` with each. `progress(done, count)` is called by one thread at a time;
/// it may be empty. The first exception of either ends all and is passed on; a stop that is requested ends
/// all too.
template <typename Work>
void each_in_threads(std::int64_t count, int threads,
                     const std::function<void(std::int64_t done, std::int64_t total)>& progress,
                     const Work& work, const std::stop_token& stop = {}) {
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> ended{false};
    std::mutex mutex;
    std::int64_t done = 0;
    std::exception_ptr failure;
    const auto go = [&]() noexcept {
        try {
            for (auto i = next++; i < count && !ended && !stop.stop_requested(); i = next++) {
                work(i);
                if (!progress) continue;
                const std::scoped_lock lock(mutex);
                if (!ended) progress(++done, count);
            }
        } catch (...) {
            const std::scoped_lock lock(mutex);
            if (!failure) failure = std::current_exception();
            ended = true;
        }
    };
    {
        constexpr std::int64_t most = 1024;
        const std::int64_t wanted =
            threads > 0 ? threads : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
        std::vector<std::jthread> helpers;
        for (std::int64_t i = 1; i < std::min({wanted, count, most}); ++i) helpers.emplace_back(go);
        go();
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace attune::detail

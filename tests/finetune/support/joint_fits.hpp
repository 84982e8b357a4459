#pragma once

#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "attune/finetune/train/process_group.hpp"

namespace attune::test {

/// Runs `work(group, rank)` in `size` threads, each with a group of its own over gloo, as processes would;
/// then passes on what the first of them threw. (Networks that draw from torch's one generator need real
/// processes: it is one thread's at a time.)
inline void in_group(int size,
                     const std::function<void(const std::shared_ptr<ProcessGroup>&, std::size_t)>& work,
                     double timeout_seconds = 60) {
    static std::atomic<int> count{0};
    const auto file = std::filesystem::temp_directory_path() /
                      ("attune-group-" + std::to_string(getpid()) + "-" + std::to_string(++count));
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
            try {
                const auto group = join_process_group({.rendezvous = "file://" + file.string(),
                                                       .rank = rank,
                                                       .size = size,
                                                       .timeout_seconds = timeout_seconds});
                work(group, static_cast<std::size_t>(rank));
            } catch (...) {
                errors[static_cast<std::size_t>(rank)] = std::current_exception();
            }
        });
    for (auto& thread : threads) thread.join();
    std::filesystem::remove(file);
    for (const auto& error : errors)
        if (error) std::rethrow_exception(error);
}

[[nodiscard]] inline bool has_gloo() {
    for (const auto& name : process_group_backends())
        if (name == "gloo") return true;
    return false;
}

}  // namespace attune::test

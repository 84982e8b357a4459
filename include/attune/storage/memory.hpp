#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "attune/storage/storage.hpp"
#include "attune/storage/workers.hpp"

namespace attune {

/// A study in memory: as fast as can be, gone with the process.
///
/// Copies share the events, so a study outlives its tuner for as long as a copy is kept. Thread-safe.
class Memory {
  public:
    Memory() : shared_(std::make_shared<Shared>()) {}

    bool append(std::span<const Event> events, std::uint64_t expected) {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->events.size() != expected) return false;
        shared_->events.insert(shared_->events.end(), events.begin(), events.end());
        return true;
    }

    [[nodiscard]] std::vector<Event> read(std::uint64_t from) const {
        const std::lock_guard lock(shared_->mutex);
        if (from >= shared_->events.size()) return {};
        return {shared_->events.begin() + static_cast<std::ptrdiff_t>(from), shared_->events.end()};
    }

    [[nodiscard]] std::shared_ptr<WorkerTable> workers() const { return {shared_, &shared_->workers}; }

  private:
    struct Shared {
        std::mutex mutex;
        std::deque<Event> events;  ///< which never moves what it holds, however many they become
        MemoryWorkers workers;
    };
    std::shared_ptr<Shared> shared_;
};

}  // namespace attune

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "attune/error.hpp"
#include "attune/storage/workers.hpp"
#include "attune/tune/detail/process_identity.hpp"

namespace attune::detail {

/// A tuner's place among the workers of its study: joins before its first trial, gives heartbeats, watches
/// the others, and leaves when it ends.
///
/// Others are judged by what is seen of them here, not by their clocks: one whose heartbeats stand still for
/// one and a half of its periods is dead, and so is one whose process is gone from this machine. In memory,
/// where workers cannot die alone, only simulated clocks judge. Thread-safe.
class Worker {
  public:
    enum class State { alive, dead, uncertain };

    /// `now` gives seconds that only go forward; `by_itself` says whether heartbeats are given by a thread
    /// (else by whoever calls beat()), which calls `look` after each.
    Worker(std::shared_ptr<WorkerTable> table, double period_seconds, std::string name,
           std::function<double()> now, bool by_itself, std::function<void()> look)
        : table_(std::move(table)),
          now_(std::move(now)),
          by_itself_(by_itself),
          judges_by_time_(table_ != nullptr && (!by_itself || table_->is_shared_by_processes())),
          look_(std::move(look)) {
        row_.period_seconds = period_seconds;
        row_.name = std::move(name);
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        thread_ = {};  // ends and waits for it
        if (table_ == nullptr || row_.number == 0) return;
        try {
            table_->remove(row_.number);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): others will find it silent
        }
    }

    /// Its number, at least `least`; joins where it has none. 0 where the storage keeps no workers.
    std::uint64_t number(std::uint64_t least) {
        if (table_ == nullptr) return 0;
        const std::lock_guard lock(mutex_);
        if (row_.number != 0) return row_.number;
        if (table_->is_shared_by_processes()) row_.process = process_identity();
        row_.latest_seconds = wall_seconds();
        beaten_seconds_ = now_();
        row_.number = table_->join(row_, least);
        if (by_itself_ && judges_by_time_ && !thread_.joinable())
            thread_ = std::jthread([this](const std::stop_token& stop) { beat_until(stop); });
        return row_.number;
    }

    /// Gives a heartbeat, if one is due.
    void beat() {
        if (!judges_by_time_) return;
        const std::lock_guard lock(mutex_);
        const double now = now_();
        if (row_.number == 0 || now - beaten_seconds_ < row_.period_seconds / 2) return;
        beaten_seconds_ = now;
        // Taken for dead by others: the trials in hand may be lost, further ones get a new number.
        if (!table_->beat(row_.number, wall_seconds())) row_.number = 0;
    }

    /// What is known of another worker. Looks at the table, but not more often than it can have changed.
    State state(std::uint64_t number) {
        if (table_ == nullptr) return State::dead;
        const std::lock_guard lock(mutex_);
        if (number == row_.number) return State::alive;
        const auto found = seen_.find(number);
        if (found == seen_.end() || now_() - looked_seconds_ >= row_.period_seconds / 8) look_at_all();
        return judged(number);
    }

    /// Takes the row of a dead worker out.
    void bury(std::uint64_t number) {
        if (table_ != nullptr && number != 0) table_->remove(number);
    }

    [[nodiscard]] double period_seconds() const { return row_.period_seconds; }

  private:
    struct Seen {
        WorkerRow row;
        ProcessState process = ProcessState::unknown;
        double since_seconds = 0;  ///< when this count of beats was first seen
        bool has_beaten = false;   ///< while it was watched
        bool present = false;
    };

    /// For people, who compare it with their own clock.
    [[nodiscard]] double wall_seconds() const {
        using std::chrono::system_clock;
        if (!by_itself_) return now_();
        return std::chrono::duration<double>(system_clock::now().time_since_epoch()).count();
    }

    void look_at_all() {
        const double now = looked_seconds_ = now_();
        for (auto& [number, seen] : seen_) seen.present = false;
        for (WorkerRow& row : table_->rows()) {
            auto [at, is_new] = seen_.try_emplace(row.number);
            Seen& seen = at->second;
            if (is_new || seen.row.beats != row.beats) {
                seen.since_seconds = now;
                seen.has_beaten = !is_new;
            }
            seen.row = std::move(row);
            seen.process = process_state(seen.row.process);
            seen.present = true;
        }
        std::erase_if(seen_, [](const auto& entry) { return !entry.second.present; });
    }

    State judged(std::uint64_t number) const {
        const auto found = seen_.find(number);
        if (found == seen_.end()) return State::dead;  // it left, or somebody buried it
        if (!judges_by_time_) return State::alive;
        const Seen& seen = found->second;
        if (seen.process == ProcessState::gone ||
            looked_seconds_ - seen.since_seconds > 1.5 * seen.row.period_seconds)
            return State::dead;
        return seen.process == ProcessState::alive || seen.has_beaten ? State::alive : State::uncertain;
    }

    void beat_until(const std::stop_token& stop) {
        std::mutex sleeping;
        std::condition_variable_any signal;
        for (std::unique_lock lock(sleeping); !stop.stop_requested();) {
            const std::chrono::duration<double> pause(row_.period_seconds / 4);
            if (signal.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); })) return;
            try {
                beat();
                look_();
            } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the next call of the tuner meets it too
            }
        }
    }

    std::mutex mutex_;
    std::shared_ptr<WorkerTable> table_;
    WorkerRow row_;
    std::function<double()> now_;
    bool by_itself_;
    bool judges_by_time_;
    std::function<void()> look_;
    std::map<std::uint64_t, Seen> seen_;
    double looked_seconds_ = 0;
    double beaten_seconds_ = 0;
    std::jthread thread_;
};

}  // namespace attune::detail

#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/storage/detail/process_identity.hpp"
#include "attune/storage/workers.hpp"

namespace attune::detail {

/// A tuner's place among the workers of its study: joins before its first trial, gives heartbeats, watches
/// the others, and leaves when it ends.
///
/// Others are judged by what is seen of them here, not by their clocks: one whose heartbeats stand still for
/// one and a half of its periods is dead, and so is one whose process is gone from this machine. Silence
/// counts only while this worker can look: what keeps it from the storage keeps others from their heartbeats.
/// One whose row is missing is silent, since a crash of the server takes all rows; each worker puts its own
/// back. In memory, where workers cannot die alone, only simulated clocks judge. Thread-safe.
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
        reach([&] {
            row_.latest_seconds = wall_seconds();
            ++row_.beats;  // others see it move, whatever became of the row
            if (!table_->beat(row_.number, row_.latest_seconds)) table_->put_back(row_);
        });
        if (looked_seconds_) *looked_seconds_ += now_() - now;
    }

    /// What is known of another worker. Looks at the table, but not more often than it can have changed.
    State state(std::uint64_t number) {
        if (table_ == nullptr) return State::dead;
        const std::lock_guard lock(mutex_);
        if (number == row_.number) return State::alive;
        if (!seen_.contains(number) || !looked_seconds_ ||
            now_() - *looked_seconds_ >= row_.period_seconds / 8)
            look_at_all();
        // Of one that was never seen nothing is known, so it is given as long as this worker would be.
        const WorkerRow missing{.number = number, .period_seconds = row_.period_seconds};
        return judged(
            seen_.try_emplace(number, Seen{.row = missing, .since_seconds = watched_seconds_}).first->second);
    }

    /// Takes the row of a dead worker out.
    void bury(std::uint64_t number) {
        if (table_ == nullptr || number == 0) return;
        const std::lock_guard lock(mutex_);
        seen_.erase(number);
        table_->remove(number);
    }

    [[nodiscard]] double period_seconds() const { return row_.period_seconds; }

  private:
    struct Seen {
        WorkerRow row;
        ProcessState process = ProcessState::unknown;
        double since_seconds = 0;  ///< when this count of beats was first seen, by watched_seconds_
        bool has_beaten = false;   ///< while it was watched
        bool present = false;
    };

    /// For people, who compare it with their own clock.
    [[nodiscard]] double wall_seconds() const {
        using std::chrono::system_clock;
        if (!by_itself_) return now_();
        return std::chrono::duration<double>(system_clock::now().time_since_epoch()).count();
    }

    /// Calls the table. After a failure it is not known since when it would have failed: the time up to the
    /// next look that succeeds does not count as watched.
    template <class Call>
    void reach(Call&& call) try {
        call();
    } catch (const Error&) {
        looked_seconds_.reset();
        throw;
    }

    /// Nor does time count in which nobody looked as often as the thread does, be it that the process stood
    /// still or that a call waited for the storage.
    void count_watched(double now) {
        if (!looked_seconds_) return;
        const double longest = by_itself_ ? row_.period_seconds / 2 : std::numeric_limits<double>::infinity();
        watched_seconds_ += std::min(now - *looked_seconds_, longest);
    }

    void look_at_all() {
        const double begin = now_();
        std::vector<WorkerRow> rows;
        reach([&] { rows = table_->rows(); });
        count_watched(begin);
        looked_seconds_ = now_();
        for (auto& [number, seen] : seen_) seen.present = false;
        for (WorkerRow& row : rows) {
            auto [at, is_new] = seen_.try_emplace(row.number);
            Seen& seen = at->second;
            if (is_new || seen.row.beats != row.beats) {
                seen.since_seconds = watched_seconds_;
                seen.has_beaten = !is_new;
            }
            seen.row = std::move(row);
            seen.present = true;
        }
        for (auto& [number, seen] : seen_) seen.process = process_state(seen.row.process);
    }

    State judged(const Seen& seen) const {
        if (!judges_by_time_) return seen.present ? State::alive : State::dead;  // it left
        if (seen.process == ProcessState::gone ||
            watched_seconds_ - seen.since_seconds > 1.5 * seen.row.period_seconds)
            return State::dead;
        const bool is_seen = seen.process == ProcessState::alive || seen.has_beaten;
        return is_seen && seen.present ? State::alive : State::uncertain;
    }

    /// Whatever keeps the tuner from looking meanwhile.
    void watch() {
        const std::lock_guard lock(mutex_);
        look_at_all();
    }

    void beat_until(const std::stop_token& stop) {
        std::mutex sleeping;
        std::condition_variable_any signal;
        for (std::unique_lock lock(sleeping); !stop.stop_requested();) {
            const std::chrono::duration<double> pause(row_.period_seconds / 4);
            if (signal.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); })) return;
            try {
                beat();
                watch();
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
    std::optional<double> looked_seconds_{};  ///< at the latest look that succeeded, if nothing failed since
    double watched_seconds_ = 0;              ///< how long the table was watched
    double beaten_seconds_ = 0;
    std::jthread thread_;
};

}  // namespace attune::detail

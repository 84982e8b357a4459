#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attune {

/// What a study's storage knows of a worker: a process (or a tuner in it) that runs trials of the study.
struct WorkerRow {
    std::uint64_t number = 0;    ///< never given twice in a study
    std::uint64_t beats = 0;     ///< grows with every heartbeat
    double period_seconds = 10;  ///< how often it means to give one
    double latest_seconds = 0;   ///< when the latest one was, by the worker's clock
    /// The operating system's process, for those on the same machine: "boot id/process namespace/process
    /// id/start time". Empty: not told.
    std::string process{};
    std::string name{};  ///< for people
};

/// The leases of a study's workers: a small table beside the events, changed in place and never flushed,
/// since a power loss ends the workers too.
///
/// A worker joins, gives heartbeats while it has trials and leaves; one whose beats stand still for longer
/// than others allow is taken for dead by them and removed. The table may be lost while its workers live (a
/// database server that crashes, a file that is deleted): they put their rows back. Thread-safe, and
/// independent of the storage's own calls, so that heartbeats do not wait for them. All members throw
/// StorageError.
class WorkerTable {
  public:
    virtual ~WorkerTable() = default;
    /// Adds a row and gives its number, which is at least `least` and was never given before.
    virtual std::uint64_t join(const WorkerRow& row, std::uint64_t least) = 0;
    /// Counts a heartbeat; false where the row is gone: others took the worker for dead, or the table was
    /// lost.
    virtual bool beat(std::uint64_t number, double now_seconds) = 0;
    /// Puts a row that is gone back as it is given, under its number; does nothing where it is there.
    virtual void put_back(const WorkerRow& row) = 0;
    /// Takes a row out: a worker its own, others that of a worker that is dead.
    virtual void remove(std::uint64_t number) = 0;
    [[nodiscard]] virtual std::vector<WorkerRow> rows() = 0;
    /// Whether workers can die without taking this process with them.
    [[nodiscard]] virtual bool is_shared_by_processes() const = 0;
};

/// The workers of a study in memory.
class MemoryWorkers final : public WorkerTable {
  public:
    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override {
        const std::lock_guard lock(mutex_);
        next_ = std::max(next_, least);
        rows_.push_back(row);
        return rows_.back().number = next_++;
    }
    bool beat(std::uint64_t number, double now_seconds) override {
        const std::lock_guard lock(mutex_);
        const auto row = find(number);
        if (row == rows_.end()) return false;
        ++row->beats;
        row->latest_seconds = now_seconds;
        return true;
    }
    void put_back(const WorkerRow& row) override {
        const std::lock_guard lock(mutex_);
        if (find(row.number) == rows_.end()) rows_.push_back(row);
        next_ = std::max(next_, row.number + 1);
    }
    void remove(std::uint64_t number) override {
        const std::lock_guard lock(mutex_);
        if (const auto row = find(number); row != rows_.end()) rows_.erase(row);
    }
    std::vector<WorkerRow> rows() override {
        const std::lock_guard lock(mutex_);
        return rows_;
    }
    bool is_shared_by_processes() const override { return false; }

  private:
    std::vector<WorkerRow>::iterator find(std::uint64_t number) {
        return std::find_if(rows_.begin(), rows_.end(),
                            [&](const WorkerRow& r) { return r.number == number; });
    }

    std::mutex mutex_;
    std::uint64_t next_ = 1;
    std::vector<WorkerRow> rows_;
};

}  // namespace attune

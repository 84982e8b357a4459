#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "attune/finetune/data/image_data.hpp"

namespace attune::detail {

/// Reads framed pictures on demand with several threads, and keeps as many as a memory limit permits.
///
/// What it gives depends on the files alone. Pictures that were read ahead wait until they are taken. Thread
/// safety: all members may be called from several threads at once.
class PictureReader {
  public:
    PictureReader(std::vector<std::filesystem::path> paths, DataOptions options);
    ~PictureReader();
    PictureReader(const PictureReader&) = delete;
    PictureReader& operator=(const PictureReader&) = delete;

    /// Writes the pictures of rows, one after the other. Throws FileError for one that cannot be read.
    void read(std::span<const std::int64_t> rows, std::uint8_t* out);

    /// Lets the threads begin with these.
    void prefetch(std::span<const std::int64_t> rows);

    /// What decides about the pixels beside files and framing, in words for fingerprints.
    [[nodiscard]] std::string decoding() const;

    [[nodiscard]] std::int64_t pictures_read() const;  ///< files decoded so far, whatever came of it

  private:
    enum class State { absent, waiting, reading, there, failed };
    struct Slot {
        State state = State::absent;
        std::vector<std::uint8_t> bytes;
        std::exception_ptr failure;
    };
    using Lock = std::unique_lock<std::mutex>;

    void start_threads();
    void ask_for(std::span<const std::int64_t> rows);
    void work();
    void read_one(Lock& lock, std::int64_t row);
    void take(Lock& lock, std::int64_t row, std::uint8_t* out);
    void keep_or_drop(Slot& slot);

    std::vector<std::filesystem::path> paths_;
    DataOptions options_;
    std::int64_t picture_bytes_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable asked_;  ///< there is work
    std::condition_variable done_;   ///< a picture is there
    std::vector<Slot> slots_;        ///< by row; all below are guarded by mutex_
    std::deque<std::int64_t> queue_;
    std::vector<bool> kept_;
    std::int64_t kept_bytes_ = 0;
    std::int64_t pictures_read_ = 0;
    bool ends_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace attune::detail

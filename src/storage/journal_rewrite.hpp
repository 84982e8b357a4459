#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "attune/storage/file.hpp"
#include "attune/study/event.hpp"

/// Journals that are written as a whole: what is compacted, converted or copied.
namespace attune::journal {

[[nodiscard]] std::uint64_t new_id();

/// Writes a journal of many events into an empty file, in frames that are short enough to be read and with a
/// mark behind them, flushes it, reads it back and compares. Throws StorageError that begins with `name`
/// where the file does not hold these very events.
void write_journal(File& file, std::uint64_t id, std::span<const Event> events, const std::string& name);

/// A file that is written beside the one whose place it shall take, and removed where it does not come to
/// that. What an earlier process left of its own is removed first.
class FileInTheMaking {
  public:
    /// Throws StorageError where somebody else is making it at this moment.
    FileInTheMaking(const std::filesystem::path& target, std::shared_ptr<FileSystem> files);
    FileInTheMaking(const FileInTheMaking&) = delete;
    FileInTheMaking& operator=(const FileInTheMaking&) = delete;
    ~FileInTheMaking();

    [[nodiscard]] File& file() { return *file_; }
    /// Gives it the target's name, in the place of what has it, and makes that survive a power loss.
    void replace();
    /// The same; throws StorageError where there is something already.
    void take_free_place();

  private:
    void remove_left_over();
    void settle();

    std::filesystem::path target_, path_;
    std::shared_ptr<FileSystem> files_;
    std::unique_ptr<File> file_;
    bool has_place_ = false;
};

}  // namespace attune::journal

#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace attune {

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a hidden file in the same folder; `commit()` flushes them to the disk, renames the file over
/// `path` and flushes the folder, so that after a crash or a power loss `path` holds either its old content
/// or the new one. A writer that is destroyed without a commit leaves no trace. A file that is replaced keeps
/// its permissions; a symbolic link at `path` is replaced by the file. One thread at a time; writers of
/// different paths are independent.
class AtomicFile {
  public:
    /// Opens the temporary file. Throws FileError that names `path` where the folder is missing or not
    /// writable.
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /// Appends bytes. Throws FileError (disk full and the like) and InvalidState after a commit.
    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);

    /// Makes the content durable and visible. Throws FileError, after which `path` is as it was.
    void commit();

  private:
    void discard() noexcept;
    [[noreturn]] void fail(const std::string& action, int code);

    std::filesystem::path path_;
    std::filesystem::path temporary_;
    int descriptor_ = -1;
};

/// Writes a whole file through AtomicFile.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace attune

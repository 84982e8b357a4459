#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace attune {

/// One open file, as the storages need it. Every failure is a std::system_error with the errno as its code.
/// One thread at a time.
class File {
  public:
    virtual ~File() = default;
    [[nodiscard]] virtual std::uint64_t size() = 0;
    /// Reads from `offset` until `into` is full or the file ends; gives the number of bytes.
    virtual std::size_t read_at(std::uint64_t offset, std::span<char> into) = 0;
    /// Writes once, and gives the number of bytes that went in: fewer than asked for where there is no more
    /// space.
    virtual std::size_t write_at(std::uint64_t offset, std::string_view bytes) = 0;
    virtual void truncate(std::uint64_t size) = 0;
    /// Returns when the content would survive a power loss.
    virtual void sync() = 0;
};

enum class FileMode {
    read,    ///< an existing file, without a lock
    write,   ///< made where it is missing, and locked against other writers for as long as it is open
    create,  ///< must not exist yet; to be written, no lock
};

/// Another writer has the file open.
class FileLocked : public std::system_error {
  public:
    explicit FileLocked(std::optional<int> owner)
        : std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again)), owner_(owner) {}
    /// Its process id, where the system tells.
    [[nodiscard]] std::optional<int> owner() const noexcept { return owner_; }

  private:
    std::optional<int> owner_;
};

/// How storages reach files: the operating system's by default, something that loses power or space in tests.
/// Thread-safe.
class FileSystem {
  public:
    virtual ~FileSystem() = default;
    /// Throws std::system_error, FileLocked for mode `write`.
    [[nodiscard]] virtual std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) = 0;
    /// Makes the names in a folder survive a power loss.
    virtual void sync_folder(const std::filesystem::path& folder) = 0;
};

/// The operating system's files. A lock is flock() on the file itself: it ends with the process, however that
/// dies.
[[nodiscard]] std::shared_ptr<FileSystem> operating_system_files();

}  // namespace attune

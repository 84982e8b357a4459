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

/// What of a file is locked. The kinds are independent of each other.
enum class FileLock {
    append,     ///< taken by whoever adds to the file
    flush,      ///< taken by whoever flushes it for all that wait
    table,      ///< taken by whoever gives out rows of the file
    version_1,  ///< taken for as long as they have the file open by programs that wrote journals of version 1
};

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
    /// Writes until all is in; throws std::system_error where there is no more space.
    void write_all(std::uint64_t offset, std::string_view bytes) {
        while (!bytes.empty()) {
            const std::size_t n = write_at(offset, bytes);
            if (n == 0)
                throw std::system_error(std::make_error_code(std::errc::no_space_on_device),
                                        "cannot be written");
            offset += n;
            bytes.remove_prefix(n);
        }
    }
    virtual void truncate(std::uint64_t size) = 0;
    /// Returns when the content would survive a power loss.
    virtual void sync() = 0;

    /// Takes the lock where nobody else has it; a lock ends with unlock(), with the file object, and with the
    /// process, however that dies. Two objects for the same file exclude each other also in one process.
    [[nodiscard]] virtual bool try_lock(FileLock lock) = 0;
    virtual void unlock(FileLock lock) noexcept = 0;
    /// The process that has the lock, where the system tells.
    [[nodiscard]] virtual std::optional<int> lock_owner(FileLock lock) = 0;
    /// Whether `path` names this very file still, and not another one that was put in its place.
    [[nodiscard]] virtual bool is_at(const std::filesystem::path& path) = 0;
    /// Its size where `path` names this very file, nothing otherwise: both from one look.
    [[nodiscard]] virtual std::optional<std::uint64_t> size_at(const std::filesystem::path& path) {
        return is_at(path) ? std::optional(size()) : std::nullopt;
    }
    /// Tells this file from others on the machine.
    [[nodiscard]] virtual std::uint64_t identity() = 0;
};

enum class FileMode {
    read,    ///< an existing file
    update,  ///< an existing file, to be written
    write,   ///< to be written, made where it is missing
    create,  ///< to be written, must not exist yet
};

/// How storages reach files: the operating system's by default, something that loses power or space in tests.
/// Thread-safe.
class FileSystem {
  public:
    virtual ~FileSystem() = default;
    /// Throws std::system_error.
    [[nodiscard]] virtual std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) = 0;
    /// Makes the names in a folder survive a power loss.
    virtual void sync_folder(const std::filesystem::path& folder) = 0;
    /// Gives `from` the name `to`, in the place of what had it.
    virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    /// Gives `from` the name `to` where that is free; std::errc::file_exists where it is not.
    virtual void rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
    /// Takes the file away, if it is there.
    virtual void remove(const std::filesystem::path& path) = 0;
};

/// The file that a path leads to, absolute and without symbolic links, also where it is not there yet: two
/// names of one file must not give it two files beside it.
[[nodiscard]] std::filesystem::path resolved_path(const std::filesystem::path& path);

/// The operating system's files.
///
/// Locks are open file description locks (fcntl, F_OFD_SETLK) on bytes far behind the content: they end with
/// the process, however that dies, work between threads, and over NFS where its lock service runs. Where a
/// file system has no such locks, taking one is an error that says so.
[[nodiscard]] std::shared_ptr<FileSystem> operating_system_files();

/// Waits for a lock and holds it for as long as it lives. Throws StorageError that begins with `what` where
/// somebody else has it for longer than `patience_seconds`.
class HeldLock {
  public:
    HeldLock(File& file, FileLock lock, const std::string& what, double patience_seconds = 60);
    HeldLock(HeldLock&& other) noexcept;
    HeldLock& operator=(HeldLock&&) = delete;
    ~HeldLock();

  private:
    File* file_;
    FileLock lock_;
};

}  // namespace attune

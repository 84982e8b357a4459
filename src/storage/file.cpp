#include "attune/storage/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "attune/error.hpp"

namespace attune {
namespace {

[[noreturn]] void fail(const char* action) {
    throw std::system_error(errno, std::generic_category(), action);
}

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const { return number_; }

  private:
    int number_;
};

int open_retrying(const std::filesystem::path& path, int flags) {
    for (;;) {
        const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EINTR) return descriptor;
    }
}

/// Behind every content: 2^62.
constexpr off_t first_locked_byte = off_t{1} << 62;

/// The process of a line such as "1: FLOCK  ADVISORY  WRITE 1234 fe:01:131 0 EOF", by the file's number.
std::optional<int> owner_in(const std::filesystem::path& list, const std::string& type, std::uint64_t inode) {
    std::ifstream locks(list);
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, kind, manner, access, device_and_inode;
        int owner = 0;
        if (words >> number >> kind >> manner >> access >> owner >> device_and_inode && kind == type &&
            owner > 0 && device_and_inode.substr(device_and_inode.rfind(':') + 1) == std::to_string(inode))
            return owner;
    }
    return std::nullopt;
}

/// The kernel names no process for locks of open files; the processes' own lists of open files have them:
/// "lock:  1: OFDLCK  ADVISORY  WRITE -1 fe:01:131 4611686018427387904 4611686018427387904".
std::optional<int> owner_by_descriptor(std::uint64_t inode, off_t first) {
    std::error_code ignored;
    for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
        const std::string name = process.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        for (const auto& open : std::filesystem::directory_iterator(process.path() / "fdinfo", ignored)) {
            std::ifstream lines(open.path());
            for (std::string line; std::getline(lines, line);)
                if (line.find("OFDLCK") != std::string::npos &&
                    line.find(':' + std::to_string(inode) + ' ' + std::to_string(first)) != std::string::npos)
                    return std::stoi(name);
        }
    }
    return std::nullopt;
}

class SystemFile final : public File {
  public:
    explicit SystemFile(Descriptor descriptor)
        : descriptor_(std::move(descriptor)), opened_(*status(descriptor_.number(), "")) {}

    std::uint64_t size() override { return status(descriptor_.number(), "")->stx_size; }

    std::size_t read_at(std::uint64_t offset, std::span<char> into) override {
        std::size_t got = 0;
        while (got < into.size()) {
            const ssize_t n = ::pread(descriptor_.number(), into.data() + got, into.size() - got,
                                      static_cast<off_t>(offset + got));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail("cannot be read");
            if (n == 0) break;
            got += static_cast<std::size_t>(n);
        }
        return got;
    }

    std::size_t write_at(std::uint64_t offset, std::string_view bytes) override {
        for (;;) {
            const ssize_t n =
                ::pwrite(descriptor_.number(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) fail("cannot be written");
            return static_cast<std::size_t>(n);
        }
    }

    void truncate(std::uint64_t size) override {
        while (::ftruncate(descriptor_.number(), static_cast<off_t>(size)) != 0)
            if (errno != EINTR) fail("cannot be cut");
    }

    void sync() override {
        while (::fdatasync(descriptor_.number()) != 0)
            if (errno != EINTR) fail("cannot be flushed to the disk");
    }

    bool try_lock(FileLock lock) override {
        if (lock == FileLock::version_1) return flock_now();
        struct flock range = lock_range(lock, F_WRLCK);
        while (::fcntl(descriptor_.number(), F_OFD_SETLK, &range) != 0) {
            if (errno == EAGAIN || errno == EACCES) return false;
            if (errno != EINTR) fail("cannot be locked (its file system must support fcntl locks)");
        }
        return true;
    }

    void unlock(FileLock lock) noexcept override {
        if (lock == FileLock::version_1) {
            (void)::flock(descriptor_.number(), LOCK_UN);
            return;
        }
        struct flock range = lock_range(lock, F_UNLCK);
        while (::fcntl(descriptor_.number(), F_OFD_SETLK, &range) != 0 && errno == EINTR) {
        }
    }

    std::optional<int> lock_owner(FileLock lock) override {
        const std::uint64_t number = opened_.stx_ino;
        if (lock == FileLock::version_1) return owner_in("/proc/locks", "FLOCK", number);
        return owner_by_descriptor(number, first_locked_byte + static_cast<off_t>(lock));
    }

    bool is_at(const std::filesystem::path& path) override { return size_at(path).has_value(); }

    std::optional<std::uint64_t> size_at(const std::filesystem::path& path) override {
        const auto named = status(AT_FDCWD, path.c_str());
        if (!named || opened_.stx_ino != named->stx_ino || opened_.stx_dev_major != named->stx_dev_major ||
            opened_.stx_dev_minor != named->stx_dev_minor)
            return std::nullopt;
        return named->stx_size;
    }

    std::uint64_t identity() override {
        const std::uint64_t device = makedev(opened_.stx_dev_major, opened_.stx_dev_minor);
        return opened_.stx_ino ^ device << 40;
    }

  private:
    static struct flock lock_range(FileLock lock, short type) {
        struct flock range {};
        range.l_type = type;
        range.l_whence = SEEK_SET;
        range.l_start = first_locked_byte + static_cast<off_t>(lock);
        range.l_len = 1;
        return range;
    }

    bool flock_now() {
        while (::flock(descriptor_.number(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return false;
            if (errno != EINTR) fail("cannot be locked");
        }
        return true;
    }

    /// Of a path, nothing where it names no file, or with an empty one of the open file itself.
    ///
    /// Asks for no times: once somebody has seen a file's time, newer kernels must give the next write
    /// another one, which makes that write cost twice as much.
    static std::optional<struct statx> status(int descriptor, const char* path) {
        struct statx now {};
        const int flags = *path == '\0' ? AT_EMPTY_PATH : 0;
        if (::statx(descriptor, path, flags, STATX_INO | STATX_SIZE, &now) == 0) return now;
        if (flags != 0) fail("cannot be examined");
        return std::nullopt;
    }

    Descriptor descriptor_;
    struct statx opened_;  ///< as it was then; which file it is does not change while it is open
};

class OperatingSystemFiles final : public FileSystem {
  public:
    std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) override {
        int flags = O_RDWR;
        if (mode == FileMode::read) flags = O_RDONLY;
        if (mode == FileMode::write) flags |= O_CREAT;
        if (mode == FileMode::create) flags |= O_CREAT | O_EXCL;
        Descriptor descriptor(open_retrying(path, flags));
        if (descriptor.number() < 0)
            fail(mode == FileMode::read     ? "cannot be opened for reading"
                 : mode == FileMode::create ? "cannot be created"
                                            : "cannot be opened for writing");
        return std::make_unique<SystemFile>(std::move(descriptor));
    }

    void sync_folder(const std::filesystem::path& folder) override {
        const Descriptor descriptor(open_retrying(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY));
        if (descriptor.number() < 0) return;  // a folder may be writable without being readable
        if (::fsync(descriptor.number()) != 0 && errno != EINVAL)
            fail("its folder cannot be flushed to the disk");
    }

    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) fail("cannot be renamed");
    }

    void rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to) override {
        if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
        if (errno != EINVAL && errno != ENOSYS) fail("cannot be renamed");
        std::error_code ignored;  // a file system that cannot do both in one step
        if (std::filesystem::exists(to, ignored)) errno = EEXIST, fail("cannot be renamed");
        rename(from, to);
    }

    void remove(const std::filesystem::path& path) override {
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("cannot be removed");
    }
};

}  // namespace

std::filesystem::path resolved_path(const std::filesystem::path& path) {
    namespace fs = std::filesystem;
    fs::path out = fs::absolute(path);
    std::error_code error;
    // weakly_canonical() leaves a link to a file that is not there yet as it is.
    constexpr int most_links = 40;
    for (int i = 0; i < most_links && fs::is_symlink(fs::symlink_status(out, error)); ++i) {
        const fs::path target = fs::read_symlink(out, error);
        if (error) break;
        out = out.parent_path() / target;
    }
    fs::path canonical = fs::weakly_canonical(out, error);
    return error ? out.lexically_normal() : canonical;
}

std::shared_ptr<FileSystem> operating_system_files() {
    static const auto files = std::make_shared<OperatingSystemFiles>();
    return files;
}

HeldLock::HeldLock(File& file, FileLock lock, const std::string& what, double patience_seconds)
    : file_(&file), lock_(lock) {
    using Clock = std::chrono::steady_clock;
    constexpr auto longest = std::chrono::microseconds(2000);
    auto pause = std::chrono::microseconds(10);
    // Locks are held for microseconds. A process that was stopped with one in its hands must not hang the
    // others for ever.
    for (const auto begin = Clock::now(); !file.try_lock(lock);) {
        if (std::chrono::duration<double>(Clock::now() - begin).count() > patience_seconds) {
            const auto owner = file.lock_owner(lock);
            throw StorageError(what + ": is locked by " +
                               (owner ? "process " + std::to_string(*owner) : "another process") +
                               " for more than " + std::to_string(static_cast<int>(patience_seconds)) +
                               " s; is that stopped?");
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, longest);
    }
}

HeldLock::HeldLock(HeldLock&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)), lock_(other.lock_) {}

HeldLock::~HeldLock() {
    if (file_ != nullptr) file_->unlock(lock_);
}

}  // namespace attune

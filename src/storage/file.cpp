#include "attune/storage/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

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

class SystemFile final : public File {
  public:
    explicit SystemFile(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

    std::uint64_t size() override {
        struct stat status {};
        if (::fstat(descriptor_.number(), &status) != 0) fail("cannot be examined");
        return static_cast<std::uint64_t>(status.st_size);
    }

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

  private:
    Descriptor descriptor_;
};

/// Who holds the lock, by the kernel's list of them: lines such as "1: FLOCK  ADVISORY  WRITE 1234 fe:01:131
/// 0 EOF".
std::optional<int> lock_owner(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return std::nullopt;
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream words(line);
        std::string number, type, manner, access, device_and_inode;
        int owner = 0;
        if (!(words >> number >> type >> manner >> access >> owner >> device_and_inode) || type != "FLOCK" ||
            owner <= 0)
            continue;
        if (device_and_inode.substr(device_and_inode.rfind(':') + 1) == std::to_string(status.st_ino))
            return owner;
    }
    return std::nullopt;
}

bool still_there(int descriptor, const std::filesystem::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

Descriptor open_locked(const std::filesystem::path& path) {
    for (;;) {
        Descriptor descriptor(open_retrying(path, O_RDWR | O_CREAT));
        if (descriptor.number() < 0) fail("cannot be opened for writing");
        while (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EINTR) continue;
            if (errno == EWOULDBLOCK) throw FileLocked(lock_owner(descriptor.number()));
            fail("cannot be locked");
        }
        // Between open and lock somebody may have removed the file: then the lock is on one that nobody sees.
        if (still_there(descriptor.number(), path)) return descriptor;
    }
}

class OperatingSystemFiles final : public FileSystem {
  public:
    std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) override {
        if (mode == FileMode::write) return std::make_unique<SystemFile>(open_locked(path));
        Descriptor descriptor(
            open_retrying(path, mode == FileMode::read ? O_RDONLY : O_RDWR | O_CREAT | O_EXCL));
        if (descriptor.number() < 0)
            fail(mode == FileMode::read ? "cannot be opened for reading" : "cannot be created");
        return std::make_unique<SystemFile>(std::move(descriptor));
    }

    void sync_folder(const std::filesystem::path& folder) override {
        const Descriptor descriptor(open_retrying(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY));
        if (descriptor.number() < 0) return;  // a folder may be writable without being readable
        if (::fsync(descriptor.number()) != 0 && errno != EINVAL)
            fail("its folder cannot be flushed to the disk");
    }
};

}  // namespace

std::shared_ptr<FileSystem> operating_system_files() {
    static const auto files = std::make_shared<OperatingSystemFiles>();
    return files;
}

}  // namespace attune

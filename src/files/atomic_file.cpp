#include "attune/files/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>

#include "attune/error.hpp"

namespace attune {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// Unique among the threads of a process and, by the process id, among processes; O_EXCL guards against
// left-overs.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
    static std::atomic<std::uint64_t> counter{0};
    return folder_of(path) /
           fmt::format(".{}.{}-{}.tmp", path.filename().string(), ::getpid(), counter.fetch_add(1));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
    if (!path_.has_filename())
        throw FileError(path_.string() + ": cannot be written: the path has no file name");
    for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
        temporary_ = temporary_name(path_);
        descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor_ < 0 && errno != EEXIST) break;
    }
    if (descriptor_ < 0) {
        const int code = errno;
        temporary_.clear();
        fail("cannot be written", code);
    }
    struct stat replaced {};
    // The permissions of a replaced file stay; a file system that refuses this is no reason not to write.
    if (::stat(path_.c_str(), &replaced) == 0 && S_ISREG(replaced.st_mode) &&
        ::fchmod(descriptor_, replaced.st_mode & 07777) != 0)
        errno = 0;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::write(std::span<const std::byte> bytes) {
    if (descriptor_ < 0) throw InvalidState(path_.string() + ": was written and committed before, or failed");
    while (!bytes.empty()) {
        const std::size_t part = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
        const ssize_t count = ::write(descriptor_, bytes.data(), part);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("cannot be written", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit() {
    if (descriptor_ < 0) throw InvalidState(path_.string() + ": was written and committed before, or failed");
    if (::fsync(descriptor_) != 0) fail("cannot be flushed to the disk", errno);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail("cannot be closed", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot be replaced", errno);
    temporary_.clear();
    const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;  // a folder may be writable without being readable: the rename itself has happened
    const int flushed = ::fsync(folder);
    const int code = errno;
    ::close(folder);
    if (flushed != 0 && code != EINVAL)
        fail("is written, but its folder cannot be flushed to the disk", code);
}

void AtomicFile::discard() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
}

void AtomicFile::fail(const std::string& action, int code) {
    discard();
    throw FileError(path_.string() + ": " + action + ": " + std::generic_category().message(code));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
    write_file_atomically(path, std::as_bytes(std::span(text)));
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    AtomicFile file(path);
    file.write(bytes);
    file.commit();
}

}  // namespace attune

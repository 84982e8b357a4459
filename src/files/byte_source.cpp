#include "byte_source.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune::detail {

ByteSource::ByteSource(std::filesystem::path path) : path_(std::move(path)) {
    // O_NONBLOCK: opening a pipe must not wait for somebody who writes to it.
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) fail("cannot be opened: " + std::generic_category().message(errno));
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(descriptor_);
        fail(S_ISDIR(status.st_mode) ? "is a folder, a file is needed" : "is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
}

ByteSource::~ByteSource() { ::close(descriptor_); }

void ByteSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (offset > size_ || out.size() > size_ - offset)
        fail("is truncated: bytes " + std::to_string(offset) + " to " + std::to_string(offset + out.size()) +
             " are needed, it has " + std::to_string(size_));
    while (!out.empty()) {
        const std::size_t part = std::min<std::size_t>(out.size(), std::size_t{1} << 30);
        const ssize_t count = ::pread(descriptor_, out.data(), part, static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("cannot be read: " + std::generic_category().message(errno));
        if (count == 0) fail("became shorter while it was read");
        out = out.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
}

std::string ByteSource::text_at(std::uint64_t offset, std::size_t count) const {
    if (offset > size_ || count > size_ - offset)
        fail("is truncated: " + detail::counted(count, "byte") + " needed at " + std::to_string(offset) +
             ", it has " + std::to_string(size_));
    std::string text(count, '\0');
    read_at(offset, std::as_writable_bytes(std::span(text)));
    return text;
}

std::span<std::byte> ByteSource::map() const {
    if (size_ == 0) return {};
    void* address = ::mmap(nullptr, static_cast<std::size_t>(size_), PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (address == MAP_FAILED) fail("cannot be mapped: " + std::generic_category().message(errno));
    return {static_cast<std::byte*>(address), static_cast<std::size_t>(size_)};
}

void unmap(std::span<std::byte> mapping) noexcept {
    if (!mapping.empty()) ::munmap(mapping.data(), mapping.size());
}

void ByteSource::fail(const std::string& message) const { throw FileError(path_.string() + ": " + message); }

std::string read_whole_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    const ByteSource source(path);
    if (source.size() > max_bytes)
        source.fail("has " + detail::counted(source.size(), "byte") + ", at most " +
                    std::to_string(max_bytes) + " are read");
    return source.text_at(0, static_cast<std::size_t>(source.size()));
}

std::uint64_t little_endian(const void* bytes, std::size_t count) {
    const auto* digits = static_cast<const unsigned char*>(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = count; i-- > 0;) value = (value << 8) | digits[i];
    return value;
}

std::optional<std::int64_t> checked_numel(std::span<const std::int64_t> shape) {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) {
        if (size < 0 || __builtin_mul_overflow(product, size, &product)) return std::nullopt;
    }
    return product;
}

std::string shape_text(std::span<const std::int64_t> shape) {
    std::string text = "[";
    for (const std::int64_t size : shape) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(size);
    }
    return text + "]";
}

}  // namespace attune::detail

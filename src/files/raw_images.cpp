#include "attune/files/raw_images.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"

namespace attune {
namespace {

constexpr std::size_t cifar_side = 32;
constexpr std::size_t cifar_pixels = 3 * cifar_side * cifar_side;

/// A file read from its beginning, inflated on the way where it is gzip-compressed.
class MaybeCompressed {
  public:
    explicit MaybeCompressed(const std::filesystem::path& path) : source_(path) {
        file_ = gzopen(path.c_str(), "rb");
        if (file_ == nullptr) source_.fail("cannot be opened");
        is_plain_ = gzdirect(file_) != 0;
    }
    ~MaybeCompressed() { gzclose_r(file_); }
    MaybeCompressed(const MaybeCompressed&) = delete;
    MaybeCompressed& operator=(const MaybeCompressed&) = delete;

    /// Exactly `count` bytes. Memory grows with what is really there, so that a header cannot claim it.
    std::vector<std::uint8_t> read(std::uint64_t count, const std::string& what) {
        if (is_plain_ && count > source_.size()) fail_short(what, count);
        constexpr std::uint64_t step = std::uint64_t{1} << 24;
        std::vector<std::uint8_t> bytes;
        while (bytes.size() < count) {
            const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(step, count - bytes.size()));
            const std::size_t begin = bytes.size();
            bytes.resize(begin + part);
            if (read_some(std::span(bytes).subspan(begin)) < part) fail_short(what, count);
        }
        return bytes;
    }

    /// All bytes that are left, at most `limit`.
    std::vector<std::uint8_t> read_rest(std::uint64_t limit) {
        constexpr std::size_t step = std::size_t{1} << 20;
        std::vector<std::uint8_t> bytes;
        for (std::size_t got = step; got == step;) {
            const std::size_t begin = bytes.size();
            bytes.resize(begin + step);
            got = read_some(std::span(bytes).subspan(begin));
            bytes.resize(begin + got);
            if (bytes.size() > limit) source_.fail("holds more than " + detail::counted(limit, "byte"));
        }
        return bytes;
    }

    void expect_end() {
        std::array<std::uint8_t, 1> extra{};
        if (read_some(extra) != 0) source_.fail("is longer than its header says");
    }

    [[noreturn]] void fail(const std::string& message) const { source_.fail(message); }

  private:
    std::size_t read_some(std::span<std::uint8_t> out) {
        const int got = gzread(file_, out.data(), static_cast<unsigned>(out.size()));
        int code = Z_OK;
        const char* message = gzerror(file_, &code);
        if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
            source_.fail("is damaged or truncated gzip data: " +
                         std::string(message == nullptr ? "" : message));
        return static_cast<std::size_t>(got);
    }

    [[noreturn]] void fail_short(const std::string& what, std::uint64_t count) const {
        source_.fail("is truncated: it ends within its " + what + " of " + detail::counted(count, "byte"));
    }

    detail::ByteSource source_;
    gzFile file_ = nullptr;
    bool is_plain_ = true;
};

std::uint32_t big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | bytes[at + i];
    return value;
}

std::string hexadecimal(std::uint32_t value) {
    std::array<char, 11> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", value);
    return text.data();
}

void check_magic(const MaybeCompressed& file, std::uint32_t magic, std::uint32_t expected, const char* what) {
    if (magic != expected)
        file.fail("begins with " + hexadecimal(magic) + ", IDX " + what + " of unsigned bytes begin with " +
                  hexadecimal(expected));
}

void append_batch(RawImages& all, const std::filesystem::path& path, CifarLabels kind,
                  std::uint64_t max_bytes) {
    const std::size_t label_bytes = kind == CifarLabels::cifar10 ? 1 : 2;
    const std::size_t used = kind == CifarLabels::cifar100_fine ? 1 : 0;
    const int classes = kind == CifarLabels::cifar10 ? 10 : kind == CifarLabels::cifar100_coarse ? 20 : 100;
    const std::size_t record = label_bytes + cifar_pixels;
    MaybeCompressed file(path);
    const std::vector<std::uint8_t> bytes =
        file.read_rest(max_bytes - std::min<std::uint64_t>(max_bytes, all.pixels.size()));
    if (bytes.empty() || bytes.size() % record != 0)
        file.fail("has " + detail::counted(bytes.size(), "byte") +
                  ", a CIFAR batch is one or more records of " + std::to_string(record));
    for (std::size_t begin = 0; begin < bytes.size(); begin += record) {
        const int label = bytes[begin + used];
        if (label >= classes)
            file.fail("has the label " + std::to_string(label) + " in record " +
                      std::to_string(begin / record) + ", labels are below " + std::to_string(classes));
        all.labels.push_back(label);
        const auto pixels = bytes.begin() + static_cast<std::ptrdiff_t>(begin + label_bytes);
        all.pixels.insert(all.pixels.end(), pixels, pixels + static_cast<std::ptrdiff_t>(cifar_pixels));
    }
}

}  // namespace

RawImages read_idx_images(const std::filesystem::path& path, std::uint64_t max_bytes) {
    MaybeCompressed file(path);
    const std::vector<std::uint8_t> header = file.read(16, "header");
    check_magic(file, big_endian(header, 0), 0x00000803, "pictures");
    RawImages images{big_endian(header, 4), 1, big_endian(header, 8), big_endian(header, 12), {}, {}};
    std::uint64_t bytes = 0;
    const bool overflow = __builtin_mul_overflow(static_cast<std::uint64_t>(images.count),
                                                 static_cast<std::uint64_t>(images.height), &bytes) ||
                          __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(images.width), &bytes);
    if (overflow || bytes == 0 || bytes > max_bytes)
        file.fail("holds " + std::to_string(images.count) + " pictures of " + std::to_string(images.height) +
                  " x " + std::to_string(images.width) + "; from 1 to " + detail::counted(max_bytes, "byte") +
                  " are read");
    images.pixels = file.read(bytes, "pictures");
    file.expect_end();
    return images;
}

std::vector<std::int64_t> read_idx_labels(const std::filesystem::path& path) {
    MaybeCompressed file(path);
    const std::vector<std::uint8_t> header = file.read(8, "header");
    check_magic(file, big_endian(header, 0), 0x00000801, "labels");
    const std::uint32_t count = big_endian(header, 4);
    if (count == 0) file.fail("holds no labels");
    const std::vector<std::uint8_t> labels = file.read(count, "labels");
    file.expect_end();
    return {labels.begin(), labels.end()};
}

RawImages read_idx(const std::filesystem::path& images, const std::filesystem::path& labels) {
    RawImages all = read_idx_images(images);
    all.labels = read_idx_labels(labels);
    if (static_cast<std::int64_t>(all.labels.size()) != all.count)
        throw FileError(labels.string() + ": holds " + std::to_string(all.labels.size()) +
                        " labels for the " + std::to_string(all.count) + " pictures of " + images.string());
    return all;
}

RawImages read_cifar(const std::vector<std::filesystem::path>& batches, CifarLabels labels,
                     std::uint64_t max_bytes) {
    if (batches.empty()) throw InvalidOption("batches is empty, read_cifar needs at least one file");
    RawImages all{0, 3, cifar_side, cifar_side, {}, {}};
    for (const std::filesystem::path& batch : batches) append_batch(all, batch, labels, max_bytes);
    all.count = static_cast<std::int64_t>(all.labels.size());
    return all;
}

}  // namespace attune

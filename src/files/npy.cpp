#include "attune/files/npy.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "attune/error.hpp"
#include "byte_source.hpp"
#include "npy_header.hpp"
#include "zip_archive.hpp"

static_assert(std::endian::native == std::endian::little, "arrays are kept little-endian");

namespace attune {
namespace {

using detail::NpyHeader;
using detail::NpyProblem;

/// From the order in which the first index runs fastest to the one in which the last does.
std::vector<std::byte> row_major(const NpyHeader& header, const std::vector<std::byte>& from) {
    const auto width = static_cast<std::size_t>(header.item_bytes);
    std::vector<std::size_t> steps(header.shape.size());
    std::size_t step = width;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        steps[i] = step;
        step *= static_cast<std::size_t>(header.shape[i]);
    }
    std::vector<std::byte> to(from.size());
    std::vector<std::int64_t> index(steps.size(), 0);
    std::size_t at = 0;
    for (std::size_t written = 0; written < to.size(); written += width) {
        std::memcpy(to.data() + written, from.data() + at, width);
        for (std::size_t i = steps.size(); i-- > 0;) {
            at += steps[i];
            if (++index[i] < header.shape[i]) break;
            at -= steps[i] * static_cast<std::size_t>(header.shape[i]);
            index[i] = 0;
        }
    }
    return to;
}

/// `unit` bytes at a time.
void reverse_bytes(std::vector<std::byte>& bytes, std::size_t unit) {
    for (std::size_t i = 0; unit > 1 && i + unit <= bytes.size(); i += unit)
        std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                     bytes.begin() + static_cast<std::ptrdiff_t>(i + unit));
}

void append_utf8(std::string& text, std::uint32_t point) {
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
        throw NpyProblem("holds a text with the character " + std::to_string(point) +
                         ", which does not exist");
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | point >> 6);
        put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(0xE0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    } else {
        put(0xF0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3F));
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    }
}

/// Texts of 4-byte characters, filled up with zeros, as a JSON list.
std::string texts_of(const NpyHeader& header, const std::vector<std::byte>& bytes) {
    auto list = nlohmann::json::array();
    const auto width = static_cast<std::size_t>(header.item_bytes);
    for (std::uint64_t i = 0; i < header.numel; ++i) {
        std::string text;
        std::size_t zeros = 0;
        for (std::size_t at = 0; at < width; at += 4) {
            const auto point = static_cast<std::uint32_t>(
                detail::little_endian(bytes.data() + static_cast<std::size_t>(i) * width + at, 4));
            if (point == 0) {
                ++zeros;
                continue;
            }
            text.append(std::exchange(zeros, 0), '\0');
            append_utf8(text, point);
        }
        list.push_back(std::move(text));
    }
    return list.dump();
}

void add_array(TensorFile& file, const std::string& name, const NpyHeader& header,
               std::vector<std::byte> bytes) {
    if (header.fortran_order && header.shape.size() > 1) bytes = row_major(header, bytes);
    if (header.big_endian)
        reverse_bytes(bytes, header.dtype ? static_cast<std::size_t>(header.item_bytes) : 4);
    if (header.dtype)
        file.tensors.emplace_back(name, TensorData{*header.dtype, header.shape, std::move(bytes)});
    else
        file.metadata[name] = texts_of(header, bytes);
}

void check_length(const NpyHeader& header, std::uint64_t bytes) {
    if (bytes != header.data_bytes)
        throw NpyProblem((bytes < header.data_bytes ? "is truncated: it has " : "has ") +
                         std::to_string(bytes) + " bytes of data where its header says " +
                         std::to_string(header.data_bytes));
}

/// A text takes more memory than its characters in the file: an empty one, nothing there.
std::uint64_t memory_of(const NpyHeader& header) {
    if (header.dtype) return header.data_bytes;
    std::uint64_t total = 0;
    if (__builtin_mul_overflow(header.numel, std::uint64_t{64}, &total) ||
        __builtin_add_overflow(total, header.data_bytes, &total))
        return std::numeric_limits<std::uint64_t>::max();
    return total;
}

/// What arrays may still take.
class Budget {
  public:
    Budget(std::uint64_t file_bytes, std::uint64_t limit)
        : limit_(limit > 0 ? limit : 8 * std::min(file_bytes, std::uint64_t{1} << 59) + (64U << 20)),
          left_(limit_) {}

    void take(std::uint64_t bytes) {
        if (bytes > left_)
            throw NpyProblem("makes the arrays larger than " + std::to_string(limit_) +
                             " bytes together, the limit for this file");
        left_ -= bytes;
    }

  private:
    std::uint64_t limit_, left_;
};

std::string_view as_text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TensorFile read_npy(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    try {
        const auto start = source.text_at(
            0, static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), detail::npy_header_limit)));
        const auto header = detail::read_npy_header(start);
        check_length(header, source.size() - header.data_begin);
        Budget(source.size(), 0).take(memory_of(header));
        std::vector<std::byte> bytes(static_cast<std::size_t>(header.data_bytes));
        source.read_at(header.data_begin, bytes);
        TensorFile file;
        add_array(file, "array", header, std::move(bytes));
        return file;
    } catch (const NpyProblem& problem) {
        source.fail(problem.what());
    }
}

TensorFile read_npz(const std::filesystem::path& path, std::uint64_t max_bytes) {
    const detail::ByteSource source(path);
    const detail::ZipArchive archive(source);
    Budget budget(source.size(), max_bytes);
    TensorFile file;
    for (const auto& [entry_name, entry] : archive.entries()) {
        constexpr std::string_view ending = ".npy";
        try {
            if (!entry_name.ends_with(ending)) throw NpyProblem("is no array: its name does not end in .npy");
            budget.take(entry.size);
            const auto content = archive.read(entry_name, entry);
            const auto header = detail::read_npy_header(as_text(content));
            check_length(header, content.size() - header.data_begin);
            if (!header.dtype) budget.take(memory_of(header));
            add_array(file, entry_name.substr(0, entry_name.size() - ending.size()), header,
                      {content.begin() + static_cast<std::ptrdiff_t>(header.data_begin), content.end()});
        } catch (const NpyProblem& problem) {
            source.fail("has an entry \"" + entry_name.substr(0, 200) + "\" that " + problem.what());
        }
    }
    return file;
}

}  // namespace attune

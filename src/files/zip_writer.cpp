#include "zip_writer.hpp"

#include <algorithm>

#include "little_endian_text.hpp"
#include "zip_checksum.hpp"

// Numbers and names of records: "APPNOTE.TXT - .ZIP File Format Specification", PKWARE, version 6.3.

namespace attune::detail {
namespace {

constexpr std::uint64_t alignment = 64;
constexpr std::uint64_t limit32 = 0xFFFFFFFF;
constexpr std::uint64_t limit16 = 0xFFFF;
constexpr std::uint64_t header_size = 30;
constexpr std::uint16_t zip64_id = 1;
constexpr std::uint16_t padding_id = 0x4246;  // "FB", what torch pads with
constexpr std::uint64_t needs_zip64 = 45;     // the version that a reader has to know
constexpr std::uint64_t needs_basics = 20;

/// Flags, method, time and date: names are UTF-8, content is stored, and every archive of the same content is
/// the same (1 January 1980).
std::string fixed_fields() { return little(1 << 11, 2) + little(0, 2) + little(0, 2) + little(0x21, 2); }

std::string extra_field(std::uint16_t id, const std::string& content) {
    return little(id, 2) + little(content.size(), 2) + content;
}

}  // namespace

void ZipWriter::write(const std::string& text) {
    file_.write(std::string_view(text));
    position_ += text.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> content) {
    const Entry entry{name, position_, content.size(), crc_of(content)};
    const bool large = entry.size >= limit32;
    std::string extra;
    if (large) extra = extra_field(zip64_id, little(entry.size, 8) + little(entry.size, 8));
    const auto unpadded = position_ + header_size + name.size() + extra.size() + 4;
    extra += extra_field(
        padding_id,
        std::string(static_cast<std::size_t>((alignment - unpadded % alignment) % alignment), 'Z'));
    const auto size = large ? limit32 : entry.size;
    write(little(0x04034B50, 4) + little(large ? needs_zip64 : needs_basics, 2) + fixed_fields() +
          little(entry.crc32, 4) + little(size, 4) + little(size, 4) + little(name.size(), 2) +
          little(extra.size(), 2) + name + extra);
    file_.write(content);
    position_ += content.size();
    entries_.push_back(entry);
}

void ZipWriter::finish() {
    const auto begin = position_;
    for (const auto& entry : entries_) {
        const bool large = entry.size >= limit32 || entry.offset >= limit32;
        std::string extra;
        if (large)
            extra = extra_field(zip64_id,
                                little(entry.size, 8) + little(entry.size, 8) + little(entry.offset, 8));
        const auto size = large ? limit32 : entry.size;
        const auto version = large ? needs_zip64 : needs_basics;
        write(little(0x02014B50, 4) + little(version, 2) + little(version, 2) + fixed_fields() +
              little(entry.crc32, 4) + little(size, 4) + little(size, 4) + little(entry.name.size(), 2) +
              little(extra.size(), 2) + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
              little(large ? limit32 : entry.offset, 4) + entry.name + extra);
    }
    const auto end = position_;
    const auto count = entries_.size();
    if (begin >= limit32 || end - begin >= limit32 || count >= limit16) {
        write(little(0x06064B50, 4) + little(44, 8) + little(needs_zip64, 2) + little(needs_zip64, 2) +
              little(0, 4) + little(0, 4) + little(count, 8) + little(count, 8) + little(end - begin, 8) +
              little(begin, 8));
        write(little(0x07064B50, 4) + little(0, 4) + little(end, 8) + little(1, 4));
    }
    const auto listed = std::min<std::uint64_t>(count, limit16);
    write(little(0x06054B50, 4) + little(0, 2) + little(0, 2) + little(listed, 2) + little(listed, 2) +
          little(std::min(end - begin, limit32), 4) + little(std::min(begin, limit32), 4) + little(0, 2));
}

}  // namespace attune::detail

#include "zip_archive.hpp"

#include <algorithm>

#include "attune/space/detail/counted.hpp"
#include "inflate.hpp"
#include "zip_checksum.hpp"

// Numbers and names of records: "APPNOTE.TXT - .ZIP File Format Specification", PKWARE, version 6.3.

namespace attune::detail {
namespace {

constexpr std::size_t end_record_size = 22;
constexpr std::size_t end_locator64_size = 20;
constexpr std::size_t end_record64_size = 56;
constexpr std::size_t directory_entry_size = 46;
constexpr std::size_t local_header_size = 30;
constexpr std::uint32_t in_zip64 = 0xFFFFFFFF;

std::uint16_t u16(const std::string& text, std::size_t at) {
    return static_cast<std::uint16_t>(little_endian(text.data() + at, 2));
}
std::uint32_t u32(const std::string& text, std::size_t at) {
    return static_cast<std::uint32_t>(little_endian(text.data() + at, 4));
}
std::uint64_t u64(const std::string& text, std::size_t at) { return little_endian(text.data() + at, 8); }

}  // namespace

ZipArchive::ZipArchive(const ByteSource& source) : source_(source) {
    const Directory place = find_directory();
    if (place.offset > source_.size() || place.size > source_.size() - place.offset)
        source_.fail("is a damaged or truncated zip archive: its directory lies outside the file");
    const std::string directory = source_.text_at(place.offset, static_cast<std::size_t>(place.size));
    std::size_t at = 0;
    while (at < directory.size()) at = add_entry(directory, at);
    if (entries_.size() != place.count)
        source_.fail("is a damaged zip archive: " + detail::counted(place.count, "entry", "entries") +
                     " announced, " + std::to_string(entries_.size()) + " are listed");
}

const ZipEntry* ZipArchive::find(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
}

ZipArchive::Directory ZipArchive::find_directory() const {
    if (source_.size() < end_record_size) source_.fail("is a truncated zip archive: it has no end record");
    // The end record is last but for a comment of at most 65535 bytes, whose length it states.
    const std::uint64_t tail_size = std::min<std::uint64_t>(source_.size(), end_record_size + 0xFFFF);
    const std::uint64_t tail_begin = source_.size() - tail_size;
    const std::string tail = source_.text_at(tail_begin, static_cast<std::size_t>(tail_size));
    std::size_t at = tail.size() - end_record_size + 1;
    bool found = false;
    while (!found && at-- > 0)
        found = u32(tail, at) == 0x06054B50 && at + end_record_size + u16(tail, at + 20) == tail.size();
    if (!found) source_.fail("is a truncated zip archive: it has no end record");
    const Directory place{u32(tail, at + 16), u32(tail, at + 12), u16(tail, at + 10)};
    if (u16(tail, at + 4) != u16(tail, at + 6))
        source_.fail("is one part of a zip archive over several files");
    if (place.offset != in_zip64 && place.size != in_zip64 && place.count != 0xFFFF) return place;
    return find_directory64(tail_begin + at);
}

ZipArchive::Directory ZipArchive::find_directory64(std::uint64_t end_record) const {
    if (end_record < end_locator64_size)
        source_.fail("is a damaged zip archive: its zip64 locator is missing");
    const std::string locator = source_.text_at(end_record - end_locator64_size, end_locator64_size);
    if (u32(locator, 0) != 0x07064B50) source_.fail("is a damaged zip archive: its zip64 locator is missing");
    const std::string record = source_.text_at(u64(locator, 8), end_record64_size);
    if (u32(record, 0) != 0x06064B50)
        source_.fail("is a damaged zip archive: its zip64 end record is missing");
    return {u64(record, 48), u64(record, 40), u64(record, 32)};
}

std::size_t ZipArchive::add_entry(const std::string& directory, std::size_t at) {
    if (directory.size() - at < directory_entry_size || u32(directory, at) != 0x02014B50)
        source_.fail("is a damaged zip archive: its directory has no entry at byte " + std::to_string(at));
    const std::size_t name_size = u16(directory, at + 28);
    const std::size_t extra_size = u16(directory, at + 30);
    const std::size_t next = at + directory_entry_size + name_size + extra_size + u16(directory, at + 32);
    if (next > directory.size())
        source_.fail("is a damaged zip archive: an entry of its directory is cut off");
    const std::string name = directory.substr(at + directory_entry_size, name_size);
    ZipEntry entry{u32(directory, at + 42), u32(directory, at + 20), u32(directory, at + 24),
                   u32(directory, at + 16), u16(directory, at + 10)};
    take_zip64_sizes(directory.substr(at + directory_entry_size + name_size, extra_size), entry, name);
    if ((u16(directory, at + 8) & 1U) != 0) source_.fail("has an encrypted zip entry " + name);
    if (entry.method != 0 && entry.method != 8)
        source_.fail("has a zip entry " + name + " with compression method " + std::to_string(entry.method) +
                     " (0 stored and 8 deflated are read)");
    if (entry.method == 0 && entry.size != entry.compressed_size)
        source_.fail("has a stored zip entry " + name + " whose two sizes differ");
    if (!entries_.emplace(name, entry).second) source_.fail("has two zip entries called " + name);
    return next;
}

void ZipArchive::take_zip64_sizes(const std::string& extra, ZipEntry& entry, const std::string& name) const {
    const bool wanted =
        entry.size == in_zip64 || entry.compressed_size == in_zip64 || entry.local_header == in_zip64;
    for (std::size_t at = 0; wanted && at + 4 <= extra.size(); at += 4 + std::size_t{u16(extra, at + 2)}) {
        if (u16(extra, at) != 1) continue;
        std::size_t field = at + 4;
        const std::size_t end = std::min<std::size_t>(extra.size(), field + u16(extra, at + 2));
        for (std::uint64_t* value : {&entry.size, &entry.compressed_size, &entry.local_header}) {
            if (*value != in_zip64) continue;
            if (end - field < 8) source_.fail("has a zip entry " + name + " without its zip64 sizes");
            *value = u64(extra, field);
            field += 8;
        }
        return;
    }
}

std::uint64_t ZipArchive::data_offset(const std::string& name, const ZipEntry& entry) const {
    const std::string header = source_.text_at(entry.local_header, local_header_size);
    if (u32(header, 0) != 0x04034B50)
        source_.fail("is a damaged zip archive: entry " + name + " has no local header");
    const std::uint64_t begin = entry.local_header + local_header_size + u16(header, 26) + u16(header, 28);
    if (source_.text_at(entry.local_header + local_header_size, u16(header, 26)) != name)
        source_.fail("is a damaged zip archive: entry " + name + " has another name in its local header");
    if (begin > source_.size() || entry.compressed_size > source_.size() - begin)
        source_.fail("is truncated: zip entry " + name + " reaches beyond its end");
    return begin;
}

std::vector<std::byte> ZipArchive::read(const std::string& name, const ZipEntry& entry) const {
    const std::uint64_t begin = data_offset(name, entry);
    std::vector<std::byte> content(static_cast<std::size_t>(entry.compressed_size));
    source_.read_at(begin, content);
    if (entry.method == 8) {
        std::vector<std::byte> inflated;
        if (!inflate_raw(content, static_cast<std::size_t>(entry.size), inflated))
            source_.fail("has a damaged compressed zip entry " + name);
        content = std::move(inflated);
    }
    if (crc_of(content) != entry.crc32)
        source_.fail("has a damaged zip entry " + name + ": its checksum does not match");
    return content;
}

}  // namespace attune::detail

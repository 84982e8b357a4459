#include "journal_format.hpp"

#include <zlib.h>

#include <algorithm>

#include "byte_stream.hpp"

namespace attune::journal {
namespace {

constexpr std::string_view marker = "ATTU";
constexpr std::string_view first_line = "ATTUNE JOURNAL 2\n";
constexpr std::size_t id_offset = 20;

}  // namespace

std::uint32_t checksum(std::string_view bytes, std::uint32_t of_those_before) {
    // zlib counts in 32 bits; bodies are far below that.
    return static_cast<std::uint32_t>(::crc32(of_those_before, reinterpret_cast<const Bytef*>(bytes.data()),
                                              static_cast<uInt>(bytes.size())));
}

std::string header(std::uint64_t study) {
    std::string out(first_line);
    out.resize(id_offset, '\0');
    bytes::put_fixed(out, study);
    bytes::put_fixed(out, checksum(out));
    return out;
}

std::optional<std::uint64_t> read_header(std::string_view bytes) {
    if (bytes.size() < header_size || bytes.substr(0, first_line.size()) != first_line) return std::nullopt;
    const std::string_view content = bytes.substr(0, header_size - checksum_size);
    if (bytes::fixed_at<std::uint32_t>(bytes, content.size()) != checksum(content)) return std::nullopt;
    return bytes::fixed_at<std::uint64_t>(bytes, id_offset);
}

bool is_torn_header(std::string_view bytes) {
    if (bytes.size() > header_size) return false;
    if (bytes.size() < magic.size() + 2 && bytes.substr(0, magic.size()) == magic.substr(0, bytes.size()))
        return true;  // of either version
    if (bytes.find_first_not_of('\0') == std::string_view::npos) return true;
    // A header is flushed before anything follows, so one that is whole in length may still be torn.
    for (std::size_t i = 0; i < std::min(bytes.size(), first_line.size()); ++i)
        if (bytes[i] != first_line[i]) return false;
    return bytes.size() < header_size;
}

std::string frame(std::uint64_t position, std::uint64_t flushed, std::uint32_t count, std::string_view body) {
    std::string out(marker);
    out.reserve(head_size + body.size() + checksum_size);
    bytes::put_fixed(out, static_cast<std::uint32_t>(body.size()));
    bytes::put_fixed(out, position);
    bytes::put_fixed(out, flushed);
    bytes::put_fixed(out, count);
    const std::uint32_t of_head = checksum(out);
    bytes::put_fixed(out, of_head);
    out += body;
    // That of all goes on where that of the head ended.
    bytes::put_fixed(out, checksum(std::string_view(out).substr(head_size - checksum_size), of_head));
    return out;
}

std::string mark(std::uint64_t position, std::uint64_t flushed) { return frame(position, flushed, 0, {}); }

std::optional<Head> read_head(std::string_view bytes) {
    if (bytes.size() < head_size || bytes.substr(0, marker.size()) != marker) return std::nullopt;
    const std::string_view content = bytes.substr(0, head_size - checksum_size);
    if (bytes::fixed_at<std::uint32_t>(bytes, content.size()) != checksum(content)) return std::nullopt;
    return Head{bytes::fixed_at<std::uint32_t>(bytes, 4), bytes::fixed_at<std::uint64_t>(bytes, 8),
                bytes::fixed_at<std::uint64_t>(bytes, 16), bytes::fixed_at<std::uint32_t>(bytes, 24)};
}

bool body_is_sound(const Head& head, std::string_view bytes) {
    const std::size_t content = head_size + head.body_size;
    return bytes::fixed_at<std::uint32_t>(bytes, content) == checksum(bytes.substr(0, content));
}

std::optional<std::size_t> find_head(std::string_view bytes, std::size_t from) {
    for (std::size_t at = bytes.find(marker, from); at != std::string_view::npos;
         at = bytes.find(marker, at + 1))
        if (read_head(bytes.substr(at))) return at;
    return std::nullopt;
}

bool has_unwritten_page(std::string_view bytes, std::uint64_t offset) {
    constexpr std::uint64_t sector = 512;
    for (std::size_t begin = bytes.find('\0'); begin != std::string_view::npos;
         begin = bytes.find('\0', begin)) {
        const std::size_t end = std::min(bytes.find_first_not_of('\0', begin), bytes.size());
        const std::uint64_t first_boundary = (offset + begin + sector - 1) / sector * sector;
        if (begin == 0 ? first_boundary <= offset + end : first_boundary + sector <= offset + end)
            return true;
        begin = end;
    }
    return false;
}

std::string damage_in_the_middle(const std::string& record, const std::string& why,
                                 std::uint64_t sound_offset) {
    return record + ": is damaged (" + why + "), and sound records follow at byte " +
           std::to_string(sound_offset) +
           "; this is no torn tail, so nothing is cut: restore the file from a copy";
}

std::string damage_of_flushed(const std::string& record, const std::string& why) {
    return record + ": is damaged (" + why +
           "), and was whole on the disk before; this is no torn tail, so nothing is cut: restore the file "
           "from a copy";
}

}  // namespace attune::journal

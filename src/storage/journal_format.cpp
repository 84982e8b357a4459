#include "journal_format.hpp"

#include <zlib.h>

#include <charconv>

namespace attune::journal {
namespace {

std::uint32_t checksum(std::string_view head, std::string_view payload) {
    // zlib counts in 32 bits; payloads are far below that.
    uLong crc = ::crc32(0, nullptr, 0);
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(head.data()), static_cast<uInt>(head.size()));
    crc = ::crc32(crc, reinterpret_cast<const Bytef*>(payload.data()), static_cast<uInt>(payload.size()));
    return static_cast<std::uint32_t>(crc);
}

std::string hex(std::uint32_t number) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out(8, '0');
    for (std::size_t i = 8; i-- > 0; number >>= 4) out[i] = digits[number & 15];
    return out;
}

/// A decimal number and the space behind it, taken off the front.
std::optional<std::uint64_t> take_number(std::string_view& bytes) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
    const auto length = static_cast<std::size_t>(end - bytes.data());
    if (error != std::errc{} || length >= bytes.size() || bytes[length] != ' ') return std::nullopt;
    bytes.remove_prefix(length + 1);
    return number;
}

constexpr std::size_t checksum_size = 9;  // with the space behind it

struct Head {
    std::uint64_t position, more, flushed, length;
    std::size_t size;  ///< bytes of the four numbers
};

std::optional<Head> read_head(std::string_view bytes) {
    std::string_view rest = bytes;
    Head head{};
    for (std::uint64_t* number : {&head.position, &head.more, &head.flushed, &head.length}) {
        const auto taken = take_number(rest);
        if (!taken) return std::nullopt;
        *number = *taken;
    }
    head.size = bytes.size() - rest.size();
    return head;
}

}  // namespace

std::string frame(std::uint64_t position, std::uint64_t more, std::uint64_t flushed,
                  std::string_view payload) {
    std::string line = std::to_string(position) + ' ' + std::to_string(more) + ' ' + std::to_string(flushed) +
                       ' ' + std::to_string(payload.size()) + ' ';
    line += hex(checksum(line, payload)) + ' ';
    line += payload;
    line += '\n';
    return line;
}

std::optional<Record> read_record(std::string_view bytes, std::string* why) {
    const auto refuse = [&](const char* reason) -> std::optional<Record> {
        if (why != nullptr) *why = reason;
        return std::nullopt;
    };
    const auto head = read_head(bytes);
    if (!head)
        return refuse(bytes.find('\n') == std::string_view::npos ? "it is cut off"
                                                                 : "it does not begin as a record does");
    const auto [position, more, flushed, length, size] = *head;
    if (length > longest_payload) return refuse("its length is beyond the limit");
    const std::string_view rest = bytes.substr(size);
    if (rest.size() < checksum_size + length + 1) return refuse("it is cut off");
    const std::string_view stated = rest.substr(0, checksum_size),
                           payload = rest.substr(checksum_size, length);
    // Payloads hold no line feed, so every byte of a damaged file is looked at once, whatever lengths it
    // claims.
    if (rest.find('\n') != checksum_size + length) return refuse("its length is not that of its line");
    if (stated != hex(checksum(bytes.substr(0, size), payload)) + ' ')
        return refuse("its checksum does not match its content");
    return Record{position, more, flushed, payload, size + checksum_size + length + 1};
}

std::optional<std::size_t> stated_size(std::string_view bytes) {
    const auto head = read_head(bytes);
    if (!head || head->length > longest_payload) return std::nullopt;
    return head->size + checksum_size + head->length + 1;
}

bool has_unwritten_page(std::string_view bytes, std::uint64_t offset) {
    constexpr std::uint64_t sector = 512;
    constexpr std::size_t least = 8;
    for (std::size_t begin = bytes.find('\0'); begin != std::string_view::npos;
         begin = bytes.find('\0', begin)) {
        std::size_t end = bytes.find_first_not_of('\0', begin);
        if (end == std::string_view::npos) end = bytes.size();
        const bool to_the_end = end == bytes.size() || (offset + end) % sector == 0;
        if (end - begin >= least && to_the_end) return true;
        begin = end;
    }
    return false;
}

}  // namespace attune::journal

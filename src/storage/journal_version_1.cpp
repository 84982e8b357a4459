#include "journal_version_1.hpp"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "attune/error.hpp"
#include "attune/storage/json_codec.hpp"

namespace attune::journal::version_1 {
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

/// Longer payloads are not believed.
constexpr std::uint64_t longest_payload = std::uint64_t{64} << 20;
constexpr std::size_t checksum_size = 9;  // with the space behind it

struct Record {
    std::uint64_t position = 0;
    std::uint64_t more = 0;
    std::uint64_t flushed = 0;
    std::string_view payload;
    std::size_t size = 0;  ///< bytes of the whole line
};

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

/// The sound record at the beginning of `bytes`; nothing where there is none, with the reason in `why`.
std::optional<Record> read_record(std::string_view bytes, std::string* why = nullptr) {
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

/// The size that the line in front of `bytes` claims to have, where its beginning can be read.
std::optional<std::size_t> stated_size(std::string_view bytes) {
    const auto head = read_head(bytes);
    if (!head || head->length > longest_payload) return std::nullopt;
    return head->size + checksum_size + head->length + 1;
}

/// A look at all records of one file.
class Reading {
  public:
    Reading(File& file, const std::string& name) : name_(name) {
        bytes_.resize(file.size());
        bytes_.resize(file.read_at(0, bytes_));
    }

    Content content() {
        Content out;
        out.end = header.size();
        std::vector<std::string_view> waiting;  // payloads of an append that is not whole yet
        std::uint64_t more = 0;
        for (std::size_t at = header.size(); at < bytes_.size();) {
            const std::uint64_t position = out.events.size() + waiting.size();
            const std::string_view rest = std::string_view(bytes_).substr(at);
            std::string why;
            const auto record = read_record(rest, &why);
            if (!record) {
                refuse_damage_in_the_middle(rest, at, position, why);
                out.damage = {out.end, out.events.size(), "record " + std::to_string(position) + ": " + why};
                return out;
            }
            if (record->position != position || (!waiting.empty() && record->more != more - 1))
                throw StorageError(record_name(position, at) + ": is out of order (it says it is record " +
                                   std::to_string(record->position) + ")");
            waiting.push_back(record->payload);
            more = record->more;
            at += record->size;
            if (more > 0) continue;
            for (const std::string_view payload : waiting) out.events.push_back(parsed(payload, out));
            waiting.clear();
            out.end = at;
        }
        if (!waiting.empty())
            out.damage = {out.end, out.events.size(), "an append of several records is cut off"};
        return out;
    }

  private:
    [[nodiscard]] std::string record_name(std::uint64_t position, std::uint64_t offset) const {
        return name_ + ": record " + std::to_string(position) + " at byte " + std::to_string(offset);
    }

    [[nodiscard]] Event parsed(std::string_view payload, const Content& before) const {
        try {
            return event_from_json(parse_json(payload, "payload"));
        } catch (const Error& error) {
            throw StorageError(record_name(before.events.size(), before.end) + ": " + error.what());
        }
    }

    /// A bad record is a torn tail only where nothing sound follows, or only what may have been written
    /// without a flush around a page that the power loss took.
    void refuse_damage_in_the_middle(std::string_view rest, std::uint64_t offset, std::uint64_t position,
                                     const std::string& why) const {
        std::optional<std::uint64_t> sound;
        bool was_flushed = false;
        const auto look_at = [&](std::size_t begin) {
            const auto record = begin < rest.size() ? read_record(rest.substr(begin)) : std::nullopt;
            if (!record) return;
            if (!sound) sound = offset + begin;
            was_flushed |= record->flushed > position;
        };
        if (const auto size = stated_size(rest)) look_at(*size);  // its line feed itself may be damaged
        for (auto line = rest.find('\n'); line != std::string_view::npos; line = rest.find('\n', line + 1))
            look_at(line + 1);
        if (!sound) return;
        if (!was_flushed && has_unwritten_page(rest.substr(0, *sound - offset), offset)) return;
        throw StorageError(damage_in_the_middle(record_name(position, offset), why, *sound));
    }

    const std::string& name_;
    std::string bytes_;
};

}  // namespace

Content read(File& file, const std::string& name) { return Reading(file, name).content(); }

}  // namespace attune::journal::version_1

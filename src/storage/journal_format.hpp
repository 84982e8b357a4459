#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The lines of a journal: `position more flushed length checksum payload`, ended by a line feed.
///
/// `more` counts the records that follow in the same append; `flushed` is how many events were known to be on
/// the disk when this one was written, which proves that a damaged one before was no torn write. The checksum
/// is the CRC-32 over all of the line but itself.
namespace attune::journal {

inline constexpr std::string_view header = "ATTUNE JOURNAL 1\n";
inline constexpr std::string_view magic = "ATTUNE JOURNAL ";
/// Longer payloads are neither written nor believed.
inline constexpr std::uint64_t longest_payload = std::uint64_t{64} << 20;

struct Record {
    std::uint64_t position = 0;
    std::uint64_t more = 0;
    std::uint64_t flushed = 0;
    std::string_view payload;
    std::size_t size = 0;  ///< bytes of the whole line
};

[[nodiscard]] std::string frame(std::uint64_t position, std::uint64_t more, std::uint64_t flushed,
                                std::string_view payload);

/// The sound record at the beginning of `bytes`; nothing where there is none, with the reason in `why`.
[[nodiscard]] std::optional<Record> read_record(std::string_view bytes, std::string* why = nullptr);

/// The size that the line in front of `bytes` claims to have, where its beginning can be read.
[[nodiscard]] std::optional<std::size_t> stated_size(std::string_view bytes);

/// Whether `bytes` begin with, or hold in their middle, what a page that was never written leaves: zeros up
/// to the end of a disk sector or of the file. `offset` is that of the first byte in the file.
[[nodiscard]] bool has_unwritten_page(std::string_view bytes, std::uint64_t offset);

}  // namespace attune::journal

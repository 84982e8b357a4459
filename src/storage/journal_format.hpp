#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The bytes of a journal of version 2: a header, then a frame for every append.
///
///     header  "ATTUNE JOURNAL 2\n", three zeros, the study's id (8 bytes), CRC-32 of what stands before
///     frame   "ATTU", body size (4), position of its first event (8), flushed (8), number of events (4),
///             CRC-32 of these (4); body; CRC-32 of head and body (4)
///
/// A frame without events is a mark: it says that there are as many events as its position, so that a frame
/// before it that is damaged was whole once. Writers leave one when they close the file or have rewritten it.
///
/// Numbers have their least byte first. `flushed` is how many events were known to be on the disk when the
/// frame was written, which proves that a damaged one before was no torn write. The body is what to_bytes()
/// gives. Since an append is one frame, it is read whole or not at all.
namespace attune::journal {

inline constexpr std::string_view magic = "ATTUNE JOURNAL ";
inline constexpr std::size_t header_size = 32;
inline constexpr std::size_t head_size = 32;
inline constexpr std::size_t checksum_size = 4;
/// Longer bodies are neither written nor believed.
inline constexpr std::uint64_t longest_body = std::uint64_t{256} << 20;

/// What is found behind the last whole append.
struct Damage {
    std::uint64_t offset = 0;    ///< where the append begins that is not whole
    std::uint64_t position = 0;  ///< of its first event
    std::string reason;          ///< empty: there is none
};

struct Head {
    std::uint32_t body_size = 0;
    std::uint64_t position = 0;
    std::uint64_t flushed = 0;
    std::uint32_t count = 0;

    [[nodiscard]] std::size_t frame_size() const { return head_size + body_size + checksum_size; }
    [[nodiscard]] bool is_mark() const { return count == 0 && body_size == 0; }
};

[[nodiscard]] std::string header(std::uint64_t study);
/// The study's id, or nothing where the bytes are no sound header.
[[nodiscard]] std::optional<std::uint64_t> read_header(std::string_view bytes);
/// Whether a file that is nothing but these bytes is one whose making was cut short.
[[nodiscard]] bool is_torn_header(std::string_view bytes);

[[nodiscard]] std::string frame(std::uint64_t position, std::uint64_t flushed, std::uint32_t count,
                                std::string_view body);
[[nodiscard]] std::string mark(std::uint64_t position, std::uint64_t flushed);
/// The sound head in front of `bytes`.
[[nodiscard]] std::optional<Head> read_head(std::string_view bytes);
/// Whether the body behind a sound head is sound too. Precondition: head.frame_size() bytes are there.
[[nodiscard]] bool body_is_sound(const Head& head, std::string_view bytes);
/// Where the next sound head begins, from `from` on.
[[nodiscard]] std::optional<std::size_t> find_head(std::string_view bytes, std::size_t from);

/// Whether `bytes` begin with, or hold in their middle, what a disk sector that was never written leaves:
/// zeros from its beginning (or that of `bytes`) to its end. `offset` is that of the first byte in the file.
[[nodiscard]] bool has_unwritten_page(std::string_view bytes, std::uint64_t offset);

/// The message for damage that is no torn tail, because sound records follow.
[[nodiscard]] std::string damage_in_the_middle(const std::string& record, const std::string& why,
                                               std::uint64_t sound_offset);
/// The same, because the file beside the journal says that all of the record was on the disk.
[[nodiscard]] std::string damage_of_flushed(const std::string& record, const std::string& why);

[[nodiscard]] std::uint32_t checksum(std::string_view bytes, std::uint32_t of_those_before = 0);

}  // namespace attune::journal

#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "attune/storage/binary_codec.hpp"

/// Numbers and texts as bytes, the same on every machine: fixed numbers with the least byte first, counts in
/// groups of seven bits (LEB128).
namespace attune::bytes {

template <class Number>
void put_fixed(std::string& out, Number number) {
    char bytes[sizeof number];
    for (std::size_t i = 0; i < sizeof number; ++i) bytes[i] = static_cast<char>(number >> (8 * i) & 0xff);
    out.append(bytes, sizeof number);
}

/// Precondition: sizeof(Number) bytes are there.
template <class Number>
[[nodiscard]] Number fixed_at(std::string_view bytes, std::size_t at) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i)
        number |=
            static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
    return number;
}

class Writer {
  public:
    void byte(unsigned number) { out += static_cast<char>(number); }
    void count(std::uint64_t number) {
        for (; number >= 0x80; number >>= 7) byte(static_cast<unsigned>(number & 0x7f) | 0x80U);
        byte(static_cast<unsigned>(number));
    }
    /// Small for numbers that are near 0 on either side.
    void integer(std::int64_t number) {
        const auto bits = static_cast<std::uint64_t>(number);
        count(bits << 1 ^ (number < 0 ? ~std::uint64_t{0} : 0));
    }
    void number(double number) { put_fixed(out, std::bit_cast<std::uint64_t>(number)); }
    void text(std::string_view text) {
        count(text.size());
        out += text;
    }

    std::string out;
};

/// Throws InvalidEventBytes where the bytes end too early or cannot be what is asked for.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    unsigned byte() {
        need(1);
        const auto value = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    std::uint64_t count() {
        std::uint64_t number = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const unsigned next = byte();
            if (shift == 63 && next > 1) break;
            number |= static_cast<std::uint64_t>(next & 0x7f) << shift;
            if (next < 0x80) return number;
        }
        throw InvalidEventBytes("a count is beyond 64 bits");
    }
    std::int64_t integer() {
        const std::uint64_t bits = count();
        return static_cast<std::int64_t>(bits >> 1 ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
    }
    double number() {
        need(8);
        const auto bits = fixed_at<std::uint64_t>(rest_, 0);
        rest_.remove_prefix(8);
        return std::bit_cast<double>(bits);
    }
    std::string_view text() {
        const std::uint64_t size = count();
        need(size);
        const std::string_view text = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return text;
    }
    /// A count of things of which each takes at least `smallest` bytes.
    std::uint64_t count_of(std::size_t smallest) {
        const std::uint64_t number = count();
        if (number > rest_.size() / smallest) throw InvalidEventBytes("it is cut off");
        return number;
    }

  private:
    void need(std::uint64_t bytes) const {
        if (bytes > rest_.size()) throw InvalidEventBytes("it is cut off");
    }

    std::string_view rest_;
};

}  // namespace attune::bytes

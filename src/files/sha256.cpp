#include "attune/files/sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "byte_source.hpp"

namespace attune {
namespace {

constexpr std::array<std::uint32_t, 64> constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(const std::byte* bytes) {
    return std::to_integer<std::uint32_t>(bytes[0]) << 24 | std::to_integer<std::uint32_t>(bytes[1]) << 16 |
           std::to_integer<std::uint32_t>(bytes[2]) << 8 | std::to_integer<std::uint32_t>(bytes[3]);
}

}  // namespace

// The names are the standard's.
void Sha256::mix(State& state, const std::byte* block) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian(block + 4 * i);
    for (std::size_t i = 16; i < 64; ++i) {
        const auto s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
        const auto s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const auto s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const auto t1 = h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i];
        const auto s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const auto t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const State added{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += added[i];
}

void Sha256::add(std::span<const std::byte> bytes) {
    const auto held = static_cast<std::size_t>(bytes_ % 64);
    bytes_ += bytes.size();
    if (held > 0) {
        const auto part = std::min(bytes.size(), 64 - held);
        std::copy_n(bytes.begin(), part, waiting_.begin() + static_cast<std::ptrdiff_t>(held));
        bytes = bytes.subspan(part);
        if (held + part < 64) return;
        mix(state_, waiting_.data());
    }
    for (; bytes.size() >= 64; bytes = bytes.subspan(64)) mix(state_, bytes.data());
    std::copy(bytes.begin(), bytes.end(), waiting_.begin());
}

std::string Sha256::hexadecimal() const {
    // A one, zeros, and the length in bits fill the last block or two.
    auto state = state_;
    std::array<std::byte, 128> last{};
    const auto held = static_cast<std::size_t>(bytes_ % 64);
    std::copy_n(waiting_.begin(), held, last.begin());
    last[held] = std::byte{0x80};
    const std::size_t blocks = held < 56 ? 1 : 2;
    for (std::size_t i = 0; i < 8; ++i)
        last[64 * blocks - 1 - i] = static_cast<std::byte>((8 * bytes_) >> (8 * i) & 0xFF);
    for (std::size_t i = 0; i < blocks; ++i) mix(state, last.data() + 64 * i);
    std::string text;
    for (const auto word : state)
        for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
    return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    Sha256 hash;
    std::vector<std::byte> buffer(
        static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), std::uint64_t{1} << 20)));
    for (std::uint64_t at = 0; at < source.size(); at += buffer.size()) {
        const auto part = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), source.size() - at)));
        source.read_at(at, part);
        hash.add(part);
    }
    return hash.hexadecimal();
}

}  // namespace attune

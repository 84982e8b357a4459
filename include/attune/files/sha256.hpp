#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace attune {

/// The SHA-256 of bytes that come piece by piece (FIPS 180-4). One thread at a time.
class Sha256 {
  public:
    void add(std::span<const std::byte> bytes);

    /// 64 hexadecimal digits, over all that was added; further bytes go on from there.
    [[nodiscard]] std::string hexadecimal() const;

  private:
    using State = std::array<std::uint32_t, 8>;
    static void mix(State& state, const std::byte* block);

    State state_{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    std::array<std::byte, 64> waiting_{};
    std::uint64_t bytes_ = 0;
};

/// Of the content of a file. Throws FileError. Thread-safe.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace attune

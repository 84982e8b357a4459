#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace attune {

/// What a random stream is for. The numbers are part of the file format: replays depend on them; only append.
enum class Purpose : std::uint32_t {
    suggestion = 1,
    fit = 2,
    objective = 3,
    scramble = 4,
    retry = 5,
    user = 6,
    bracket = 7
};

namespace detail {

/// One block of Philox4x32-10: 128 random bits for a counter and a key.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                            std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0],
                            b = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
    }
    return counter;
}

}  // namespace detail

/// A counter-based stream of random numbers, keyed by (study seed, trial, purpose, attempt).
///
/// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// Streams of different keys are independent, so any trial can be drawn again alone and in any order.
/// Distributions are our own, since the standard library's differ between platforms. A small value type; one
/// thread at a time.
class RandomStream {
  public:
    using result_type = std::uint64_t;

    RandomStream(std::uint64_t seed, std::uint64_t trial, Purpose purpose, std::uint32_t attempt = 0)
        : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
          // Trials fill the high words; the low word counts blocks. Purpose and attempt share one word, 24
          // bits for attempts.
          counter_{0, static_cast<std::uint32_t>(trial), static_cast<std::uint32_t>(trial >> 32),
                   (static_cast<std::uint32_t>(purpose) << 24) ^ attempt} {}

    static constexpr std::uint64_t min() { return 0; }
    static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }

    /// 64 random bits.
    std::uint64_t operator()() {
        if (used_ == 4) refill();
        const std::uint64_t low = block_[used_], high = block_[used_ + 1];
        used_ += 2;
        return high << 32 | low;
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    double uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

    double uniform(double low, double high) { return low + uniform() * (high - low); }

    /// Uniform integer in [0, n); n > 0. Multiplication with rejection (Lemire 2019), so without bias.
    std::uint64_t below(std::uint64_t n) {
        for (;;) {
            const std::uint64_t x = (*this)();
            const auto product = static_cast<Wide>(x) * n;
            if (static_cast<std::uint64_t>(product) >= (~n + 1) % n)
                return static_cast<std::uint64_t>(product >> 64);
        }
    }

    /// Standard normal (Box-Muller, cosine branch).
    double normal() {
        const double u = 1 - uniform(), v = uniform();
        return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586476925 * v);
    }

    /// Fisher-Yates.
    template <class Range>
    void shuffle(Range& range) {
        for (std::size_t i = std::size(range); i > 1; --i) std::swap(range[i - 1], range[below(i)]);
    }

  private:
    __extension__ using Wide = unsigned __int128;

    void refill() {
        block_ = detail::philox(counter_, key_);
        used_ = 0;
        ++counter_[0];
    }

    std::array<std::uint32_t, 2> key_;
    std::array<std::uint32_t, 4> counter_;
    std::array<std::uint32_t, 4> block_{};
    std::size_t used_ = 4;
};

}  // namespace attune

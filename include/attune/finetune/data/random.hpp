#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace attune::detail {

/// One step of splitmix64 (Steele, Lea, Flood 2014): a bijective mix of 64 bits.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

/// A random stream that is a function of its keys, the same on every platform.
///
/// Streams with different keys are independent for our purposes; the standard library's distributions are
/// avoided because they differ between implementations.
class RandomStream {
  public:
    explicit RandomStream(std::initializer_list<std::uint64_t> keys) {
        for (const auto key : keys)
            state_ = mix(state_ + 0x9E3779B97F4A7C15ULL) ^ mix(key + 0xD1B54A32D192ED03ULL);
    }

    [[nodiscard]] std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }

    /// In [0, 1), 53 bits.
    [[nodiscard]] double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    [[nodiscard]] double uniform(double low, double high) { return low + (high - low) * uniform(); }

    /// In [0, count), without bias; count at least 1.
    [[nodiscard]] std::uint64_t below(std::uint64_t count);

    /// Standard normal (polar method).
    [[nodiscard]] double normal();

    /// Beta(alpha, alpha), alpha > 0, as a ratio of gamma variates (Marsaglia and Tsang 2000).
    [[nodiscard]] double symmetric_beta(double alpha);

    /// Where the stream stands; `at` gives a stream that goes on from there.
    [[nodiscard]] std::uint64_t position() const { return state_; }
    [[nodiscard]] static RandomStream at(std::uint64_t position) {
        RandomStream stream{0};
        stream.state_ = position;
        return stream;
    }

    /// Fisher and Yates.
    template <typename T>
    void shuffle(std::vector<T>& values) {
        for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
    }

  private:
    [[nodiscard]] double log_gamma_variate(double shape);

    std::uint64_t state_ = 0;
};

}  // namespace attune::detail

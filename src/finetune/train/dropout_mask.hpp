#pragma once

#include <torch/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace attune::detail {

/// Draws the masks of dropout from the Mersenne Twister (Matsumoto and Nishimura 1998), many numbers at a
/// time.
///
/// Each element takes two words, the first above the second, and is kept where the lower 53 bits as a share
/// of 2^53 are below the probability: the numbers that torch's bernoulli_ without MKL draws, in a sixth of
/// the time, and the same with any build of torch.
class DropoutMask {
  public:
    /// The lower 32 bits of `seed` count.
    explicit DropoutMask(std::uint64_t seed);

    /// Shaped and laid out as `like` (float32): 1 / kept with probability `kept`, in (0, 1], else 0.
    [[nodiscard]] torch::Tensor draw(const torch::Tensor& like, double kept);

  private:
    static constexpr std::size_t state_size = 624;
    static constexpr std::size_t shift = 397;

    void refill();

    std::array<std::uint32_t, state_size> state_{};
    std::array<std::uint32_t, state_size> words_{};  ///< tempered
    std::size_t used_ = state_size;                  ///< of the words; even
};

}  // namespace attune::detail

#include "dropout_mask.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace attune::detail {
namespace {

std::uint32_t twist(std::uint32_t upper, std::uint32_t lower) {
    const std::uint32_t mixed = (upper & 0x80000000U) | (lower & 0x7fffffffU);
    return (mixed >> 1U) ^ ((0U - (lower & 1U)) & 0x9908b0dfU);
}

std::uint32_t tempered(std::uint32_t word) {
    word ^= word >> 11U;
    word ^= (word << 7U) & 0x9d2c5680U;
    word ^= (word << 15U) & 0xefc60000U;
    return word ^ (word >> 18U);
}

}  // namespace

DropoutMask::DropoutMask(std::uint64_t seed) {
    state_[0] = static_cast<std::uint32_t>(seed);
    for (std::uint32_t i = 1; i < state_size; ++i)
        state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30U)) + i;
}

// Three loops without a test in them and a fourth of bit operations alone: compilers make vectors of them.
void DropoutMask::refill() {
    constexpr std::size_t border = state_size - shift;
    std::uint32_t* s = state_.data();
    for (std::size_t i = 0; i < border; ++i) s[i] = s[i + shift] ^ twist(s[i], s[i + 1]);
    for (std::size_t i = border; i + 1 < state_size; ++i) s[i] = s[i - border] ^ twist(s[i], s[i + 1]);
    s[state_size - 1] = s[shift - 1] ^ twist(s[state_size - 1], s[0]);
    for (std::size_t i = 0; i < state_size; ++i) words_[i] = tempered(s[i]);
    used_ = 0;
}

torch::Tensor DropoutMask::draw(const torch::Tensor& like, double kept) {
    auto mask = torch::empty_like(like, torch::kFloat32);
    constexpr std::uint64_t low_bits = (std::uint64_t{1} << 53U) - 1;
    // k / 2^53 < kept for whole k, without a rounding.
    const auto limit = static_cast<std::uint64_t>(std::ceil(std::ldexp(kept, 53)));
    const auto value = std::bit_cast<std::uint32_t>(1.0F / static_cast<float>(kept));
    auto* out = mask.data_ptr<float>();
    for (auto left = static_cast<std::size_t>(mask.numel()); left > 0;) {
        if (used_ == state_size) refill();
        const std::size_t count = std::min(left, (state_size - used_) / 2);
        const std::uint32_t* words = words_.data() + used_;
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t drawn = (std::uint64_t{words[2 * i]} << 32U) | words[2 * i + 1];
            // Without a branch, which would be guessed wrongly half of the time.
            const std::uint32_t all_or_none = 0U - static_cast<std::uint32_t>((drawn & low_bits) < limit);
            out[i] = std::bit_cast<float>(value & all_or_none);
        }
        out += count;
        used_ += 2 * count;
        left -= count;
    }
    return mask;
}

}  // namespace attune::detail

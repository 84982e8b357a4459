#pragma once

#include <bit>
#include <boost/random/detail/sobol_table.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Points of the Sobol sequence (Sobol 1967; direction numbers of Joe and Kuo, "Constructing Sobol sequences
/// with better two-dimensional projections", 2008), plain or with Owen's scrambling.
///
/// Coordinates are 32-bit numerators over 2^32; point 0 of the plain sequence is the origin, points follow in
/// Gray-code order. Any point is computed on its own. Safe to be read by several threads.
class SobolSequence {
  public:
    static constexpr std::size_t max_dimensions = 3667;
    static constexpr std::uint64_t max_points = std::uint64_t{1} << 32;

    /// Throws InvalidOption for more than `max_dimensions` dimensions.
    explicit SobolSequence(std::size_t dimensions) : dimensions_(checked(dimensions)) {
        directions_.reserve(bits * dimensions);
        for (std::size_t j = 0; j < dimensions; ++j) append_directions(j);
    }

    [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_; }

    /// Point `index` of the plain sequence. Throws InvalidOption beyond 2^32 points.
    [[nodiscard]] std::vector<std::uint32_t> point(std::uint64_t index) const {
        if (index >= max_points)
            throw InvalidOption(fmt::format("Sobol point {}: the sequence has 2^32 points", index));
        const auto gray = static_cast<std::uint32_t>(index ^ (index >> 1));
        std::vector<std::uint32_t> x(dimensions_, 0);
        for (std::size_t j = 0; j < dimensions_; ++j)
            for (std::uint32_t rest = gray; rest != 0; rest &= rest - 1)
                x[j] ^= directions_[bits * j + static_cast<std::size_t>(std::countr_zero(rest))];
        return x;
    }

    /// Point `index` after nested uniform scrambling (Owen, "Randomly permuted (t,m,s)-nets and
    /// (t,s)-sequences", 1995): every digit is flipped or not by a hash of the seed, the dimension and the
    /// digits before it. Keeps the even spread and makes each point uniform in [0, 1)^d over the seeds.
    [[nodiscard]] std::vector<double> scrambled(std::uint64_t index, std::uint64_t seed) const {
        const std::vector<std::uint32_t> plain = point(index);
        std::vector<double> unit(dimensions_);
        for (std::size_t j = 0; j < dimensions_; ++j)
            unit[j] = (static_cast<double>(scramble(plain[j], mix(seed + mix(j + 1)))) + 0.5) * 0x1p-32;
        return unit;
    }

  private:
    static std::size_t checked(std::size_t dimensions) {
        if (dimensions == 0 || dimensions > max_dimensions)
            throw InvalidOption(fmt::format("Sobol sequence of {} dimensions: must be in [1, {}]", dimensions,
                                            max_dimensions));
        return dimensions;
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    static std::uint64_t mix(std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    static std::uint32_t scramble(std::uint32_t x, std::uint64_t key) {
        std::uint32_t flips = 0;
        for (int bit = 31; bit >= 0; --bit) {
            // A leading one tells prefixes of different length apart.
            const std::uint64_t prefix = (std::uint64_t{1} << 32 | x) >> (bit + 1);
            flips |= static_cast<std::uint32_t>(mix(key ^ mix(prefix)) & 1) << bit;
        }
        return x ^ flips;
    }

    // Boost.Random's table alone: its engine comes with a large part of Boost, a second of everybody's
    // compile time.
    using Table = boost::random::detail::qrng_tables::sobol;
    static constexpr std::size_t bits = 32;

    /// The 32 direction numbers of dimension `j` (from 0), by the recurrence that its primitive polynomial
    /// gives (Bratley and Fox, "Algorithm 659", 1988).
    void append_directions(std::size_t j) {
        std::uint32_t odd[bits];
        if (j == 0) {
            for (std::uint32_t& m : odd) m = 1;
        } else {
            const auto polynomial = static_cast<std::uint32_t>(Table::polynomial(j - 1));
            const auto degree = static_cast<std::size_t>(std::bit_width(polynomial)) - 1;
            for (std::size_t k = 0; k < bits; ++k) {
                if (k < degree) {
                    odd[k] = static_cast<std::uint32_t>(Table::minit(j - 1, k));
                    continue;
                }
                odd[k] = odd[k - degree];
                for (std::size_t i = 1; i <= degree; ++i)
                    if ((polynomial >> (degree - i) & 1U) != 0) odd[k] ^= odd[k - i] << i;
            }
        }
        for (std::size_t k = 0; k < bits; ++k) directions_.push_back(odd[k] << (bits - 1 - k));
    }

    std::size_t dimensions_;
    std::vector<std::uint32_t> directions_;  ///< dimensions x bits
};

/// Scrambled Sobol points over the scaled ranges: more even than random draws, for any number of trials.
///
/// Trial k gets point k of the sequence that the study's seed scrambles, whatever became of the others.
/// Points outside the constraints or asked before give way to point k + j * 2^16 (j = 1, 2 ...), which are
/// spread as evenly.
class Sobol {
  public:
    [[nodiscard]] static constexpr std::string_view name() { return "sobol"; }
    static constexpr bool ignores_results = true;

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        const SearchSpace& space = study.space();
        if (space.size() == 0) return std::nullopt;
        SobolSequence sequence(space.size());
        const std::uint64_t seed = RandomStream(study.seed(), 0, Purpose::scramble)();
        const auto trial = static_cast<std::uint64_t>(request.trial);
        // Runs of neighbouring points in the second half of the sequence: each run is spread over the whole
        // cube.
        constexpr std::uint64_t half = SobolSequence::max_points / 2;
        for (std::uint64_t j = 0; j < tries; ++j) {
            const bool own = j == 0 && request.attempt == 0;
            const std::uint64_t run = (trial + 1009 * std::uint64_t{request.attempt}) * tries;
            const std::uint64_t index = own ? trial % half : half + (run + j) % half;
            Configuration configuration = request.decode(space, sequence.scrambled(index, seed));
            if (request.admits(study, configuration))
                return Suggestion{std::move(configuration), "point of the scrambled Sobol sequence", "sobol",
                                  ""};
        }
        return RandomSearch{}.suggest(study,
                                      request);  // constraints leave little, or the space is nearly spent
    }

  private:
    static constexpr std::uint64_t tries = 1000;
};

}  // namespace attune

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Points of the Halton sequence (Halton 1960), plain or with random digits.
///
/// Coordinate j of a point is the point's number with its digits in the j-th prime base mirrored at the
/// point. Point 0 of the plain sequence is the origin. Any number of dimensions; any point is computed on its
/// own. Safe to be read by several threads.
class HaltonSequence {
  public:
    /// Throws InvalidOption for no dimensions, or more than 10,000.
    explicit HaltonSequence(std::size_t dimensions) {
        if (dimensions == 0 || dimensions > 10'000)
            throw InvalidOption(
                fmt::format("Halton sequence of {} dimensions: must be in [1, 10000]", dimensions));
        for (std::uint64_t n = 2; bases_.size() < dimensions; ++n) {
            bool prime = true;
            for (std::size_t i = 0; prime && i < bases_.size() && bases_[i] * bases_[i] <= n; ++i)
                prime = n % bases_[i] != 0;
            if (prime) bases_.push_back(n);
        }
    }

    [[nodiscard]] std::size_t dimensions() const noexcept { return bases_.size(); }

    /// Point `index` of the plain sequence, in [0, 1)^d.
    [[nodiscard]] std::vector<double> point(std::uint64_t index) const {
        std::vector<double> unit(bases_.size(), 0);
        for (std::size_t j = 0; j < bases_.size(); ++j) {
            double place = 1;
            for (std::uint64_t rest = index; rest != 0; rest /= bases_[j]) {
                place /= static_cast<double>(bases_[j]);
                unit[j] += place * static_cast<double>(rest % bases_[j]);
            }
        }
        return unit;
    }

    /// Point `index` with every digit d replaced by (a d + c) mod base, where a and c are drawn anew for
    /// each place of each dimension (random linear scrambling: Matousek, "On the L2-discrepancy for anchored
    /// boxes", 1998). Breaks the correlations between large bases; each point is uniform in [0, 1)^d over the
    /// seeds.
    [[nodiscard]] std::vector<double> scrambled(std::uint64_t index, std::uint64_t seed) const {
        std::vector<double> unit(bases_.size(), 0);
        for (std::size_t j = 0; j < bases_.size(); ++j) {
            RandomStream digits(seed, j, Purpose::scramble, 1);
            double place = 1;
            // The leading zeros of a number are digits as well: down to what a double can hold.
            for (std::uint64_t rest = index; place > 0x1p-53; rest /= bases_[j]) {
                const std::uint64_t base = bases_[j];
                const std::uint64_t a = 1 + digits.below(base - 1), c = digits.below(base);
                place /= static_cast<double>(base);
                unit[j] += place * static_cast<double>((a * (rest % base) + c) % base);
            }
            if (unit[j] >= 1) unit[j] = 1 - 0x1p-53;
        }
        return unit;
    }

  private:
    std::vector<std::uint64_t> bases_;
};

/// Scrambled Halton points over the scaled ranges: even like Sobol's, also where the number of trials is no
/// power of two.
///
/// Trial k gets point k of the sequence that the study's seed scrambles, whatever became of the others.
/// Points outside the constraints or asked before give way to later ones.
class Halton {
  public:
    static constexpr bool ignores_results = true;
    [[nodiscard]] static constexpr std::string_view name() { return "halton"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        const SearchSpace& space = study.space();
        if (space.size() == 0) return std::nullopt;
        const HaltonSequence sequence(space.size());
        const std::uint64_t seed = RandomStream(study.seed(), 0, Purpose::scramble)();
        const auto trial = static_cast<std::uint64_t>(request.trial);
        constexpr std::uint64_t tries = 200, far = std::uint64_t{1} << 40;
        for (std::uint64_t j = 0; j < tries; ++j) {
            const bool own = j == 0 && request.attempt == 0;
            const std::uint64_t run = (trial + 1009 * std::uint64_t{request.attempt}) * tries;
            Configuration configuration =
                request.decode(space, sequence.scrambled(own ? trial : far + run + j, seed));
            if (request.admits(study, configuration))
                return Suggestion{std::move(configuration), "point of the scrambled Halton sequence",
                                  "halton", ""};
        }
        return RandomSearch{}.suggest(study, request);
    }
};

}  // namespace attune

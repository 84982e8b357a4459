#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/discrepancy.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// `count` points of the unit cube such that each of `count` equal slices of every dimension holds exactly
/// one (McKay, Beckman and Conover 1979): at a uniform place in it, or in its middle.
[[nodiscard]] inline std::vector<std::vector<double>> latin_hypercube(std::size_t count,
                                                                      std::size_t dimensions, bool centered,
                                                                      RandomStream& stream) {
    std::vector<std::vector<double>> points(count, std::vector<double>(dimensions));
    std::vector<std::size_t> slices(count);
    const auto n = static_cast<double>(count);
    for (std::size_t j = 0; j < dimensions; ++j) {
        for (std::size_t i = 0; i < count; ++i) slices[i] = i;
        stream.shuffle(slices);
        for (std::size_t i = 0; i < count; ++i) {
            const auto slice = static_cast<double>(slices[i]);
            double x = (slice + (centered ? 0.5 : stream.uniform())) / n;
            if (!centered && std::floor(x * n) > slice) x = slice / n;  // rounded up into the next one
            points[i][j] = x;
        }
    }
    return points;
}

/// Options of LatinHypercube.
struct LatinHypercubeOptions {
    int points = 64;        ///< of a design; set it to the number of trials. At least 1
    int designs = 10;       ///< drawn, of which the most even is taken (up to 300 points). At least 1
    bool centered = false;  ///< points in the middle of their slices

    /// Throws InvalidOption.
    void validate() const {
        if (points < 1)
            throw InvalidOption(fmt::format("latin hypercube: points ({}) must be at least 1", points));
        if (designs < 1)
            throw InvalidOption(fmt::format("latin hypercube: designs ({}) must be at least 1", designs));
    }
};

/// Latin hypercube designs over the scaled ranges: trials of one design share no slice of any parameter's
/// range.
///
/// Trial k gets point k of the design, beyond its last one a point of a further design; so it is the same
/// whatever became of the others. Points outside the constraints or asked before give way to uniform draws.
/// A design is kept from one suggestion to the next and depends on the study's seed alone.
class LatinHypercube {
  public:
    LatinHypercube() = default;
    explicit LatinHypercube(LatinHypercubeOptions options) : options_(options) { options_.validate(); }

    static constexpr bool ignores_results = true;
    [[nodiscard]] static constexpr std::string_view name() { return "latin_hypercube"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        const SearchSpace& space = study.space();
        if (space.size() > 0 && request.attempt == 0) {
            const auto count = static_cast<std::uint64_t>(options_.points);
            const auto trial = static_cast<std::uint64_t>(request.trial);
            const Key key{study.seed(), trial / count, space.size()};
            if (!(key == key_) || design_.empty()) design_ = design(key), key_ = key;
            Configuration configuration = request.decode(space, design_[trial % count]);
            if (request.admits(study, configuration))
                return Suggestion{std::move(configuration), "point of a Latin hypercube design",
                                  "latin_hypercube", ""};
        }
        return RandomSearch{}.suggest(study, request);
    }

  private:
    struct Key {
        std::uint64_t seed = 0, number = 0;
        std::size_t dimensions = 0;
        friend bool operator==(const Key&, const Key&) = default;
    };

    [[nodiscard]] std::vector<std::vector<double>> design(const Key& key) const {
        RandomStream stream(key.seed, key.number, Purpose::scramble, 2);
        std::vector<std::vector<double>> best;
        double least = 0;
        const int designs = options_.points <= 300 ? options_.designs : 1;
        for (int i = 0; i < designs; ++i) {
            auto drawn = latin_hypercube(static_cast<std::size_t>(options_.points), key.dimensions,
                                         options_.centered, stream);
            const double value = designs == 1 ? 0 : discrepancy(drawn, Discrepancy::centered);
            if (best.empty() || value < least) best = std::move(drawn), least = value;
        }
        return best;
    }

    LatinHypercubeOptions options_;
    Key key_;
    std::vector<std::vector<double>> design_;
};

}  // namespace attune

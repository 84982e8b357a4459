#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/remaining.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Uniform draws over the scaled ranges (Bergstra and Bengio, "Random search for hyper-parameter
/// optimization", JMLR 2012).
///
/// Points outside the constraints or asked before are drawn again; where that does not help, what is left of
/// a finite space is looked through, and it ends when that is spent. Trial k is the same whatever became of
/// the others, so any number of workers share a study.
class RandomSearch {
  public:
    [[nodiscard]] static constexpr std::string_view name() { return "random"; }
    static constexpr bool ignores_results = true;

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        RandomStream stream = request.stream(study, Purpose::suggestion);
        const SearchSpace& space = study.space();
        std::vector<double> unit(space.size());
        for (int draw = 0; draw < tries; ++draw) {
            for (double& u : unit) u = stream.uniform();
            Configuration configuration = request.decode(space, unit);
            if (request.admits(study, configuration))
                return Suggestion{std::move(configuration), "uniform draw", "random", ""};
        }
        if (auto left = remaining_configuration(study, request)) return left;
        return rare_configuration(study, request);
    }

  private:
    static constexpr int tries = 2000;
};

}  // namespace attune

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/strategy/detail/best_first.hpp"
#include "attune/strategy/detail/parzen_mixture.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/pareto.hpp"

namespace attune {

/// How many of n trials count as good: a share of n, or of the square root of n (Hyperopt's rule).
enum class GoodRule { share, root };

/// Options of TreeParzen.
struct TreeParzenOptions {
    int initial_trials = 10;   ///< from Sobol before the first model; 1 or more
    double good_share = 0.15;  ///< of the trials with a value, in (0, 1): those that count as good
    GoodRule good_rule = GoodRule::share;
    int most_good = 25;         ///< at most so many; 1 or more
    int candidates = 24;        ///< drawn from the good for one ask; 1 or more
    double uniform_weight = 1;  ///< of the uniform density beside the kernels, whose weights are up to 1
    int full_weight = 25;       ///< the latest so many of each side weigh 1, those before less and less
    ParzenKernels kernels = ParzenKernels::half_gap;

    /// Of `count` trials, the number that count as good.
    [[nodiscard]] std::size_t good_count(std::size_t count) const {
        const auto n = static_cast<double>(count);
        const double share = good_share * (good_rule == GoodRule::share ? n : std::sqrt(n));
        return std::min(static_cast<std::size_t>(std::ceil(share)), static_cast<std::size_t>(most_good));
    }

    /// Of the kernels of `count` trials, from the oldest to the latest: the latest `full_weight` weigh 1,
    /// those before linearly less, down to 1 / count.
    [[nodiscard]] std::vector<double> kernel_weights(std::size_t count) const {
        std::vector<double> out(count, 1);
        if (count <= static_cast<std::size_t>(full_weight)) return out;
        const std::size_t ramp = count - static_cast<std::size_t>(full_weight);
        const double least = 1 / static_cast<double>(count);
        for (std::size_t i = 0; i < ramp; ++i)
            out[i] = ramp == 1 ? least
                               : least + (1 - least) * static_cast<double>(i) / static_cast<double>(ramp - 1);
        return out;
    }

    /// Throws InvalidOption.
    void validate() const {
        const auto least = [](const char* name, int value) {
            if (value < 1)
                throw InvalidOption(fmt::format("tree parzen: {} ({}) must be at least 1", name, value));
        };
        least("initial_trials", initial_trials);
        least("most_good", most_good);
        least("candidates", candidates);
        least("full_weight", full_weight);
        if (!(good_share > 0 && good_share < 1))
            throw InvalidOption(fmt::format("tree parzen: good_share ({}) must be in (0, 1)", good_share));
        if (!(uniform_weight > 0) || !std::isfinite(uniform_weight))
            throw InvalidOption(
                fmt::format("tree parzen: uniform_weight ({}) must be above 0", uniform_weight));
    }
};

/// The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kegl, "Algorithms for
/// hyper-parameter optimization", 2011): draws from the density of the good trials and asks for the draw that
/// is most likely among the good and least likely among the others.
///
/// Kernels are multivariate, so parameters that go together are learnt together, also down the tree of a
/// conditional space (see detail::ParzenMixture). Trials in flight count among the others, which keeps
/// parallel workers apart; so do failures of the configuration. With several objectives the good trials are
/// the first fronts, and of the front that is cut through those that stand most alone. Trials that break
/// outcome constraints come behind all others, by how little they break them.
/// Where the space has changed, trials that it no longer contains are left out.
///
/// Costs O(candidates * trials * parameters) a suggestion: for many cheap trials. A value type without state:
/// suggestions are a function of the study and the request.
class TreeParzen {
  public:
    TreeParzen() = default;
    explicit TreeParzen(TreeParzenOptions options) : options_(options) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "tpe"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        if (const Sides sides = split(study); study.space().size() > 0 && sides.with_value > 0) {
            if (static_cast<int>(study.trials().size()) >= options_.initial_trials)
                if (auto modelled = by_model(study, request, sides)) return modelled;
        }
        return initial(study, request);
    }

  private:
    /// Configurations of the good trials and of the others, each from the oldest to the latest.
    struct Sides {
        std::vector<Configuration> good, others;
        std::size_t with_value = 0;
    };

    static std::optional<Suggestion> initial(const Study& study, const SuggestionRequest& request) {
        auto point = Sobol{}.suggest(study, request);
        if (point && point->role == "sobol") point->role = "initial";
        return point;
    }

    [[nodiscard]] Sides split(const Study& study) const {
        Sides sides;
        const StudyLosses seen = study_losses(study);
        sides.with_value = seen.trials.size();
        const std::size_t count = options_.good_count(sides.with_value);
        std::vector<bool> good(study.trials().size(), false);
        for (const std::size_t i : detail::best_first(seen, count))
            good[static_cast<std::size_t>(seen.trials[i])] = true;
        for (const TrialRecord& trial : study.trials()) {
            if (trial.failure == FailureKind::environment) continue;
            if (trial.original && !study.space().contains(trial.configuration)) continue;
            (good[static_cast<std::size_t>(trial.number)] ? sides.good : sides.others)
                .push_back(trial.configuration);
        }
        return sides;
    }

    [[nodiscard]] detail::ParzenMixture mixture(const SearchSpace& space,
                                                const std::vector<Configuration>& centres) const {
        std::vector<double> weights = options_.kernel_weights(centres.size());
        weights.push_back(options_.uniform_weight);
        return {space, centres, std::move(weights), options_.kernels, options_.uniform_weight};
    }

    [[nodiscard]] std::optional<Suggestion> by_model(const Study& study, const SuggestionRequest& request,
                                                     const Sides& sides) const {
        const SearchSpace& space = study.space();
        const detail::ParzenMixture good = mixture(space, sides.good);
        const detail::ParzenMixture others = mixture(space, sides.others);
        RandomStream stream = request.stream(study, Purpose::suggestion);
        std::optional<Suggestion> best;
        double highest = 0;
        // Draws that may not be asked are no candidates; in a narrow space most are not.
        constexpr int draws_for_one = 20;
        int admitted = 0;
        for (int i = 0; i < draws_for_one * options_.candidates && admitted < options_.candidates; ++i) {
            auto drawn = good.draw(stream);
            Configuration configuration = request.complete(space, std::move(drawn.native));
            if (!request.admits(study, configuration)) continue;
            ++admitted;
            const double ratio = good.log_density(configuration) - others.log_density(configuration);
            if (best && !(ratio > highest)) continue;
            highest = ratio;
            best = Suggestion{std::move(configuration), "", drawn.uniform ? "exploring" : "exploiting", ""};
        }
        if (best)
            best->reason = fmt::format(
                "{:.3g} times as likely among the {} good of {} trials as among the others; the best of {}",
                std::exp(highest), sides.good.size(), sides.with_value, admitted);
        return best;
    }

    TreeParzenOptions options_;
};

}  // namespace attune

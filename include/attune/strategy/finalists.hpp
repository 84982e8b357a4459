#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/compiled.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Options of Finalists.
struct FinalistsOptions {
    std::int64_t trials = 0;  ///< of the whole study, as its limit has it; at least 4
    double share = 0.2;       ///< of them that repeat the best configurations; in (0, 1)
    int candidates = 4;  ///< configurations that are repeated, fewer where there are not two runs for each

    /// The number of the first trial that repeats one.
    [[nodiscard]] std::int64_t first_repeat() const;
    /// How many configurations are repeated.
    [[nodiscard]] int count() const;
    /// Throws InvalidOption.
    void validate() const;
};

/// Searches by another strategy, and spends the last share of the trials on repeating the configurations that
/// are believed to be the best, each trial with random numbers of its own. The best of many noisy results is
/// lucky as a rule (the winner's curse: Capen et al. 1971), and repeats tell luck from merit.
///
/// Who is repeated is chosen by the Gaussian process's posterior mean (StudyModel::best). Each gets two runs;
/// the rest go where they tell the best from the others soonest (optimal computing budget allocation: Chen et
/// al. 2000). Repeats are made whatever the study says of duplicates; a run that stopping cut short counts
/// with what it had come to. By the first objective alone. See finalists() for what it comes to.
///
/// A value type; copies copy the inner strategy.
class Finalists {
  public:
    /// Throws InvalidOption.
    Finalists(AnyStrategy search, FinalistsOptions options) : search_(std::move(search)), options_(options) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "finalists"; }
    [[nodiscard]] bool needs_pauses() const { return search_.needs_pauses(); }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request);

  private:
    AnyStrategy search_;
    FinalistsOptions options_;
};

/// A configuration that was repeated.
struct Finalist {
    std::int64_t trial = 0;  ///< the first one that had it
    double first_value = 0;  ///< what that one came to, which is why it was chosen: left out of all below
    std::vector<double> values{};  ///< of the repeats that have one
    double mean = std::nan("");    ///< of these; NaN where there are none
    /// The mean drawn towards those of the others, by as much as chance may have parted them.
    double expected = std::nan("");
    /// Of the mean, from the spread that all finalists have in common; NaN where none has two values.
    double standard_error = std::nan("");
    /// That its true mean is the best of all; NaN where the spread is not known, or none.
    double chance_best = std::nan("");
};

/// What the repeats of a study say, the best expectation first; empty where nothing was repeated by
/// Finalists. The chances are by draws that depend on the study alone. Thread-safe for a study that is not
/// being changed.
[[nodiscard]] std::vector<Finalist> finalists(const Study& study);

/// "winner: trial 12 (lr=0.01, width=8), accuracy 0.912 (standard error 0.003) from 4 repeats; the chance
/// that it is the best of 4 finalists is 87 %", or empty.
[[nodiscard]] std::string winner_text(const Study& study);

}  // namespace attune

#ifndef ATTUNE_COMPILED
#include "attune/strategy/detail/finalists_impl.hpp"
#endif

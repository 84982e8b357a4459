#pragma once

#include <cstdint>
#include <limits>

#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/recipe.hpp"

/// How a validation is judged, whether one network is trained or several heads are.
namespace attune::detail {

/// What a training remembers of its validations for its patience.
struct Patience {
    double watched_best = -std::numeric_limits<double>::infinity();
    std::int64_t improved_in = 0;  ///< epoch
};

/// What to do after a validation.
struct Verdict {
    bool is_best = false;  ///< of all so far
    bool goes_on = true;   ///< there is patience left
};

/// Judges a validation whose loss is finite and writes it into `result`: the best one, and that of the
/// weights which are kept.
[[nodiscard]] Verdict judge(const Recipe& recipe, std::int64_t epoch, double accuracy, double loss,
                            Patience& patience, FitResult& result);

}  // namespace attune::detail

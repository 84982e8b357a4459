#pragma once

#include <cstdint>
#include <vector>

#include "attune/finetune/train/fit.hpp"

namespace attune {

struct RangeTestOptions {
    double lowest = 1e-6;      ///< learning rate of the first update, above 0
    double highest = 1;        ///< of the last, above lowest
    std::int64_t steps = 100;  ///< at least 3
    double smoothing = 0.9;    ///< of the losses' running mean, in [0, 1)
    double divergence = 4;     ///< it ends where the smoothed loss is this many times the least, above 1

    void validate() const;
};

/// What a learning-rate range test saw (Smith 2017).
struct RangeTest {
    std::vector<double> learning_rates;
    std::vector<double> losses;  ///< smoothed, bias-corrected; one for each rate
    bool diverged = false;
    double steepest = 0;  ///< the rate where the loss fell fastest with the logarithm of the rate
    double least = 0;     ///< the rate of the least loss
    /// A tenth of `least`, or `steepest` where that is larger: a rate to begin with, the point with which to
    /// seed a search.
    [[nodiscard]] double suggested() const;
};

/// Trains with a rate that grows from update to update, as the recipe says otherwise (schedule, with the
/// momentum that it moves, step-by-step thawing, epochs and averages excepted), and puts network and modes
/// back as and where they were, bit for bit; also where an exception passes. The rates are the recipe's
/// `learning_rate`, so that head multiplier and layer-wise decay hold. Throws as fit() does. Thread safety:
/// as fit().
[[nodiscard]] RangeTest learning_rate_range_test(Network& network, const TrainingSet& set,
                                                 const Recipe& recipe, const RangeTestOptions& test = {},
                                                 const FitOptions& options = {});

}  // namespace attune

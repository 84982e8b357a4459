#pragma once

#include <cstdint>
#include <span>

namespace attune {

/// How far predictions of numbers are from the truth.
///
/// `r2` and `explained_variance` of a constant target are 1 where every prediction (or every difference) is
/// exact, else 0; `r2_unbounded` says NaN and minus infinity there. Differences are truth minus prediction.
struct RegressionMetrics {
    std::int64_t samples = 0;
    double r2 = 0;
    double r2_unbounded = 0;
    double explained_variance = 0;
    double mean_absolute_error = 0;
    double mean_squared_error = 0;
    double root_mean_squared_error = 0;
    double median_absolute_error = 0;
    double max_error = 0;
    /// As a fraction; truths nearer to 0 than 2^-52 count as that.
    double mean_absolute_percentage_error = 0;
    /// Of logarithms of 1 + value; NaN where a value is -1 or below.
    double mean_squared_log_error = 0;
};

/// Throws InvalidOption for lengths that differ or no sample.
[[nodiscard]] RegressionMetrics regression_metrics(std::span<const double> truth,
                                                   std::span<const double> predictions);

/// Mean of max(q d, (q - 1) d) over differences d (Koenker and Bassett 1978); `quantile` in [0, 1].
[[nodiscard]] double pinball_loss(std::span<const double> truth, std::span<const double> predictions,
                                  double quantile);

}  // namespace attune

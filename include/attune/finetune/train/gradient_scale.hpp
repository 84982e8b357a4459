#pragma once

#include <cstdint>
#include <vector>

namespace attune {

struct OptimizerGroup;

/// The factor on losses of half-precision training that keeps small gradients from vanishing (Micikevicius et
/// al. 2018): halved after gradients that are no numbers, whose update is left out, and doubled after many
/// good ones. Where no scale down to `lowest` makes them finite, it is not the format that is too small: the
/// training has diverged.
struct GradientScale {
    double scale = 65536;
    double growth = 2;
    double backoff = 0.5;
    double lowest = 1e-4;                 ///< below it the scale is exhausted
    std::int64_t growth_interval = 2000;  ///< good updates before it grows
    std::int64_t good_updates = 0;

    /// Divides the gradients of scaled losses by the scale and adapts it. False where a gradient is not
    /// finite: the update is to be left out.
    [[nodiscard]] bool unscale(const std::vector<OptimizerGroup>& groups);

    /// After an update that was left out.
    void back_off();

    [[nodiscard]] bool is_exhausted() const { return scale < lowest; }
};

}  // namespace attune

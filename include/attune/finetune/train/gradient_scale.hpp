#pragma once

#include <cstdint>
#include <vector>

namespace attune {

struct OptimizerGroup;

/// The factor on losses of half-precision training that keeps small gradients from vanishing (Micikevicius et
/// al. 2018): halved after gradients that are no numbers, whose update is left out, and doubled after many
/// good ones.
struct GradientScale {
    double scale = 65536;
    double growth = 2;
    double backoff = 0.5;
    std::int64_t growth_interval = 2000;  ///< good updates before it grows
    std::int64_t good_updates = 0;

    /// Divides the gradients of scaled losses by the scale and adapts it. False where a gradient is not
    /// finite: the update is to be left out.
    [[nodiscard]] bool unscale(const std::vector<OptimizerGroup>& groups);
};

}  // namespace attune

#include "attune/finetune/data/random.hpp"

#include <cmath>

namespace attune::detail {

std::uint64_t RandomStream::below(std::uint64_t count) {
    // Values under the remainder of 2^64 by count are drawn again, so that all residues are equally frequent.
    const std::uint64_t refused = (0 - count) % count;
    std::uint64_t value = next();
    while (value < refused) value = next();
    return value % count;
}

double RandomStream::normal() {
    for (;;) {
        const double x = uniform(-1, 1);
        const double y = uniform(-1, 1);
        const double square = x * x + y * y;
        if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
    }
}

double RandomStream::log_gamma_variate(double shape) {
    // Shapes below 1 go through shape + 1 and a power of a uniform; the logarithm keeps tiny shapes from
    // vanishing.
    if (shape < 1) {
        const double larger = log_gamma_variate(shape + 1);
        return larger + std::log(1 - uniform()) / shape;
    }
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = normal();
        const double v = std::pow(1 + c * x, 3);
        if (v <= 0) continue;
        if (std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
    }
}

double RandomStream::symmetric_beta(double alpha) {
    const double a = log_gamma_variate(alpha);
    const double b = log_gamma_variate(alpha);
    return 1 / (1 + std::exp(b - a));
}

}  // namespace attune::detail

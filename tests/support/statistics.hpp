#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace attune::test {

/// Pearson's statistic of observed counts against expected shares that add up to 1.
inline double chi_square(const std::vector<double>& counts, const std::vector<double>& shares) {
    double total = 0, sum = 0;
    for (const double count : counts) total += count;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const double expected = shares[i] * total;
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return sum;
}

/// What the statistic exceeds with probability 1e-6 (Wilson and Hilferty 1931). Streams in tests are seeded,
/// so a test that passes once passes always; the rate says how likely a right implementation would have been
/// to fail.
inline double chi_square_bound(std::size_t cells) {
    const double k = static_cast<double>(cells - 1), z = 4.753424, a = 2 / (9 * k);
    return k * std::pow(1 - a + z * std::sqrt(a), 3);
}

inline bool even_counts(const std::vector<double>& counts) {
    const std::vector<double> shares(counts.size(), 1 / static_cast<double>(counts.size()));
    return chi_square(counts, shares) < chi_square_bound(counts.size());
}

}  // namespace attune::test

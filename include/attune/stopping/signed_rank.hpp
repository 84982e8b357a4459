#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace attune {

/// The one-sided p-value of Wilcoxon's signed-rank test ("Individual comparisons by ranking methods", 1945):
/// how likely differences at least as far above zero are where their signs are chance. For the other side
/// turn the signs.
///
/// Equal absolute differences share the mean of their ranks; a difference of zero gives half of its rank to
/// each side. Exact for up to 50 pairs where no two absolute differences are equal and none is zero, and for
/// up to 13 pairs otherwise (all signs); beyond that the normal approximation, corrected for ties. 1 for no
/// pairs. Differences must be finite.
[[nodiscard]] inline double signed_rank_p_value(const std::vector<double>& differences) {
    const std::size_t n = differences.size();
    if (n == 0) return 1;
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    const auto size = [&](std::size_t i) { return std::abs(differences[i]); };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size(a) < size(b); });
    // Twice the ranks, which are whole.
    std::vector<std::int64_t> signed_ranks;
    std::int64_t above = 0;
    std::int64_t zeros = 0;
    double ties = 0;
    for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
        while (end < n && size(order[end]) == size(order[begin])) ++end;
        const auto rank = static_cast<std::int64_t>(begin + 1 + end);
        const auto equal = static_cast<double>(end - begin);
        ties += equal * equal * equal - equal;
        for (std::size_t i = begin; i < end; ++i) {
            const double difference = differences[order[i]];
            if (difference == 0) {
                zeros += rank;
                continue;
            }
            signed_ranks.push_back(rank);
            if (difference > 0) above += rank;
        }
    }
    const bool plain = ties == 0 && zeros == 0;
    if (plain ? n <= 50 : n <= 13) {
        // How many choices of signs give each sum.
        std::int64_t total = 0;
        for (const std::int64_t rank : signed_ranks) total += rank;
        std::vector<double> ways(static_cast<std::size_t>(total) + 1, 0);
        ways[0] = 1;
        for (const std::int64_t rank : signed_ranks)
            for (std::int64_t sum = total; sum >= rank; --sum)
                ways[static_cast<std::size_t>(sum)] += ways[static_cast<std::size_t>(sum - rank)];
        double as_far = 0;
        for (std::int64_t sum = above; sum <= total; ++sum) as_far += ways[static_cast<std::size_t>(sum)];
        return as_far / std::pow(2.0, static_cast<double>(signed_ranks.size()));
    }
    const auto pairs = static_cast<double>(n);
    const double sum = static_cast<double>(above) / 2 + static_cast<double>(zeros) / 4;
    const double mean = pairs * (pairs + 1) / 4;
    const double variance = (pairs * (pairs + 1) * (2 * pairs + 1) - ties / 2) / 24;
    return 0.5 * std::erfc((sum - mean) / std::sqrt(2 * variance));
}

}  // namespace attune

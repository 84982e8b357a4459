#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace attune::detail {

/// How one order of things agrees with another, by pairs.
struct PairOrder {
    double pairs = 0;  ///< whose values differ
    double right = 0;  ///< of those, how many the ranks have in the same order; ties of ranks count half
};

/// Pairs i < j with `values[i] > values[j]`; sorts `values`. O(n log n).
inline std::uint64_t count_inversions(std::vector<double>& values) {
    std::uint64_t count = 0;
    std::vector<double> merged(values.size());
    for (std::size_t width = 1; width < values.size(); width *= 2) {
        for (std::size_t from = 0; from < values.size(); from += 2 * width) {
            const std::size_t middle = std::min(from + width, values.size());
            const std::size_t end = std::min(from + 2 * width, values.size());
            std::size_t a = from, b = middle;
            for (std::size_t k = from; k < end; ++k) {
                const bool second = a == middle || (b < end && values[b] < values[a]);
                if (second) count += middle - a;
                merged[k] = values[second ? b++ : a++];
            }
        }
        values.swap(merged);
    }
    return count;
}

/// Of all pairs of `values` (no NaN), in O(n log n) (Knight, "A computer method for calculating Kendall's tau
/// with ungrouped data", 1966). `ranks`: as many, no NaN.
[[nodiscard]] inline PairOrder pair_order(const std::vector<double>& values,
                                          const std::vector<double>& ranks) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return values[a] != values[b] ? values[a] < values[b] : ranks[a] < ranks[b];
    });
    // Pairs within runs of equals, of things that `same` says are equal.
    const auto within = [&](const auto& same) {
        std::uint64_t sum = 0, run = 0;
        for (std::size_t k = 1; k < order.size(); ++k) {
            run = same(order[k - 1], order[k]) ? run + 1 : 0;
            sum += run;
        }
        return sum;
    };
    const std::uint64_t n = values.size(), all = n < 2 ? 0 : n * (n - 1) / 2;
    const std::uint64_t same_value =
        within([&](std::size_t a, std::size_t b) { return values[a] == values[b]; });
    const std::uint64_t same_both =
        within([&](std::size_t a, std::size_t b) { return values[a] == values[b] && ranks[a] == ranks[b]; });
    std::vector<double> by_value;
    by_value.reserve(order.size());
    for (const std::size_t i : order) by_value.push_back(ranks[i]);
    const std::uint64_t wrong = count_inversions(by_value);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return ranks[a] < ranks[b]; });
    const std::uint64_t same_rank =
        within([&](std::size_t a, std::size_t b) { return ranks[a] == ranks[b]; });
    const std::uint64_t pairs = all - same_value, tied = same_rank - same_both;
    return {static_cast<double>(pairs),
            static_cast<double>(pairs - wrong - tied) + 0.5 * static_cast<double>(tied)};
}

}  // namespace attune::detail

#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace attune::detail {

/// One number for some of the trials, with order statistics over the trials below a given number.
///
/// Trials stand in blocks of 256, each with its values sorted, so that a question costs a binary search in
/// every block and a change one shift in one block. NaN is kept and counted, but has no rank. Memory: 16
/// bytes for each value.
class RankedValues {
  public:
    static constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();

    void set(std::int64_t number, double value) {
        erase(number);
        const auto at = static_cast<std::size_t>(number);
        if (at / block_size >= blocks_.size()) blocks_.resize(at / block_size + 1);
        Block& block = blocks_[at / block_size];
        block.has[at % block_size] = true;
        block.by_number[at % block_size] = value;
        if (std::isnan(value))
            ++block.without_rank;
        else
            block.sorted.insert(std::upper_bound(block.sorted.begin(), block.sorted.end(), value), value);
    }

    void erase(std::int64_t number) {
        const auto at = static_cast<std::size_t>(number);
        if (at / block_size >= blocks_.size()) return;
        Block& block = blocks_[at / block_size];
        if (!block.has[at % block_size]) return;
        block.has[at % block_size] = false;
        const double value = block.by_number[at % block_size];
        if (std::isnan(value))
            --block.without_rank;
        else
            block.sorted.erase(std::lower_bound(block.sorted.begin(), block.sorted.end(), value));
    }

    /// Values of trials below `before`: those that are numbers, and those that are NaN.
    [[nodiscard]] std::size_t count(std::int64_t before = all) const {
        return sum(
            before, [](const Block& block) { return block.sorted.size(); },
            [](double value) { return !std::isnan(value); });
    }
    [[nodiscard]] std::size_t count_nan(std::int64_t before = all) const {
        return sum(
            before, [](const Block& block) { return block.without_rank; },
            [](double value) { return std::isnan(value); });
    }
    /// How many of them are less than `value`.
    [[nodiscard]] std::size_t count_below(double value, std::int64_t before = all) const {
        return sum(
            before,
            [&](const Block& block) {
                return static_cast<std::size_t>(
                    std::lower_bound(block.sorted.begin(), block.sorted.end(), value) - block.sorted.begin());
            },
            [&](double other) { return other < value; });
    }

    /// The k-th smallest of them, k from 0; k < count(before).
    [[nodiscard]] double smallest(std::size_t k, std::int64_t before = all) const {
        std::vector<double> part;
        std::vector<Range> ranges;
        for (std::size_t b = 0; b < blocks_.size() && static_cast<std::int64_t>(b * block_size) < before;
             ++b) {
            const std::vector<double>* values = &blocks_[b].sorted;
            if (static_cast<std::int64_t>((b + 1) * block_size) > before) {
                each_below(b, before, [&](double value) {
                    if (!std::isnan(value)) part.push_back(value);
                });
                std::sort(part.begin(), part.end());
                values = &part;
            }
            if (!values->empty()) ranges.push_back({values->data(), values->data() + values->size()});
        }
        return select(ranges, k);
    }

  private:
    static constexpr std::size_t block_size = 256;
    struct Block {
        std::vector<double> sorted;
        std::array<double, block_size> by_number{};
        std::array<bool, block_size> has{};
        std::size_t without_rank = 0;
    };
    struct Range {
        const double* begin;
        const double* end;
    };

    template <class Use>
    void each_below(std::size_t b, std::int64_t before, Use&& use) const {
        for (std::size_t i = 0; i < block_size && static_cast<std::int64_t>(b * block_size + i) < before; ++i)
            if (blocks_[b].has[i]) use(blocks_[b].by_number[i]);
    }

    template <class OfBlock, class Counts>
    [[nodiscard]] std::size_t sum(std::int64_t before, OfBlock&& of_block, Counts&& counts) const {
        std::size_t total = 0;
        for (std::size_t b = 0; b < blocks_.size() && static_cast<std::int64_t>(b * block_size) < before;
             ++b) {
            if (static_cast<std::int64_t>((b + 1) * block_size) <= before)
                total += of_block(blocks_[b]);
            else
                each_below(b, before, [&](double value) { total += counts(value) ? 1 : 0; });
        }
        return total;
    }

    /// The k-th smallest in sorted ranges: halves the longest one by its middle until one value is left.
    static double select(std::vector<Range>& ranges, std::size_t k) {
        for (;;) {
            const Range& longest = *std::max_element(
                ranges.begin(), ranges.end(),
                [](const Range& a, const Range& b) { return a.end - a.begin < b.end - b.begin; });
            const double pivot = longest.begin[(longest.end - longest.begin) / 2];
            std::size_t below = 0;
            std::size_t not_above = 0;
            for (const Range& range : ranges) {
                const double* low = std::lower_bound(range.begin, range.end, pivot);
                below += static_cast<std::size_t>(low - range.begin);
                not_above += static_cast<std::size_t>(std::upper_bound(low, range.end, pivot) - range.begin);
            }
            if (below <= k && k < not_above) return pivot;
            for (Range& range : ranges) {
                if (k < below)
                    range.end = std::lower_bound(range.begin, range.end, pivot);
                else
                    range.begin = std::upper_bound(range.begin, range.end, pivot);
            }
            if (k >= not_above) k -= not_above;
            std::erase_if(ranges, [](const Range& range) { return range.begin == range.end; });
        }
    }

    std::vector<Block> blocks_;
};

}  // namespace attune::detail

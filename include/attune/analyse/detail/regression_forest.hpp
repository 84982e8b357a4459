#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "attune/study/random_stream.hpp"

namespace attune::detail {

/// Numbers by row and column, and a target for each row.
struct RegressionRows {
    std::vector<std::vector<double>> columns;  ///< by column, then by row
    std::vector<double> targets;

    [[nodiscard]] std::size_t size() const { return targets.size(); }
};

/// A tree that splits its rows at the column and place that leave the least variance, until every leaf holds
/// equal targets or rows that no column tells apart (Breiman, Friedman, Olshen and Stone 1984).
class RegressionTree {
  public:
    struct Node {
        std::size_t column = 0;
        double threshold = 0;  ///< rows up to it go left
        int left = -1;         ///< -1: a leaf
        int right = -1;
        double value = 0;  ///< mean of the targets
        double gain = 0;   ///< by how much the split lowers the sum of squares
    };

    /// Of the rows that `chosen` lists, repeated ones counting so many times. Precondition: there is one.
    RegressionTree(const RegressionRows& rows, std::vector<std::size_t> chosen, RandomStream& stream)
        : rows_(&rows), chosen_(std::move(chosen)), order_(rows.columns.size()) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        struct Open {
            int node;
            std::size_t begin, end;
        };
        nodes_.emplace_back();
        std::vector<Open> open{{0, 0, chosen_.size()}};
        while (!open.empty()) {
            const Open work = open.back();
            open.pop_back();
            const std::size_t middle =
                split(nodes_[static_cast<std::size_t>(work.node)], work.begin, work.end, stream);
            if (middle == work.begin) continue;
            const int left = static_cast<int>(nodes_.size());
            nodes_[static_cast<std::size_t>(work.node)].left = left;
            nodes_[static_cast<std::size_t>(work.node)].right = left + 1;
            nodes_.resize(nodes_.size() + 2);
            open.push_back({left + 1, middle, work.end});
            open.push_back({left, work.begin, middle});
        }
        chosen_ = {};
        rows_ = nullptr;
    }

    [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

    /// Of row `row` of `rows`, which has the columns that the tree was made from.
    [[nodiscard]] double predict(const RegressionRows& rows, std::size_t row) const {
        std::size_t at = 0;
        while (nodes_[at].left >= 0)
            at = static_cast<std::size_t>(rows.columns[nodes_[at].column][row] <= nodes_[at].threshold
                                              ? nodes_[at].left
                                              : nodes_[at].right);
        return nodes_[at].value;
    }

  private:
    struct Split {
        std::size_t column = 0;
        double threshold = 0, gain = 0;
    };

    /// Fills in the node and puts its rows in two parts, of which the second begins at what is returned; the
    /// beginning where it is a leaf.
    std::size_t split(Node& node, std::size_t begin, std::size_t end, RandomStream& stream) {
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) sum += rows_->targets[chosen_[i]];
        const double mean = sum / static_cast<double>(end - begin);
        node.value = mean;
        double squares = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const double off = rows_->targets[chosen_[i]] - mean;
            squares += off * off;
        }
        if (!(squares > 1e-14)) return begin;
        stream.shuffle(order_);  // of equally good columns none is preferred
        Split best;
        for (const std::size_t column : order_) improve(best, column, begin, end, mean);
        if (!(best.gain > 0)) return begin;
        node.column = best.column;
        node.threshold = best.threshold;
        node.gain = best.gain;
        const std::vector<double>& values = rows_->columns[best.column];
        const auto first = chosen_.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last = chosen_.begin() + static_cast<std::ptrdiff_t>(end);
        const auto middle = std::stable_partition(
            first, last, [&](std::size_t row) { return values[row] <= best.threshold; });
        return static_cast<std::size_t>(middle - chosen_.begin());
    }

    void improve(Split& best, std::size_t column, std::size_t begin, std::size_t end, double mean) {
        const std::vector<double>& values = rows_->columns[column];
        sorted_.clear();
        for (std::size_t i = begin; i < end; ++i)
            sorted_.emplace_back(values[chosen_[i]], rows_->targets[chosen_[i]] - mean);
        std::sort(sorted_.begin(), sorted_.end());
        double left = 0;
        const auto n = static_cast<double>(sorted_.size());
        for (std::size_t i = 0; i + 1 < sorted_.size(); ++i) {
            left += sorted_[i].second;
            if (sorted_[i].first == sorted_[i + 1].first) continue;
            const double k = static_cast<double>(i + 1);
            const double gain = left * left * n / (k * (n - k));  // the targets' sum is 0
            if (gain > best.gain * (1 + 1e-12)) {
                const double middle = sorted_[i].first + (sorted_[i + 1].first - sorted_[i].first) / 2;
                best = {column, middle < sorted_[i + 1].first ? middle : sorted_[i].first, gain};
            }
        }
    }

    std::vector<Node> nodes_;
    const RegressionRows* rows_;
    std::vector<std::size_t> chosen_, order_;
    std::vector<std::pair<double, double>> sorted_;
};

/// Trees of resampled rows (Breiman, "Random forests", 2001), each with all columns to choose from.
struct RegressionForest {
    std::vector<RegressionTree> trees;

    /// `count` trees of at most `largest` rows each, drawn from those in `from` with replacement.
    RegressionForest(const RegressionRows& rows, const std::vector<std::size_t>& from, int count,
                     std::size_t largest, RandomStream& stream) {
        for (int t = 0; t < count; ++t) {
            std::vector<std::size_t> chosen(std::min(from.size(), largest));
            std::vector<bool>& used = used_.emplace_back(rows.size(), false);
            for (std::size_t& row : chosen) row = from[stream.below(from.size())], used[row] = true;
            trees.emplace_back(rows, std::move(chosen), stream);
        }
    }

    /// Share of the variance of the targets of `rows`, which the forest was made from, that the trees predict
    /// for rows that they were not made from; NaN where no row was ever left out or the targets are equal.
    [[nodiscard]] double explained(const RegressionRows& rows) const {
        double mean = 0, errors = 0, squares = 0;
        for (const double y : rows.targets) mean += y / static_cast<double>(rows.size());
        for (std::size_t row = 0; row < rows.size(); ++row) {
            double sum = 0, count = 0;
            for (std::size_t t = 0; t < trees.size(); ++t)
                if (!used_[t][row]) sum += trees[t].predict(rows, row), ++count;
            if (count == 0) continue;
            const double off = rows.targets[row] - sum / count, spread = rows.targets[row] - mean;
            errors += off * off;
            squares += spread * spread;
        }
        return squares > 0 ? 1 - errors / squares : std::nan("");
    }

  private:
    std::vector<std::vector<bool>> used_;  ///< by tree, then by row
};

}  // namespace attune::detail

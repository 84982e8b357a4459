#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "attune/analyse/detail/regression_forest.hpp"
#include "attune/space/space.hpp"

namespace attune::detail {

/// Parameters of a space as columns of a regression: the place in the unit interval of a number, one column
/// for each choice. A parameter that is inactive lies at -1, or has no choice.
class ImportanceColumns {
  public:
    /// `parameters` are indices in the space; `inactive` is, for each, the share of the space in which it is
    /// not active.
    ImportanceColumns(const SearchSpace& space, std::vector<std::size_t> parameters,
                      std::vector<double> inactive)
        : parameters_(std::move(parameters)), inactive_(std::move(inactive)) {
        for (std::size_t p = 0; p < parameters_.size(); ++p) {
            const Parameter& parameter = space[parameters_[p]];
            first_.push_back(owners_.size());
            const bool choice = parameter.kind == ParameterKind::categorical;
            choices_.push_back(choice ? parameter.choices.size() : 0);
            owners_.insert(owners_.end(), choice ? parameter.choices.size() : 1, p);
        }
    }

    [[nodiscard]] std::size_t size() const { return owners_.size(); }
    [[nodiscard]] std::size_t parameters() const { return parameters_.size(); }
    [[nodiscard]] std::size_t owner(std::size_t column) const { return owners_[column]; }
    [[nodiscard]] std::size_t first(std::size_t parameter) const { return first_[parameter]; }
    /// 0 for a number.
    [[nodiscard]] std::size_t choices(std::size_t parameter) const { return choices_[parameter]; }
    [[nodiscard]] double inactive(std::size_t parameter) const { return inactive_[parameter]; }

    void append(RegressionRows& rows, const SearchSpace& space, const Configuration& configuration,
                double target) const {
        rows.columns.resize(size());
        for (std::size_t p = 0; p < parameters_.size(); ++p) {
            const double native = configuration.native()[parameters_[p]];
            if (choices_[p] == 0)
                rows.columns[first_[p]].push_back(std::isnan(native) ? -1
                                                                     : space[parameters_[p]].encode(native));
            for (std::size_t k = 0; k < choices_[p]; ++k)
                rows.columns[first_[p] + k].push_back(native == static_cast<double>(k) ? 1 : 0);
        }
        rows.targets.push_back(target);
    }

  private:
    std::vector<std::size_t> parameters_;
    std::vector<double> inactive_;
    std::vector<std::size_t> owners_, first_, choices_;
};

/// How the variance of a tree's predictions over the space is made up (Hutter, Hoos and Leyton-Brown, "An
/// efficient approach for assessing hyperparameter importance", 2014), with the space taken as the product of
/// its parameters, each spread evenly over what it can be.
class TreeVariance {
  public:
    TreeVariance(const RegressionTree& tree, const ImportanceColumns& columns)
        : tree_(tree), columns_(columns), thresholds_(columns.parameters()) {
        for (const RegressionTree::Node& node : tree.nodes())
            if (node.left >= 0 && columns.choices(columns.owner(node.column)) == 0)
                thresholds_[columns.owner(node.column)].push_back(node.threshold);
        for (std::vector<double>& list : thresholds_) {
            std::sort(list.begin(), list.end());
            list.erase(std::unique(list.begin(), list.end()), list.end());
        }
        Box box{std::vector<double>(columns.size(), -std::numeric_limits<double>::infinity()),
                std::vector<double>(columns.size(), std::numeric_limits<double>::infinity())};
        collect(0, box);
        for (const Leaf& leaf : leaves_) {
            mean_ += leaf.value * leaf.size;
            total_ += leaf.value * leaf.value * leaf.size;
        }
        total_ -= mean_ * mean_;
    }

    [[nodiscard]] double total() const { return total_; }

    /// Of the means over all other parameters, along parameter `p`.
    [[nodiscard]] double along(std::size_t p) const {
        const std::size_t cells = cell_count(p);
        // A leaf covers neighbouring cells of a number: differences are added where they begin and end.
        std::vector<double> means(cells + 1, 0);
        for (const Leaf& leaf : leaves_) {
            const double others = leaf.value * leaf.size / leaf.shares[p];
            if (columns_.choices(p) == 0) {
                means[leaf.cells[p].first] += others;
                means[leaf.cells[p].second] -= others;
            } else {
                for (std::size_t c = 0; c < cells; ++c)
                    if (covers(leaf, p, c)) means[c] += others;
            }
        }
        double sum = 0, running = 0;
        for (std::size_t c = 0; c < cells; ++c) {
            running = columns_.choices(p) == 0 ? running + means[c] : means[c];
            sum += cell_size(p, c) * (running - mean_) * (running - mean_);
        }
        return sum;
    }

  private:
    struct Box {
        std::vector<double> low, high;  ///< by column: above low, up to high
    };
    struct Leaf {
        double value = 0, size = 1;
        std::vector<double> shares;                              ///< by parameter
        std::vector<std::pair<std::size_t, std::size_t>> cells;  ///< of numbers: from, until
        std::vector<std::vector<bool>> covered;                  ///< of choices
    };

    [[nodiscard]] std::size_t cell_count(std::size_t p) const {
        return columns_.choices(p) == 0 ? thresholds_[p].size() + 1 : columns_.choices(p) + 1;
    }

    /// Of a number: what lies in the unit interval, and -1 with the share of being inactive. Of choices: the
    /// last cell is "inactive".
    [[nodiscard]] double cell_size(std::size_t p, std::size_t c) const {
        const double none = columns_.inactive(p);
        if (columns_.choices(p) > 0)
            return c == columns_.choices(p) ? none : (1 - none) / static_cast<double>(columns_.choices(p));
        const std::vector<double>& t = thresholds_[p];
        const double low = c == 0 ? -2 : t[c - 1], high = c == t.size() ? 2 : t[c];
        const double inside = std::max(0.0, std::min(high, 1.0) - std::max(low, 0.0));
        return (low < -1 && high >= -1 ? none : 0) + (1 - none) * inside;
    }

    static bool covers(const Leaf& leaf, std::size_t p, std::size_t c) { return leaf.covered[p][c]; }

    void collect(std::size_t at, Box& box) {
        const RegressionTree::Node& node = tree_.nodes()[at];
        if (node.left < 0) return add_leaf(node.value, box);
        const double low = box.low[node.column], high = box.high[node.column];
        box.high[node.column] = std::min(high, node.threshold);
        collect(static_cast<std::size_t>(node.left), box);
        box.high[node.column] = high;
        box.low[node.column] = std::max(low, node.threshold);
        collect(static_cast<std::size_t>(node.right), box);
        box.low[node.column] = low;
    }

    void add_leaf(double value, const Box& box) {
        Leaf leaf;
        leaf.value = value;
        leaf.covered.resize(columns_.parameters());
        for (std::size_t p = 0; p < columns_.parameters(); ++p) {
            const std::size_t first = columns_.first(p), choices = columns_.choices(p);
            double share = 0;
            std::pair<std::size_t, std::size_t> range{0, 0};
            if (choices == 0) {
                const std::vector<double>& t = thresholds_[p];
                const auto place = [&](double x) {
                    return static_cast<std::size_t>(std::lower_bound(t.begin(), t.end(), x) - t.begin());
                };
                range = {std::isinf(box.low[first]) ? 0 : place(box.low[first]) + 1,
                         std::isinf(box.high[first]) ? t.size() + 1 : place(box.high[first]) + 1};
                for (std::size_t c = range.first; c < range.second; ++c) share += cell_size(p, c);
            } else {
                for (std::size_t c = 0; c <= choices; ++c) {
                    bool inside = true;
                    for (std::size_t k = 0; k < choices; ++k) {
                        const double x = c == k ? 1 : 0;
                        inside = inside && x > box.low[first + k] && x <= box.high[first + k];
                    }
                    leaf.covered[p].push_back(inside);
                    if (inside) share += cell_size(p, c);
                }
            }
            if (!(share > 0)) return;  // of a combination that does not exist, such as two choices at once
            leaf.size *= share;
            leaf.shares.push_back(share);
            leaf.cells.push_back(range);
        }
        leaves_.push_back(std::move(leaf));
    }

    const RegressionTree& tree_;
    const ImportanceColumns& columns_;
    std::vector<std::vector<double>> thresholds_;  ///< by parameter, of numbers
    std::vector<Leaf> leaves_;
    double mean_ = 0, total_ = 0;
};

/// Shares of the variance by parameter, averaged over the trees; they sum to less than 1 by what parameters
/// do only together.
[[nodiscard]] inline std::vector<double> variance_shares(const RegressionForest& forest,
                                                         const ImportanceColumns& columns) {
    std::vector<double> shares(columns.parameters(), 0);
    double trees = 0;
    for (const RegressionTree& tree : forest.trees) {
        const TreeVariance variance(tree, columns);
        if (!(variance.total() > 0)) continue;
        ++trees;
        for (std::size_t p = 0; p < shares.size(); ++p) shares[p] += variance.along(p) / variance.total();
    }
    for (double& share : shares) share /= std::max(trees, 1.0);
    return shares;
}

/// By how much splits at each parameter lower the variance of the trials themselves, on the average of the
/// trees (Breiman 2001); sums to 1 where anything was split.
[[nodiscard]] inline std::vector<double> impurity_shares(const RegressionForest& forest,
                                                         const ImportanceColumns& columns) {
    std::vector<double> shares(columns.parameters(), 0);
    double trees = 0;
    for (const RegressionTree& tree : forest.trees) {
        std::vector<double> gains(columns.parameters(), 0);
        double sum = 0;
        for (const RegressionTree::Node& node : tree.nodes())
            if (node.left >= 0) gains[columns.owner(node.column)] += node.gain, sum += node.gain;
        if (!(sum > 0)) continue;
        ++trees;
        for (std::size_t p = 0; p < shares.size(); ++p) shares[p] += gains[p] / sum;
    }
    for (double& share : shares) share /= std::max(trees, 1.0);
    return shares;
}

}  // namespace attune::detail

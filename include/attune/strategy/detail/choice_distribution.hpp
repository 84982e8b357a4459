#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "attune/study/random_stream.hpp"

namespace attune::detail {

/// A distribution over choices, one for each of several parameters, that moves towards the better half of
/// what it is told along its natural gradient.
///
/// The step follows how consistent the gradients are (Akimoto, Shirakawa, Yoshinari, Uchida, Saito and
/// Nishida, "Adaptive stochastic natural gradient method for one-shot neural architecture search", 2019), and
/// no choice becomes less likely than a margin, so that none is lost for good (Hamano, Saito, Nomura, Uchida
/// and Shirakawa, "CatCMA: stochastic optimization for mixed-category problems", 2024). A plain value.
class ChoiceDistribution {
  public:
    static constexpr int unknown = -1;  ///< what a solution says where its parameter is inactive

    explicit ChoiceDistribution(const std::vector<std::size_t>& counts) {
        const double at_all = std::pow(0.73, 1 / std::max(1.0, static_cast<double>(counts.size())));
        for (const std::size_t count : counts) {
            shares_.emplace_back(count, 1 / static_cast<double>(count));
            margins_.push_back((1 - at_all) / static_cast<double>(count - 1));
            freedom_ += count - 1;
        }
        signal_.assign(freedom_, 0);
    }

    [[nodiscard]] const std::vector<double>& shares(std::size_t parameter) const {
        return shares_[parameter];
    }

    int draw(std::size_t parameter, RandomStream& stream) const {
        double left = stream.uniform();
        const std::vector<double>& shares = shares_[parameter];
        for (std::size_t k = 0; k + 1 < shares.size(); ++k)
            if ((left -= shares[k]) < 0) return static_cast<int>(k);
        return static_cast<int>(shares.size()) - 1;
    }

    /// Choices of solutions from the best on, with their weights (which sum to 1).
    template <class Weights>
    void tell(const std::vector<std::vector<int>>& solutions, const Weights& weights) {
        if (shares_.empty()) return;
        std::vector<std::vector<double>> gradient;
        std::vector<double> scaled;
        for (std::size_t i = 0; i < shares_.size(); ++i) {
            gradient.emplace_back(shares_[i].size(), 0.0);
            for (std::size_t s = 0; s < solutions.size(); ++s)
                if (solutions[s][i] != unknown)
                    add(gradient[i], i, solutions[s][i], weights[static_cast<long>(s)]);
            scale(gradient[i], shares_[i], scaled);
        }
        double length = 0;
        for (const double v : scaled) length += v * v;
        length = std::sqrt(length);
        if (!(length > 1e-30)) return;
        const double rate = 1 / trust_;
        for (std::size_t i = 0; i < shares_.size(); ++i) {
            for (std::size_t k = 0; k < shares_[i].size(); ++k)
                shares_[i][k] += rate / length * gradient[i][k];
            keep_margin(i);
        }
        adapt(scaled, length, rate);
    }

  private:
    void add(std::vector<double>& gradient, std::size_t parameter, int choice, double weight) const {
        for (std::size_t k = 0; k < gradient.size(); ++k)
            gradient[k] += weight * ((static_cast<std::size_t>(choice) == k ? 1 : 0) - shares_[parameter][k]);
    }

    /// The gradient times the root of the Fisher information, without the last choice.
    static void scale(const std::vector<double>& gradient, const std::vector<double>& shares,
                      std::vector<double>& out) {
        double sum = 0;
        for (std::size_t k = 0; k + 1 < shares.size(); ++k) sum += gradient[k];
        for (std::size_t k = 0; k + 1 < shares.size(); ++k)
            out.push_back(gradient[k] / std::sqrt(shares[k]) +
                          std::sqrt(shares[k]) * sum / (shares.back() + std::sqrt(shares.back())));
    }

    void keep_margin(std::size_t i) {
        double sum = 0;
        for (double& share : shares_[i]) sum += share = std::max(share, margins_[i]);
        const double free = sum - margins_[i] * static_cast<double>(shares_[i].size());
        double total = 0;
        for (double& share : shares_[i]) {
            if (free > 0) share -= (sum - 1) * (share - margins_[i]) / free;
            total += share;
        }
        for (double& share : shares_[i]) share /= total;
    }

    /// Smaller steps while gradients point to and fro, larger ones while they agree.
    void adapt(const std::vector<double>& scaled, double length, double rate) {
        const double beta = std::min(1.0, rate / std::sqrt(static_cast<double>(freedom_)));
        double squares = 0;
        for (std::size_t k = 0; k < signal_.size(); ++k) {
            signal_[k] = (1 - beta) * signal_[k] + std::sqrt(beta * (2 - beta)) * scaled[k] / length;
            squares += signal_[k] * signal_[k];
        }
        expected_ = (1 - beta) * (1 - beta) * expected_ + beta * (2 - beta);
        constexpr double threshold = 1.5;
        trust_ *= std::exp(beta * (expected_ - squares / threshold));
    }

    std::vector<std::vector<double>> shares_;
    std::vector<double> margins_;  ///< by parameter
    std::size_t freedom_ = 0;
    std::vector<double> signal_;  ///< a fading sum of gradients of length 1
    double expected_ = 0;         ///< its squared length were they random
    double trust_ = 1;            ///< inverse of the step's length
};

}  // namespace attune::detail

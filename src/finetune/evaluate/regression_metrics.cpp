#include "attune/finetune/evaluate/regression_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attune/error.hpp"

namespace attune {
namespace {

void require_pairs(std::span<const double> truth, std::span<const double> predictions) {
    if (truth.size() != predictions.size())
        throw InvalidOption(std::to_string(truth.size()) + " true values, but " +
                            std::to_string(predictions.size()) + " predictions; there must be one for each");
    if (truth.empty()) throw InvalidOption("regression metrics need at least one sample");
}

double mean_of(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

double squares_about(std::span<const double> values, double centre) {
    double sum = 0;
    for (const double value : values) sum += (value - centre) * (value - centre);
    return sum;
}

double median_of(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// 1 - unexplained / total.
double explained(double unexplained, double total) {
    if (total != 0) return 1 - unexplained / total;
    return unexplained == 0 ? 1 : 0;
}

double mean_squared_log_error(std::span<const double> truth, std::span<const double> predictions) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        if (truth[i] <= -1 || predictions[i] <= -1) return std::numeric_limits<double>::quiet_NaN();
        sum += std::pow(std::log1p(truth[i]) - std::log1p(predictions[i]), 2);
    }
    return sum / static_cast<double>(truth.size());
}

}  // namespace

RegressionMetrics regression_metrics(std::span<const double> truth, std::span<const double> predictions) {
    require_pairs(truth, predictions);
    const auto count = static_cast<double>(truth.size());
    std::vector<double> differences;
    std::vector<double> sizes;
    RegressionMetrics metrics;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        differences.push_back(truth[i] - predictions[i]);
        sizes.push_back(std::abs(differences.back()));
        metrics.mean_absolute_percentage_error +=
            sizes.back() / std::max(std::abs(truth[i]), 0x1p-52) / count;
    }
    metrics.samples = std::ssize(truth);
    const double squares = squares_about(differences, 0);
    const double total = squares_about(truth, mean_of(truth));
    metrics.r2 = explained(squares, total);
    metrics.r2_unbounded = 1 - squares / total;
    metrics.explained_variance = explained(squares_about(differences, mean_of(differences)), total);
    metrics.mean_absolute_error = mean_of(sizes);
    metrics.mean_squared_error = squares / count;
    metrics.root_mean_squared_error = std::sqrt(metrics.mean_squared_error);
    metrics.max_error = *std::ranges::max_element(sizes);
    metrics.median_absolute_error = median_of(std::move(sizes));
    metrics.mean_squared_log_error = mean_squared_log_error(truth, predictions);
    return metrics;
}

double pinball_loss(std::span<const double> truth, std::span<const double> predictions, double quantile) {
    require_pairs(truth, predictions);
    if (!(quantile >= 0 && quantile <= 1))
        throw InvalidOption("quantile " + std::to_string(quantile) + " must be in [0, 1]");
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        const double difference = truth[i] - predictions[i];
        sum += std::max(quantile * difference, (quantile - 1) * difference);
    }
    return sum / static_cast<double>(truth.size());
}

}  // namespace attune

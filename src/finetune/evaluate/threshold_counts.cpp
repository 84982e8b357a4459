#include "attune/finetune/evaluate/threshold_counts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "attune/error.hpp"

namespace attune {
namespace {

double ratio(double numerator, double denominator) { return denominator == 0 ? 0 : numerator / denominator; }

double ratio(std::int64_t numerator, std::int64_t denominator) {
    return ratio(static_cast<double>(numerator), static_cast<double>(denominator));
}

std::int64_t sum_from(const std::vector<std::int64_t>& values, std::size_t first) {
    return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(first), values.end(),
                           std::int64_t{0});
}

}  // namespace

ThresholdCounts::ThresholdCounts(std::int64_t thresholds) {
    if (thresholds < 2)
        throw InvalidOption("thresholds " + std::to_string(thresholds) + " must be at least 2");
    positives_.resize(static_cast<std::size_t>(thresholds));
    negatives_.resize(static_cast<std::size_t>(thresholds));
}

void ThresholdCounts::add(bool positive, double score) {
    if (!(score >= 0 && score <= 1))
        throw InvalidOption("score " + std::to_string(score) + " must be in [0, 1]");
    const auto steps = static_cast<float>(size() - 1);
    const float above = std::ceil(static_cast<float>(score) * steps) - 1;
    ++(positive ? positives_ : negatives_)[static_cast<std::size_t>(std::max(above, 0.0F))];
}

ThresholdCounts& ThresholdCounts::operator+=(const ThresholdCounts& other) {
    if (other.size() != size())
        throw InvalidOption("counts at " + std::to_string(other.size()) + " thresholds cannot be added to " +
                            std::to_string(size()));
    for (std::size_t i = 0; i < size(); ++i) {
        positives_[i] += other.positives_[i];
        negatives_[i] += other.negatives_[i];
    }
    return *this;
}

double ThresholdCounts::Counts::precision() const {
    return ratio(true_positives, true_positives + false_positives);
}
double ThresholdCounts::Counts::recall() const {
    return ratio(true_positives, true_positives + false_negatives);
}
double ThresholdCounts::Counts::accuracy() const {
    const auto right = true_positives + true_negatives;
    return ratio(right, right + false_positives + false_negatives);
}
double ThresholdCounts::Counts::false_positive_rate() const {
    return ratio(false_positives, false_positives + true_negatives);
}

ThresholdCounts::Counts ThresholdCounts::at(std::size_t index) const {
    Counts counts;
    counts.true_positives = sum_from(positives_, index);
    counts.false_positives = sum_from(negatives_, index);
    counts.false_negatives = sum_from(positives_, 0) - counts.true_positives;
    counts.true_negatives = sum_from(negatives_, 0) - counts.false_positives;
    return counts;
}

double ThresholdCounts::roc_area(Height height) const {
    double area = 0;
    for (std::size_t i = 0; i + 1 < size(); ++i) {
        const Counts lower = at(i);
        const Counts upper = at(i + 1);
        const double width = lower.false_positive_rate() - upper.false_positive_rate();
        const double low = upper.recall();  // which falls as the threshold rises
        const double high = lower.recall();
        area += width * (height == Height::middle ? (low + high) / 2 : height == Height::lower ? low : high);
    }
    return area;
}

double ThresholdCounts::precision_recall_area() const {
    double area = 0;
    for (std::size_t i = 0; i + 1 < size(); ++i) {
        const Counts lower = at(i);
        const Counts upper = at(i + 1);
        const auto here = static_cast<double>(upper.true_positives + upper.false_positives);
        const auto before = static_cast<double>(lower.true_positives + lower.false_positives);
        const auto gained = static_cast<double>(lower.true_positives - upper.true_positives);
        const double slope = ratio(gained, before - here);
        const double intercept = static_cast<double>(upper.true_positives) - slope * here;
        const double growth = before > 0 && here > 0 ? before / here : 1;
        area += ratio(slope * (gained + intercept * std::log(growth)),
                      static_cast<double>(upper.true_positives + upper.false_negatives));
    }
    return area;
}

CountsAbove::CountsAbove(double threshold) : threshold_(static_cast<float>(threshold)) {
    if (!(threshold >= 0 && threshold <= 1))
        throw InvalidOption("threshold " + std::to_string(threshold) + " must be in [0, 1]");
}

void CountsAbove::add(bool positive, double score) {
    const bool above = static_cast<float>(score) > threshold_;
    ++(positive ? (above ? counts_.true_positives : counts_.false_negatives)
                : (above ? counts_.false_positives : counts_.true_negatives));
}

}  // namespace attune

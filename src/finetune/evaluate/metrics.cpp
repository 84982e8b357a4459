#include "attune/finetune/evaluate/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double ratio(double numerator, double denominator) {
    return denominator == 0 ? 0.0 : numerator / denominator;
}

double ratio(std::int64_t numerator, std::int64_t denominator) {
    return ratio(static_cast<double>(numerator), static_cast<double>(denominator));
}

double mean(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

void require_lengths(std::size_t labels, std::size_t others, const char* what) {
    if (labels != others)
        throw InvalidOption(std::string(what) + ": " + std::to_string(labels) + " labels, but " +
                            std::to_string(others) + " scores or predictions; there must be one for each");
}

void require_label(std::int64_t label, std::int64_t classes) {
    if (label < 0 || label >= classes)
        throw InvalidOption("label " + std::to_string(label) + " is outside [0, " + std::to_string(classes) +
                            ")");
}

void require_table(std::span<const std::int64_t> labels, ScoreTable scores) {
    if (scores.classes < 1)
        throw InvalidOption("classes " + std::to_string(scores.classes) + " must be at least 1");
    if (labels.size() * index(scores.classes) != scores.values.size())
        throw InvalidOption(std::to_string(scores.values.size()) + " scores do not make " +
                            detail::counted(labels.size(), "row") + " of " +
                            detail::counted(scores.classes, "class", "classes"));
    for (const auto label : labels) require_label(label, scores.classes);
}

PrecisionRecall precision_recall(std::int64_t hits, std::int64_t predicted, std::int64_t actual) {
    return {ratio(hits, predicted), ratio(hits, actual), ratio(2 * hits, predicted + actual)};
}

/// Gorodkin's R_K from the margins of the table; the two-class case is the usual coefficient.
double matthews_of(const ConfusionMatrix& table) {
    const auto n = static_cast<double>(table.total());
    const auto truth = table.support();
    const auto guess = table.predicted();
    double both = 0;
    double truth_squares = 0;
    double guess_squares = 0;
    for (std::size_t k = 0; k < truth.size(); ++k) {
        const auto t = static_cast<double>(truth[k]);
        const auto g = static_cast<double>(guess[k]);
        both += t * g;
        truth_squares += t * t;
        guess_squares += g * g;
    }
    const double spread = (n * n - guess_squares) * (n * n - truth_squares);
    return ratio(static_cast<double>(table.correct()) * n - both, std::sqrt(spread));
}

double kappa_of(const ConfusionMatrix& table) {
    const auto n = static_cast<double>(table.total());
    const auto truth = table.support();
    const auto guess = table.predicted();
    double chance = 0;
    for (std::size_t k = 0; k < truth.size(); ++k)
        chance += static_cast<double>(truth[k]) * static_cast<double>(guess[k]);
    chance /= n * n;
    return ratio(static_cast<double>(table.correct()) / n - chance, 1 - chance);
}

double balanced_accuracy_of(const ConfusionMatrix& table) {
    const auto support = table.support();
    double sum = 0;
    int present = 0;
    for (std::int64_t k = 0; k < table.classes; ++k) {
        if (support[index(k)] == 0) continue;
        sum += ratio(table.at(k, k), support[index(k)]);
        ++present;
    }
    return ratio(sum, present);
}

void add_averages(ClassificationMetrics& metrics) {
    const auto support = metrics.confusion.support();
    const auto total = static_cast<double>(metrics.samples);
    const auto is_met =
        [&](std::size_t k) {  // a class that nothing has and nothing was taken for says nothing
            if (support[k] > 0) return true;
            for (std::int64_t truth = 0; truth < metrics.confusion.classes; ++truth)
                if (metrics.confusion.at(truth, static_cast<std::int64_t>(k)) > 0) return true;
            return false;
        };
    double classes = 0;
    for (std::size_t k = 0; k < metrics.per_class.size(); ++k) classes += is_met(k) ? 1 : 0;
    for (std::size_t k = 0; k < metrics.per_class.size(); ++k) {
        const auto& entry = metrics.per_class[k];
        const double share = static_cast<double>(support[k]) / total;
        if (is_met(k)) {
            metrics.macro.precision += entry.precision / classes;
            metrics.macro.recall += entry.recall / classes;
            metrics.macro.f1 += entry.f1 / classes;
        }
        metrics.weighted.precision += share * entry.precision;
        metrics.weighted.recall += share * entry.recall;
        metrics.weighted.f1 += share * entry.f1;
    }
    // Each sample has one label and one prediction, so that false positives and false negatives are as many.
    metrics.micro = {metrics.accuracy, metrics.accuracy, metrics.accuracy};
}

std::vector<double> column(ScoreTable scores, std::int64_t k) {
    std::vector<double> values(index(scores.rows()));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = scores.values[i * index(scores.classes) + index(k)];
    return values;
}

std::vector<bool> is_class(std::span<const std::int64_t> labels, std::int64_t k) {
    std::vector<bool> positive(labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i) positive[i] = labels[i] == k;
    return positive;
}

/// Area for telling class a from class b by the score of a, among the samples of these two.
double pair_auc(std::span<const std::int64_t> labels, ScoreTable scores, std::int64_t a, std::int64_t b) {
    std::vector<bool> positive;
    std::vector<double> score;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] != a && labels[i] != b) continue;
        positive.push_back(labels[i] == a);
        score.push_back(scores.values[i * index(scores.classes) + index(a)]);
    }
    return roc_auc(positive, score);
}

void add_one_vs_one(ClassificationMetrics& metrics, std::span<const std::int64_t> labels, ScoreTable scores) {
    const auto support = metrics.confusion.support();
    double sum = 0;
    double weighted = 0;
    double weights = 0;
    int pairs = 0;
    for (std::int64_t a = 0; a < scores.classes; ++a)
        for (std::int64_t b = a + 1; b < scores.classes; ++b) {
            if (support[index(a)] == 0 || support[index(b)] == 0) continue;
            const double area = (pair_auc(labels, scores, a, b) + pair_auc(labels, scores, b, a)) / 2;
            const auto weight = static_cast<double>(support[index(a)] + support[index(b)]);
            sum += area;
            weighted += weight * area;
            weights += weight;
            ++pairs;
        }
    metrics.roc_auc_ovo_macro = pairs == 0 ? nan : sum / pairs;
    metrics.roc_auc_ovo_weighted = pairs == 0 ? nan : weighted / weights;
}

void add_areas(ClassificationMetrics& metrics, std::span<const std::int64_t> labels, ScoreTable scores) {
    const auto support = metrics.confusion.support();
    double weighted = 0;
    for (std::int64_t k = 0; k < scores.classes; ++k) {
        const auto positive = is_class(labels, k);
        const auto score = column(scores, k);
        metrics.roc_auc_one_vs_rest.push_back(roc_auc(positive, score));
        metrics.average_precision.push_back(average_precision(positive, score));
        if (support[index(k)] > 0)
            weighted += static_cast<double>(support[index(k)]) * metrics.roc_auc_one_vs_rest.back();
    }
    // Over the classes that there are: the others have no area.
    std::vector<double> areas;
    for (std::int64_t k = 0; k < scores.classes; ++k)
        if (support[index(k)] > 0) areas.push_back(metrics.roc_auc_one_vs_rest[index(k)]);
    const bool comparable = areas.size() > 1;
    metrics.roc_auc_ovr_macro = comparable ? mean(areas) : nan;
    metrics.roc_auc_ovr_weighted = comparable ? weighted / static_cast<double>(metrics.samples) : nan;
    add_one_vs_one(metrics, labels, scores);
}

/// Positives and all samples at or above each distinct score, from the highest.
struct Threshold {
    double score;
    std::int64_t true_positives;
    std::int64_t false_positives;
};

std::vector<Threshold> thresholds_of(const std::vector<bool>& positive, std::span<const double> scores) {
    require_lengths(positive.size(), scores.size(), "scores");
    if (std::ranges::any_of(scores, [](double score) { return std::isnan(score); }))
        throw InvalidOption("scores must be numbers; one of them is NaN");
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
    std::vector<Threshold> result;
    std::int64_t hits = 0;
    std::int64_t misses = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        (positive[order[i]] ? hits : misses) += 1;
        const double score = scores[order[i]];
        if (i + 1 == order.size() || scores[order[i + 1]] != score) result.push_back({score, hits, misses});
    }
    return result;
}

}  // namespace

std::int64_t ConfusionMatrix::total() const {
    return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::int64_t ConfusionMatrix::correct() const {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) sum += at(k, k);
    return sum;
}

std::vector<std::int64_t> ConfusionMatrix::support() const {
    std::vector<std::int64_t> sums(index(classes));
    for (std::int64_t t = 0; t < classes; ++t)
        for (std::int64_t p = 0; p < classes; ++p) sums[index(t)] += at(t, p);
    return sums;
}

std::vector<std::int64_t> ConfusionMatrix::predicted() const {
    std::vector<std::int64_t> sums(index(classes));
    for (std::int64_t t = 0; t < classes; ++t)
        for (std::int64_t p = 0; p < classes; ++p) sums[index(p)] += at(t, p);
    return sums;
}

std::vector<std::int64_t> argmax_rows(ScoreTable scores) {
    std::vector<std::int64_t> best;
    best.reserve(index(scores.rows()));
    for (std::int64_t i = 0; i < scores.rows(); ++i) {
        const auto row = scores.row(i);
        best.push_back(std::max_element(row.begin(), row.end()) - row.begin());
    }
    return best;
}

ConfusionMatrix confusion_matrix(std::span<const std::int64_t> labels,
                                 std::span<const std::int64_t> predicted, std::int64_t classes) {
    require_lengths(labels.size(), predicted.size(), "confusion matrix");
    ConfusionMatrix table{classes, std::vector<std::int64_t>(index(classes * classes))};
    for (std::size_t i = 0; i < labels.size(); ++i) {
        require_label(labels[i], classes);
        require_label(predicted[i], classes);
        ++table.counts[index(labels[i] * classes + predicted[i])];
    }
    return table;
}

double top_k_accuracy(std::span<const std::int64_t> labels, ScoreTable scores, std::int64_t k) {
    require_table(labels, scores);
    if (k < 1) throw InvalidOption("k " + std::to_string(k) + " of top-k accuracy must be at least 1");
    std::int64_t hits = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto row = scores.row(static_cast<std::int64_t>(i));
        const double own = row[index(labels[i])];
        std::int64_t ahead = 0;
        for (std::int64_t c = 0; c < scores.classes; ++c)
            if (row[index(c)] > own || (row[index(c)] == own && c > labels[i])) ++ahead;
        if (ahead < k) ++hits;
    }
    return ratio(hits, static_cast<std::int64_t>(labels.size()));
}

double log_loss(std::span<const std::int64_t> labels, ScoreTable probabilities) {
    require_table(labels, probabilities);
    constexpr double step = std::numeric_limits<double>::epsilon();
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const auto row = probabilities.row(static_cast<std::int64_t>(i));
        const double total = std::accumulate(row.begin(), row.end(), 0.0);
        sum -= std::log(std::clamp(row[index(labels[i])] / total, step, 1 - step));
    }
    return ratio(sum, static_cast<double>(labels.size()));
}

double roc_auc(const std::vector<bool>& positive, std::span<const double> scores) {
    const auto points = thresholds_of(positive, scores);
    if (points.empty()) return nan;
    const auto positives = static_cast<double>(points.back().true_positives);
    const auto negatives = static_cast<double>(points.back().false_positives);
    if (positives == 0 || negatives == 0) return nan;
    double area = 0;
    double hits = 0;
    double misses = 0;
    for (const auto& point : points) {
        const auto next_hits = static_cast<double>(point.true_positives);
        const auto next_misses = static_cast<double>(point.false_positives);
        area += (next_misses - misses) * (hits + next_hits) / 2;
        hits = next_hits;
        misses = next_misses;
    }
    return area / (positives * negatives);
}

double average_precision(const std::vector<bool>& positive, std::span<const double> scores) {
    const auto points = thresholds_of(positive, scores);
    if (points.empty() || points.back().true_positives == 0) return nan;
    double sum = 0;
    std::int64_t hits = 0;
    for (const auto& point : points) {
        sum += ratio(point.true_positives, point.true_positives + point.false_positives) *
               static_cast<double>(point.true_positives - hits);
        hits = point.true_positives;
    }
    return sum / static_cast<double>(hits);
}

ClassificationMetrics classification_metrics(std::span<const std::int64_t> labels, ScoreTable probabilities) {
    require_table(labels, probabilities);
    if (labels.empty()) throw InvalidOption("metrics of no samples are not defined");
    ClassificationMetrics metrics;
    metrics.samples = static_cast<std::int64_t>(labels.size());
    metrics.confusion = confusion_matrix(labels, argmax_rows(probabilities), probabilities.classes);
    metrics.accuracy = ratio(metrics.confusion.correct(), metrics.samples);
    metrics.log_loss = log_loss(labels, probabilities);
    metrics.balanced_accuracy = balanced_accuracy_of(metrics.confusion);
    metrics.matthews = matthews_of(metrics.confusion);
    metrics.cohen_kappa = kappa_of(metrics.confusion);
    for (std::int64_t k = 1; k < std::max<std::int64_t>(probabilities.classes, 2); ++k)
        metrics.top_k_accuracy.push_back(top_k_accuracy(labels, probabilities, k));
    const auto support = metrics.confusion.support();
    const auto predicted = metrics.confusion.predicted();
    for (std::int64_t k = 0; k < probabilities.classes; ++k)
        metrics.per_class.push_back(
            precision_recall(metrics.confusion.at(k, k), predicted[index(k)], support[index(k)]));
    add_averages(metrics);
    add_areas(metrics, labels, probabilities);
    return metrics;
}

double BinaryMetrics::f_beta(double beta) const {
    const double weight = beta * beta;
    const auto hits = (1 + weight) * static_cast<double>(true_positives);
    return ratio(hits,
                 hits + weight * static_cast<double>(false_negatives) + static_cast<double>(false_positives));
}

BinaryMetrics binary_metrics(const std::vector<bool>& positive, std::span<const double> scores,
                             double threshold) {
    require_lengths(positive.size(), scores.size(), "binary metrics");
    BinaryMetrics result;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (scores[i] >= threshold)
            (positive[i] ? result.true_positives : result.false_positives) += 1;
        else
            (positive[i] ? result.false_negatives : result.true_negatives) += 1;
    }
    const ConfusionMatrix table{
        2, {result.true_negatives, result.false_positives, result.false_negatives, result.true_positives}};
    result.accuracy = ratio(table.correct(), table.total());
    result.balanced_accuracy = balanced_accuracy_of(table);
    result.positive = precision_recall(result.true_positives, result.true_positives + result.false_positives,
                                       result.true_positives + result.false_negatives);
    result.matthews = matthews_of(table);
    result.cohen_kappa = kappa_of(table);
    result.roc_auc = roc_auc(positive, scores);
    result.average_precision = average_precision(positive, scores);
    return result;
}

std::vector<ThresholdPoint> roc_curve(const std::vector<bool>& positive, std::span<const double> scores) {
    const auto points = thresholds_of(positive, scores);
    if (points.empty()) return {};
    const auto positives = static_cast<double>(points.back().true_positives);
    const auto negatives = static_cast<double>(points.back().false_positives);
    const auto make = [&](double threshold, std::int64_t misses, std::int64_t hits) {
        return ThresholdPoint{threshold, negatives == 0 ? nan : static_cast<double>(misses) / negatives,
                              positives == 0 ? nan : static_cast<double>(hits) / positives};
    };
    std::vector<ThresholdPoint> curve{make(std::numeric_limits<double>::infinity(), 0, 0)};
    for (const auto& point : points)
        curve.push_back(make(point.score, point.false_positives, point.true_positives));
    return curve;
}

std::vector<ThresholdPoint> precision_recall_curve(const std::vector<bool>& positive,
                                                   std::span<const double> scores) {
    const auto points = thresholds_of(positive, scores);
    std::vector<ThresholdPoint> curve;
    for (auto point = points.rbegin(); point != points.rend(); ++point) {
        const std::int64_t positives = points.back().true_positives;
        curve.push_back({point->score, positives == 0 ? 1 : ratio(point->true_positives, positives),
                         ratio(point->true_positives, point->true_positives + point->false_positives)});
    }
    curve.push_back({std::numeric_limits<double>::infinity(), 0, 1});
    return curve;
}

double trapezoid_area(std::span<const ThresholdPoint> curve) {
    double area = 0;
    for (std::size_t i = 1; i < curve.size(); ++i)
        area += (curve[i].x - curve[i - 1].x) * (curve[i].y + curve[i - 1].y) / 2;
    return std::abs(area);
}

double brier_score(const std::vector<bool>& positive, std::span<const double> probabilities) {
    require_lengths(positive.size(), probabilities.size(), "Brier score");
    double sum = 0;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        const double difference = probabilities[i] - (positive[i] ? 1.0 : 0.0);
        sum += difference * difference;
    }
    return ratio(sum, static_cast<double>(probabilities.size()));
}

}  // namespace attune

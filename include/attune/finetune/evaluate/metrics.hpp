#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace attune {

/// Row-major probabilities or scores of `rows` samples for `classes` classes.
struct ScoreTable {
    std::span<const double> values;  ///< rows * classes numbers
    std::int64_t classes = 0;

    [[nodiscard]] std::int64_t rows() const {
        return classes == 0 ? 0 : static_cast<std::int64_t>(values.size()) / classes;
    }
    [[nodiscard]] std::span<const double> row(std::int64_t index) const {
        return values.subspan(static_cast<std::size_t>(index * classes), static_cast<std::size_t>(classes));
    }
};

/// Precision, recall and their harmonic mean, each in [0, 1]; a ratio of 0 to 0 is 0.
struct PrecisionRecall {
    double precision = 0;
    double recall = 0;
    double f1 = 0;
};

/// Counts by true class (rows) and predicted class (columns).
struct ConfusionMatrix {
    std::int64_t classes = 0;
    std::vector<std::int64_t> counts;  ///< classes * classes, row-major

    [[nodiscard]] std::int64_t at(std::int64_t truth, std::int64_t predicted) const {
        return counts[static_cast<std::size_t>(truth * classes + predicted)];
    }
    [[nodiscard]] std::int64_t total() const;
    [[nodiscard]] std::int64_t correct() const;
    [[nodiscard]] std::vector<std::int64_t> support() const;    ///< samples of each true class
    [[nodiscard]] std::vector<std::int64_t> predicted() const;  ///< samples predicted as each class
};

/// Everything that is computed from true labels and a probability for each class.
///
/// One-vs-rest entries are NaN for a class that is absent or alone; their averages (and the one-vs-one ones)
/// are NaN unless every class occurs. `balanced_accuracy` is the mean recall over the classes that occur.
struct ClassificationMetrics {
    std::int64_t samples = 0;
    double accuracy = 0;
    double log_loss =
        0;  ///< nats a sample; rows normalised, probabilities clipped to the smallest positive step
    double balanced_accuracy = 0;
    double matthews = 0;     ///< Matthews correlation, multi-class (Gorodkin 2004), in [-1, 1]
    double cohen_kappa = 0;  ///< Cohen 1960, in [-1, 1]
    std::vector<double>
        top_k_accuracy;  ///< entry k - 1 for k = 1 ... classes - 1 (k = 1 only for a single class)
    ConfusionMatrix confusion;
    std::vector<PrecisionRecall> per_class;
    PrecisionRecall micro;
    PrecisionRecall macro;
    PrecisionRecall weighted;  ///< by support
    std::vector<double> roc_auc_one_vs_rest;
    std::vector<double> average_precision;
    double roc_auc_ovr_macro = 0;
    double roc_auc_ovr_weighted = 0;
    double roc_auc_ovo_macro = 0;  ///< Hand and Till 2001
    double roc_auc_ovo_weighted = 0;
};

/// The class of the largest score in each row, the first of equals.
[[nodiscard]] std::vector<std::int64_t> argmax_rows(ScoreTable scores);

/// Throws InvalidOption where lengths differ or a label is outside [0, classes).
[[nodiscard]] ConfusionMatrix confusion_matrix(std::span<const std::int64_t> labels,
                                               std::span<const std::int64_t> predicted, std::int64_t classes);

/// Share of samples whose label is among the k best scores; of equal scores the higher class ranks first.
[[nodiscard]] double top_k_accuracy(std::span<const std::int64_t> labels, ScoreTable scores, std::int64_t k);

/// Mean of -log p(label), rows scaled to sum 1, p clipped to [eps, 1 - eps] with eps = 2^-52.
[[nodiscard]] double log_loss(std::span<const std::int64_t> labels, ScoreTable probabilities);

/// Area under the ROC curve of `scores` for the samples that are positive; ties count one half.
/// NaN where all samples are of one kind. Throws InvalidOption where lengths differ.
[[nodiscard]] double roc_auc(const std::vector<bool>& positive, std::span<const double> scores);

/// sum (R_k - R_(k-1)) P_k over distinct thresholds, from the highest; NaN without a positive.
[[nodiscard]] double average_precision(const std::vector<bool>& positive, std::span<const double> scores);

/// All of the above. Throws InvalidOption for lengths that differ, labels outside [0, classes), or no sample.
[[nodiscard]] ClassificationMetrics classification_metrics(std::span<const std::int64_t> labels,
                                                           ScoreTable probabilities);

/// What a binary classifier does at one threshold: positive is score >= threshold. Undefined ratios are 0.
struct BinaryMetrics {
    std::int64_t true_positives = 0;
    std::int64_t false_positives = 0;
    std::int64_t true_negatives = 0;
    std::int64_t false_negatives = 0;
    double accuracy = 0;
    double balanced_accuracy = 0;
    PrecisionRecall positive;
    double matthews = 0;
    double cohen_kappa = 0;
    double roc_auc = 0;
    double average_precision = 0;

    /// (1 + beta^2) P R / (beta^2 P + R).
    [[nodiscard]] double f_beta(double beta) const;
};

[[nodiscard]] BinaryMetrics binary_metrics(const std::vector<bool>& positive, std::span<const double> scores,
                                           double threshold = 0.5);

/// A point of a curve over thresholds.
struct ThresholdPoint {
    double threshold = 0;
    double x = 0;
    double y = 0;
};

/// x = false positive rate, y = true positive rate; thresholds descend from infinity, one for each distinct
/// score. NaN where a kind of sample does not occur.
[[nodiscard]] std::vector<ThresholdPoint> roc_curve(const std::vector<bool>& positive,
                                                    std::span<const double> scores);

/// x = recall, y = precision for each distinct score, ascending; then recall 0, precision 1 at threshold
/// infinity. Recall is 1 where there is no positive.
[[nodiscard]] std::vector<ThresholdPoint> precision_recall_curve(const std::vector<bool>& positive,
                                                                 std::span<const double> scores);

/// Area under a curve by trapezoids in x; the points may run either way.
[[nodiscard]] double trapezoid_area(std::span<const ThresholdPoint> curve);

/// Mean squared difference of the probability and the outcome (Brier 1950).
[[nodiscard]] double brier_score(const std::vector<bool>& positive, std::span<const double> probabilities);

}  // namespace attune

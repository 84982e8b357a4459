#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attune {

/// Metrics of a binary classifier that are gathered sample by sample in a fixed, small memory: counts above
/// evenly spaced thresholds (as Keras has them), in place of all scores. Scores are compared in single
/// precision and count as positive above a threshold, not at it.
///
/// Two of the same number of thresholds can be added. Thread safety: one thread at a time.
class ThresholdCounts {
  public:
    /// `thresholds` at least 2: just below 0, then equal steps, then just above 1.
    explicit ThresholdCounts(std::int64_t thresholds = 200);

    /// Throws InvalidOption for a score outside [0, 1].
    void add(bool positive, double score);
    ThresholdCounts& operator+=(const ThresholdCounts& other);

    struct Counts {
        std::int64_t true_positives = 0;
        std::int64_t false_positives = 0;
        std::int64_t true_negatives = 0;
        std::int64_t false_negatives = 0;

        /// 0 of 0 is 0.
        [[nodiscard]] double precision() const;
        [[nodiscard]] double recall() const;
        [[nodiscard]] double accuracy() const;
        [[nodiscard]] double false_positive_rate() const;
    };

    /// At the i-th threshold, ascending.
    [[nodiscard]] Counts at(std::size_t index) const;
    [[nodiscard]] std::size_t size() const { return positives_.size(); }

    /// Which height a stretch of the ROC curve between two thresholds has.
    enum class Height { middle, lower, higher };

    /// Area under the ROC curve.
    [[nodiscard]] double roc_area(Height height = Height::middle) const;

    /// Area under the precision-recall curve, interpolated as Davis and Goadrich (2006) do.
    [[nodiscard]] double precision_recall_area() const;

  private:
    std::vector<std::int64_t> positives_;  ///< by the highest threshold that the score is above
    std::vector<std::int64_t> negatives_;
};

/// The counts at one threshold in [0, 1], gathered sample by sample.
class CountsAbove {
  public:
    explicit CountsAbove(double threshold = 0.5);
    void add(bool positive, double score);
    [[nodiscard]] const ThresholdCounts::Counts& counts() const { return counts_; }

  private:
    float threshold_;
    ThresholdCounts::Counts counts_;
};

}  // namespace attune

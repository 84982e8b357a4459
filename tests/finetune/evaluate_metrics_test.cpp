#include "support/doctest_torch.hpp"

#include <cmath>
#include <vector>

#include "attune/finetune/evaluate/metrics.hpp"

using namespace attune;

TEST_CASE("averages over classes leave out what no image has and nothing was taken for") {
    const std::vector<std::int64_t> labels{0, 0, 1, 1};
    const std::vector<double> right{0.8, 0.1, 0.1, 0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.2, 0.7, 0.1};
    const auto whole = classification_metrics(labels, ScoreTable{right, 3});
    CHECK(whole.macro.recall == doctest::Approx(1));
    CHECK(whole.macro.precision == doctest::Approx(1));
    CHECK(whole.macro.recall == doctest::Approx(whole.balanced_accuracy));
    CHECK(whole.roc_auc_ovr_macro == doctest::Approx(1));
    CHECK(whole.roc_auc_ovr_weighted == doctest::Approx(1));
    CHECK(whole.roc_auc_ovo_macro == doctest::Approx(1));
    // A class that images are taken for counts: each of these is wrong.
    std::vector<double> taken = right;
    taken[0] = taken[1] = 0.05;
    taken[2] = 0.9;
    CHECK(classification_metrics(labels, ScoreTable{taken, 3}).macro.precision == doctest::Approx(2.0 / 3));
    // With one class alone there is nothing to tell apart.
    CHECK(std::isnan(classification_metrics(std::vector<std::int64_t>{0, 0, 0, 0}, ScoreTable{right, 3})
                         .roc_auc_ovr_macro));
}

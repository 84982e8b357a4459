#include "support/doctest_torch.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include <nlohmann/json.hpp>

#include "attune/finetune/evaluate/metrics.hpp"
#include "attune/finetune/evaluate/regression_metrics.hpp"
#include "attune/finetune/evaluate/threshold_counts.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;

namespace {

double number(const json& value) {
    if (value.is_number()) return value.get<double>();
    const auto text = value.get<std::string>();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    return std::numeric_limits<double>::quiet_NaN();
}

void same(double ours, const json& expected, const std::string& what) {
    CAPTURE(what);
    if (expected.is_null()) return;
    const double theirs = number(expected);
    if (std::isnan(theirs)) {
        CHECK(std::isnan(ours));
        return;
    }
    if (std::isinf(theirs)) {
        CHECK(ours == theirs);
        return;
    }
    CHECK(std::abs(ours - theirs) <= 1e-9 * std::max(1.0, std::abs(theirs)));
}

void same(const PrecisionRecall& ours, const json& expected, const std::string& what) {
    same(ours.precision, expected.at("precision"), what + " precision");
    same(ours.recall, expected.at("recall"), what + " recall");
    same(ours.f1, expected.at("f1"), what + " f1");
}

void same(const std::vector<ThresholdPoint>& curve, const json& expected, const char* x, const char* y) {
    const auto& thresholds = expected.at("thresholds");
    REQUIRE(expected.at(x).size() == curve.size());
    for (std::size_t i = 0; i < curve.size(); ++i) {
        same(curve[i].x, expected.at(x)[i], x);
        same(curve[i].y, expected.at(y)[i], y);
        if (i < thresholds.size()) same(curve[i].threshold, thresholds[i], "threshold");
    }
}

void check_binary(const json& entry) {
    std::vector<bool> positive;
    for (const auto& label : entry.at("y_true")) positive.push_back(label.get<int>() == 1);
    const auto scores = entry.at("score").get<std::vector<double>>();
    const auto ours = binary_metrics(positive, scores, entry.at("threshold"));
    CHECK(ours.true_positives == entry.at("tp").get<std::int64_t>());
    CHECK(ours.false_positives == entry.at("fp").get<std::int64_t>());
    CHECK(ours.true_negatives == entry.at("tn").get<std::int64_t>());
    CHECK(ours.false_negatives == entry.at("fn").get<std::int64_t>());
    same(ours.accuracy, entry.at("accuracy"), "accuracy");
    same(ours.positive, entry, "positive class");
    same(ours.f_beta(0.5), entry.at("fbeta_0.5"), "f 0.5");
    same(ours.f_beta(2), entry.at("fbeta_2"), "f 2");
    same(ours.balanced_accuracy, entry.at("balanced_accuracy"), "balanced accuracy");
    same(ours.matthews, entry.at("mcc"), "matthews");
    same(ours.cohen_kappa, entry.at("cohen_kappa"), "kappa");
    same(ours.roc_auc, entry.at("roc_auc"), "area under ROC");
    same(ours.average_precision, entry.at("average_precision"), "average precision");
    if (entry.contains("brier") && entry.at("brier").is_number())
        same(brier_score(positive, scores), entry.at("brier"), "brier");
    if (entry.contains("log_loss") && entry.at("log_loss").is_number()) {
        std::vector<double> table;
        std::vector<std::int64_t> labels;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            table.insert(table.end(), {1 - scores[i], scores[i]});
            labels.push_back(positive[i] ? 1 : 0);
        }
        same(log_loss(labels, {table, 2}), entry.at("log_loss"), "log loss");
    }
    if (entry.contains("roc_curve") && entry.at("roc_curve").is_object())
        same(roc_curve(positive, scores), entry.at("roc_curve"), "fpr", "tpr");
    if (entry.contains("pr_curve") && entry.at("pr_curve").is_object()) {
        same(precision_recall_curve(positive, scores), entry.at("pr_curve"), "recall", "precision");
        if (entry.at("pr_auc_trapezoid").is_number())
            same(trapezoid_area(precision_recall_curve(positive, scores)), entry.at("pr_auc_trapezoid"),
                 "PR area");
    }
}

void same(const std::vector<double>& ours, const json& expected, const std::string& what) {
    REQUIRE(ours.size() == expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) same(ours[i], expected[i], what + " " + std::to_string(i));
}

void check_multiclass(const json& entry) {
    const auto classes = entry.at("num_classes").get<std::int64_t>();
    const auto labels = entry.at("y_true").get<std::vector<std::int64_t>>();
    std::vector<double> values;
    for (const auto& row : entry.at("prob"))
        for (const auto& value : row) values.push_back(value.get<double>());
    const ScoreTable table{values, classes};
    CHECK(argmax_rows(table) == entry.at("y_pred").get<std::vector<std::int64_t>>());
    const auto ours = classification_metrics(labels, table);
    same(ours.accuracy, entry.at("accuracy"), "accuracy");
    same(ours.log_loss, entry.at("log_loss"), "log loss");
    same(ours.matthews, entry.at("mcc"), "matthews");
    same(ours.cohen_kappa, entry.at("cohen_kappa"), "kappa");
    same(ours.balanced_accuracy, entry.at("balanced_accuracy"), "balanced accuracy");
    for (std::int64_t t = 0; t < classes; ++t)
        for (std::int64_t p = 0; p < classes; ++p)
            CHECK(ours.confusion.at(t, p) == entry.at("confusion_matrix")[static_cast<std::size_t>(t)]
                                                 .at(static_cast<std::size_t>(p))
                                                 .get<std::int64_t>());
    for (const auto& [k, value] : entry.at("top_k_accuracy").items())
        same(top_k_accuracy(labels, table, std::stol(k)), value, "top " + k);
    const auto& per_class = entry.at("per_class");
    for (std::size_t k = 0; k < ours.per_class.size(); ++k) {
        same(ours.per_class[k].precision, per_class.at("precision")[k], "class precision");
        same(ours.per_class[k].recall, per_class.at("recall")[k], "class recall");
        same(ours.per_class[k].f1, per_class.at("f1")[k], "class f1");
    }
    CHECK(ours.confusion.support() == per_class.at("support").get<std::vector<std::int64_t>>());
    same(ours.micro, entry.at("micro"), "micro");
    same(ours.macro, entry.at("macro"), "macro");
    same(ours.weighted, entry.at("weighted"), "weighted");
    same(ours.roc_auc_one_vs_rest, entry.at("roc_auc_one_vs_rest"), "one vs rest");
    same(ours.average_precision, entry.at("average_precision_per_class"), "average precision");
    if (!entry.contains("roc_auc_ovr_macro")) return;  // a class is missing, which the reference refuses
    same(ours.roc_auc_ovr_macro, entry.at("roc_auc_ovr_macro"), "ovr macro");
    same(ours.roc_auc_ovr_weighted, entry.at("roc_auc_ovr_weighted"), "ovr weighted");
    same(ours.roc_auc_ovo_macro, entry.at("roc_auc_ovo_macro"), "ovo macro");
    same(ours.roc_auc_ovo_weighted, entry.at("roc_auc_ovo_weighted"), "ovo weighted");
}

}  // namespace

TEST_CASE("classification metrics agree with scikit-learn") {
    const auto path = test::shared("fixtures/metrics/classification.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    for (const auto& entry : file.at("binary")) {
        CAPTURE(entry.at("name").get<std::string>());
        check_binary(entry);
        test::count_run();
    }
    for (const auto& entry : file.at("multiclass")) {
        CAPTURE(entry.at("name").get<std::string>());
        check_multiclass(entry);
        test::count_run();
    }
}

TEST_CASE("regression metrics agree with scikit-learn") {
    const auto path = test::shared("fixtures/metrics/regression.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    for (const auto& entry : file.at("cases")) {
        CAPTURE(entry.at("name").get<std::string>());
        const auto truth = entry.at("y_true").get<std::vector<double>>();
        const auto guess = entry.at("y_pred").get<std::vector<double>>();
        const auto ours = regression_metrics(truth, guess);
        for (const auto& [name, expected] : entry.items()) {
            if (name == "name" || name == "y_true" || name == "y_pred") continue;
            const std::map<std::string, double> known{{"r2", ours.r2},
                                                      {"r2_not_forced_finite", ours.r2_unbounded},
                                                      {"mae", ours.mean_absolute_error},
                                                      {"mse", ours.mean_squared_error},
                                                      {"rmse", ours.root_mean_squared_error},
                                                      {"median_absolute_error", ours.median_absolute_error},
                                                      {"max_error", ours.max_error},
                                                      {"explained_variance", ours.explained_variance},
                                                      {"mape_fraction", ours.mean_absolute_percentage_error},
                                                      {"msle", ours.mean_squared_log_error}};
            if (name.starts_with("pinball_"))
                same(pinball_loss(truth, guess, std::stod(name.substr(8))), expected, name);
            else if (known.contains(name))
                same(known.at(name), expected, name);
            else
                FAIL_CHECK("no metric of ours is called " << name);
        }
        test::count_run();
    }
}

TEST_CASE("metrics that are gathered above thresholds agree with Keras") {
    const auto path = test::shared("fixtures/metrics/keras_binary.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    using Height = ThresholdCounts::Height;
    for (const auto& entry : file.at("cases")) {
        CAPTURE(entry.at("name").get<std::string>());
        const auto scores = entry.at("score").get<std::vector<double>>();
        const auto gathered = [&](auto counter) {
            for (std::size_t i = 0; i < scores.size(); ++i)
                counter.add(entry.at("y_true")[i].get<int>() == 1, scores[i]);
            return counter;
        };
        const auto above = [&](double threshold) { return gathered(CountsAbove(threshold)).counts(); };
        const auto half = above(0.5);
        const auto ours = [&](const std::string& name) -> double {
            const auto end = [&](const char* word) { return name.substr(std::string(word).size()); };
            if (name == "tp") return static_cast<double>(half.true_positives);
            if (name == "fp") return static_cast<double>(half.false_positives);
            if (name == "tn") return static_cast<double>(half.true_negatives);
            if (name == "fn") return static_cast<double>(half.false_negatives);
            if (name == "precision") return half.precision();
            if (name == "recall") return half.recall();
            if (name == "binary_accuracy") return half.accuracy();
            if (name == "auc") return gathered(ThresholdCounts()).roc_area();
            if (name == "auc_minoring") return gathered(ThresholdCounts()).roc_area(Height::lower);
            if (name == "auc_majoring") return gathered(ThresholdCounts()).roc_area(Height::higher);
            if (name == "prc") return gathered(ThresholdCounts()).precision_recall_area();
            if (name.starts_with("auc_") && name.ends_with("_thresholds"))
                return gathered(ThresholdCounts(std::stol(end("auc_")))).roc_area();
            if (name.starts_with("prc_interpolation_"))
                return gathered(ThresholdCounts(std::stol(end("prc_interpolation_"))))
                    .precision_recall_area();
            if (name.starts_with("precision_threshold_"))
                return above(std::stod(end("precision_threshold_"))).precision();
            if (name.starts_with("recall_threshold_"))
                return above(std::stod(end("recall_threshold_"))).recall();
            FAIL_CHECK("no metric of ours is called " << name);
            return std::numeric_limits<double>::quiet_NaN();
        };
        for (const auto& [name, expected] : entry.items()) {
            if (name == "name" || name == "y_true" || name == "score") continue;
            CAPTURE(name);
            CHECK(std::abs(ours(name) - number(expected)) <= 1e-5);
        }
        test::count_run();
    }
}

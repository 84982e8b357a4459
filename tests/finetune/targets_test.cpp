#include <array>
#include <cmath>
#include <map>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/train/loss.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"

#include "../../src/finetune/train/batch_plan.hpp"

using namespace attune;
using namespace attune::test;

TEST_CASE("focal loss is cross entropy at gamma 0 and weighs by what is uncertain above") {
    const auto logits = torch::tensor({{2.0, 0.5, -1.0}, {0.1, 0.2, 0.3}}, torch::kFloat64);
    const auto labels = torch::tensor({0, 2}, torch::kInt64);
    const auto logs = torch::log_softmax(logits, 1);
    double expected = 0;
    for (std::int64_t i = 0; i < 2; ++i) {
        const auto log_p = logs[i][labels[i].item<std::int64_t>()].item<double>();
        expected += -std::pow(1 - std::exp(log_p), 1.5) * log_p / 2;
    }
    LossOptions focal;
    focal.focal_gamma = 1.5;
    CHECK(cross_entropy(logits, labels, focal).item<double>() == doctest::Approx(expected).epsilon(1e-12));
    CHECK(soft_cross_entropy(logits, attune::one_hot(labels, 3, torch::kFloat64), focal).item<double>() ==
          doctest::Approx(expected).epsilon(1e-12));
    LossOptions nearly;
    nearly.focal_gamma = 1e-12;
    nearly.label_smoothing = 0.2;
    nearly.class_weights = torch::tensor({1.0, 2.0, 3.0}, torch::kFloat64);
    LossOptions plain = nearly;
    plain.focal_gamma = 0;
    CHECK(soft_cross_entropy(logits, attune::one_hot(labels, 3, torch::kFloat64), nearly).item<double>() ==
          doctest::Approx(
              soft_cross_entropy(logits, attune::one_hot(labels, 3, torch::kFloat64), plain).item<double>()));
    const auto targets = torch::tensor({{1.0, 0.0, 1.0}, {0.0, 0.0, 1.0}}, torch::kFloat64);
    LossOptions two;
    two.focal_gamma = 2;
    const auto p = torch::sigmoid(logits);
    const auto q = targets * p + (1 - targets) * (1 - p);
    CHECK(binary_cross_entropy(logits, targets, two).item<double>() ==
          doctest::Approx((-(1 - q).square() * q.log()).mean().item<double>()));
}

TEST_CASE("balanced sampling shows every class alike and each sample before one comes again") {
    const auto all = test::striped_images(90);
    SplitRows split;
    for (std::int64_t row = 0; row < 90; ++row)  // 30, 10 and 3 images of the classes
        if (row % 3 == 0 || (row % 3 == 1 && row < 30) || (row % 3 == 2 && row < 9))
            split.train.push_back(row);
    const auto data = all.with_split(split);
    auto recipe = quick_recipe();
    recipe.balance_sampling = true;
    recipe.batch_size = 5;
    attune::detail::BatchPlan plan(data, recipe);
    CHECK(plan.samples() == 43);
    std::vector<std::vector<std::int64_t>> epochs;
    for (const std::int64_t epoch : {1, 2, 1}) {
        plan.begin_epoch(epoch);
        epochs.emplace_back();
        for (std::size_t i = 0; i < plan.batches(); ++i)
            epochs.back().insert(epochs.back().end(), plan.batch(i).begin(), plan.batch(i).end());
        std::array<std::int64_t, 3> counts{};
        std::map<std::int64_t, int> shown;
        for (const auto row : epochs.back()) {
            ++counts[static_cast<std::size_t>(row % 3)];
            ++shown[row];
        }
        CHECK(*std::ranges::min_element(counts) == 14);
        CHECK(*std::ranges::max_element(counts) == 15);
        for (const auto& [row, times] : shown) {
            if (row % 3 == 0) CHECK(times == 1);
            if (row % 3 == 1) CHECK((times == 1 || times == 2));
            if (row % 3 == 2) CHECK((times == 4 || times == 5));
        }
    }
    CHECK(epochs[0] == epochs[2]);
    CHECK(epochs[0] != epochs[1]);
}

TEST_CASE("a student learns what its teacher says") {
    const OneThread one;
    TrainingSet set{test::striped_images(90)};
    auto recipe = quick_recipe(0);
    recipe.epochs = 10;
    const auto teacher = std::make_shared<TinyNetwork>(3);
    (void)fit(*teacher, set, recipe);
    // Labels that are wrong on purpose: only the teacher knows better.
    std::vector<std::int64_t> labels;
    for (const auto label : set.data.labels()) labels.push_back((label + 1) % 3);
    TrainingSet wrong{
        ImageData(set.data.pixels(), labels, set.data.classes(), {}, set.data.split(), set.data.framing())};
    recipe = quick_recipe();
    recipe.epochs = 20;
    recipe.distillation_weight = 1;
    recipe.augmentation.horizontal_flip = true;
    TinyNetwork student(3);
    CHECK_THROWS_WITH_AS(fitted(student, wrong, recipe), doctest::Contains("teacher"), InvalidOption);
    wrong.teacher = teacher;
    recipe.restore_best = false;
    (void)fitted(student, wrong, recipe);
    const auto& rows = set.data.split().test;
    const auto said = compute_logits(student, set.data, rows).argmax(1);
    const auto known = compute_logits(*teacher, set.data, rows).argmax(1);
    CHECK(said.eq(known).to(torch::kFloat64).mean().item<double>() > 0.6);
    // Keeping the teacher's features changes nothing but the time.
    TinyNetwork again(3);
    (void)fitted(again, wrong, recipe, {.own_cache_bytes = 0});
    CHECK(distance_between(values_of(again), values_of(student)) < 5e-3);
}

TEST_CASE("numbers are learnt in their own units") {
    const OneThread one;
    const auto data = test::striped_images(120);
    auto table = torch::empty({data.size(), 2});
    for (std::int64_t row = 0; row < data.size(); ++row) {
        const auto label = static_cast<double>(data.labels()[static_cast<std::size_t>(row)]);
        table[row][0] = 1000 + 300 * label;
        table[row][1] = 0.01 * (label == 1 ? 1 : 0);
    }
    TrainingSet set{data};
    auto recipe = quick_recipe(0);
    recipe.targets = TargetKind::numbers;
    recipe.epochs = 40;
    TinyNetwork network(3);
    CHECK_THROWS_WITH_AS(fitted(network, set, recipe), doctest::Contains("targets"), InvalidOption);
    set.targets = std::make_shared<torch::Tensor>(table);
    const auto result = fitted(network, set, recipe);
    CHECK(network.classes() == 2);
    const auto& best = result.history[static_cast<std::size_t>(result.best_epoch - 1)].numbers;
    CHECK(best.at("validation_r2") > 0.5);
    for (const auto& report : result.history)
        CHECK(report.numbers.at("validation_loss") >= result.best_validation_loss);
    const auto& rows = data.split().validation;
    const auto truth = table.index_select(0, torch::tensor(rows, torch::kInt64));
    const auto said = compute_logits(network, data, rows);
    CHECK((said - truth).select(1, 0).abs().mean().item<double>() < 150);
    CHECK((said - truth).abs().mean().item<double>() ==
          doctest::Approx(best.at("validation_mae")).epsilon(1e-3));
    // Going on with a head in these units begins where it ended.
    recipe.head_start = HeadStart::keep;
    recipe.batch_norm = BatchNormPolicy::all_frozen;
    recipe.epochs = 1;
    recipe.learning_rate = 1e-9;
    const auto more = fitted(network, set, recipe);
    CHECK(more.best_validation_loss == doctest::Approx(result.best_validation_loss).epsilon(0.02));
    recipe.label_smoothing = 0.1;
    CHECK_THROWS_WITH_AS(fitted(network, set, recipe), doctest::Contains("label_smoothing"), InvalidOption);
}

TEST_CASE("labels of which several hold are learnt each for itself") {
    const OneThread one;
    const auto data = test::striped_images(120);
    auto table = torch::zeros({data.size(), 2});
    for (std::int64_t row = 0; row < data.size(); ++row) {
        const auto label = data.labels()[static_cast<std::size_t>(row)];
        table[row][0] = label >= 1 ? 1 : 0;
        table[row][1] = label == 2 ? 1 : 0;
    }
    const TrainingSet set{data, nullptr, std::make_shared<torch::Tensor>(table)};
    auto recipe = quick_recipe(0);
    recipe.targets = TargetKind::labels;
    recipe.epochs = 15;
    recipe.mixup_alpha = 0.1;
    TinyNetwork network(3);
    const auto result = fitted(network, set, recipe);
    const auto& best = result.history[static_cast<std::size_t>(result.best_epoch - 1)].numbers;
    CHECK(best.at("validation_accuracy") > 0.8);
    CHECK(best.at("validation_average_precision") > 0.8);
    const auto& rows = data.split().validation;
    const auto right = (compute_logits(network, data, rows) > 0)
                           .eq(table.index_select(0, torch::tensor(rows, torch::kInt64)) > 0.5);
    CHECK(right.to(torch::kFloat64).mean().item<double>() == doctest::Approx(best.at("validation_accuracy")));
    const TrainingSet odd{data, nullptr, std::make_shared<torch::Tensor>(table * 2)};
    CHECK_THROWS_WITH_AS(fitted(network, odd, recipe), doctest::Contains("0 or 1"), InvalidOption);
}

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/gradient_scale.hpp"
#include "attune/finetune/train/loss.hpp"
#include "attune/finetune/train/optimizers/sgd.hpp"
#include "attune/finetune/train/range_test.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "finetune/support/quick_recipe.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/doctest_torch.hpp"

#include "../../src/finetune/train/batch_plan.hpp"

using namespace attune;
using test::largest_difference;
using test::OneThread;
using test::quick_recipe;
using test::TinyNetwork;

namespace {

using Values = std::map<std::string, torch::Tensor>;

Values values_of(const Network& network) {
    Values values;
    for (const auto& item : network.named_parameters()) values[item.key()] = item.value().detach().clone();
    for (const auto& item : network.named_buffers()) values[item.key()] = item.value().clone();
    return values;
}

bool is_equal(const Values& a, const Values& b, const std::string& name) {
    return torch::equal(a.at(name), b.at(name));
}

double distance(const Values& a, const Values& b, const std::string& name) {
    return (a.at(name) - b.at(name)).norm().item<double>();
}

FitResult fitted(TinyNetwork& network, const TrainingSet& set, const Recipe& recipe,
                 const FitOptions& options = {}) {
    return fit(network, set, recipe, options);
}

Values fitted(const TrainingSet& set, const Recipe& recipe, const FitOptions& options = {}) {
    TinyNetwork network(3);
    (void)fit(network, set, recipe, options);
    return values_of(network);
}

double distance_between(const Values& a, const Values& b) {
    double largest = 0;
    for (const auto& [name, value] : a)
        largest =
            std::max(largest, largest_difference(value.to(torch::kFloat64), b.at(name).to(torch::kFloat64)));
    return largest;
}

/// A tiny network that draws random numbers of its own while it trains.
class DroppingNetwork : public TinyNetwork {
  public:
    explicit DroppingNetwork(std::int64_t classes) : TinyNetwork(classes) {
        dropout_ = register_module("second_dropout", torch::nn::Dropout(0.3));
    }
    torch::Tensor forward_stages(torch::Tensor x, std::size_t begin, std::size_t end) override {
        for (auto stage = begin; stage < end; ++stage) {
            if (stage == 2) x = dropout_->forward(x);
            x = TinyNetwork::forward_stages(x, stage, stage + 1);
        }
        return x;
    }

  private:
    torch::nn::Dropout dropout_{nullptr};
};

}  // namespace

TEST_CASE("every optimizer lowers the loss of a head") {
    const OneThread one;
    const TrainingSet set{test::striped_images(90)};
    const std::map<std::string, double> rates{
        {"sgd", 0.05},   {"asgd", 0.05},  {"adam", 0.02},   {"adamw", 0.02}, {"adamax", 0.02},
        {"nadam", 0.02}, {"radam", 0.05}, {"adagrad", 0.1}, {"adadelta", 5}, {"rmsprop", 0.005},
        {"rprop", 0.01}, {"lion", 0.005}, {"lamb", 0.3},    {"lars", 1},     {"lbfgs", 1}};
    for (const auto& [name, rate] : rates) {
        CAPTURE(name);
        auto recipe = quick_recipe();
        recipe.optimizer = optimizer_from_name(name);
        CHECK(to_string(recipe.optimizer) == name);
        recipe.learning_rate = rate;
        recipe.epochs = 8;
        recipe.optimizer_details.lars_trust = 0.1;
        recipe.weight_decay = name == "lars" || name == "lamb" ? 1e-3 : 0;
        if (name == "rprop" || name == "lbfgs") recipe.batch_size = 100;
        TinyNetwork network(3);
        const auto result = fitted(network, set, recipe);
        REQUIRE(result.end == FitEnd::completed);
        CHECK(result.last_train_loss < 0.9 * result.history.front().numbers.at("train_loss"));
    }
}

TEST_CASE("batches that are accumulated move the weights as their union does") {
    const OneThread one;
    const TrainingSet set{test::striped_images(100)};  // 60 training images: the last update is a short one
    auto recipe = quick_recipe();
    recipe.class_weights = {1, 1, 1};
    const auto whole = fitted(set, recipe);
    recipe.batch_size = 4;
    recipe.accumulation_steps = 4;
    TinyNetwork network(3);
    const auto result = fitted(network, set, recipe);
    CHECK(result.steps == 4 * 4);
    CHECK(distance_between(whole, values_of(network)) < 1e-5);
}

TEST_CASE("stages thaw one by one, from the head down, and those below stay frozen") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.epochs = 6;
    recipe.thaw_every_epochs = 2;  // the last stage has no parameters
    recipe.restore_best = false;
    TinyNetwork network(3);
    std::vector<Values> seen{values_of(network)};
    FitOptions options;
    options.on_epoch = [&](const EpochReport&) {
        seen.push_back(values_of(network));
        return EpochAnswer::proceed;
    };
    (void)fitted(network, set, recipe, options);
    REQUIRE(seen.size() == 7);
    for (std::size_t epoch = 1; epoch <= 6; ++epoch) {
        CAPTURE(epoch);
        CHECK_FALSE(is_equal(seen[epoch - 1], seen[epoch], "fc.weight"));
        const bool second_trains = epoch > 4;
        for (const auto* name : {"second.0.weight", "second.1.running_mean"})
            CHECK(is_equal(seen[epoch - 1], seen[epoch], name) == !second_trains);
        CHECK(is_equal(seen[epoch - 1], seen[epoch], "first.0.weight"));
    }
    recipe.epochs = 7;
    CHECK_FALSE(is_equal(seen[0], fitted(set, recipe), "first.0.weight"));
}

TEST_CASE("low-rank corrections are of their rank, merged at the end, and all else stays") {
    const OneThread one;
    const TrainingSet set{test::striped_images(90)};
    auto recipe = quick_recipe(0);
    recipe.lora_rank = 2;
    recipe.lora_alpha = 4;
    recipe.epochs = 6;
    TinyNetwork network(3);
    const auto before = values_of(network);
    const auto result = fitted(network, set, recipe);
    const auto after = values_of(network);
    for (const std::string name : {"first.0.weight", "second.0.weight"}) {
        CAPTURE(name);
        const auto change = (after.at(name) - before.at(name)).flatten(1).to(torch::kFloat64);
        const auto singular = std::get<1>(torch::svd(change));
        CHECK(singular[1].item<double>() > 1e-4);
        CHECK(singular[2].item<double>() < 1e-5 * singular[0].item<double>());
    }
    for (const auto* name : {"first.0.bias", "second.1.weight", "second.1.bias"})
        CHECK(is_equal(before, after, name));
    CHECK_FALSE(is_equal(before, after, "second.1.running_mean"));
    // 2 (6 + 27) + 2 (8 + 54) factors, and the head.
    CHECK(result.trained_parameters == 66 + 124 + 27);
    CHECK(evaluate(network, set.data, Split::validation).metrics.log_loss ==
          doctest::Approx(result.best_validation_loss).epsilon(1e-4));
    CHECK(result.last_train_loss < result.history.front().numbers.at("train_loss"));
    recipe.frozen_stages = Recipe::head_only;
    CHECK_THROWS_WITH_AS(fitted(network, set, recipe), doctest::Contains("lora_rank"), InvalidOption);
}

TEST_CASE("L2 towards the pretrained weights holds stages near them, L1 makes weights small") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.optimizer = OptimizerKind::sgd;
    recipe.schedule.kind = ScheduleKind::constant;
    recipe.restore_best = false;
    TinyNetwork fresh(3);
    const auto start = values_of(fresh);
    const auto free = fitted(set, recipe);
    recipe.l2_pretrained = 5;
    const auto held = fitted(set, recipe);
    CHECK(distance(held, start, "first.0.weight") < 0.7 * distance(free, start, "first.0.weight"));
    recipe.l2_pretrained = 0;
    recipe.l1 = 0.1;
    const auto sparse = fitted(set, recipe);
    CHECK(sparse.at("first.0.weight").abs().sum().item<double>() <
          0.9 * free.at("first.0.weight").abs().sum().item<double>());

    // One step of plain descent, by hand: the head is 0 at first, so its L1 gradient too; the stage's is its
    // sign.
    recipe.l1 = 0.01;
    recipe.epochs = 1;
    recipe.batch_size = 1000;
    recipe.momentum = 0;
    recipe.head_start = HeadStart::zeros;
    const auto step = fitted(set, recipe);
    const auto expected = start.at("first.0.weight") - 0.02 * 0.01 * start.at("first.0.weight").sign();
    CHECK(largest_difference(step.at("first.0.weight"), expected) < 1e-6);
}

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

TEST_CASE("stochastic weight averaging keeps the mean of the epochs and makes its batch statistics") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.epochs = 5;
    recipe.swa_from = 0.4;
    recipe.batch_size = 12;  // equal batches, so that the mean of their means is that of all
    TinyNetwork network(3);
    std::vector<Values> seen;
    FitOptions options;
    options.on_epoch = [&](const EpochReport&) {
        seen.push_back(values_of(network));
        return EpochAnswer::proceed;
    };
    const auto result = fitted(network, set, recipe, options);
    const auto kept = values_of(network);
    for (const std::string name : {"first.0.weight", "second.1.bias", "fc.weight"}) {
        const auto mean = (seen[2].at(name) + seen[3].at(name) + seen[4].at(name)) / 3;
        CHECK(largest_difference(mean, kept.at(name)) < 1e-6);
    }
    // The first normalisation's mean is that of the convolution over the training images, whatever their
    // batches.
    const auto& rows = set.data.split().train;
    const auto pixels = set.data.pixels().index_select(0, torch::tensor(rows, torch::kInt64));
    const auto input = torch::conv2d(normalise(pixels, network.input), kept.at("first.0.weight"),
                                     kept.at("first.0.bias"), 2, 1);
    CHECK(largest_difference(input.mean({0, 2, 3}), kept.at("first.1.running_mean")) < 1e-4);
    CHECK(evaluate(network, set.data, Split::validation).metrics.log_loss ==
          doctest::Approx(result.validation_loss).epsilon(1e-4));
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

TEST_CASE("layouts and precisions of the network change little of a training") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.optimizer = OptimizerKind::sgd;
    const auto plain = fitted(set, recipe);
    recipe.channels_last = true;
    TinyNetwork network(3);
    (void)fitted(network, set, recipe);
    CHECK(distance_between(plain, values_of(network)) < 1e-3);
    for (const auto& parameter : network.parameters()) CHECK(parameter.is_contiguous());
    recipe.channels_last = false;
    recipe.precision = Precision::bfloat16;
    const auto half = fitted(set, recipe);
    CHECK(distance_between(plain, half) < 0.3);
    CHECK(distance_between(plain, half) > 0);
    for (const auto& [name, value] : half)
        if (value.is_floating_point()) CHECK((value.scalar_type() == torch::kFloat32));
    recipe.precision = Precision::float16;
    CHECK_THROWS_WITH_AS(fitted(set, recipe), doctest::Contains("float16"), InvalidOption);
    CHECK_THROWS_WITH_AS(fitted(set, quick_recipe(), {.device = "abacus"}), doctest::Contains("abacus"),
                         InvalidOption);
}

TEST_CASE("the scale of half-precision gradients falls where they overflow and grows where they do not") {
    auto weight = torch::zeros({2}).requires_grad_(true);
    const std::vector<OptimizerGroup> groups{{{weight}, 1, 0}};
    GradientScale scale{.scale = 8, .growth_interval = 2};
    weight.mutable_grad() = torch::tensor({8.0F, -16.0F});
    CHECK(scale.unscale(groups));
    CHECK(torch::equal(weight.grad(), torch::tensor({1.0F, -2.0F})));
    weight.mutable_grad() = torch::tensor({8.0F, std::numeric_limits<float>::infinity()});
    CHECK_FALSE(scale.unscale(groups));
    CHECK(scale.scale == 4);
    weight.mutable_grad() = torch::ones({2});
    CHECK(scale.unscale(groups));
    CHECK(scale.scale == 4);
    CHECK(scale.unscale(groups));
    CHECK(scale.scale == 8);
}

TEST_CASE("a range test names a rate and leaves no trace") {
    const OneThread one;
    const TrainingSet set{test::striped_images(90)};
    auto recipe = quick_recipe(1);
    recipe.optimizer = OptimizerKind::sgd;
    recipe.head_dropout = 0.1;
    TinyNetwork network(5);
    network.train();
    network.named_parameters()["first.0.bias"].set_requires_grad(false);
    const auto before = values_of(network);
    const auto generator = at::detail::getDefaultCPUGenerator().get_state();
    const auto seen =
        learning_rate_range_test(network, set, recipe, {.lowest = 1e-5, .highest = 1000, .steps = 60});
    const auto after = values_of(network);
    REQUIRE(before.size() == after.size());
    for (const auto& [name, value] : before) CHECK(torch::equal(value, after.at(name)));
    CHECK(network.classes() == 5);
    CHECK(network.is_training());
    CHECK(network.named_parameters()["first.0.weight"].requires_grad());
    CHECK_FALSE(network.named_parameters()["first.0.bias"].requires_grad());
    for (const auto& parameter : network.parameters()) CHECK_FALSE(parameter.grad().defined());
    CHECK(torch::equal(generator, at::detail::getDefaultCPUGenerator().get_state()));
    CHECK(seen.diverged);
    REQUIRE(seen.losses.size() == seen.learning_rates.size());
    CHECK(seen.losses.size() < 60);
    CHECK(seen.learning_rates[0] == doctest::Approx(1e-5));
    for (std::size_t i = 1; i < seen.learning_rates.size(); ++i)
        CHECK(seen.learning_rates[i] / seen.learning_rates[i - 1] ==
              doctest::Approx(std::pow(1e8, 1.0 / 59)));
    CHECK(seen.suggested() > 1e-4);
    CHECK(seen.suggested() < 10);
    const auto again =
        learning_rate_range_test(network, set, recipe, {.lowest = 1e-5, .highest = 1000, .steps = 60});
    CHECK(again.losses == seen.losses);
    CHECK_THROWS_AS(learning_rate_range_test(network, set, recipe, {.lowest = 1, .highest = 0.5}),
                    InvalidOption);
}

TEST_CASE("what a network draws itself is a function of the recipe's seed") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    const auto run = [&] {
        DroppingNetwork network(3);
        (void)fit(network, set, recipe);
        return values_of(network);
    };
    torch::manual_seed(1);
    const auto generator = at::detail::getDefaultCPUGenerator().get_state();
    const auto first = run();
    torch::manual_seed(1);
    {
        DroppingNetwork network(3);  // building one draws from the generator
        const auto built = at::detail::getDefaultCPUGenerator().get_state();
        (void)fit(network, set, recipe);
        CHECK(torch::equal(built, at::detail::getDefaultCPUGenerator().get_state()));
    }
    torch::manual_seed(77);
    CHECK(distance_between(first, run()) == 0);
    recipe.seed = 2;
    CHECK(distance_between(first, run()) > 0);
    CHECK(distance_between(first, fitted(set, quick_recipe(0))) > 0);
    CHECK(generator.defined());
}

TEST_CASE("a recipe's stochastic depth is the network's, less towards the first branch") {
    /// Its second stage is the residual branch that may be left out.
    class Residual : public TinyNetwork {
      public:
        Residual() : TinyNetwork(3) {
            for (std::size_t i = 0; i < depths.size(); ++i)
                depths[i] =
                    register_module("depth" + std::to_string(i), std::make_shared<StochasticDepth>(0.1));
        }
        torch::Tensor forward_stages(torch::Tensor x, std::size_t begin, std::size_t end) override {
            x = TinyNetwork::forward_stages(std::move(x), begin, end);
            for (const auto& depth : depths) x = depth->forward(x);
            return x;
        }
        std::array<std::shared_ptr<StochasticDepth>, 3> depths;
    };
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    const auto probabilities = [&] {
        Residual network;
        (void)fit(network, set, recipe);
        return std::array{network.depths[0]->probability(), network.depths[1]->probability(),
                          network.depths[2]->probability()};
    };
    CHECK(probabilities() == std::array{0.1, 0.1, 0.1});  // none: the network's own
    recipe.stochastic_depth = 0.5;
    CHECK(probabilities() == std::array{0.0, 0.25, 0.5});
}

TEST_CASE("optimizers and schedules of one's own take the place of the recipe's") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe();
    recipe.optimizer = OptimizerKind::sgd;
    recipe.momentum = 0.5;
    recipe.schedule.kind = ScheduleKind::constant;
    const auto expected = fitted(set, recipe);
    auto other = recipe;
    other.optimizer = OptimizerKind::adamw;
    other.schedule.kind = ScheduleKind::cosine;
    FitOptions options;
    options.make_optimizer = [](std::vector<OptimizerGroup> groups) -> std::unique_ptr<Optimizer> {
        return std::make_unique<Sgd>(std::move(groups), SgdOptions{.momentum = 0.5});
    };
    options.learning_rate_factor = [](const ScheduleMoment&) { return 1.0; };
    CHECK(distance_between(expected, fitted(set, other, options)) == 0);
    options.make_optimizer = [](std::vector<OptimizerGroup>) { return std::unique_ptr<Optimizer>(); };
    CHECK_THROWS_AS(fitted(set, other, options), InvalidOption);
}

TEST_CASE("mixing, augmentation and clipping change a training, the same way each time") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    const auto plain = fitted(set, quick_recipe(0));
    const std::map<std::string, std::function<void(Recipe&)>> changes{
        {"mixup", [](Recipe& r) { r.mixup_alpha = 0.4; }},
        {"cutmix", [](Recipe& r) { r.cutmix_alpha = 1; }},
        {"both", [](Recipe& r) { r.mixup_alpha = r.cutmix_alpha = 1; }},
        {"random augment", [](Recipe& r) { r.augmentation.random_augment = 2; }},
        {"trivial augment", [](Recipe& r) { r.augmentation.trivial_augment = true; }},
        {"hue", [](Recipe& r) { r.augmentation.hue = 0.3; }},
        {"erasing", [](Recipe& r) { r.augmentation.erase_probability = 0.5; }},
        {"clipping", [](Recipe& r) { r.gradient_clip_norm = 1e-3; }},
        {"clipping values", [](Recipe& r) {
             r.gradient_clip_norm = 1e-4;
             r.gradient_clip_exponent = std::numeric_limits<double>::infinity();
         }}};
    for (const auto& [name, change] : changes) {
        CAPTURE(name);
        auto recipe = quick_recipe(0);
        recipe.optimizer = OptimizerKind::sgd;
        const auto before = fitted(set, recipe);
        change(recipe);
        CHECK(recipe_from_text(recipe.to_text()).to_text() == recipe.to_text());
        const auto changed = fitted(set, recipe);
        CHECK(distance_between(before, changed) > 0);
        CHECK(distance_between(changed, fitted(set, recipe)) == 0);
    }
    auto features = quick_recipe();
    features.cutmix_alpha = 1;
    CHECK_THROWS_WITH_AS(fitted(set, features), doctest::Contains("cutmix"), InvalidOption);
    CHECK(plain.size() > 3);
}

TEST_CASE("schedules of a recipe follow the plain functions") {
    Schedule schedule{.kind = ScheduleKind::multi_step, .milestones = {1, 3}, .gamma = 0.5};
    CHECK(learning_rate_factor(schedule, 9, 10, 5) == 1);
    CHECK(learning_rate_factor(schedule, 10, 10, 5) == 0.5);
    CHECK(learning_rate_factor(schedule, 30, 10, 5) == 0.25);
    schedule = {.kind = ScheduleKind::polynomial, .final_factor = 0.2, .power = 2};
    CHECK(learning_rate_factor(schedule, 25, 10, 5) == doctest::Approx(0.2 + 0.8 * 0.25));
    schedule = {.kind = ScheduleKind::cosine_restarts, .cycle_epochs = 1, .cycle_multiplier = 2};
    CHECK(learning_rate_factor(schedule, 10, 10, 7) == 1);
    CHECK(learning_rate_factor(schedule, 20, 10, 7) == doctest::Approx(0.5));
    CHECK(learning_rate_factor(schedule, 30, 10, 7) == 1);
    schedule = {.kind = ScheduleKind::cyclic, .final_factor = 0.1, .cycle_epochs = 2, .lowest_momentum = 0.8};
    CHECK(learning_rate_factor(schedule, 0, 10, 4) == doctest::Approx(0.1));
    CHECK(learning_rate_factor(schedule, 10, 10, 4) == doctest::Approx(1));
    CHECK(momentum_at(schedule, 0.9, {10, 10, 4, {}}) == doctest::Approx(0.8));
    CHECK(momentum_at(schedule, 0.9, {20, 10, 4, {}}) == doctest::Approx(0.9));
    schedule = {.kind = ScheduleKind::plateau, .plateau = {.factor = 0.5, .patience = 1}};
    const std::vector<double> losses{1, 0.5, 0.6, 0.7, 0.4};
    CHECK(learning_rate_factor(schedule, {40, 10, 9, std::span(losses).first(3)}) == 1);
    CHECK(learning_rate_factor(schedule, {40, 10, 9, losses}) == 0.5);
    CHECK_THROWS_AS((Schedule{.kind = ScheduleKind::multi_step}.validate()), InvalidOption);
    CHECK_THROWS_AS((Schedule{.power = 0}.validate()), InvalidOption);
}

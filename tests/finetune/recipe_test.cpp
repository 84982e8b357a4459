#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/train/optimizers/sgd.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"

using namespace attune;
using namespace attune::test;

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

TEST_CASE("the rate of a stage rises from when it thaws, and is never below 0") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};  // 36 training images
    auto recipe = quick_recipe(0);
    recipe.batch_size = 12;
    recipe.epochs = 6;
    recipe.thaw_every_epochs = 1;  // the pooling, the second stage in epoch 3, the first in epoch 4
    recipe.thaw_rise_epochs = 2;
    recipe.schedule = {.kind = ScheduleKind::constant, .warm_up_start = 0.2};
    Optimizer* optimizer = nullptr;
    FitOptions options;
    options.make_optimizer = [&](std::vector<OptimizerGroup> groups) {
        auto made = std::make_unique<Sgd>(std::move(groups), SgdOptions{.momentum = 0.5});
        optimizer = made.get();
        return made;
    };
    std::map<std::size_t, std::vector<double>> factors;  // by stage, one an update
    options.on_update = [&](const UpdateReport&) {
        std::map<std::size_t, double> now;
        for (const auto& group : optimizer->groups()) now[group.stage] = group.factor;
        for (const auto& [stage, factor] : now) factors[stage].push_back(factor);
    };
    TinyNetwork network(3);
    (void)fitted(network, set, recipe, options);
    REQUIRE(factors.at(0).size() == 18);
    const std::map<std::size_t, std::size_t> thawed{{3, 0}, {1, 6}, {0, 9}};
    for (const auto& [stage, begin] : thawed)
        for (std::size_t step = 0; step < 18; ++step) {
            CAPTURE(stage);
            CAPTURE(step);
            const double since = step < begin ? 0 : static_cast<double>(step - begin);
            const double expected = stage == 3 ? 1 : 0.2 + 0.8 * std::min(since / 6, 1.0);
            CHECK(factors.at(stage)[step] == doctest::Approx(expected));
        }
    CHECK(schedule::linear(-5, 10, 0.1) == doctest::Approx(0.1));
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

TEST_CASE("a fit that is cancelled leaves weights with their own batch statistics, no means of epochs") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.epochs = 5;
    recipe.restore_best = false;
    const auto cancelled = [&] {
        std::stop_source source;
        FitOptions options{.stop = source.get_token()};
        options.on_update = [&](const UpdateReport& report) {
            if (report.step == 9) source.request_stop();
        };
        TinyNetwork network(3);
        CHECK(fitted(network, set, recipe, options).end == FitEnd::cancelled);
        return values_of(network);
    };
    const auto plain = cancelled();
    recipe.swa_from = 0.2;
    CHECK(distance_between(plain, cancelled()) == 0);
}

TEST_CASE("low-rank corrections are not trained with what is about weights") {
    const auto refused = [](const char* name, auto set) {
        Recipe recipe;
        recipe.lora_rank = 2;
        CHECK_NOTHROW(recipe.validate());
        set(recipe);
        CHECK_THROWS_WITH_AS(recipe.validate(), doctest::Contains(name), InvalidOption);
        recipe.lora_rank = 0;
        CHECK_NOTHROW(recipe.validate());
    };
    refused("recipe.l1", [](Recipe& recipe) { recipe.l1 = 0.1; });
    refused("recipe.l2_pretrained", [](Recipe& recipe) { recipe.l2_pretrained = 0.1; });
    refused("recipe.ema_decay", [](Recipe& recipe) { recipe.ema_decay = 0.9; });
    refused("recipe.swa_from", [](Recipe& recipe) { recipe.swa_from = 0.5; });
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
        const auto now = [&] {
            return std::array{network.depths[0]->probability(), network.depths[1]->probability(),
                              network.depths[2]->probability()};
        };
        auto seen = now();
        FitOptions options;
        options.on_epoch = [&](const EpochReport&) {
            seen = now();
            return EpochAnswer::proceed;
        };
        (void)fit(network, set, recipe, options);
        return seen;
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

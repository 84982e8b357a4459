#include <memory>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/optimizers/lbfgs.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "attune/finetune/zoo/vit.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"

#include "../../src/finetune/train/dropout_mask.hpp"
#include "../../src/finetune/train/network_randomness.hpp"

using namespace attune;
using namespace attune::test;

// What a fit leaves alone, refuses before it begins, and does the same way whatever else is set.
namespace {

/// A tiny network with a dropout in front of its head and a stochastic depth.
class Dropping : public TinyNetwork {
  public:
    explicit Dropping(double probability = 0.4) : TinyNetwork(3) {
        dropout = register_module("second_dropout", torch::nn::Dropout(probability));
        depth = register_module("second_depth", std::make_shared<StochasticDepth>(probability / 2));
    }
    torch::Tensor forward_head(torch::Tensor features) override {
        return TinyNetwork::forward_head(dropout->forward(depth->forward(features)));
    }
    void set_head_dropout(double probability) override { dropout->options.p(probability); }
    [[nodiscard]] const std::vector<Stage>& stages() const override {
        static const std::vector<Stage> list{{"first", {"first."}},
                                             {"second", {"second.", "second_dropout.", "second_depth."}},
                                             {"pool", {"pool."}}};
        return list;
    }

    torch::nn::Dropout dropout{nullptr};
    std::shared_ptr<StochasticDepth> depth;
};

struct Refused {};  ///< what a callback throws

}  // namespace

TEST_CASE("dropout and stochastic depth of a recipe hold for the fit alone, however it ends") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick_recipe(0);
    recipe.head_dropout = 0.2;
    recipe.stochastic_depth = 0.3;
    Dropping network;
    FitOptions options;
    options.on_epoch = [&](const EpochReport& report) {
        CHECK(network.dropout->options.p() == 0);
        CHECK(network.depth->probability() == 0.3);
        if (report.epoch == 2) throw Refused{};
        return EpochAnswer::proceed;
    };
    CHECK_THROWS_AS(fit(network, set, recipe, options), Refused);
    CHECK(network.dropout->options.p() == 0.4);
    CHECK(network.depth->probability() == 0.2);
    CHECK_FALSE(network.is_training());
    (void)fit(network, set, recipe);
    CHECK(network.dropout->options.p() == 0.4);
    CHECK(network.depth->probability() == 0.2);
}

TEST_CASE("after an exception the head answers in the targets' units and weights have their layout") {
    const OneThread one;
    const auto data = test::striped_images(60);
    auto table = torch::empty({data.size(), 1});
    for (std::int64_t row = 0; row < data.size(); ++row) table[row][0] = 1000 + static_cast<double>(row % 3);
    const TrainingSet set{data, nullptr, std::make_shared<torch::Tensor>(table)};
    auto recipe = quick_recipe(0);
    recipe.targets = TargetKind::numbers;
    recipe.channels_last = true;
    TinyNetwork network(3);
    FitOptions options;
    options.on_epoch = [](const EpochReport&) -> EpochAnswer { throw Refused{}; };
    CHECK_THROWS_AS(fit(network, set, recipe, options), Refused);
    const auto said = compute_logits(network, data, data.split().test);
    CHECK(said.mean().item<double>() == doctest::Approx(1000).epsilon(0.02));
    for (const auto& parameter : network.parameters()) CHECK(parameter.is_contiguous());
}

TEST_CASE("kept features have full precision, whatever precision the training has") {
    const OneThread one;
    const auto data = test::striped_images(60);
    const auto cache = std::make_shared<FeatureCache>(std::make_shared<TinyNetwork>(3), data);
    auto recipe = quick_recipe(1);
    recipe.precision = Precision::bfloat16;
    recipe.test_views = {{.quarter_turns = 1}};  // these are first asked for within a validation
    recipe.epochs = 1;
    TinyNetwork network(3);
    REQUIRE(fit(network, {data, cache}, recipe).end == FitEnd::completed);
    const auto& rows = data.split().validation;
    TinyNetwork same(3);
    const auto expected = compute_features(same, data, 1, recipe.test_views[0], rows);
    CHECK(largest_difference(cache->features(1, recipe.test_views[0], rows), expected) < 1e-6);
}

TEST_CASE("accumulated batches with class weights move the weights as their union does") {
    const OneThread one;
    const TrainingSet set{test::striped_images(100)};  // 60 training images: the last update is a short one
    for (const auto& weights : {std::vector<double>{1, 5, 0.3}, std::vector<double>{1, 0, 2}}) {
        auto recipe = quick_recipe();
        recipe.class_weights = weights;
        const auto whole = fitted(set, recipe);
        recipe.batch_size = 4;
        recipe.accumulation_steps = 4;
        TinyNetwork network(3);
        const auto result = fitted(network, set, recipe);
        CHECK(result.end == FitEnd::completed);
        CHECK(distance_between(whole, values_of(network)) < 1e-5);
    }
    // Batches of one class that has no weight teach nothing, and are no reason to end.
    auto recipe = quick_recipe();
    recipe.class_weights = {1, 0, 2};
    recipe.batch_size = 1;
    TinyNetwork network(3);
    CHECK(fitted(network, set, recipe).end == FitEnd::completed);
}

TEST_CASE("L-BFGS refuses what it could not follow") {
    const TrainingSet set{test::striped_images(60)};
    const auto refuses = [&](const char* word, const auto& change) {
        CAPTURE(word);
        auto recipe = quick_recipe(0);
        recipe.optimizer = OptimizerKind::lbfgs;
        change(recipe);
        TinyNetwork network(3);
        CHECK_THROWS_WITH_AS(fitted(network, set, recipe), doctest::Contains(word), InvalidOption);
    };
    refuses("gradient_clip_norm", [](Recipe& r) { r.gradient_clip_norm = 1; });
    refuses("with lbfgs", [](Recipe& r) { r.precision = Precision::float16; });
    refuses("thaw_every_epochs", [](Recipe& r) { r.thaw_every_epochs = 1; });
    refuses("layerwise_decay", [](Recipe& r) { r.layerwise_decay = 0.5; });
    refuses("head_learning_rate_multiplier", [](Recipe& r) { r.head_learning_rate_multiplier = 2; });
    refuses("decay_biases_and_norms", [](Recipe& r) {
        r.weight_decay = 0.1;
        r.decay_biases_and_norms = false;
    });
    // So does one of the host's own that works as it does.
    auto recipe = quick_recipe();
    recipe.accumulation_steps = 2;
    FitOptions own;
    own.make_optimizer = [](std::vector<OptimizerGroup> groups) {
        return std::make_unique<Lbfgs>(std::move(groups));
    };
    TinyNetwork network(3);
    CHECK_THROWS_WITH_AS(fit(network, set, recipe, own), doctest::Contains("accumulation_steps 2"),
                         InvalidOption);
    const auto parameter = torch::zeros({2}).requires_grad_(true);
    const auto other = torch::zeros({2}).requires_grad_(true);
    CHECK_THROWS_AS(Lbfgs({{{parameter}, 1, 0}, {{other}, 0.5, 0}}), InvalidOption);
    CHECK_NOTHROW(Lbfgs({{{parameter}, 1, 0.1}, {{other}, 1, 0.1}}));
}

TEST_CASE("schedules move the first beta of every optimizer that has one") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    for (const auto* name :
         {"sgd", "rmsprop", "lars", "adam", "adamw", "adamax", "nadam", "radam", "lamb", "lion"}) {
        CAPTURE(name);
        auto recipe = quick_recipe();
        recipe.optimizer = optimizer_from_name(name);
        recipe.schedule.kind = ScheduleKind::one_cycle;
        recipe.restore_best = false;
        const auto plain = fitted(set, recipe);
        recipe.schedule.lowest_momentum = 0.3;
        const auto moved = fitted(set, recipe);
        CHECK(distance_between(plain, moved) > 0);
        recipe.schedule.lowest_momentum = 0.9;
        CHECK(distance_between(plain, fitted(set, recipe)) < 1e-6);  // from 0.9 down to 0.9
    }
}

TEST_CASE("low-rank corrections reach the matrix that makes queries, keys and values") {
    const OneThread one;
    const TrainingSet set{test::striped_images(40)};
    const auto network =
        vit({.image_size = 16, .patch = 8, .layers = 2, .heads = 2, .width = 8, .hidden = 16}, 3);
    const auto before = values_of(*network);
    auto recipe = quick_recipe(1);  // the embedding stays
    recipe.lora_rank = 2;
    const auto result = fit(*network, set, recipe);
    const auto after = values_of(*network);
    const std::string attention = "encoder.layers.encoder_layer_1.self_attention.";
    const auto change = (after.at(attention + "in_proj_weight") - before.at(attention + "in_proj_weight"));
    const auto singular = std::get<1>(torch::svd(change.to(torch::kFloat64)));
    CHECK(singular[1].item<double>() > 1e-5);
    CHECK(singular[2].item<double>() < 1e-4 * singular[0].item<double>());
    CHECK(is_equal(before, after, attention + "in_proj_bias"));
    // And what was merged is what was judged.
    CHECK(evaluate(*network, set.data, Split::validation).metrics.log_loss ==
          doctest::Approx(result.best_validation_loss).epsilon(1e-4));
    recipe.l2_pretrained = 0.1;
    CHECK_THROWS_WITH_AS(fit(*network, set, recipe), doctest::Contains("l2_pretrained"), InvalidOption);
}

TEST_CASE("only layers that leave something out count as random") {
    Dropping network(0.4);
    network.train();
    CHECK(attune::detail::draws_randomly(network));
    network.dropout->options.p(0);
    CHECK(attune::detail::draws_randomly(network));
    network.depth->set_probability(0);
    CHECK_FALSE(attune::detail::draws_randomly(network));
    network.dropout->options.p(0.1);
    CHECK(attune::detail::draws_randomly(network));
    network.eval();
    CHECK_FALSE(attune::detail::draws_randomly(network));
}

TEST_CASE("a mask of dropout is on the device of what it masks") {
    attune::detail::RandomStream stream{3};
    const auto features = torch::empty({4, 8}, torch::TensorOptions(torch::kMeta));
    const auto mask = attune::detail::dropout_mask(features, 0.5, stream);
    CHECK(mask.device() == features.device());
    CHECK(mask.sizes() == features.sizes());
}

TEST_CASE("mixing is refused before anything runs where there is nothing to mix") {
    const auto data = test::striped_images(60);
    auto recipe = quick_recipe();
    recipe.cutmix_alpha = 1;
    TinyNetwork network(5);
    const auto refused = [&](const ImageData& images, const char* word) {
        FitOptions options;
        options.on_update = [](const UpdateReport&) { FAIL("it began"); };
        CHECK_THROWS_WITH_AS(fit(network, {images}, recipe, options), doctest::Contains(word), InvalidOption);
        CHECK(network.classes() == 5);
    };
    refused(data, "cutmix_alpha 1");
    recipe.frozen_stages = 0;
    recipe.thaw_every_epochs = 1;  // the head begins alone
    refused(data, "cutmix_alpha 1");
    recipe.thaw_every_epochs = 0;
    SplitRows split;
    for (std::int64_t row = 0; row < 60; row += 3) split.train.push_back(row);
    refused(data.with_split(split), "one class");
    recipe.cutmix_alpha = 0;
    recipe.mixup_alpha = 0.2;
    refused(data.with_split(split), "mixup_alpha 0.2");
}

TEST_CASE("pictures of a size that the network does not take are refused before anything runs") {
    const auto data = test::striped_images(40, 3, 24);
    TinyNetwork network(5);
    const auto refused = [&](const Recipe& recipe, const char* word) {
        CHECK_THROWS_WITH_AS(fit(network, {data}, recipe), doctest::Contains(word), InvalidOption);
        CHECK(network.classes() == 5);
    };
    network.input.multiple = 16;
    refused(quick_recipe(), "24 x 24");
    network.input.multiple = 1;
    network.input.minimum_size = 20;
    auto recipe = quick_recipe();
    recipe.image_size = 16;
    refused(recipe, "16 x 16");
    recipe.image_size = 0;
    recipe.test_views = {{.image_size = 12}};
    refused(recipe, "12 x 12");
    network.input.fixed_size = true;
    network.input.image_size = 32;
    refused(quick_recipe(), "24 x 24");
}

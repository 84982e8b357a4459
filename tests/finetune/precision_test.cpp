#include <cmath>
#include <limits>

#include "attune/error.hpp"
#include "attune/finetune/train/gradient_scale.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/range_test.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"

using namespace attune;
using namespace attune::test;

namespace {

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

TEST_CASE("a scale under which nothing becomes finite is exhausted before it vanishes") {
    auto weight = torch::zeros({1}).requires_grad_(true);
    const std::vector<OptimizerGroup> groups{{{weight}, 1, 0}};
    GradientScale scale;
    int left_out = 0;
    for (; !scale.is_exhausted() && left_out < 1000; ++left_out) {
        weight.mutable_grad() = torch::full({1}, std::numeric_limits<float>::quiet_NaN());
        CHECK_FALSE(scale.unscale(groups));
    }
    CHECK(left_out == 30);  // 2^16 to below 1e-4
    CHECK(scale.scale > 0);
    scale.back_off();
    CHECK(scale.is_exhausted());
    CHECK(scale.good_updates == 0);
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
    // Of the schedule nothing holds: neither the momentum that it moves nor what thaws when.
    recipe.schedule.kind = ScheduleKind::one_cycle;
    recipe.schedule.lowest_momentum = 0.1;
    recipe.thaw_every_epochs = 1;
    const auto scheduled =
        learning_rate_range_test(network, set, recipe, {.lowest = 1e-5, .highest = 1000, .steps = 60});
    CHECK(scheduled.losses == seen.losses);
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
}

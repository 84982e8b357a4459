#include <cmath>
#include <random>

#include "attune/error.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/tune/tuner.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/doctest_torch.hpp"

#include "../../src/finetune/train/dropout_mask.hpp"

using namespace attune;

namespace {

FineTuningTask task_with_features() {
    ModelZoo zoo;
    zoo.add({"tiny", "Tiny", 2, 100, {.image_size = 16, .minimum_size = 8}, [](std::int64_t classes) {
                 return std::make_shared<test::TinyNetwork>(classes);
             }});
    FineTuningTask task{.model = "tiny", .zoo = zoo, .data = test::striped_images(60, 2)};
    task.recipe.epochs = 4;
    task.recipe.batch_size = 8;
    task.features = std::make_shared<FeatureCache>(task.make_network(), task.data);
    return task;
}

}  // namespace

TEST_CASE("trials of the head alone take turns with a network and give what fresh ones give") {
    const FineTuningTask task = task_with_features();
    FineTuningObjective objective(task);
    const TrainedDepths depths{0, 2};
    Tuner tuner{fine_tuning_space(depths), fine_tuning_aim(), TunerOptions{.seed = 5}};
    const Outcome outcome = tuner.run({.max_trials = 12}, [&](Trial& trial) { objective(trial); });
    REQUIRE(outcome.study().count(TrialState::completed) == 12);
    std::size_t head_only = 0;
    for (const TrialRecord& trial : outcome.study().trials()) {
        const Recipe recipe = recipe_for(trial.configuration, task.recipe, objective.stage_count());
        head_only += recipe.frozen_in(objective.stage_count()) == objective.stage_count() ? 1U : 0U;
        const NetworkPtr fresh = task.make_network();
        const FitResult result = fit(*fresh, {task.data, task.features}, recipe);
        CHECK(result.best_validation_loss == trial.metric("validation_loss"));
        CHECK(result.best_validation_accuracy == trial.metric("validation_accuracy"));
        CHECK(result.last_train_loss == trial.metric("train_loss"));
    }
    CHECK(head_only >= 3);
    CHECK(head_only <= 11);
}

TEST_CASE("shared weights are the cache's own, and others are refused") {
    const FineTuningTask task = task_with_features();
    const NetworkPtr network = task.make_network();
    const std::size_t stages = network->stages().size();
    network->eval();
    const auto before = network->forward_stages(torch::ones({1, 3, 16, 16}), 0, stages).clone();
    const auto head = network->named_parameters()[network->head_name() + ".weight"].data_ptr();
    task.features->share_weights(*network, stages);
    task.features->share_weights(*network, stages);
    CHECK(torch::equal(network->forward_stages(torch::ones({1, 3, 16, 16}), 0, stages), before));
    CHECK(network->named_parameters()[network->head_name() + ".weight"].data_ptr() == head);
    CHECK_NOTHROW(task.features->require_match(*network, stages, task.data));

    const NetworkPtr other = task.make_network();
    {
        const torch::NoGradGuard no_gradients;
        other->parameters()[0].add_(1);
    }
    CHECK_THROWS_AS(task.features->share_weights(*other, stages), InvalidState);
    CHECK_THROWS_AS(task.features->require_match(*other, stages, task.data), InvalidState);
}

TEST_CASE("masks of dropout are those of the Mersenne Twister, two words an element") {
    for (const double kept : {0.5, 0.7, 0.999, 1e-3, 1.0, 1.0 / 3}) {
        std::mt19937 words(123456789U);
        attune::detail::DropoutMask masks(0xABCD00000000ULL + 123456789U);
        std::int64_t wrong = 0, ones = 0;
        for (const std::int64_t count : {1, 7, 311, 312, 313, 5000}) {
            const auto mask = masks.draw(torch::zeros({count}), kept);
            for (std::int64_t i = 0; i < count; ++i) {
                const std::uint64_t high = words(), low = words();
                const double share =
                    std::ldexp(static_cast<double>(((high << 32U) | low) & ((1ULL << 53U) - 1)), -53);
                const float expected = share < kept ? 1.0F / static_cast<float>(kept) : 0.0F;
                wrong += mask.data_ptr<float>()[i] == expected ? 0 : 1;
                ones += expected > 0 ? 1 : 0;
            }
        }
        CHECK(wrong == 0);
        CHECK(std::abs(static_cast<double>(ones) / 5944 - kept) < 0.03);
    }
}

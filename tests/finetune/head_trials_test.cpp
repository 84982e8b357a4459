#include <cmath>

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

TEST_CASE("masks of dropout keep their share, and are a function of the stream") {
    for (const double kept : {0.5, 0.7, 0.999, 1e-3, 1.0, 1.0 / 3}) {
        const std::int64_t count = 20000;
        attune::detail::RandomStream stream{7, 1}, same{7, 1};
        const auto mask = attune::detail::dropout_mask(torch::zeros({count / 10, 10}), kept, stream);
        CHECK(mask.sizes() == torch::IntArrayRef{count / 10, 10});
        const auto ones = (mask == 1.0F / static_cast<float>(kept)).sum().item<std::int64_t>();
        CHECK(ones + (mask == 0).sum().item<std::int64_t>() == count);
        // Five standard deviations: a correct stream fails once in a million.
        const double spread = std::sqrt(kept * (1 - kept) / static_cast<double>(count));
        CHECK(std::abs(static_cast<double>(ones) / static_cast<double>(count) - kept) <= 5 * spread);
        CHECK(torch::equal(mask, attune::detail::dropout_mask(mask, kept, same)));
        if (kept < 1) CHECK_FALSE(torch::equal(mask, attune::detail::dropout_mask(mask, kept, stream)));
    }
}

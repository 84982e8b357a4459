#include <cmath>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/fit_heads.hpp"
#include "attune/tune/tuner.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

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

TEST_CASE("heads that train together come to what each comes to alone") {
    const FineTuningTask task = task_with_features();
    const NetworkPtr network = task.make_network();
    const auto stages = network->stages().size();
    for (const auto* optimizer : {"adamw", "adam", "sgd"}) {
        CAPTURE(optimizer);
        std::vector<Recipe> recipes;
        for (int i = 0; i < 6; ++i) {
            Recipe recipe = task.recipe;
            recipe.optimizer = optimizer_from_name(optimizer);
            recipe.learning_rate = 0.002 * (i + 1);
            recipe.weight_decay = 0.01 * i;
            recipe.label_smoothing = 0.05 * (i % 3);
            recipe.head_dropout = i % 2 == 0 ? 0 : 0.2;
            recipe.ema_decay = i == 3 ? 0.6 : 0;
            recipe.gradient_clip_norm = i == 4 ? 0.05 : 0;
            recipe.momentum = i == 5 ? 0 : 0.9;
            recipe.schedule.kind = i % 2 == 0 ? ScheduleKind::cosine : ScheduleKind::constant;
            recipe.schedule.warm_up_epochs = i == 2 ? 1 : 0;
            recipe.head_learning_rate_multiplier = 1 + i;
            recipe.patience = i == 1 ? 1 : 0;
            recipe.restore_best = i != 0;
            recipe.augmentation.horizontal_flip = true;
            recipe.test_views = {View{}, View{.horizontal_flip = true}};
            recipes.push_back(recipe);
        }
        const TrainingSet set{task.data, task.features};
        const std::vector<FitOptions> options(recipes.size());
        const auto before = test::all_values(*network);
        const auto heads = fit_heads(*network, set, recipes, options);
        CHECK(torch::equal(before, test::all_values(*network)));
        const auto again = fit_heads(*network, set, recipes, options);
        for (std::size_t i = 0; i < recipes.size(); ++i) {
            CAPTURE(i);
            const NetworkPtr own = task.make_network();
            const FitResult alone = fit(*own, set, recipes[i]);
            const FitResult& together = heads[i].result;
            CHECK(together.end == alone.end);
            CHECK(together.steps == alone.steps);
            CHECK(together.epochs_run == alone.epochs_run);
            CHECK(together.best_epoch == alone.best_epoch);
            CHECK(together.validation_loss == doctest::Approx(alone.validation_loss).epsilon(1e-4));
            CHECK(together.validation_accuracy == doctest::Approx(alone.validation_accuracy));
            CHECK(together.last_train_loss == doctest::Approx(alone.last_train_loss).epsilon(1e-4));
            REQUIRE(together.history.size() == alone.history.size());
            CHECK(together.history.back().numbers.at("learning_rate") ==
                  doctest::Approx(alone.history.back().numbers.at("learning_rate")));
            const NetworkPtr filled = task.make_network();
            put_head(*filled, heads[i]);
            CHECK((test::all_values(*filled) - test::all_values(*own)).abs().max().item<double>() < 1e-3);
            CHECK(torch::equal(*heads[i].weight, *again[i].weight));
        }
    }
    Recipe deep = task.recipe;
    deep.frozen_stages = 1;
    CHECK(head_group_key(deep, stages).empty());
    CHECK(head_group_key(task.recipe, stages) != "");
    Recipe larger = task.recipe;
    larger.batch_size = 16;
    CHECK(head_group_key(larger, stages) != head_group_key(task.recipe, stages));
    const std::vector<Recipe> unlike{task.recipe, larger};
    CHECK_THROWS_AS((void)fit_heads(*network, {task.data, task.features}, unlike, std::vector<FitOptions>(2)),
                    InvalidOption);
}

TEST_CASE("trials that are handed out in groups train together and are told as trials are") {
    const FineTuningTask task = task_with_features();
    FineTuningObjective objective(task);
    const TrainedDepths depths{0, 2};
    Tuner tuner{fine_tuning_space(depths), fine_tuning_aim(), TunerOptions{.seed = 5, .group_size = 5}};
    const Outcome outcome =
        tuner.run({.max_trials = 10}, [&](std::span<Trial> trials) { objective(trials); });
    REQUIRE(outcome.study().count(TrialState::completed) == 10);
    for (const TrialRecord& trial : outcome.study().trials()) {
        const Recipe recipe = recipe_for(trial.configuration, task.recipe, objective.stage_count());
        const NetworkPtr fresh = task.make_network();
        const FitResult result = fit(*fresh, {task.data, task.features}, recipe);
        CHECK(result.best_validation_loss == doctest::Approx(trial.metric("validation_loss")).epsilon(1e-3));
        CHECK(trial.reports.size() == 4);
    }
}

TEST_CASE("a trial of a study that was cut off goes on from its checkpoint with the same bits") {
    const test::TemporaryFolder folder;
    FineTuningTask task = task_with_features();
    task.features = nullptr;
    const TrainedDepths depths{2};
    task.recipe.frozen_stages = 1;
    FineTuningObjective objective(task);
    const SearchSpace space = fine_tuning_space(depths);
    std::vector<double> whole;
    {
        Tuner tuner{space, fine_tuning_aim(), TunerOptions{.seed = 3}};
        const Outcome outcome = tuner.run({.max_trials = 2}, [&](Trial& trial) { objective(trial); });
        for (const auto& trial : outcome.study().trials()) whole.push_back(trial.metric("train_loss"));
    }
    // Every report is the last thing that a run comes to: the host goes down.
    std::stop_source stop;
    const Observer observer{[&](const Study&, const Event& event) {
        if (std::holds_alternative<event::Reported>(event.body)) stop.request_stop();
    }};
    Tuner tuner{space, fine_tuning_aim(), observer,
                TunerOptions{.seed = 3, .checkpoint_folder = folder.path()}};
    int runs = 0;
    for (; runs < 20 && tuner.study().count(TrialState::completed) < 2; ++runs) {
        stop = std::stop_source();
        (void)tuner.run(
            {.max_trials = 2}, [&](Trial& trial) { objective(trial); }, stop.get_token());
    }
    CHECK(runs >= 8);
    const Study study = tuner.study();
    REQUIRE(study.count(TrialState::completed) == 2);
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(study.trial(static_cast<std::int64_t>(i)).metric("train_loss") == whole[i]);
    CHECK(std::filesystem::is_empty(folder.path()));
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

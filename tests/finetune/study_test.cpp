#include "support/doctest_torch.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/compute_threads.hpp"
#include "attune/finetune/study/evaluation_sections.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/study/keep_freed_memory.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/zoo/vit.hpp"
#include "attune/storage/memory.hpp"
#include "attune/tune/tuner.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/shared_data.hpp"

using namespace attune;

namespace {

/// A task on the tiny network that trains in milliseconds.
FineTuningTask tiny_task(const std::filesystem::path& models = {}) {
    ModelZoo zoo;
    zoo.add({"tiny", "Tiny", 2, 100, {.image_size = 16, .minimum_size = 8}, [](std::int64_t classes) {
                 return std::make_shared<test::TinyNetwork>(classes);
             }});
    FineTuningTask task{
        .model = "tiny", .zoo = zoo, .data = test::striped_images(60, 2), .models_folder = models};
    task.recipe.epochs = 3;
    task.recipe.batch_size = 8;
    return task;
}

Configuration point(const SearchSpace& space, const std::vector<std::pair<std::string, Value>>& values) {
    return space.configuration(values);
}

std::size_t files_in(const std::filesystem::path& folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("making a task's network leaves the host's random numbers as they were") {
    FineTuningTask task{.model = "resnet20", .data = test::striped_images(60, 2, 32)};
    torch::manual_seed(9);
    const auto expected = torch::rand({4});
    torch::manual_seed(9);
    const auto first = task.make_network();
    CHECK(torch::equal(torch::rand({4}), expected));
    const auto second = task.make_network();
    CHECK(torch::equal(test::all_values(*first), test::all_values(*second)));
    task.preprocessing = WeightsPreprocessing{.mean = {0.1, 0.2, 0.3}, .std = {0.5, 0.6, 0.7}};
    CHECK(task.make_network()->input.mean == task.preprocessing->mean);
    CHECK(task.make_network()->input.std == task.preprocessing->std);
    task.recipe.seed = 2;
    CHECK_FALSE(torch::equal(test::all_values(*first), test::all_values(*task.make_network())));
}

TEST_CASE("a task's network takes weights that were made for pictures of another size") {
    const auto transformer = [](std::int64_t side, std::int64_t classes) {
        return vit({.image_size = side, .patch = 8, .layers = 1, .heads = 2, .width = 8, .hidden = 16},
                   classes);
    };
    ModelZoo zoo;
    zoo.add({"tiny_vit",
             "ViT",
             5,
             100,
             {.image_size = 16, .minimum_size = 16, .fixed_size = true},
             [&](std::int64_t classes) { return transformer(16, classes); }});
    const auto source = transformer(32, 5);
    const auto weights = std::make_shared<const TensorFile>(state_dict(*source));
    for (const std::int64_t side : {32, 48}) {  // the file's, and a third one
        const FineTuningTask task{
            .model = "tiny_vit", .zoo = zoo, .weights = weights, .data = test::striped_images(20, 2, side)};
        const auto network = task.make_network();
        CHECK(network->input.image_size == side);
        source->set_image_size(side);
        CHECK(torch::equal(network->named_parameters()["encoder.pos_embedding"],
                           source->named_parameters()["encoder.pos_embedding"]));
        CHECK(compute_logits(*network, task.data, task.data.split().test).size(1) == 2);
    }
}

TEST_CASE("a task on grey pictures trains and saves a network of one channel") {
    const test::TemporaryFolder folder;
    auto pixels =
        test::striped_images(60, 2, 32).pixels().narrow(1, 0, 1).expand({60, 3, 32, 32}).contiguous();
    const auto like = test::striped_images(60, 2, 32);
    FineTuningTask task{.model = "resnet20",
                        .data = {pixels, like.labels(), like.classes(), {}, like.split(), like.framing()},
                        .input_channels = 1};
    const auto colour = FineTuningTask{.model = "resnet20", .data = task.data}.make_network();
    const auto grey = task.make_network();
    CHECK(grey->named_parameters()["conv1.weight"].size(1) == 1);
    // Where all channels have the same statistics, grey pictures give what they gave in colour.
    for (auto* network : {colour.get(), grey.get()}) {
        network->input.mean = {0.5, 0.5, 0.5};
        network->input.std = {0.25, 0.25, 0.25};
    }
    const auto& rows = task.data.split().test;
    CHECK(torch::allclose(compute_logits(*grey, task.data, rows), compute_logits(*colour, task.data, rows),
                          1e-4, 1e-4));
    Recipe recipe;
    recipe.frozen_stages = 0;
    recipe.epochs = 3;
    const auto result = fit(*grey, {task.data}, recipe);
    CHECK(result.end == FitEnd::completed);
    CHECK(result.history.back().numbers.at("train_loss") < result.history.front().numbers.at("train_loss"));
    save_model(folder.path() / "grey.safetensors", *grey,
               {.architecture = "resnet20",
                .classes = task.data.classes(),
                .framing = task.data.framing(),
                .recipe = recipe.to_text()});
    const auto loaded = load_model(folder.path() / "grey.safetensors");
    CHECK(loaded.network->input.channels == 1);
    const std::vector<std::int64_t> first{rows.front()};
    CHECK(loaded.predict(task.data.picture(first[0])).logits[0] ==
          doctest::Approx(compute_logits(*grey, task.data, first)[0][0].item<double>()));
    grey->set_input_channels(4);
    CHECK_THROWS_WITH_AS(fit(*grey, {task.data}, recipe), doctest::Contains("4 channels"), InvalidOption);
}

TEST_CASE("parameters of a space set the options of a recipe that have their names") {
    SearchSpace space;
    space.continuous("learning_rate", 1e-5, 1.0);
    space.categorical("optimizer", {"sgd", "adamw"});
    space.categorical("horizontal_flip", {false, true});
    space.integer("trained_stages", 0, 9);
    const Recipe base{.epochs = 7};
    const Recipe recipe = recipe_for(point(space, {{"learning_rate", 0.25},
                                                   {"optimizer", std::string("sgd")},
                                                   {"horizontal_flip", true},
                                                   {"trained_stages", std::int64_t{2}}}),
                                     base, 5);
    CHECK(recipe.learning_rate == 0.25);
    CHECK(recipe.optimizer == OptimizerKind::sgd);
    CHECK(recipe.augmentation.horizontal_flip);
    CHECK(recipe.frozen_stages == 3);
    CHECK(recipe.epochs == 7);
    CHECK_THROWS_AS((void)recipe_for(point(space, {{"learning_rate", 0.25},
                                                   {"optimizer", std::string("sgd")},
                                                   {"horizontal_flip", true},
                                                   {"trained_stages", std::int64_t{6}}}),
                                     base, 5),
                    InvalidOption);
    SearchSpace other;
    other.continuous("lr", 0, 1);
    CHECK_THROWS_AS((void)recipe_for(point(other, {{"lr", 0.5}}), base, 5), UnknownName);
}

TEST_CASE("depths are read from words, numbers and stage names") {
    const std::vector<std::string> names{"a", "b", "c", "d", "e", "f", "g", "h"};
    CHECK(trained_depths("head", names) == TrainedDepths{0});
    CHECK(trained_depths("all", names) == TrainedDepths{8});
    CHECK(trained_depths("auto", names) == TrainedDepths{0, 2});
    CHECK(trained_depths("any", names) == TrainedDepths{0, 2, 8});
    CHECK(trained_depths("3", names) == TrainedDepths{3});
    CHECK(trained_depths("g", names) == TrainedDepths{2});
    CHECK_THROWS_WITH_AS((void)trained_depths("9", names), doctest::Contains("'9'"), InvalidOption);
    CHECK_THROWS_AS((void)trained_depths("-1", names), InvalidOption);
}

TEST_CASE("the default configuration lies in its space and stands for the default recipe") {
    for (const TrainedDepths& depths : {TrainedDepths{0}, TrainedDepths{0, 2}, TrainedDepths{4}}) {
        const SearchSpace space = fine_tuning_space(depths);
        const Recipe recipe = recipe_for(space.configuration(default_configuration(depths)), Recipe{}, 5);
        CHECK(recipe.learning_rate == Recipe{}.learning_rate);
        CHECK(recipe.label_smoothing == Recipe{}.label_smoothing);
        CHECK(recipe.head_learning_rate_multiplier == Recipe{}.head_learning_rate_multiplier);
    }
}

TEST_CASE("a study over recipes keeps the models of the best trial and of the default, and no others") {
    const test::TemporaryFolder folder;
    FineTuningObjective objective(tiny_task(folder.path()));
    Tuner tuner{fine_tuning_space({0, 1}), fine_tuning_aim(), TunerOptions{.seed = 4}};
    tuner.enqueue(default_configuration({0, 1}));
    const Outcome outcome = tuner.run({.max_trials = 8}, [&](Trial& trial) { objective(trial); });
    CHECK(outcome.study().count(TrialState::failed) == 0);
    const TrialRecord* best = outcome.study().best();
    REQUIRE(best != nullptr);
    CHECK(std::filesystem::exists(objective.model_path(0)));
    CHECK(std::filesystem::exists(objective.model_path(best->number)));
    CHECK(files_in(folder.path()) == (best->number == 0 ? 1 : 2));
    for (const TrialRecord& trial : outcome.study().trials()) {
        CHECK(trial.reports.size() == 3);
        CHECK(trial.metric("validation_accuracy") <= best->metric("validation_accuracy"));
    }
}

TEST_CASE("a model that is gone or damaged is made again, with its notes and the same answers") {
    const test::TemporaryFolder folder;
    const FineTuningTask task = tiny_task(folder.path());
    FineTuningObjective objective(task);
    Tuner tuner{fine_tuning_space({0, 1}), fine_tuning_aim(), TunerOptions{.seed = 4}};
    const Study study = tuner.run({.max_trials = 4}, [&](Trial& trial) { objective(trial); }).study();
    const TrialRecord& best = *study.best();
    const auto path = objective.model_path(best.number);
    const TrialModel saved = objective.model_of(best);
    CHECK(saved.made_again_because.empty());
    CHECK(saved.card.notes.at("trial") == std::to_string(best.number));

    const std::string bytes = test::contents(path);
    const auto check_again = [&](const std::string& why) {
        const TrialModel again = objective.model_of(best);
        CHECK_MESSAGE(again.made_again_because.find(why) != std::string::npos, again.made_again_because);
        CHECK(again.card.notes == saved.card.notes);
        CHECK(again.card.recipe == saved.card.recipe);
        CHECK(torch::allclose(test::all_values(*again.network), test::all_values(*saved.network)));
        CHECK(objective.model_of(best).made_again_because.empty());
    };
    std::filesystem::remove(path);
    check_again("trial-");
    for (const std::size_t length : {std::size_t{0}, std::size_t{100}, bytes.size() - 1}) {
        std::filesystem::resize_file(path, length);
        check_again(path.string());
    }
    std::filesystem::copy_file(path, folder.path() / "trial-77.safetensors");
    std::filesystem::rename(folder.path() / "trial-77.safetensors", objective.model_path(99));
    TrialRecord other = best;
    other.number = 99;  // its file is there, and of another trial
    CHECK(objective.model_of(other).made_again_because.find("something else") != std::string::npos);
}

TEST_CASE("a trial that is run again gives the same bits") {
    FineTuningObjective objective(tiny_task());
    const SearchSpace space = fine_tuning_space({0, 2});
    std::vector<std::vector<double>> losses;
    for (int run = 0; run < 2; ++run) {
        Tuner tuner{space, fine_tuning_aim(), TunerOptions{.seed = 9}};
        const Outcome outcome = tuner.run({.max_trials = 3}, [&](Trial& trial) { objective(trial); });
        losses.emplace_back();
        for (const TrialRecord& trial : outcome.study().trials())
            losses.back().push_back(trial.metric("train_loss"));
    }
    CHECK(losses[0] == losses[1]);
}

TEST_CASE("a loss that is not finite fails the trial, not the run") {
    FineTuningTask task = tiny_task();
    task.recipe.optimizer = OptimizerKind::sgd;
    FineTuningObjective objective(task);
    SearchSpace space;
    space.continuous("learning_rate", 1e39, 1e40, Scale::log);
    Tuner tuner{space, fine_tuning_aim()};
    const Outcome outcome = tuner.run({.max_trials = 2}, [&](Trial& trial) { objective(trial); });
    CHECK(outcome.study().count(TrialState::failed) == 2);
    CHECK(outcome.study().trial(0).failure == FailureKind::configuration);
    CHECK_FALSE(outcome.study().trial(0).reason.empty());
}

TEST_CASE("sections of an evaluation name its part and show its mistakes") {
    const FineTuningTask task = tiny_task();
    const NetworkPtr network = task.make_network();
    const Evaluation evaluation = evaluate(*network, task.data, Split::test);
    const auto sections = evaluation_sections(evaluation, task.data, "test");
    REQUIRE(sections.size() == 3);
    for (const ReportSection& section : sections) CHECK_FALSE(section.html.empty());
    CHECK(sections[1].title.find("test") != std::string::npos);
    CHECK((sections[2].html.find("data:image/png") != std::string::npos) == (evaluation.wrong() > 0));
}

TEST_CASE("thread counts below one are refused") {
    CHECK_THROWS_AS(set_compute_threads(0), InvalidOption);
    set_compute_threads(1);
    CHECK(at::get_num_threads() == 1);
}

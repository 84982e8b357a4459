#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stop_token>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "finetune/support/quick_recipe.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using test::OneThread;
using test::quick_recipe;
using test::TinyNetwork;

namespace {

/// What a training leaves behind: bits of the weights and all that is reported.
struct Outcome {
    torch::Tensor values;
    FitResult result;
    std::map<std::int64_t, std::map<std::string, double>> reports;  ///< by epoch, the last of each
};

/// Fits a fresh network up to update `stop_at` (never where negative), adding to `reports`.
Outcome run(const TrainingSet& set, const Recipe& recipe, const std::filesystem::path& checkpoint,
            std::int64_t stop_at = -1, std::map<std::int64_t, std::map<std::string, double>> reports = {}) {
    TinyNetwork network(3);
    std::stop_source source;
    FitOptions options{.stop = source.get_token()};
    options.checkpoint = checkpoint;
    options.on_update = [&](const UpdateReport& report) {
        if (report.step + 1 == stop_at) source.request_stop();
    };
    options.on_epoch = [&](const EpochReport& report) {
        reports[report.epoch] = report.numbers;
        reports[report.epoch].erase("seconds");
        return EpochAnswer::proceed;
    };
    if (stop_at == 0) source.request_stop();
    Outcome outcome;
    outcome.result = fit(network, set, recipe, options);
    outcome.values = test::all_values(network);
    outcome.reports = std::move(reports);
    return outcome;
}

void check_same(const Outcome& a, const Outcome& b) {
    CHECK(torch::equal(a.values, b.values));
    CHECK((a.reports == b.reports));
    CHECK(a.result.end == b.result.end);
    CHECK(a.result.message == b.result.message);
    CHECK(a.result.steps == b.result.steps);
    CHECK(a.result.epochs_run == b.result.epochs_run);
    CHECK(a.result.best_epoch == b.result.best_epoch);
    CHECK(a.result.best_validation_loss == b.result.best_validation_loss);
    CHECK(a.result.validation_loss == b.result.validation_loss);
    CHECK(a.result.last_train_loss == b.result.last_train_loss);
    CHECK(a.result.history.size() == b.result.history.size());
}

const std::map<std::string, std::function<void(Recipe&)>>& recipes() {
    static const std::map<std::string, std::function<void(Recipe&)>> list{
        {"all stages, momentum, mixing",
         [](Recipe& r) {
             r.frozen_stages = 0;
             r.optimizer = OptimizerKind::sgd;
             r.nesterov = true;
             r.mixup_alpha = 0.3;
             r.cutmix_alpha = 0.3;
             r.augmentation.horizontal_flip = true;
             r.augmentation.random_augment = 1;
         }},
        {"head, dropout, averages",
         [](Recipe& r) {
             r.head_dropout = 0.2;
             r.ema_decay = 0.7;
             r.balance_sampling = true;
         }},
        {"thawing, accumulation, averages of epochs",
         [](Recipe& r) {
             r.frozen_stages = 1;
             r.thaw_every_epochs = 1;
             r.batch_size = 6;
             r.accumulation_steps = 2;
             r.swa_from = 0.3;
             r.optimizer = OptimizerKind::nadam;
             r.schedule.warm_up_epochs = 1;
             r.thaw_rise_epochs = 0.5;
         }},
        {"low rank, momentum that moves",
         [](Recipe& r) {
             r.frozen_stages = 1;
             r.lora_rank = 2;
             r.optimizer = OptimizerKind::radam;
             r.schedule.kind = ScheduleKind::one_cycle;
             r.schedule.lowest_momentum = 0.6;
         }},
        {"restarts, a norm's limit, class weights",
         [](Recipe& r) {
             r.frozen_stages = 0;
             r.accumulation_steps = 3;
             r.batch_size = 4;
             r.class_weights = {1, 3, 0.5};
             r.gradient_clip_norm = 0.5;
             r.schedule.kind = ScheduleKind::cosine_restarts;
             r.schedule.cycle_epochs = 1;
         }},
        {"low rank, patience, plateau",
         [](Recipe& r) {
             r.frozen_stages = 0;
             r.lora_rank = 1;
             r.learning_rate = 1e-7;
             r.patience = 2;
             r.schedule.kind = ScheduleKind::plateau;
             r.schedule.plateau.patience = 0;
             r.channels_last = true;
         }},
        {"line searches", [](Recipe& r) {
             r.optimizer = OptimizerKind::lbfgs;
             r.learning_rate = 1;
             r.optimizer_details.lbfgs_iterations = 3;
             r.l1 = 1e-3;
         }}};
    return list;
}

}  // namespace

TEST_CASE("a training that is cut off at any update and gone on with ends with the same bits") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    for (const auto& [name, change] : recipes()) {
        CAPTURE(name);
        auto recipe = quick_recipe();
        recipe.batch_size = 12;
        recipe.epochs = 3;
        change(recipe);
        const auto whole = run(set, recipe, {});
        REQUIRE(whole.result.steps >= 6);
        for (std::int64_t at = 0; at <= whole.result.steps; ++at) {
            CAPTURE(at);
            const test::TemporaryFolder folder;
            const auto path = folder.path() / "fit.safetensors";
            const auto part = run(set, recipe, path, at);
            const auto rest = run(set, recipe, path, -1, part.reports);
            check_same(whole, rest);
        }
    }
}

TEST_CASE("the state of every optimizer survives a training that is cut off") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    for (const auto* name : {"sgd", "asgd", "adam", "adamw", "adamax", "nadam", "radam", "adagrad",
                             "adadelta", "rmsprop", "rprop", "lion", "lamb", "lars", "lbfgs"}) {
        CAPTURE(name);
        auto recipe = quick_recipe(1);
        recipe.optimizer = optimizer_from_name(name);
        recipe.batch_size = 12;
        recipe.epochs = 3;
        recipe.weight_decay = 1e-3;
        recipe.amsgrad = true;
        recipe.rmsprop_centered = true;
        recipe.optimizer_details.asgd_average_from = 2;
        const auto whole = run(set, recipe, {});
        REQUIRE(whole.result.end == FitEnd::completed);
        for (const std::int64_t at : {1, 4}) {
            CAPTURE(at);
            const test::TemporaryFolder folder;
            const auto path = folder.path() / "fit.safetensors";
            const auto part = run(set, recipe, path, at);
            REQUIRE(part.result.end == FitEnd::cancelled);
            check_same(whole, run(set, recipe, path, -1, part.reports));
        }
    }
}

TEST_CASE("a training that is cut off after each update, again and again, ends with the same bits") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    for (const auto& [name, change] : recipes()) {
        CAPTURE(name);
        auto recipe = quick_recipe();
        recipe.batch_size = 12;
        recipe.epochs = 3;
        change(recipe);
        const auto whole = run(set, recipe, {});
        const test::TemporaryFolder folder;
        const auto path = folder.path() / "fit.safetensors";
        Outcome part;
        for (std::int64_t at = 1; at <= whole.result.steps; ++at)
            part = run(set, recipe, path, at, part.reports);
        check_same(whole, run(set, recipe, path, -1, part.reports));
        check_same(whole, run(set, recipe, path, -1, whole.reports));  // and one that ended is told again
    }
}

TEST_CASE("a training whose process dies goes on from its last checkpoint") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    auto recipe = quick_recipe(0);
    recipe.batch_size = 12;
    const auto whole = run(set, recipe, {});
    struct Death {};
    for (std::int64_t every : {0, 1, 2}) {
        for (std::int64_t at = 1; at <= whole.result.steps; ++at) {
            CAPTURE(every);
            CAPTURE(at);
            const test::TemporaryFolder folder;
            const auto path = folder.path() / "fit.safetensors";
            TinyNetwork network(3);
            FitOptions options;
            options.checkpoint = path;
            options.checkpoint_every_steps = every;
            options.on_update = [&](const UpdateReport& report) {
                if (report.step + 1 == at) throw Death{};  // nothing is written on this way out
            };
            CHECK_THROWS_AS(fit(network, set, recipe, options), Death);
            const auto rest = run(set, recipe, path);
            CHECK(torch::equal(whole.values, rest.values));
            CHECK(rest.result.best_validation_loss == whole.result.best_validation_loss);
        }
    }
}

TEST_CASE("a training that its callback pauses goes on as if it had not been") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    auto recipe = quick_recipe(1);
    recipe.ema_decay = 0.5;
    const auto whole = run(set, recipe, {});
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "fit.safetensors";
    std::int64_t reported = 0;
    for (std::int64_t part = 1; part < recipe.epochs; ++part) {
        TinyNetwork network(3);
        FitOptions options;
        options.checkpoint = path;
        options.on_epoch = [&](const EpochReport& report) {
            CHECK(report.epoch == ++reported);
            return EpochAnswer::pause;
        };
        CHECK(fit(network, set, recipe, options).end == FitEnd::paused);
    }
    const auto rest = run(set, recipe, path);
    CHECK(rest.reports.size() == 1);
    CHECK(torch::equal(whole.values, rest.values));
    CHECK(rest.result.end == FitEnd::completed);
}

TEST_CASE("a checkpoint knows its teacher") {
    const OneThread one;
    TrainingSet set{test::striped_images(50)};
    auto recipe = quick_recipe();
    recipe.distillation_weight = 0.5;
    set.teacher = std::make_shared<TinyNetwork>(3);
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "fit.safetensors";
    (void)run(set, recipe, path, 2);
    const auto whole = run(set, recipe, {});
    set.teacher = std::make_shared<TinyNetwork>(3);
    set.teacher->named_parameters()["fc.weight"].data().add_(0.5);
    CHECK_THROWS_WITH_AS(run(set, recipe, path), doctest::Contains("teacher"), InvalidState);
    set.teacher = std::make_shared<TinyNetwork>(3);
    CHECK(torch::equal(whole.values, run(set, recipe, path).values));
}

TEST_CASE("checkpoints of other recipes, data or weights, and damaged ones, are refused") {
    const OneThread one;
    const TrainingSet set{test::striped_images(50)};
    const auto recipe = quick_recipe();
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "fit.safetensors";
    (void)run(set, recipe, path, 2);
    auto other = recipe;
    other.weight_decay = 0.5;
    CHECK_THROWS_WITH_AS(run(set, other, path), doctest::Contains("weight_decay"), InvalidState);
    CHECK_THROWS_WITH_AS(run({test::striped_images(60)}, recipe, path), doctest::Contains("data"),
                         InvalidState);
    TinyNetwork moved(3);
    moved.named_parameters()["first.0.weight"].data().add_(1);
    FitOptions options;
    options.checkpoint = path;
    CHECK_THROWS_WITH_AS(fit(moved, set, recipe, options), doctest::Contains("weights"), InvalidState);
    // The same bytes framed otherwise are other pictures.
    const auto& data = set.data;
    const TrainingSet framed{
        ImageData(data.pixels(), data.labels(), data.classes(), {}, data.split(), {.image_size = 14})};
    CHECK_THROWS_WITH_AS(run(framed, recipe, path), doctest::Contains("images"), InvalidState);
    FitOptions own;
    own.checkpoint = path;
    own.make_optimizer = [&](std::vector<OptimizerGroup> groups) {
        groups.front().weight_decay += 0.1;
        return make_optimizer(recipe, std::move(groups));
    };
    TinyNetwork network(3);
    CHECK_THROWS_WITH_AS(fit(network, set, recipe, own), doctest::Contains("optimizer"), InvalidState);
    const auto whole = test::contents(path);
    std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() / 2);
    CHECK_THROWS_WITH_AS(run(set, recipe, path), doctest::Contains("fit.safetensors"), FileError);
    std::ofstream(path, std::ios::binary) << std::string("\x02\0\0\0\0\0\0\0{}", 10);
    CHECK_THROWS_WITH_AS(run(set, recipe, path), doctest::Contains("no checkpoint"), FileError);
}

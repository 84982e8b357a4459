#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/process_group.hpp"
#include "finetune/support/fitted.hpp"
#include "finetune/support/joint_fits.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

/// Group tests need what the build may have been made without.
bool without_gloo() {
    if (has_gloo()) return false;
    count_skip("process groups", "built without gloo");
    return true;
}

struct Trained {
    Values values;
    FitResult result;
};

/// What each of `size` processes comes to.
std::vector<Trained> trained_together(int size, const TrainingSet& set, const Recipe& recipe,
                                      const std::function<void(FitOptions&, std::size_t)>& prepare = {}) {
    std::vector<Trained> all(static_cast<std::size_t>(size));
    in_group(size, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        TinyNetwork network(3);
        FitOptions options{.group = group};
        if (prepare) prepare(options, rank);
        all[rank].result = fit(network, set, recipe, options);
        all[rank].values = values_of(network);
    });
    return all;
}

/// Processes agree among themselves in every bit, and with one process to rounding.
void check_like_one(const TrainingSet& set, const Recipe& recipe, int size, double tolerance = 2e-4) {
    TinyNetwork network(3);
    const auto alone = fit(network, set, recipe);
    const auto together = trained_together(size, set, recipe);
    for (const auto& each : together) {
        CHECK(distance_between(values_of(network), each.values) < tolerance);
        CHECK(distance_between(together[0].values, each.values) == 0);
        CHECK(each.result.steps == alone.steps);
        CHECK(each.result.best_epoch == alone.best_epoch);
        CHECK(each.result.last_train_loss == doctest::Approx(alone.last_train_loss).epsilon(1e-3));
        CHECK(each.result.validation_loss == doctest::Approx(alone.validation_loss).epsilon(1e-3));
    }
}

/// Runs `work` in two processes; what each of them threw, or nothing.
std::vector<std::string> said_by_two(
    const std::function<void(const std::shared_ptr<ProcessGroup>&, std::size_t)>& work) {
    std::vector<std::string> said(2);
    in_group(2, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        try {
            work(group, rank);
        } catch (const Error& error) {
            said[rank] = error.kind() + ": " + error.what();
        }
    });
    return said;
}

Recipe plain_recipe() {
    auto recipe = quick_recipe(0);
    recipe.optimizer = OptimizerKind::sgd;
    recipe.epochs = 2;
    return recipe;
}

}  // namespace

TEST_CASE("what a process group cannot be made of is refused by name") {
    const auto refused = [](ProcessGroupOptions options, const char* word) {
        CHECK_THROWS_WITH_AS(options.validate(), doctest::Contains(word), InvalidOption);
    };
    refused({.rendezvous = "here"}, "\"here\"");
    refused({.rendezvous = "file://relative"}, "file:///folder/name");
    refused({.rendezvous = "tcp://host"}, "tcp://host:port");
    refused({.rendezvous = "tcp://host:70000"}, "70000");
    refused({.rendezvous = "tcp://:80"}, "tcp://:80");
    refused({.rendezvous = "tcp://host:80", .rank = 2, .size = 2}, "rank 2");
    refused({.rendezvous = "tcp://host:80", .size = 0}, "size 0");
    refused({.rendezvous = "tcp://host:80", .timeout_seconds = 0}, "timeout_seconds 0");
    CHECK_THROWS_WITH_AS((void)join_process_group({.backend = "pigeons", .rendezvous = "tcp://host:80"}),
                         doctest::Contains("pigeons"), UnknownName);
}

TEST_CASE("launchers say in the environment which process this is") {
    CHECK_FALSE(process_group_options_of_environment());
    setenv("WORLD_SIZE", "3", 1);
    CHECK_THROWS_WITH_AS((void)process_group_options_of_environment(), doctest::Contains("MASTER_ADDR"),
                         InvalidOption);
    setenv("MASTER_ADDR", "localhost", 1);
    setenv("MASTER_PORT", "29500", 1);
    setenv("RANK", "two", 1);
    CHECK_THROWS_WITH_AS((void)process_group_options_of_environment(), doctest::Contains("RANK \"two\""),
                         InvalidOption);
    setenv("RANK", "2", 1);
    const auto found = process_group_options_of_environment();
    REQUIRE(found);
    CHECK(found->rank == 2);
    CHECK(found->size == 3);
    CHECK(found->rendezvous == "tcp://localhost:29500");
    for (const char* name : {"WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "RANK"}) unsetenv(name);
}

TEST_CASE("a group sums, and hands round what the first process has") {
    if (without_gloo()) return;
    in_group(3, [](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        CHECK(group->size() == 3);
        CHECK(static_cast<std::size_t>(group->rank()) == rank);
        for (const auto type : {torch::kFloat32, torch::kFloat64}) {
            auto tensor = torch::full({2, 2}, static_cast<double>(rank + 1), type);
            group->sum(tensor);
            CHECK(torch::equal(tensor, torch::full({2, 2}, 6, type)));
            tensor.fill_(static_cast<double>(rank + 5));
            group->broadcast(tensor);
            CHECK(torch::equal(tensor, torch::full({2, 2}, 5, type)));
        }
    });
}

TEST_CASE("processes that train together come to what one comes to with the whole batches") {
    if (without_gloo()) return;
    const OneThread one;
    const TrainingSet set{striped_images(66)};
    auto recipe = plain_recipe();
    SUBCASE("two") { check_like_one(set, recipe, 2); }
    SUBCASE("three, with a last batch of fewer rows") {
        recipe.batch_size = static_cast<std::int64_t>(set.data.split().train.size()) - 2;
        check_like_one(set, recipe, 3);
    }
    SUBCASE("a frozen prefix whose features are kept") {
        recipe.frozen_stages = 1;
        recipe.augmentation = {};
        check_like_one(set, recipe, 2);
    }
    SUBCASE("a head alone, with dropout in front") {
        recipe.frozen_stages = Recipe::head_only;
        recipe.head_dropout = 0.4;
        check_like_one(set, recipe, 2);
    }
    SUBCASE("classes of unequal weight, accumulated") {
        recipe.class_weights = {1, 5, 0.5};
        recipe.accumulation_steps = 3;
        recipe.batch_size = 7;
        check_like_one(set, recipe, 2);
    }
    SUBCASE("mixed batches") {
        recipe.mixup_alpha = 0.4;
        check_like_one(set, recipe, 3);
        recipe.cutmix_alpha = 1;
        check_like_one(set, recipe, 2);
    }
    SUBCASE("clipped gradients, averaged weights, penalties") {
        recipe.gradient_clip_norm = 0.5;
        recipe.ema_decay = 0.8;
        recipe.l2_pretrained = 0.01;
        check_like_one(set, recipe, 2);
    }
    SUBCASE("means of weights, with statistics made anew") {
        recipe.epochs = 4;
        recipe.swa_from = 0.5;
        check_like_one(set, recipe, 2);
    }
    SUBCASE("adaptive rates") {
        recipe.optimizer = OptimizerKind::adamw;
        recipe.learning_rate = 1e-3;
        check_like_one(set, recipe, 2, 2e-3);  // Adam divides by gradients near 0
    }
    SUBCASE("an optimizer that evaluates the loss itself") {
        recipe.optimizer = OptimizerKind::lbfgs;
        recipe.learning_rate = 0.1;
        recipe.frozen_stages = Recipe::head_only;
        recipe.batch_size = 60;  // one update an epoch: many magnify every rounding
        recipe.epochs = 1;
        check_like_one(set, recipe, 2, 2e-3);
    }
}

TEST_CASE("all processes begin with the first one's weights") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(30)};
    auto recipe = plain_recipe();
    recipe.epochs = 1;
    std::vector<Values> all(2);
    in_group(2, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        TinyNetwork network(3);
        const torch::NoGradGuard no_gradients;
        for (auto& parameter : network.parameters()) parameter.add_(0.01 * static_cast<double>(rank));
        const torch::AutoGradMode gradients(true);
        (void)fit(network, set, recipe, {.group = group});
        all[rank] = values_of(network);
    });
    CHECK(distance_between(all[0], all[1]) == 0);
    CHECK(distance_between(all[0], fitted(set, recipe)) < 2e-4);
}

TEST_CASE("what one process is told holds for all") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(48)};
    auto recipe = plain_recipe();
    recipe.epochs = 3;
    std::stop_source source;
    const auto cancelled = trained_together(2, set, recipe, [&](FitOptions& options, std::size_t rank) {
        if (rank == 0) return;
        options.stop = source.get_token();
        options.on_update = [&](const UpdateReport& report) {
            if (report.step == 2) source.request_stop();
        };
    });
    for (const auto& each : cancelled) {
        CHECK(each.result.end == FitEnd::cancelled);
        CHECK(each.result.steps == 4);  // heard with the next update
    }
    const auto stopped = trained_together(2, set, recipe, [](FitOptions& options, std::size_t rank) {
        options.on_epoch = [rank](const EpochReport& report) {
            return rank == 1 && report.epoch == 2 ? EpochAnswer::stop : EpochAnswer::proceed;
        };
    });
    for (const auto& each : stopped) {
        CHECK(each.result.end == FitEnd::stopped);
        CHECK(each.result.epochs_run == 2);
    }
}

TEST_CASE("a joint training goes on from its checkpoint bit for bit") {
    if (without_gloo()) return;
    const OneThread one;
    const TrainingSet set{striped_images(60)};
    auto recipe = plain_recipe();
    recipe.head_dropout = 0.3;
    recipe.epochs = 3;
    const auto unbroken = trained_together(2, set, recipe);
    const auto file = std::filesystem::temp_directory_path() / "attune-joint.checkpoint";
    std::filesystem::remove(file);
    const auto keep = [&](FitOptions& options, std::size_t) { options.checkpoint = file; };
    const auto paused = trained_together(2, set, recipe, [&](FitOptions& options, std::size_t rank) {
        keep(options, rank);
        options.on_epoch = [](const EpochReport&) { return EpochAnswer::pause; };
    });
    CHECK(paused[1].result.end == FitEnd::paused);
    const auto resumed = trained_together(2, set, recipe, keep);
    for (std::size_t rank = 0; rank < 2; ++rank) {
        CHECK(resumed[rank].result.end == FitEnd::completed);
        CHECK(distance_between(resumed[rank].values, unbroken[rank].values) == 0);
    }
    std::filesystem::remove(file);
}

TEST_CASE("processes that were given other things are told so, all of them") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(30)};
    const auto said = said_by_two([&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        TinyNetwork network(3);
        auto recipe = plain_recipe();
        recipe.weight_decay = 0.1 * static_cast<double>(rank);
        (void)fit(network, set, recipe, {.group = group});
    });
    for (const auto& text : said) CHECK(text.find("same recipe") != std::string::npos);
    CHECK(said[1].find("invalid_option: process 1 of 2 differs from the first") != std::string::npos);
}

TEST_CASE("a joint training whose processes began with other weights goes on too") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(48)};
    auto recipe = plain_recipe();
    recipe.epochs = 2;
    const auto file = std::filesystem::temp_directory_path() / "attune-joint-other.checkpoint";
    std::filesystem::remove(file);
    for (const auto answer : {EpochAnswer::pause, EpochAnswer::proceed}) {
        std::vector<FitEnd> ends(2);
        in_group(2, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
            TinyNetwork network(3);
            {
                const torch::NoGradGuard no_gradients;
                for (auto& parameter : network.parameters()) parameter.add_(0.01 * static_cast<double>(rank));
            }
            FitOptions options{.group = group};
            options.checkpoint = file;
            options.on_epoch = [answer](const EpochReport&) { return answer; };
            ends[rank] = fit(network, set, recipe, options).end;
        });
        const auto expected = answer == EpochAnswer::pause ? FitEnd::paused : FitEnd::completed;
        CHECK((ends == std::vector<FitEnd>{expected, expected}));
    }
    std::filesystem::remove(file);
}

TEST_CASE("kept features need the same frozen weights in all processes") {
    if (without_gloo()) return;
    const auto data = striped_images(30);
    const auto said = said_by_two([&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        const auto network = std::make_shared<TinyNetwork>(3);
        {
            const torch::NoGradGuard no_gradients;
            network->parameters().front().add_(static_cast<double>(rank));
        }
        const TrainingSet set{data, std::make_shared<FeatureCache>(network, data)};
        (void)fit(*network, set, quick_recipe(1), {.group = group});
    });
    for (const auto& text : said) CHECK(text.find("invalid_state: kept features") != std::string::npos);
}

TEST_CASE("what one process refuses none begins") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(30)};
    const auto refused = [&](const std::function<void(Recipe&, FitOptions&)>& spoil) {
        return said_by_two([&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
            TinyNetwork network(3);
            auto recipe = plain_recipe();
            FitOptions options{.group = group};
            if (rank == 1) spoil(recipe, options);
            (void)fit(network, set, recipe, options);
        });
    };
    auto said = refused([](Recipe& recipe, FitOptions&) { recipe.batch_size = 0; });
    CHECK(said[0].find("process_group: 1 of the other processes") != std::string::npos);
    CHECK(said[1].find("batch_size") != std::string::npos);
    // Later than that all agreed on the recipe.
    said = refused([](Recipe&, FitOptions& options) {
        options.make_optimizer = [](std::vector<OptimizerGroup>) { return std::unique_ptr<Optimizer>{}; };
    });
    CHECK(said[0].find("process_group: 1 of the other processes") != std::string::npos);
    CHECK(said[1].find("make_optimizer") != std::string::npos);
    // And without a device to tell it through.
    said = refused([](Recipe&, FitOptions& options) { options.device = "abacus"; });
    CHECK(said[0].find("process_group: process 0 of 2 could not exchange") != std::string::npos);
    CHECK(said[1].find("abacus") != std::string::npos);
    auto thawing = plain_recipe();
    thawing.thaw_every_epochs = 1;
    thawing.batch_norm = BatchNormPolicy::all_training;
    thawing.mixup_alpha = 0.2;
    CHECK_THROWS_WITH_AS(trained_together(2, set, thawing), doctest::Contains("all_training"), InvalidOption);
}

TEST_CASE("a process may join one group after another at one place, and leave") {
    if (without_gloo()) return;
    const auto file = std::filesystem::temp_directory_path() / "attune-group-again";
    std::filesystem::remove(file);
    std::vector<std::shared_ptr<ProcessGroup>> kept(2);
    std::vector<std::thread> threads;
    std::vector<std::string> said(2);
    for (int rank = 0; rank < 2; ++rank)
        threads.emplace_back([&, rank] {
            for (int time = 0; time < 2; ++time) {
                const auto group = join_process_group({.rendezvous = "file://" + file.string(),
                                                       .rank = rank,
                                                       .size = 2,
                                                       .timeout_seconds = 60});
                auto tensor = torch::ones({1});
                group->sum(tensor);
                CHECK(tensor.item<double>() == 2);
                kept[static_cast<std::size_t>(rank)] = group;
            }
            auto& group = *kept[static_cast<std::size_t>(rank)];
            auto tensor = torch::ones({1});
            if (rank == 1) group.leave();
            try {
                group.sum(tensor);
            } catch (const ProcessGroupError& error) {
                said[static_cast<std::size_t>(rank)] = error.what();
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(said[0].find("could not exchange with the others") != std::string::npos);
    CHECK(said[1].find("has left its group") != std::string::npos);
    std::filesystem::remove(file);
}

TEST_CASE("a process that is lost ends the others' training") {
    if (without_gloo()) return;
    const TrainingSet set{striped_images(48)};
    bool first_heard = false;
    CHECK_THROWS_WITH_AS(
        in_group(
            2,
            [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
                TinyNetwork network(3);
                FitOptions options{.group = group};
                if (rank == 1)
                    options.on_update = [](const UpdateReport& report) {
                        if (report.step == 1) throw std::runtime_error("power cut");
                    };
                try {
                    (void)fit(network, set, plain_recipe(), options);
                } catch (const ProcessGroupError& error) {
                    first_heard = rank == 0;
                    CHECK(std::string(error.what()).find("process 0 of 2 could not exchange") !=
                          std::string::npos);
                }
            },
            10),
        "power cut", std::runtime_error);
    CHECK(first_heard);
}

TEST_CASE("torch's own batch normalisation, which would see one process's rows alone, is refused") {
    if (without_gloo()) return;
    class Plain : public TinyNetwork {
      public:
        Plain() : TinyNetwork(3) { register_module("second_norm", torch::nn::BatchNorm2d(3)); }
        [[nodiscard]] const std::vector<Stage>& stages() const override {
            static const std::vector<Stage> list{
                {"first", {"first.", "second_norm."}}, {"second", {"second."}}, {"pool", {"pool."}}};
            return list;
        }
    };
    const TrainingSet set{striped_images(30)};
    CHECK_THROWS_WITH_AS(in_group(2,
                                  [&](const std::shared_ptr<ProcessGroup>& group, std::size_t) {
                                      Plain network;
                                      (void)fit(network, set, plain_recipe(), {.group = group});
                                  }),
                         doctest::Contains("second_norm"), InvalidOption);
    in_group(2, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t) {
        Plain network;
        auto recipe = plain_recipe();
        recipe.batch_norm = BatchNormPolicy::all_frozen;
        CHECK(fit(network, set, recipe, {.group = group}).end == FitEnd::completed);
    });
}

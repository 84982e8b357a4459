// What a CUDA device must not change. Skips where there is none.
#include <torch/cuda.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/study/compute_device.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/process_group.hpp"
#include "attune/finetune/train/range_test.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

bool without_cuda() {
    if (torch::cuda::is_available()) return false;
    count_skip("CUDA", "no device");
    return true;
}

Recipe sgd_recipe(std::int64_t frozen = 0) {
    auto recipe = quick_recipe(frozen);
    recipe.optimizer = OptimizerKind::sgd;
    return recipe;
}

void check_like_processor(const TrainingSet& set, const Recipe& recipe, double tolerance) {
    const auto here = fitted(set, recipe);
    TinyNetwork network(3);
    const auto result = fit(network, set, recipe, {.device = "cuda:0"});
    CHECK(result.end == FitEnd::completed);
    for (const auto& parameter : network.parameters()) CHECK(parameter.is_cpu());
    for (const auto& buffer : network.buffers()) CHECK(buffer.is_cpu());
    CHECK(distance_between(here, values_of(network)) < tolerance);
}

}  // namespace

TEST_CASE("devices go by torch's names, and one that is not there is refused") {
    check_device("cpu");
    check_device(fastest_device());
    CHECK(fastest_device() == (torch::cuda::is_available() ? "cuda" : "cpu"));
    for (const char* name : {"abacus", "", "cuda:x"})
        CHECK_THROWS_WITH_AS(check_device(name), doctest::Contains("must be cpu, cuda or cuda:<number>"),
                             InvalidOption);
    for (const char* name : {"cuda:99", "meta"})
        CHECK_THROWS_WITH_AS(check_device(name), doctest::Contains("is not to be had here"), InvalidOption);
    const auto data = striped_images(24);
    TinyNetwork network(3);
    CHECK_THROWS_WITH_AS((void)evaluate(network, data, Split::validation, {.device = "cuda:99"}),
                         doctest::Contains("cuda:99"), InvalidOption);
    CHECK_THROWS_WITH_AS(FeatureCache(std::make_shared<TinyNetwork>(3), data, {.device = "cuda:99"}),
                         doctest::Contains("cuda:99"), InvalidOption);
}

TEST_CASE("a training on a device comes to what the processor comes to") {
    if (without_cuda()) return;
    const TrainingSet set{striped_images(60)};
    SUBCASE("the whole network") { check_like_processor(set, sgd_recipe(), 2e-2); }
    SUBCASE("behind a frozen prefix, augmented") {
        auto recipe = sgd_recipe(1);
        recipe.augmentation.horizontal_flip = true;
        check_like_processor(set, recipe, 2e-2);
    }
    SUBCASE("behind a frozen prefix whose features are shared and computed there") {
        const TrainingSet shared{set.data,
                                 std::make_shared<FeatureCache>(std::make_shared<TinyNetwork>(3), set.data,
                                                                FeatureCacheOptions{.device = "cuda"})};
        check_like_processor(shared, sgd_recipe(1), 2e-2);
        const auto here =
            compute_features(*std::make_shared<TinyNetwork>(3), set.data, 2, {}, set.data.split().train);
        CHECK(largest_difference(shared.features->features(2, {}, set.data.split().train), here) < 1e-2);
    }
    SUBCASE("a head on kept features, with dropout") {
        auto recipe = sgd_recipe(Recipe::head_only);
        recipe.head_dropout = 0.3;
        check_like_processor(set, recipe, 1e-3);
    }
    SUBCASE("all that a recipe can add") {
        auto recipe = sgd_recipe();
        recipe.mixup_alpha = 0.3;
        recipe.ema_decay = 0.9;
        recipe.gradient_clip_norm = 1;
        recipe.accumulation_steps = 2;
        recipe.class_weights = {1, 2, 1};
        recipe.l2_pretrained = 0.01;
        check_like_processor(set, recipe, 2e-2);
    }
    SUBCASE("low-rank corrections") {
        auto recipe = sgd_recipe();
        recipe.lora_rank = 2;
        check_like_processor(set, recipe, 2e-2);
    }
    SUBCASE("every optimizer") {
        for (const auto kind : {OptimizerKind::adamw, OptimizerKind::rmsprop, OptimizerKind::lion,
                                OptimizerKind::lamb, OptimizerKind::nadam, OptimizerKind::lbfgs}) {
            CAPTURE(to_string(kind));
            auto recipe = quick_recipe(Recipe::head_only);
            if (kind == OptimizerKind::lbfgs) {  // many searches magnify every rounding
                recipe.epochs = 1;
                recipe.batch_size = 60;
            }
            recipe.optimizer = kind;
            recipe.learning_rate = 1e-3;
            check_like_processor(set, recipe, 2e-2);
        }
    }
}

TEST_CASE("half precision learns, on a device too") {
    std::vector<std::pair<std::string, Precision>> ways{{"cpu", Precision::bfloat16}};
    if (!without_cuda()) {
        ways.emplace_back("cuda", Precision::bfloat16);
        ways.emplace_back("cuda", Precision::float16);
    }
    const TrainingSet set{striped_images(90)};
    for (const auto& [device, precision] : ways) {
        CAPTURE(device);
        CAPTURE(to_string(precision));
        auto recipe = quick_recipe(0);
        recipe.precision = precision;
        recipe.channels_last = true;
        recipe.epochs = 10;
        TinyNetwork network(3);
        const auto result = fit(network, set, recipe, {.device = device});
        CHECK(result.end == FitEnd::completed);
        CHECK(result.validation_accuracy > 0.8);
        for (const auto& parameter : network.parameters()) {
            CHECK((parameter.scalar_type() == torch::kFloat32));
            CHECK(torch::isfinite(parameter).all().item<bool>());
        }
    }
}

TEST_CASE("half precision leaves out what overflows once, and ends where nothing else comes") {
    if (without_cuda()) return;
    const TrainingSet set{striped_images(90)};
    auto recipe = sgd_recipe();
    recipe.precision = Precision::float16;
    recipe.epochs = 40;
    recipe.batch_size = 8;
    TinyNetwork diverging(3);
    recipe.learning_rate = 1e12;
    const auto result = fit(diverging, set, recipe, {.device = "cuda"});
    CHECK(result.end == FitEnd::not_finite);
    CHECK(result.steps >= 30);
    CHECK(result.epochs_run < recipe.epochs);
}

TEST_CASE("a range test leaves a network where it was, and a teacher goes where its student is") {
    if (without_cuda()) return;
    const TrainingSet set{striped_images(60)};
    TinyNetwork network(5);
    network.to(torch::kCUDA);
    const auto before = values_of(network);
    (void)learning_rate_range_test(network, set, sgd_recipe(), {.steps = 6}, {.device = "cuda"});
    for (const auto& [name, value] : values_of(network)) {
        CHECK(value.is_cuda());
        CHECK(torch::equal(value, before.at(name)));
    }
    auto recipe = sgd_recipe();
    recipe.distillation_weight = 0.5;
    TrainingSet taught = set;
    taught.teacher = std::make_shared<TinyNetwork>(3);
    check_like_processor(taught, recipe, 2e-2);
    for (const auto& parameter : taught.teacher->parameters()) CHECK(parameter.is_cpu());
}

TEST_CASE("a training on a device goes on from its checkpoint") {
    if (without_cuda()) return;
    const TrainingSet set{striped_images(60)};
    for (const auto precision : {Precision::float32, Precision::float16}) {
        auto recipe = sgd_recipe();
        recipe.precision = precision;
        recipe.ema_decay = 0.9;
        TinyNetwork unbroken(3);
        (void)fit(unbroken, set, recipe, {.device = "cuda"});
        const auto file = std::filesystem::temp_directory_path() / "attune-cuda.checkpoint";
        std::filesystem::remove(file);
        FitOptions options{.device = "cuda"};
        options.checkpoint = file;
        options.on_epoch = [](const EpochReport& report) {
            return report.epoch == 2 ? EpochAnswer::pause : EpochAnswer::proceed;
        };
        TinyNetwork network(3);
        CHECK(fit(network, set, recipe, options).end == FitEnd::paused);
        options.on_epoch = {};
        TinyNetwork again(3);
        CHECK(fit(again, set, recipe, options).end == FitEnd::completed);
        CHECK(distance_between(values_of(unbroken), values_of(again)) < 5e-2);
        std::filesystem::remove(file);
    }
}

TEST_CASE("networks that draw random numbers draw the same ones again on a device") {
    if (without_cuda()) return;
    const TrainingSet set{striped_images(24, 3, 32)};
    const auto run = [&] {
        torch::manual_seed(1);
        const auto network = ModelZoo::standard().make("efficientnet_b0", 3);
        auto recipe = sgd_recipe();
        recipe.epochs = 1;
        recipe.learning_rate = 1e-3;
        recipe.stochastic_depth = 0.5;
        return fit(*network, set, recipe, {.device = "cuda"}).last_train_loss;
    };
    const double first = run();
    torch::rand({5}, torch::device(torch::kCUDA));  // moves the device's generator on
    CHECK(run() == doctest::Approx(first).epsilon(1e-3));
}

TEST_CASE("a group of one over NCCL is no other training") {
    if (without_cuda()) return;
    const auto known = process_group_backends();
    if (std::find(known.begin(), known.end(), "nccl") == known.end())
        return count_skip("NCCL", "built without it");
    const auto file = std::filesystem::temp_directory_path() / "attune-nccl.group";
    std::filesystem::remove(file);
    const auto group = join_process_group({.backend = "nccl", .rendezvous = "file://" + file.string()});
    const TrainingSet set{striped_images(60)};
    TinyNetwork network(3);
    (void)fit(network, set, sgd_recipe(), {.device = "cuda", .group = group});
    CHECK(distance_between(fitted(set, sgd_recipe()), values_of(network)) < 2e-2);
    std::filesystem::remove(file);
}

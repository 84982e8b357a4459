#include "support/doctest_torch.hpp"

#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using test::TinyNetwork;

namespace {

/// Torch with one thread for the length of a test: bit equality is promised for a given number of them.
struct OneThread {
    OneThread() { torch::set_num_threads(1); }
    ~OneThread() { torch::set_num_threads(before); }
    int before = torch::get_num_threads();
};

Recipe quick(std::int64_t frozen = Recipe::head_only) {
    Recipe recipe;
    recipe.frozen_stages = frozen;
    recipe.learning_rate = 0.02;
    recipe.epochs = 4;
    recipe.batch_size = 16;
    return recipe;
}

std::shared_ptr<FeatureCache> cache_for(const ImageData& data, FeatureCacheOptions options = {}) {
    return std::make_shared<FeatureCache>(std::make_shared<TinyNetwork>(5), data, std::move(options));
}

torch::Tensor fitted(const TrainingSet& set, const Recipe& recipe, const FitOptions& options = {}) {
    TinyNetwork network(5);
    fit(network, set, recipe, options);
    return test::all_values(network);
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>();
}

}  // namespace

TEST_CASE("a fit learns, repeats bit for bit, and another seed differs") {
    const OneThread one;
    const TrainingSet set{test::striped_images(120)};
    for (const auto frozen : {Recipe::head_only, std::int64_t{1}, std::int64_t{0}}) {
        CAPTURE(frozen);
        auto recipe = quick(frozen);
        recipe.epochs = 12;
        recipe.head_dropout = 0.1;
        recipe.mixup_alpha = 0.2;
        recipe.augmentation.horizontal_flip = true;
        TinyNetwork network(5);
        const auto result = fit(network, set, recipe);
        CHECK(result.end == FitEnd::completed);
        CHECK(result.epochs_run == 12);
        CHECK(result.best_validation_accuracy > 0.7);
        CHECK(std::ssize(result.history) == 12);
        CHECK(!network.is_training());
        CHECK(network.classes() == 3);
        const auto values = test::all_values(network);
        torch::manual_seed(99);  // the global generator has no say
        CHECK(torch::equal(values, fitted(set, recipe)));
        recipe.seed = 2;
        CHECK(!torch::equal(values, fitted(set, recipe)));
    }
}

TEST_CASE("cached features train what the images train, at every cut") {
    const OneThread one;
    const auto data = test::striped_images(80);
    const auto cache = cache_for(data);
    for (const std::int64_t frozen : {1, 2, 3}) {
        CAPTURE(frozen);
        auto recipe = quick(frozen);
        const auto shared = fitted({data, cache}, recipe);
        CHECK(largest_difference(shared, fitted({data}, recipe, {.own_cache_bytes = 0})) < 2e-4);
        CHECK(largest_difference(shared, fitted({data}, recipe)) < 2e-4);
        recipe.augmentation = {.horizontal_flip = true, .fixed_crops = 1};
        CHECK(largest_difference(fitted({data, cache}, recipe),
                                 fitted({data}, recipe, {.own_cache_bytes = 0})) < 2e-4);
    }
}

TEST_CASE("features are computed once a cut and view, whoever asks, and only for the split") {
    const auto data = test::striped_images(60);
    const auto cache = cache_for(data);
    const std::vector<std::int64_t> rows{5, 3, 40};
    std::vector<torch::Tensor> seen(4);
    {
        std::vector<std::jthread> threads;
        for (auto& tensor : seen)
            threads.emplace_back([&] { tensor = cache->features(2, {.horizontal_flip = true}, rows); });
    }
    for (const auto& tensor : seen) CHECK(torch::equal(tensor, seen[0]));
    CHECK(cache->images_computed() == 60);
    TinyNetwork network(5);
    const auto direct = compute_features(network, data, 2, {.horizontal_flip = true}, rows);
    CHECK(largest_difference(direct, seen[0]) < 1e-5);
    CHECK(cache->bytes_used() == cache->bytes_of(2));

    const std::vector<std::size_t> cuts{1, 3};
    const std::vector<View> views{View{}};
    cache->prepare(cuts, views);
    CHECK(cache->images_computed() == 120);
    CHECK(largest_difference(cache->features(3, {}, rows), compute_features(network, data, 3, {}, rows)) <
          1e-5);

    const auto part = cache_for(data.with_split({{1, 2, 3}, {}, {}}));
    CHECK_THROWS_WITH_AS(static_cast<void>(part->features(1, {}, rows)), doctest::Contains("row 5"),
                         InvalidOption);
    CHECK(part->images_computed() == 3);
}

TEST_CASE("the cache keeps its memory limit, and half precision halves it") {
    const auto data = test::striped_images(40);
    const auto whole = cache_for(data);
    const auto half = cache_for(data, {.half_precision = true});
    CHECK(half->bytes_of(1) * 2 == whole->bytes_of(1));
    const std::vector<std::int64_t> rows{0, 1};
    CHECK(largest_difference(half->features(1, {}, rows), whole->features(1, {}, rows)) < 0.01);
    const auto tight = cache_for(data, {.memory_limit_bytes = whole->bytes_of(1) - 1});
    CHECK_THROWS_WITH_AS(static_cast<void>(tight->features(1, {}, rows)), doctest::Contains("memory limit"),
                         InvalidOption);
    // A fit does without what does not fit.
    TinyNetwork network(5);
    CHECK(!fit(network, {data, tight}, quick(1)).used_cached_features);
}

TEST_CASE("features that pass the memory limit are read from files as they would be from memory") {
    const auto data = test::striped_images(40);
    const auto whole = cache_for(data);
    const auto bytes = whole->bytes_of(1);
    const auto folder = std::filesystem::temp_directory_path() / "attune feature files";
    std::filesystem::create_directories(folder);
    const std::vector<std::size_t> cuts{1, 2, 3};
    const std::vector<View> views{View{}, View{.horizontal_flip = true}};
    const auto cache = cache_for(data, {.memory_limit_bytes = bytes, .file_folder = folder});
    CHECK(cache->fits(cuts, views));
    cache->prepare(cuts, views);
    CHECK(cache->bytes_used() <= bytes);
    CHECK(cache->file_bytes_used() > 0);
    CHECK(cache->bytes_used() + cache->file_bytes_used() ==
          2 * (whole->bytes_of(1) + whole->bytes_of(2) + whole->bytes_of(3)));
    const std::vector<std::int64_t> rows{7, 0, 31};
    for (const auto cut : cuts)
        for (const auto& view : views)
            CHECK(torch::equal(cache->features(cut, view, rows), whole->features(cut, view, rows)));
    CHECK(std::filesystem::is_empty(folder));  // nothing is left, whatever happens to the program
    TinyNetwork network(5);
    CHECK(fit(network, {data, cache}, quick(1)).used_cached_features);

    const auto narrow =
        cache_for(data, {.memory_limit_bytes = 0, .file_folder = folder, .file_limit_bytes = bytes - 1});
    CHECK_FALSE(narrow->fits(1, views));
    CHECK_THROWS_WITH_AS(static_cast<void>(narrow->features(1, {}, rows)), doctest::Contains("file limit"),
                         InvalidOption);
    const auto nowhere = cache_for(data, {.memory_limit_bytes = 0, .file_folder = folder / "missing"});
    CHECK_THROWS_WITH_AS(static_cast<void>(nowhere->features(1, {}, rows)), doctest::Contains("missing"),
                         FileError);
    std::filesystem::remove(folder);
}

TEST_CASE("features of other weights or images are refused") {
    const auto data = test::striped_images(40);
    const auto cache = cache_for(data);
    TinyNetwork network(5);
    network.named_parameters()["first.0.weight"].data().add_(0.1);
    CHECK_THROWS_WITH_AS(fit(network, {data, cache}, quick()), doctest::Contains("first.0.weight"),
                         InvalidState);
    TinyNetwork same(5);
    CHECK_THROWS_AS(fit(same, {test::striped_images(40), cache}, quick()), InvalidState);
}

TEST_CASE("frozen stages stay as they are, statistics included") {
    const auto data = test::striped_images(60);
    TinyNetwork before(3);
    TinyNetwork network(3);
    fit(network, {data}, quick(1));
    const auto unchanged = [&](const std::string& name) {
        const auto find = [&](auto& net) {
            const auto buffers = net.named_buffers();
            return (buffers.contains(name) ? buffers[name] : net.named_parameters()[name]).detach().clone();
        };
        return torch::equal(find(before), find(network));
    };
    for (const auto* name :
         {"first.0.weight", "first.1.weight", "first.1.running_mean", "first.1.num_batches_tracked"})
        CHECK(unchanged(name));
    for (const auto* name : {"second.0.weight", "second.1.running_mean", "fc.weight"})
        CHECK(!unchanged(name));
}

TEST_CASE("the best epoch's weights come back") {
    const OneThread one;
    const TrainingSet set{test::striped_images(90)};
    auto recipe = quick(0);
    recipe.epochs = 8;
    recipe.learning_rate = 0.3;  // wild enough that the last epoch is not the best
    recipe.optimizer = OptimizerKind::sgd;
    recipe.schedule.kind = ScheduleKind::constant;
    TinyNetwork network(3);
    const auto result = fit(network, set, recipe);
    REQUIRE(result.end == FitEnd::completed);
    for (const auto& report : result.history) {
        const double accuracy = report.numbers.at("validation_accuracy");
        CHECK(accuracy <= result.best_validation_accuracy);
        if (accuracy == result.best_validation_accuracy)
            CHECK(report.numbers.at("validation_loss") >= result.best_validation_loss);
    }
    const auto seen = evaluate(network, set.data, Split::validation);
    CHECK(seen.metrics.accuracy == doctest::Approx(result.best_validation_accuracy));
    CHECK(seen.metrics.log_loss == doctest::Approx(result.best_validation_loss).epsilon(1e-4));
    recipe.epochs = result.best_epoch;  // constant rate: the shorter training is a prefix of the longer
    recipe.restore_best = false;
    CHECK(torch::equal(fitted(set, recipe), test::all_values(network)));
}

TEST_CASE("patience, the callback, the stop token and a loss that is no number end a fit, each saying so") {
    const TrainingSet set{test::striped_images(60)};
    TinyNetwork network(3);
    auto recipe = quick();
    recipe.epochs = 50;
    recipe.learning_rate = 1e-9;
    recipe.patience = 3;
    auto result = fit(network, set, recipe);
    CHECK(result.end == FitEnd::patience);
    CHECK(result.epochs_run == 4);

    recipe = quick();
    result = fit(network, set, recipe, {.on_epoch = [](const EpochReport& report) {
                     return report.epoch == 2 ? EpochAnswer::stop : EpochAnswer::proceed;
                 }});
    CHECK(result.end == FitEnd::stopped);
    CHECK(result.epochs_run == 2);

    std::stop_source source;
    source.request_stop();
    CHECK(fit(network, set, recipe, {.stop = source.get_token()}).end == FitEnd::cancelled);

    recipe.frozen_stages = 0;
    recipe.optimizer = OptimizerKind::sgd;
    recipe.learning_rate = 1e30;
    result = fit(network, set, recipe);
    CHECK(result.end == FitEnd::not_finite);
    CHECK(result.message.find("epoch") != std::string::npos);
}

TEST_CASE("quick validation looks through the first view, and the kept weights are judged through all") {
    const OneThread one;
    const TrainingSet set{test::striped_images(90)};
    auto recipe = quick();
    recipe.augmentation.quarter_turns = true;
    recipe.test_views = views_of(recipe.augmentation);
    REQUIRE(recipe.test_views.size() == 4);
    const auto losses = [&](bool quickly) {
        recipe.quick_validation = quickly;
        TinyNetwork network(3);
        const FitResult result = fit(network, set, recipe);
        const auto through = [&](const std::vector<View>& views) {
            return evaluate(network, set.data, Split::validation, {.views = views}).metrics.log_loss;
        };
        CHECK(
            result.best_validation_loss ==
            doctest::Approx(through(quickly ? std::vector<View>{View{}} : recipe.test_views)).epsilon(1e-4));
        CHECK(result.validation_loss == doctest::Approx(through(recipe.test_views)).epsilon(1e-4));
        return std::pair{result.best_validation_loss, result.validation_loss};
    };
    const auto [all, all_kept] = losses(false);
    CHECK(all == all_kept);
    const auto [first, first_kept] = losses(true);
    CHECK(first != first_kept);
}

TEST_CASE("averaged weights are the ones judged and kept") {
    const OneThread one;
    const TrainingSet set{test::striped_images(60)};
    auto recipe = quick();
    const auto plain = fitted(set, recipe);
    recipe.ema_decay = 0.8;
    TinyNetwork network(3);
    const auto result = fit(network, set, recipe);
    CHECK(!torch::equal(plain, test::all_values(network)));
    CHECK(evaluate(network, set.data, Split::validation).metrics.log_loss ==
          doctest::Approx(result.best_validation_loss).epsilon(1e-4));
}

TEST_CASE("fits beside each other give what they give alone") {
    const OneThread one;
    const auto data = test::striped_images(60);
    const auto cache = cache_for(data);
    std::vector<torch::Tensor> alone(3);
    std::vector<torch::Tensor> together(3);
    const auto run = [&](std::size_t i) {
        auto recipe = quick();
        recipe.seed = i;
        recipe.head_dropout = 0.2;
        return fitted({data, cache}, recipe);
    };
    for (std::size_t i = 0; i < 3; ++i) alone[i] = run(i);
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < 3; ++i)
            threads.emplace_back([&, i] {
                torch::set_num_threads(1);
                together[i] = run(i);
            });
    }
    for (std::size_t i = 0; i < 3; ++i) CHECK(torch::equal(alone[i], together[i]));
}

TEST_CASE("recipes survive as text and are refused out of range") {
    Recipe recipe = quick(2);
    recipe.optimizer = OptimizerKind::rmsprop;
    recipe.frozen_share = 0.75;
    recipe.class_weights = {1, 0.1, 3};
    recipe.test_views = {{}, {.horizontal_flip = true, .zoom = 1.2, .image_size = 96}};
    recipe.schedule.kind = ScheduleKind::one_cycle;
    recipe.seed = 1234567890123456789ULL;
    recipe.learning_rate = 0.1 + 0.2;
    const auto back = recipe_from_text(recipe.to_text());
    CHECK(back.to_text() == recipe.to_text());
    CHECK(back.learning_rate == recipe.learning_rate);
    CHECK((back.test_views == recipe.test_views));
    CHECK(back.frozen_in(4) == 3);
    CHECK_THROWS_AS(static_cast<void>(recipe_from_text({{"speed", "1"}})), UnknownName);
    CHECK_THROWS_AS(static_cast<void>(recipe_from_text({{"epochs", "many"}})), InvalidOption);
    recipe.learning_rate = -1;
    CHECK_THROWS_WITH_AS(recipe.validate(), doctest::Contains("learning_rate -1"), InvalidOption);
    Recipe nesterov;
    nesterov.optimizer = OptimizerKind::sgd;
    nesterov.momentum = 0;
    nesterov.nesterov = true;
    CHECK_THROWS_AS(nesterov.validate(), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(quick(9).frozen_in(3)), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(optimizer_from_name("magic")), UnknownName);
}

TEST_CASE("warm-up rises in a straight line to the main schedule") {
    const Schedule schedule{.kind = ScheduleKind::cosine, .warm_up_epochs = 2, .warm_up_start = 0.1};
    CHECK(learning_rate_factor(schedule, 0, 10, 5) == doctest::Approx(0.1));
    CHECK(learning_rate_factor(schedule, 10, 10, 5) == doctest::Approx(0.55));
    CHECK(learning_rate_factor(schedule, 20, 10, 5) == doctest::Approx(1));
    CHECK(learning_rate_factor(schedule, 35, 10, 5) == doctest::Approx(0.5));
    const Schedule share{.kind = ScheduleKind::constant, .warm_up_share = 0.5};
    CHECK(learning_rate_factor(share, 24, 10, 5) < 1);
    CHECK(learning_rate_factor(share, 25, 10, 5) == 1);
    const Schedule half_an_epoch{.kind = ScheduleKind::constant, .warm_up_epochs = 0.5};
    CHECK(learning_rate_factor(half_an_epoch, 4, 10, 5) < 1);
    CHECK(learning_rate_factor(half_an_epoch, 5, 10, 5) == 1);
    CHECK_THROWS_WITH_AS((Schedule{.warm_up_epochs = 1, .warm_up_share = 0.1}.validate()),
                         doctest::Contains("warm_up_share"), InvalidOption);
}

TEST_CASE("evaluation counts, averages views and names the most confident mistakes") {
    const auto data = test::striped_images(90);
    TinyNetwork network(5);
    CHECK_THROWS_AS(static_cast<void>(evaluate(network, data, Split::test)), InvalidOption);
    fit(network, {data}, quick());
    const std::vector<View> views{{}, {.horizontal_flip = true}};
    const auto seen = evaluate(network, data, Split::test, {.views = views, .worst = 2});
    CHECK(seen.rows == data.split().test);
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < seen.rows.size(); ++i) wrong += seen.labels[i] != seen.predicted[i];
    CHECK(seen.wrong() == wrong);
    CHECK(std::ssize(seen.worst) == std::min<std::int64_t>(wrong, 2));
    for (std::size_t i = 1; i < seen.worst.size(); ++i)
        CHECK(seen.worst[i - 1].confidence >= seen.worst[i].confidence);
    const auto& rows = data.split().test;
    const auto mean =
        (compute_logits(network, data, rows) + compute_logits(network, data, rows, {.views = {views[1]}})) /
        2;
    CHECK(largest_difference(compute_logits(network, data, rows, {.views = views}), mean) < 1e-5);
    const auto cache = cache_for(data);
    const EvaluateOptions cached{.views = views, .features = cache, .frozen_stages = 3};
    CHECK(largest_difference(compute_logits(network, data, rows, cached), mean) < 1e-5);
}

TEST_CASE("a saved model loads alone and says the same") {
    const OneThread one;
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "model.safetensors";
    const auto data = test::striped_images(30, 3, 64);
    const auto network = ModelZoo::standard().make("squeezenet1_1", 3);
    Recipe recipe = quick();
    recipe.epochs = 1;
    fit(*network, {data}, recipe);
    const ModelCard card{.architecture = "squeezenet1_1",
                         .classes = data.classes(),
                         .framing = data.framing(),
                         .views = {View{}, View{.horizontal_flip = true}},
                         .recipe = recipe.to_text(),
                         .notes = {{"study", "test"}}};
    save_model(path, *network, card);
    const auto loaded = load_model(path);
    CHECK(loaded.card.classes == card.classes);
    CHECK(loaded.card.recipe == card.recipe);
    CHECK(loaded.card.notes == card.notes);
    CHECK((loaded.card.views == card.views));
    CHECK(loaded.network->input.mean == network->input.mean);
    const std::vector<std::int64_t> row{4};
    const auto expected = compute_logits(*network, data, row, {.views = card.views})[0];
    const auto said = loaded.predict(data.picture(4));
    for (std::int64_t k = 0; k < 3; ++k)
        CHECK(said.logits[static_cast<std::size_t>(k)] == static_cast<double>(expected[k].item<float>()));
    CHECK(said.class_name == data.classes()[static_cast<std::size_t>(said.label)]);

    auto wrong = card;
    wrong.classes.pop_back();
    CHECK_THROWS_AS(save_model(path, *network, wrong), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(load_model(folder.path() / "nothing")), FileError);
}

#include "support/doctest_torch.hpp"

#include <cmath>
#include <set>

#include "attune/error.hpp"
#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/input_spec.hpp"
#include "finetune/support/tiny_network.hpp"

using namespace attune;

TEST_CASE("augmentation of an image depends on seed, epoch and sample alone") {
    const auto data = test::striped_images(12, 3, 24);
    const Augmentation augmentation{.horizontal_flip = true,
                                    .vertical_flip = true,
                                    .quarter_turns = true,
                                    .min_crop_area = 0.4,
                                    .brightness = 0.3,
                                    .contrast = 0.3,
                                    .saturation = 0.3,
                                    .erase_probability = 0.5};
    const std::vector<std::int64_t> all{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const auto together = augment(data.pixels(), all, augmentation, 5, 2, 24);
    const auto threads = torch::get_num_threads();
    torch::set_num_threads(2);
    for (std::int64_t row = 0; row < 12; ++row) {
        const std::vector<std::int64_t> one{row};
        CHECK(torch::equal(augment(data.pixels().narrow(0, row, 1), one, augmentation, 5, 2, 24)[0],
                           together[row]));
    }
    torch::set_num_threads(threads);
    CHECK(!torch::equal(augment(data.pixels(), all, augmentation, 5, 3, 24), together));
    CHECK(!torch::equal(augment(data.pixels(), all, augmentation, 6, 2, 24), together));
    CHECK(together.min().item<double>() >= 0);
    CHECK(together.max().item<double>() <= 255);
}

TEST_CASE("random crops and shifts keep bytes, which are rounded from what floats become") {
    torch::manual_seed(3);
    const auto bytes = torch::randint(0, 256, {6, 3, 40, 40}, torch::kUInt8);
    const std::vector<std::int64_t> rows{0, 1, 2, 3, 4, 5};
    for (const auto& augmentation :
         {Augmentation{.horizontal_flip = true, .min_crop_area = 0.3}, Augmentation{.crop_padding = 12}}) {
        const auto shown = augment(bytes, rows, augmentation, 7, 1, 24);
        const auto floats = augment(bytes.to(torch::kFloat32), rows, augmentation, 7, 1, 24);
        CHECK(!shown.is_floating_point());
        CHECK(floats.is_floating_point());
        // Each of the two passes of a resize rounds.
        CHECK((shown.to(torch::kFloat32) - floats).abs().max().item<double>() <= 1.01);
    }
    CHECK(augment(bytes, rows, {.min_crop_area = 0.3, .brightness = 0.1}, 7, 1, 24).is_floating_point());
}

TEST_CASE("bytes are normalised to the very numbers that floats are") {
    const auto bytes = torch::arange(256, torch::kInt64).to(torch::kUInt8).view({1, 1, 16, 16});
    const auto pixels = torch::cat({bytes, bytes.flip({2}), bytes.flip({3})}, 1);
    const InputSpec input{.mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}};
    CHECK(torch::equal(normalise(pixels, input), normalise(pixels.to(torch::kFloat32), input)));
}

TEST_CASE("a cacheable augmentation shows its views, each about equally often") {
    const auto data = test::striped_images(6);
    for (const auto& augmentation :
         {Augmentation{}, Augmentation{.horizontal_flip = true}, Augmentation{.vertical_flip = true},
          Augmentation{.horizontal_flip = true, .vertical_flip = true},
          Augmentation{.horizontal_flip = true, .quarter_turns = true, .fixed_crops = 2}}) {
        const auto views = views_of(augmentation);
        CHECK(std::set(views.begin(), views.end()).size() == views.size());
        std::vector<int> seen(views.size());
        for (std::int64_t epoch = 0; epoch < 200; ++epoch)
            for (std::int64_t sample = 0; sample < 6; ++sample) {
                const auto chosen = choose_view(augmentation, 1, epoch, sample);
                REQUIRE(chosen < views.size());
                ++seen[chosen];
            }
        const double expected = 1200.0 / static_cast<double>(views.size());
        for (const int count : seen) CHECK(std::abs(count - expected) < 6 * std::sqrt(expected) + 1);
        const std::vector<std::int64_t> rows{0, 1, 2, 3, 4, 5};
        const auto shown = augment(data.pixels(), rows, augmentation, 1, 7, 16);
        for (std::int64_t row = 0; row < 6; ++row)
            CHECK(torch::equal(shown[row], render(data.pixels().narrow(0, row, 1),
                                                  views[choose_view(augmentation, 1, 7, row)], 16)[0]));
    }
}

TEST_CASE("a shift stays within the margin where there is one") {
    const auto pixels = torch::arange(3 * 20 * 20, torch::kFloat32).view({1, 3, 20, 20}).remainder(251);
    const Augmentation augmentation{.crop_padding = 2};
    std::set<float> corners;
    for (std::int64_t epoch = 0; epoch < 60; ++epoch) {
        const std::vector<std::int64_t> row{0};
        const auto shown = augment(pixels, row, augmentation, 1, epoch, 16);
        bool found = false;
        for (std::int64_t top = 0; top <= 4 && !found; ++top)
            for (std::int64_t left = 0; left <= 4 && !found; ++left)
                found = torch::equal(shown, pixels.narrow(2, top, 16).narrow(3, left, 16));
        CHECK(found);
        corners.insert(shown[0][0][0][0].item<float>());
    }
    CHECK(corners.size() > 10);
}

TEST_CASE("augmentations and views out of range are refused by name") {
    CHECK_THROWS_WITH_AS((Augmentation{.min_crop_area = 0}.validate()), doctest::Contains("min_crop_area"),
                         InvalidOption);
    CHECK_THROWS_WITH_AS((Augmentation{.fixed_crops = 99}.validate()), doctest::Contains("99"),
                         InvalidOption);
    CHECK_THROWS_WITH_AS((View{.zoom = 0.5}.validate()), doctest::Contains("zoom"), InvalidOption);
}

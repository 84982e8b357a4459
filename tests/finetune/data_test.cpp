#include "support/doctest_torch.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "attune/error.hpp"
#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/equal_pictures.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/data/remarks.hpp"
#include "attune/finetune/data/split.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/shared_data.hpp"

using namespace attune;

namespace {

std::vector<std::int64_t> everything(const SplitRows& split) {
    auto rows = split.train;
    rows.insert(rows.end(), split.validation.begin(), split.validation.end());
    rows.insert(rows.end(), split.test.begin(), split.test.end());
    std::ranges::sort(rows);
    return rows;
}

std::int64_t count_of(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& labels,
                      std::int64_t label) {
    return std::ranges::count_if(rows,
                                 [&](auto row) { return labels[static_cast<std::size_t>(row)] == label; });
}

Image coloured(std::int64_t width, std::int64_t height, std::uint8_t seed) {
    Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height))};
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
        image.pixels[i] = static_cast<std::uint8_t>(seed + 37 * i % 91);
    return image;
}

}  // namespace

TEST_CASE("a stratified split loses nothing, doubles nothing and keeps the shares in every class") {
    CHECK(rc::check([] {
        const auto classes = *rc::gen::inRange<std::int64_t>(2, 7);
        const auto count = *rc::gen::inRange<std::int64_t>(classes * 10, 300);
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        const SplitShares shares{.validation = 0.2, .test = *rc::gen::element(0.0, 0.1, 0.25)};
        std::vector<std::int64_t> labels;
        std::vector<std::int64_t> rows;
        for (std::int64_t i = 0; i < count; ++i) {
            labels.push_back(i % classes);
            rows.push_back(i);
        }
        const auto split = stratified_split(labels, rows, shares, seed);
        RC_ASSERT(everything(split) == rows);
        RC_ASSERT(split == stratified_split(labels, rows, shares, seed));
        for (std::int64_t k = 0; k < classes; ++k) {
            const auto size = static_cast<double>(count_of(rows, labels, k));
            RC_ASSERT(std::abs(static_cast<double>(count_of(split.validation, labels, k)) - 0.2 * size) <= 1);
            RC_ASSERT(std::abs(static_cast<double>(count_of(split.test, labels, k)) - shares.test * size) <=
                      1);
        }
        RC_ASSERT(std::abs(static_cast<double>(split.validation.size()) - 0.2 * static_cast<double>(count)) <=
                  1.0);
    }));
}

TEST_CASE("another seed draws another split, and too small a class is refused by number") {
    const auto data = test::striped_images(90);
    const auto& rows = data.split().train;
    CHECK(stratified_split(data.labels(), rows, {}, 1) != stratified_split(data.labels(), rows, {}, 2));
    const std::vector<std::int64_t> labels{0, 0, 0, 1};
    const std::vector<std::int64_t> all{0, 1, 2, 3};
    CHECK_THROWS_WITH_AS(static_cast<void>(stratified_split(labels, all, {}, 1)),
                         doctest::Contains("class 1 has 1 image;"), InvalidOption);
    const std::vector<std::string> names{"cat", "dog"};
    CHECK_THROWS_WITH_AS(static_cast<void>(stratified_split(labels, all, {}, 1, names)),
                         doctest::Contains("class 'dog' has 1 image;"), InvalidOption);
    CHECK_THROWS_AS((SplitShares{.validation = 0.6, .test = 0.5}.validate()), InvalidOption);
}

TEST_CASE("few shots are balanced, nested and leave the other parts alone") {
    const auto data = test::striped_images(120);
    const auto five = few_shot(data, 5, 3);
    const auto ten = few_shot(data, 10, 3);
    for (std::int64_t k = 0; k < 3; ++k) CHECK(count_of(five.split().train, data.labels(), k) == 5);
    CHECK(std::ranges::includes(ten.split().train, five.split().train));
    CHECK(std::ranges::includes(data.split().train, ten.split().train));
    CHECK(five.split().validation == data.split().validation);
    CHECK(five.split().test == data.split().test);
    CHECK(few_shot(data, 5, 4).split() != five.split());
    CHECK_THROWS_WITH_AS(static_cast<void>(few_shot(data, 1000, 1)), doctest::Contains("class 0"),
                         InvalidOption);
}

TEST_CASE("folds cover training and validation rows once each") {
    const auto data = test::striped_images(100);
    const auto folds = cross_validation(data, 4, 9);
    std::vector<std::int64_t> seen;
    for (const auto& fold : folds) {
        CHECK(everything(fold.split()) == everything(data.split()));
        CHECK(fold.split().test == data.split().test);
        seen.insert(seen.end(), fold.split().validation.begin(), fold.split().validation.end());
    }
    std::ranges::sort(seen);
    CHECK(std::set(seen.begin(), seen.end()).size() == seen.size());
    CHECK(seen.size() == data.split().train.size() + data.split().validation.size());
}

TEST_CASE("groups stay together in splits and folds, and shares are met as groups permit") {
    CHECK(rc::check([] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        const auto group_count = *rc::gen::inRange<std::int64_t>(20, 60);
        std::vector<std::int64_t> labels;
        std::vector<std::int64_t> rows;
        std::vector<std::string> groups;
        attune::detail::RandomStream stream{seed, 3};
        for (std::int64_t g = 0; g < group_count; ++g)
            for (auto k = 1 + stream.below(5); k > 0; --k) {
                rows.push_back(std::ssize(labels));
                labels.push_back(g % 3);
                groups.push_back(g == 0 ? std::string() : fmt::format("g{}", g));
            }
        const auto check_apart = [&](const std::vector<std::vector<std::int64_t>>& parts) {
            std::map<std::string, std::size_t> part_of;
            for (std::size_t part = 0; part < parts.size(); ++part)
                for (const auto row : parts[part]) {
                    const auto& name = groups[static_cast<std::size_t>(row)];
                    if (!name.empty()) RC_ASSERT(part_of.emplace(name, part).first->second == part);
                }
        };
        const SplitShares shares{.validation = 0.25, .test = *rc::gen::element(0.0, 0.2)};
        const auto split = grouped_split(labels, groups, rows, shares, seed);
        RC_ASSERT(everything(split) == rows);
        RC_ASSERT(split == grouped_split(labels, groups, rows, shares, seed));
        check_apart({split.train, split.validation, split.test});
        for (std::int64_t k = 0; k < 3; ++k) {
            const auto all = static_cast<double>(count_of(rows, labels, k));
            // A part misses the share of a class by less than a large group.
            RC_ASSERT(std::abs(static_cast<double>(count_of(split.validation, labels, k)) - 0.25 * all) <= 5);
        }
        const ImageData data(torch::zeros({std::ssize(rows), 3, 8, 8}, torch::kUInt8), labels,
                             {"a", "b", "c"}, {}, {}, {.image_size = 8});
        const auto folds = cross_validation(data.with_groups(groups), 4, seed);
        std::vector<std::vector<std::int64_t>> parts;
        for (const auto& fold : folds) {
            parts.push_back(fold.split().validation);
            RC_ASSERT(everything(fold.split()) == rows);
        }
        check_apart(parts);
        RC_ASSERT(complete_split(data.with_groups(groups), shares, seed).split() == split);
    }));
    // A class of three pictures is in all three parts, whatever stays together elsewhere.
    std::vector<std::int64_t> few(43, 0);
    std::vector<std::string> together(43);
    std::vector<std::int64_t> all(43);
    for (std::size_t i = 0; i < 43; ++i)
        all[i] = static_cast<std::int64_t>(i), few[i] = i < 20 ? 0 : i < 40 ? 1 : 2;
    together[0] = together[1] = "twins";
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto split = grouped_split(few, together, all, {.validation = 0.2, .test = 0.2}, seed);
        for (const auto& part : {split.train, split.validation, split.test})
            CHECK(count_of(part, few, 2) == 1);
    }
    const std::vector<std::int64_t> labels{0, 1, 0};
    const std::vector<std::string> one{"x", "x", "x"};
    const std::vector<std::int64_t> rows{0, 1, 2};
    CHECK_THROWS_AS((void)grouped_split(labels, one, rows, {}, 1), InvalidOption);
    CHECK_THROWS_AS((void)grouped_split(labels, std::vector<std::string>{"x"}, rows, {}, 1), InvalidOption);
}

TEST_CASE("no fold of groups is empty, and folds are balanced by class and in all") {
    const auto fold_sizes = [](std::int64_t classes, std::int64_t groups_each, std::int64_t folds,
                               std::uint64_t seed) {
        std::vector<std::int64_t> labels;
        std::vector<std::string> groups, names;
        for (std::int64_t k = 0; k < classes; ++k) {
            names.push_back(fmt::format("c{}", k));
            for (std::int64_t g = 0; g < groups_each; ++g)
                labels.push_back(k), groups.push_back(fmt::format("{}/{}", k, g));
        }
        const ImageData data(torch::zeros({std::ssize(labels), 3, 8, 8}, torch::kUInt8), labels, names, {},
                             {}, {.image_size = 8});
        std::vector<std::size_t> sizes;
        for (const auto& fold : cross_validation(data.with_groups(groups), folds, seed)) {
            sizes.push_back(fold.split().validation.size());
            for (std::int64_t k = 0; k < classes; ++k)
                CHECK(count_of(fold.split().validation, labels, k) <= (groups_each + folds - 1) / folds);
        }
        std::ranges::sort(sizes);
        return sizes;
    };
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        CHECK(fold_sizes(10, 3, 5, seed) == std::vector<std::size_t>{6, 6, 6, 6, 6});
        CHECK(fold_sizes(2, 4, 5, seed) == std::vector<std::size_t>{1, 1, 2, 2, 2});
        CHECK(fold_sizes(3, 2, 5, seed) == std::vector<std::size_t>{1, 1, 1, 1, 2});
        CHECK_THROWS_WITH_AS(fold_sizes(2, 1, 2, seed), doctest::Contains("too few groups"), InvalidOption);
    }
}

TEST_CASE("pictures that are read on demand are the same, with any threads and any memory") {
    const test::TemporaryFolder folder;
    for (int i = 0; i < 24; ++i) {
        const auto path = folder.path() / (i % 2 == 0 ? "a" : "b") / (std::to_string(i) + ".png");
        std::filesystem::create_directories(path.parent_path());
        write_png(path, coloured(30 + i, 40, static_cast<std::uint8_t>(i)));
    }
    std::ofstream(folder.path() / "a" / "none.png") << "no picture";
    const auto listing = list_images(folder.path());
    DataOptions options{.framing = {.image_size = 16}};
    const auto all = load_image_data(listing, options);
    const std::vector<std::int64_t> rows{5, 0, 23, 5, 11};
    const auto expected = all.pixels().index_select(0, torch::tensor(rows, torch::kInt64));
    options.on_demand = true;
    for (const int threads : {1, 4})
        for (const std::int64_t pictures : {0, 3, 100}) {
            CAPTURE(threads);
            CAPTURE(pictures);
            options.threads = threads;
            options.memory_limit_bytes = pictures * 3 * 16 * 16;
            const auto data = load_image_data(listing, options);
            REQUIRE(data.on_demand());
            REQUIRE(data.size() == 24);
            CHECK(data.skipped().size() == 1);
            data.prefetch(rows);
            for (int turn = 0; turn < 3; ++turn) CHECK(torch::equal(data.pixels_of(rows), expected));
            CHECK(torch::equal(data.pixels(), all.pixels()));
            CHECK(data.labels() == all.labels());
            CHECK(data.picture(7).pixels == all.picture(7).pixels);
            std::vector<std::jthread> readers;
            for (int reader = 0; reader < 3; ++reader)
                readers.emplace_back([&] {
                    for (int turn = 0; turn < 5; ++turn) (void)data.pixels_of(rows);
                });
        }
    const auto data = load_image_data(listing, options);
    CHECK_THROWS_AS((void)data.pixels_of(std::vector<std::int64_t>{24}), InvalidOption);
    std::filesystem::remove(data.name(3));
    for (int turn = 0; turn < 2; ++turn)
        CHECK_THROWS_AS((void)data.pixels_of(std::vector<std::int64_t>{2, 3, 4}), FileError);
    CHECK(torch::equal(data.pixels_of(std::vector<std::int64_t>{4})[0], all.pixels()[4]));
}

TEST_CASE("a missing validation part is drawn from the training rows, a given one stays") {
    const auto data = test::striped_images(100);
    CHECK(complete_split(data, {}, 1).split() == data.split());
    auto split = data.split();
    split.validation.clear();
    const auto completed = complete_split(data.with_split(split), {.validation = 0.25}, 1);
    CHECK(completed.split().test == data.split().test);
    CHECK(std::abs(std::ssize(completed.split().validation) - 15) <= 1);
    CHECK_THROWS_AS(static_cast<void>(data.with_split({{0, 1}, {1}, {}})), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(data.with_split({{-1}, {}, {}})), InvalidOption);
}

TEST_CASE("pictures are framed by crop, squash and pad, with a margin on request") {
    const auto wide = coloured(64, 32, 5);
    CHECK(frame_image(wide, {.image_size = 32}).sizes() == std::vector<std::int64_t>{3, 32, 32});
    const auto cropped = frame_image(wide, {.image_size = 32});
    const std::size_t middle = 3 * (16 + 64 * 7);
    CHECK(cropped[0][7][0].item<int>() == wide.pixels[middle]);
    const auto padded = frame_image(wide, {.image_size = 32, .mode = ResizeMode::pad});
    CHECK(padded[0][0][0].item<int>() == 124);
    CHECK(padded[0][16][0].item<int>() != 124);
    const auto squashed = frame_image(coloured(32, 32, 5), {.image_size = 16, .mode = ResizeMode::squash});
    CHECK(squashed.sizes() == std::vector<std::int64_t>{3, 16, 16});
    CHECK(frame_image(wide, {.image_size = 32, .resize_ratio = 1.25, .margin = 3}).size(1) == 38);
    CHECK(frame_image(wide, {.image_size = 32, .resize_ratio = 1.25, .margin = 9}).size(1) == 40);
    CHECK_THROWS_AS((Framing{.image_size = 4}.validate()), InvalidOption);
}

TEST_CASE("damaged files are reported, and only a class without pictures ends the loading") {
    const test::TemporaryFolder folder;
    ImageListing listing;
    listing.root = folder.path();
    listing.classes = {"a", "b"};
    for (int i = 0; i < 6; ++i) {
        const auto path = folder.path() / (std::to_string(i) + ".png");
        if (i == 3)
            std::ofstream(path) << "no picture";
        else
            write_png(path, coloured(20, 24, static_cast<std::uint8_t>(i)));
        listing.samples.push_back({path, i % 2, Split::none});
    }
    const DataOptions options{.framing = {.image_size = 16}, .threads = 2};
    const auto data = load_image_data(listing, options);
    CHECK(data.size() == 5);
    REQUIRE(data.skipped().size() == 1);
    CHECK(data.skipped()[0].path.filename() == "3.png");
    CHECK(data.skipped()[0].reason.starts_with("is no JPEG or PNG"));
    CHECK(data.labels() == std::vector<std::int64_t>{0, 1, 0, 0, 1});
    CHECK(data.split().train.size() == 5);
    const auto fourth = frame_image(read_image(listing.samples[4].path), options.framing);
    CHECK(torch::equal(data.pixels()[3], fourth));
    CHECK(data.picture(3).width == 16);
    const auto alone = load_image_data(listing, {.framing = {.image_size = 16}, .threads = 1});
    CHECK(alone.fingerprint() == data.fingerprint());

    listing.samples = {listing.samples[0], listing.samples[3]};
    CHECK_THROWS_WITH_AS(static_cast<void>(load_image_data(listing, options)), doctest::Contains("3.png"),
                         FileError);
    CHECK_THROWS_WITH_AS(static_cast<void>(load_image_data(listing, {.memory_limit_bytes = 10})),
                         doctest::Contains("memory limit"), InvalidOption);
}

namespace {

std::vector<std::string> remarked(const ImageData& data) { return remarks_on(data, PictureDigests(data)); }

ImageData grouped_data(const ImageData& data) {
    return with_equal_pictures_grouped(data, PictureDigests(data));
}

}  // namespace

TEST_CASE("pictures in two parts, two labels for one and classes that a part lacks are remarked") {
    auto pixels = torch::arange(10 * 3 * 8 * 8).remainder(251).to(torch::kUInt8).reshape({10, 3, 8, 8});
    for (int row = 0; row < 10; ++row) pixels[row][0][0][0] = row;
    const auto data = [&](std::vector<std::int64_t> labels, SplitRows split) {
        std::vector<std::string> names;
        for (int row = 0; row < 10; ++row) names.push_back(fmt::format("p{}", row));
        return ImageData(pixels.clone(), std::move(labels), {"a", "b", "c"}, names, std::move(split),
                         {.image_size = 8});
    };
    const std::vector<std::int64_t> labels{0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
    CHECK(remarked(data(labels, {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}})).empty());
    CHECK(remarked(data(labels, {{0, 1, 2, 3, 4, 5}, {}, {}})).empty());

    const auto lacking = remarked(data(labels, {{0, 1, 2, 4, 5}, {3}, {6, 7, 8}}));
    REQUIRE(lacking.size() == 1);
    CHECK(lacking[0] == "2 of 3 classes without validation pictures, so nothing is measured on them: b, c");

    for (const int row : {3, 4, 5, 6}) pixels[row] = pixels[0].clone();
    const ImageData shared = data(labels, {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}});
    CHECK(equal_pictures(shared, Split::train, Split::validation, PictureDigests(shared)) ==
          std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {0, 4}, {0, 5}});
    const auto remarks = remarked(shared);
    REQUIRE(remarks.size() == 3);
    CHECK(remarks[0].find("3 pictures of the validation part are in the train part too") !=
          std::string::npos);
    CHECK(remarks[0].find("p3 (as p0), p4 (as p0), p5 (as p0)") != std::string::npos);
    CHECK(remarks[1].find("1 picture of the test part is in the train part too") != std::string::npos);
    CHECK(remarks[2].find("1 picture of the test part is in the validation part too") != std::string::npos);

    const auto grouped = remarked(
        data(labels, {{0, 1, 2}, {7, 8, 9}, {}}).with_groups({"p", "q", "", "", "", "", "", "q", "", "p"}));
    REQUIRE(grouped.size() == 1);
    CHECK(grouped[0] ==
          "2 groups of the validation part have pictures in the train part too, so accuracy there flatters: "
          "p, q");

    const auto contradicting = remarked(data(labels, {{0, 1, 2, 3, 4, 5}, {}, {}}));
    REQUIRE(contradicting.size() == 1);  // row 3 has row 0's label
    CHECK(contradicting[0] ==
          "2 pictures of the train part are there with another label too: p4 (as p0), p5 (as p0)");
}

TEST_CASE("equal pictures stay together in parts that are drawn") {
    auto pixels = torch::arange(40 * 3 * 8 * 8).remainder(251).to(torch::kUInt8).reshape({40, 3, 8, 8});
    for (int row = 0; row < 40; ++row) pixels[row][0][0][0] = row;
    std::vector<std::int64_t> labels;
    SplitRows all;
    for (std::int64_t row = 0; row < 40; ++row) {
        labels.push_back(row % 2);
        all.train.push_back(row);
    }
    const auto data = [&] {
        return ImageData(pixels.clone(), labels, {"a", "b"}, {}, all, {.image_size = 8});
    };
    CHECK(grouped_data(data()).groups().empty());
    // Twenty pictures, each twice; pictures 0 to 3 are also of one scene each with pictures 4 to 7.
    for (int row = 0; row < 20; ++row) pixels[row + 20] = pixels[row].clone();
    std::vector<std::string> scenes(40);
    for (std::size_t row = 0; row < 4; ++row) scenes[row] = scenes[row + 24] = "scene " + std::to_string(row);
    for (const bool has_scenes : {false, true})
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            const auto grouped = grouped_data(has_scenes ? data().with_groups(scenes) : data());
            const auto split = complete_split(grouped, {.validation = 0.2, .test = 0.2}, seed).split();
            CHECK(!split.validation.empty());
            CHECK(!split.test.empty());
            std::vector<int> part_of(40, 0);
            for (const auto row : split.validation) part_of[static_cast<std::size_t>(row)] = 1;
            for (const auto row : split.test) part_of[static_cast<std::size_t>(row)] = 2;
            for (std::size_t row = 0; row < 20; ++row) CHECK(part_of[row] == part_of[row + 20]);
            for (std::size_t row = 0; has_scenes && row < 4; ++row) CHECK(part_of[row] == part_of[row + 4]);
        }
}

TEST_CASE("raw images become data, grey repeated and the test file marked") {
    RawImages raw{4, 1, 28, 28, std::vector<std::uint8_t>(4 * 28 * 28, 9), {0, 1, 2, 1}};
    raw.pixels[0] = 200;
    const DataOptions options{.framing = {.image_size = 28}};
    const auto data = from_raw_images(raw, raw, {}, options);
    CHECK(data.classes() == std::vector<std::string>{"0", "1", "2"});
    CHECK(data.split().train == std::vector<std::int64_t>{0, 1, 2, 3});
    CHECK(data.split().test == std::vector<std::int64_t>{4, 5, 6, 7});
    for (int channel = 0; channel < 3; ++channel) CHECK(data.pixels()[4][channel][0][0].item<int>() == 200);
}

TEST_CASE("the window of a picture that is kept is that part of the whole") {
    torch::manual_seed(4);
    for (const auto& [height, width] : {std::pair{30, 50}, std::pair{90, 64}, std::pair{24, 24}}) {
        const auto planes = torch::randint(0, 256, {3, height, width}, torch::kUInt8);
        const auto pixels = planes.permute({1, 2, 0}).contiguous();
        const auto* begin = pixels.data_ptr<std::uint8_t>();
        const Image picture{width, height, {begin, begin + pixels.numel()}};
        const auto kept = frame_image(picture, {.image_size = 24, .resize_ratio = 1.5, .margin = 2});
        const auto shorter = std::min(height, width);
        const auto whole = resize_image(planes, 36 * height / shorter, 36 * width / shorter);
        const auto offset = [](std::int64_t length) {
            return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(length - 28) / 2));
        };
        CHECK(torch::equal(kept,
                           whole.narrow(1, offset(whole.size(1)), 28).narrow(2, offset(whole.size(2)), 28)));
    }
}

TEST_CASE("random streams: keys decide, numbers are in range, beta has mean one half") {
    attune::detail::RandomStream a{1, 2};
    attune::detail::RandomStream b{1, 2};
    attune::detail::RandomStream c{2, 1};
    CHECK(a.next() == b.next());
    CHECK(a.next() != c.next());
    double sum = 0;
    for (int i = 0; i < 4000; ++i) {
        CHECK(a.below(7) < 7);
        const double lambda = a.symmetric_beta(0.2);
        CHECK((lambda >= 0 && lambda <= 1));
        sum += lambda;
    }
    CHECK(std::abs(sum / 4000 - 0.5) < 0.04);
}

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "attune/files/image.hpp"
#include "attune/files/image_dataset.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/remarks.hpp"
#include "attune/finetune/data/split.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

// Pictures that are read on demand, and how often they are.
namespace {

Image drawn(std::int64_t side, std::uint64_t seed) {
    Image image{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * side * side))};
    attune::detail::RandomStream stream{seed};
    for (auto& value : image.pixels) value = static_cast<std::uint8_t>(stream.below(256));
    return image;
}

/// A folder of two classes; the last picture of the second is the first of the first class.
ImageListing write_pictures(const std::filesystem::path& folder, int count) {
    for (int i = 0; i < count; ++i) {
        const auto path = folder / (i % 2 == 0 ? "a" : "b") / (std::to_string(i) + ".png");
        std::filesystem::create_directories(path.parent_path());
        write_png(path, drawn(20, i == count - 1 ? 0 : static_cast<std::uint64_t>(i)));
    }
    return list_images(folder);
}

/// None is kept in memory, so that each look at a picture decodes it.
ImageData read_on_demand(const ImageListing& listing, DataOptions options = {}) {
    options.framing.image_size = 16;
    options.on_demand = true;
    options.memory_limit_bytes = 0;
    return complete_split(load_image_data(listing, options), {.validation = 0.25, .test = 0.25}, 3);
}

}  // namespace

TEST_CASE("what looks at all pictures decodes each of them once, however many views and parts there are") {
    const test::TemporaryFolder folder;
    const auto data = read_on_demand(write_pictures(folder.path(), 70));
    const auto reads = [&](const auto& look) {
        const auto before = data.pictures_read();
        look();
        return data.pictures_read() - before;
    };
    std::vector<std::string> remarks;
    // One pair is equal, and equality is not believed of hashes: these are looked at again.
    CHECK(reads([&] { remarks = remarks_on(data, PictureDigests(data)); }) <= data.size() + 8);
    CHECK(remarks.size() == 1);
    const std::vector<View> views{{}, {.horizontal_flip = true}, {.quarter_turns = 1}};
    const std::vector<std::size_t> cuts{1, 3};
    FeatureCache cache(std::make_shared<TinyNetwork>(2), data, {.batch_size = 16});
    CHECK(reads([&] { (void)cache.fits(cuts, views); }) == 0);
    CHECK(reads([&] { cache.prepare(cuts, views); }) == data.size());
    CHECK(cache.images_computed() == 3 * data.size());
    TinyNetwork network(2);
    const auto& rows = data.split().test;
    torch::Tensor said;
    CHECK(reads([&] { said = compute_logits(network, data, rows, {.views = views, .batch_size = 4}); }) ==
          std::ssize(rows));
    auto expected = torch::zeros_like(said);
    for (const auto& view : views) {
        expected += compute_logits(network, data, rows, {.views = {view}}) / 3;
        CHECK(largest_difference(cache.features(1, view, rows),
                                 compute_features(network, data, 1, view, rows)) < 1e-5);
    }
    CHECK(largest_difference(said, expected) < 1e-5);
}

TEST_CASE("a training with a teacher reads and changes each picture once an epoch") {
    const OneThread one;
    const test::TemporaryFolder folder;
    auto data = read_on_demand(write_pictures(folder.path(), 24));
    SplitRows split;
    split.train = data.split().train;
    data = data.with_split(split);
    TrainingSet set{data};
    set.teacher = std::make_shared<TinyNetwork>(2);
    auto recipe = quick_recipe(0);
    recipe.epochs = 3;
    recipe.batch_size = 5;
    recipe.distillation_weight = 0.5;
    recipe.augmentation.crop_padding = 1;
    TinyNetwork network(2);
    const auto before = data.pictures_read();
    (void)fit(network, set, recipe);
    CHECK(data.pictures_read() - before == 3 * std::ssize(split.train));
}

TEST_CASE("fingerprints tell framings and ways of decoding apart") {
    const test::TemporaryFolder folder;
    const auto listing = write_pictures(folder.path(), 8);
    const auto data = read_on_demand(listing);
    CHECK(data.fingerprint() == read_on_demand(listing).fingerprint());
    std::set<std::uint64_t> prints{data.fingerprint()};
    for (const DataOptions& other :
         {DataOptions{.framing = {.mode = ResizeMode::squash}},
          DataOptions{.framing = {.resize_ratio = 1.25}},
          DataOptions{.framing = {.resize_ratio = 1.25, .margin = 2}}, DataOptions{.apply_orientation = true},
          DataOptions{.scaled_decoding = true}})
        CHECK(prints.insert(read_on_demand(listing, other).fingerprint()).second);
    const auto striped = test::striped_images(20);
    const ImageData narrower(striped.pixels(), striped.labels(), striped.classes(), {}, striped.split(),
                             {.image_size = 14});
    CHECK(narrower.fingerprint() != striped.fingerprint());
}

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "finetune/support/tiny_network.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;

namespace {

/// A model of three outputs that says `said` of every picture.
LoadedModel saying(TargetKind targets, const std::vector<double>& said) {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "model.safetensors";
    const auto network = ModelZoo::standard().make("resnet20", 3);
    const torch::NoGradGuard no_gradients;
    auto parameters = network->named_parameters();
    parameters[network->head_name() + ".weight"].zero_();
    parameters[network->head_name() + ".bias"].copy_(torch::tensor(said));
    Recipe recipe;
    recipe.targets = targets;
    save_model(path, *network,
               {.architecture = "resnet20",
                .classes = {"a", "b", "c"},
                .framing = {.image_size = 32},
                .recipe = recipe.to_text()});
    return load_model(path);
}

std::string big_endian(std::uint32_t value) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xFF);
    return bytes;
}

std::uint32_t crc32_of(const std::string& bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

/// The PNG with EXIF data behind its header that says: turned by a quarter (orientation 6).
void turn(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string file{std::istreambuf_iterator<char>(stream), {}};
    stream.close();
    const std::string exif("eXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 30);
    constexpr std::size_t header_bytes = 33;
    file.insert(header_bytes, big_endian(26) + exif + big_endian(crc32_of(exif)));
    std::ofstream(path, std::ios::binary) << file;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("a saved model says what it was taught: classes, labels with probabilities of their own, numbers") {
    const auto picture = test::striped_images(1, 1, 32).picture(0);
    const std::vector<double> said{2, -1, 0.5};

    const auto classes = saying(TargetKind::classes, said).predict(picture);
    CHECK(classes.targets == TargetKind::classes);
    CHECK(classes.probabilities[0] + classes.probabilities[1] + classes.probabilities[2] ==
          doctest::Approx(1));
    CHECK(classes.class_name == "a");
    CHECK(classes.labels.empty());
    CHECK(classes.numbers.empty());

    const auto labels = saying(TargetKind::labels, said).predict(picture);
    CHECK(labels.targets == TargetKind::labels);
    REQUIRE(labels.probabilities.size() == 3);
    for (std::size_t k = 0; k < 3; ++k) CHECK(labels.probabilities[k] == doctest::Approx(sigmoid(said[k])));
    CHECK(labels.labels == std::vector<std::int64_t>{0, 2});
    CHECK(labels.class_name == "a");

    const auto numbers = saying(TargetKind::numbers, said).predict(picture);
    CHECK(numbers.targets == TargetKind::numbers);
    CHECK(numbers.numbers == said);
    CHECK(numbers.probabilities.empty());
    CHECK(numbers.label == -1);
    CHECK(numbers.class_name.empty());
}

TEST_CASE("a model is shown files turned as those were that it learnt from") {
    const test::TemporaryFolder folder;
    const auto data = test::striped_images(2, 2, 32);
    ImageListing listing;
    listing.root = folder.path();
    listing.classes = {"a", "b"};
    for (const int row : {0, 1}) {
        const auto path = folder.path() / (std::to_string(row) + ".png");
        write_png(path, data.picture(row));
        turn(path);
        listing.samples.push_back({path, row, Split::none});
    }
    const DataOptions upright{.framing = {.image_size = 32}, .apply_orientation = true};
    const auto learnt = load_image_data(listing, upright);
    CHECK(learnt.is_oriented());
    CHECK_FALSE(load_image_data(listing, {.framing = {.image_size = 32}}).is_oriented());
    const auto network = ModelZoo::standard().make("resnet20", 2);
    const auto path = folder.path() / "model.safetensors";
    std::vector<std::vector<double>> said;
    for (const bool apply : {false, true}) {
        save_model(path, *network,
                   {.architecture = "resnet20",
                    .classes = learnt.classes(),
                    .framing = learnt.framing(),
                    .apply_orientation = apply});
        const auto loaded = load_model(path);
        CHECK(loaded.card.apply_orientation == apply);
        said.push_back(loaded.predict(listing.samples[0].path).logits);
        CHECK(loaded.predict(apply ? learnt.picture(0) : data.picture(0)).logits == said.back());
    }
    CHECK(said[0] != said[1]);
}

TEST_CASE("a card whose recipe names targets of no known kind is neither written nor used") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "model.safetensors";
    const auto network = ModelZoo::standard().make("resnet20", 2);
    ModelCard card{.architecture = "resnet20", .classes = {"a", "b"}, .framing = {.image_size = 32}};
    CHECK(card.targets() == TargetKind::classes);
    card.recipe["targets"] = "labels";
    save_model(path, *network, card);
    card.recipe["targets"] = "guesses";
    CHECK_THROWS_WITH_AS(save_model(path, *network, card), doctest::Contains("guesses"), InvalidOption);
    auto file = read_safetensors(path);
    auto& text = file.metadata.at("attune_model");
    text.replace(text.find("\"labels\""), 8, "\"guesses\"");
    write_safetensors(path, file);
    CHECK_THROWS_WITH_AS(static_cast<void>(load_model(path)), doctest::Contains("guesses"), FileError);
}

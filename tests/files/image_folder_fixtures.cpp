#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "attune/files/image.hpp"
#include "attune/files/image_dataset.hpp"
#include "support/shared_data.hpp"

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int jpeg_tolerance = 3;  // levels; the fixtures' own statement about JPEG decoders

json read_json(const fs::path& path) { return json::parse(std::ifstream(path)); }

int largest_difference(const attune::Image& image, const json& chw) {
    int largest = 0;
    const std::size_t plane = static_cast<std::size_t>(image.width * image.height);
    REQUIRE(chw.size() == 3 * plane);
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < plane; ++i)
            largest =
                std::max(largest, std::abs(int{image.pixels[3 * i + c]} - chw[c * plane + i].get<int>()));
    return largest;
}

}  // namespace

TEST_CASE("the image folder fixture is listed in the expected order") {
    const auto folder = attune::test::shared("fixtures/files/imagefolder");
    const auto record = attune::test::shared("fixtures/files/imagefolder_expected.json");
    if (!folder || !record) return;
    const json expected = read_json(*record);
    const attune::ImageListing listing = attune::list_images(*folder);
    CHECK(json(listing.classes) == expected["classes"]);
    REQUIRE(listing.samples.size() == expected["samples"].size());
    std::set<fs::path> skipped;
    for (std::size_t i = 0; i < listing.samples.size(); ++i) {
        const json& sample = expected["samples"][i];
        CHECK(fs::relative(listing.samples[i].path, *folder).generic_string() ==
              sample["file"].get<std::string>());
        CHECK(listing.samples[i].label == sample["class_index"].get<std::int64_t>());
        CHECK(listing.samples[i].split == attune::Split::none);
        attune::test::count_run();
    }
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(*folder))
        files += entry.is_regular_file() ? 1 : 0;
    CHECK(files == listing.samples.size() + listing.skipped.size());
}

TEST_CASE("every picture of the fixture decodes to PIL's pixels") {
    const auto folder = attune::test::shared("fixtures/files/imagefolder");
    const auto record = attune::test::shared("fixtures/files/imagefolder_expected.json");
    if (!folder || !record) return;
    int jpeg_worst = 0;
    for (const json& sample : read_json(*record)["samples"]) {
        const std::string name = sample["file"];
        CAPTURE(name);
        const attune::Image image = attune::read_image(*folder / name);
        CHECK(json({3, image.height, image.width}) == sample["decoded_shape_chw"]);
        const int difference = largest_difference(image, sample["decoded_chw_uint8"]);
        const bool is_png = name.ends_with(".png") || name.ends_with(".PNG");
        CHECK(difference <= (is_png ? 0 : jpeg_tolerance));
        if (!is_png) jpeg_worst = std::max(jpeg_worst, difference);
        attune::test::count_run();
    }
    MESSAGE("largest difference of a JPEG pixel: " << jpeg_worst);
}

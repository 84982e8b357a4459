#include "attune/files/image_check.hpp"

#include <doctest/doctest.h>

#include "attune/error.hpp"
#include "attune/files/image.hpp"
#include "jpeg_writer.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

namespace {

Image filled(std::int64_t width, std::int64_t height, int seed) {
    Image image{width, height, {}};
    for (std::int64_t i = 0; i < 3 * width * height; ++i)
        image.pixels.push_back(static_cast<std::uint8_t>((i * 31 + seed * 17) % 251));
    return image;
}

void picture(const fs::path& path, int seed, std::int64_t width = 40, std::int64_t height = 50) {
    fs::create_directories(path.parent_path());
    write_png(path, filled(width, height, seed));
}

std::vector<std::string> names_of(const std::vector<ImageRemark>& remarks) {
    std::vector<std::string> names;
    for (const auto& remark : remarks) names.push_back(remark.path.filename().string());
    return names;
}

}  // namespace

TEST_CASE("a look at an image set names what is wrong with it") {
    const TemporaryFolder folder;
    const auto at = [&](const std::string& name) { return folder.path() / name; };
    picture(at("train/cat/1.png"), 1);
    picture(at("train/cat/2.png"), 2);
    picture(at("train/cat/dog_17.png"), 3);
    picture(at("train/cat/cat_4.png"), 4);
    picture(at("train/dog/5.png"), 5);
    picture(at("train/dog/copy of 1.png"), 1);
    picture(at("train/dog/small.png"), 6, 40, 9);
    picture(at("test/dog/8.png"), 5);
    picture(at("train/Dogs/9.png"), 9);
    write_text(at("train/cat/broken.png"), "\x89PNG\r\n\x1A\n and no more");
    write_text(at("train/cat/grey.jpg"), encode_jpeg(40, 40, 1, std::vector<unsigned char>(1600, 7)));
    write_text(at("train/cat/inks.jpg"), encode_jpeg(40, 40, 4, std::vector<unsigned char>(6400, 99)));
    const ImageListing listing = list_images(folder.path());
    for (const int threads : {1, 3}) {
        std::int64_t done = 0;
        const auto report = check_image_set(
            listing, {.threads = threads, .smallest_side = 20, .progress = [&](auto count, auto total) {
                          CHECK(count == ++done);
                          CHECK(total == 12);
                      }});
        CHECK(done == 12);
        CHECK_FALSE(report.is_clean());
        REQUIRE(report.damaged.size() == 1);
        CHECK(report.damaged[0].path.filename() == "broken.png");
        CHECK(names_of(report.tiny) == std::vector<std::string>{"small.png"});
        CHECK(names_of(report.misplaced) == std::vector<std::string>{"dog_17.png"});
        CHECK(names_of(report.unusual) == std::vector<std::string>{"grey.jpg", "inks.jpg"});
        REQUIRE(report.duplicates.size() == 2);
        for (const auto& found : report.duplicates) {
            REQUIRE(found.paths.size() == 2);
            const bool of_five = found.paths[0].filename() == "5.png" || found.paths[1].filename() == "5.png";
            CHECK(found.across_splits == of_five);
            CHECK(found.across_classes == !of_five);
        }
        REQUIRE(report.alike_classes.size() == 1);
        CHECK(report.alike_classes[0].find("'Dogs' and 'dog'") != std::string::npos);
        CHECK(report.counts[1][static_cast<std::size_t>(Split::train)] == 7);
        CHECK(report.imbalance == 7);
        for (const char* word : {"broken.png", "dog_17.png", "small.png", "in different parts",
                                 "with different labels", "CMYK", "class cat: 7 training"})
            CHECK(report.text().find(word) != std::string::npos);
    }
    CHECK_THROWS_AS((void)check_image_set(listing, {.threads = -1}), InvalidOption);
    CHECK_THROWS_AS((void)check_image_set(listing, {.progress = [](auto, auto) { throw 7; }}), int);
}

TEST_CASE("an image set without faults is clean") {
    const TemporaryFolder folder;
    for (int i = 0; i < 6; ++i)
        picture(folder.path() / (i % 2 == 0 ? "a" : "b") / (std::to_string(i) + ".png"), i);
    const auto report = check_image_set(list_images(folder.path()));
    CHECK(report.is_clean());
    CHECK(report.imbalance == 1);
    CHECK(report.text().find("class a: 0 training, 0 validation, 0 test, 3 in no part") != std::string::npos);
}

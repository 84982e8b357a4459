#include "attune/files/raw_images.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

namespace {

std::string big(std::uint32_t value) {
    std::string text = little(value, 4);
    return {text.rbegin(), text.rend()};
}

std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width,
                       const std::string& pixels) {
    return big(0x803) + big(count) + big(height) + big(width) + pixels;
}

std::string idx_labels(std::uint32_t count, const std::string& labels) {
    return big(0x801) + big(count) + labels;
}

std::string gzip(const fs::path& path, const std::string& bytes) {
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return read_text(path);
}

std::string cifar_record(const std::string& labels) {
    std::string pixels(3072, '\0');
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i % 251);
    return labels + pixels;
}

}  // namespace

TEST_CASE("IDX pictures and labels are read, plain and compressed") {
    const TemporaryFolder folder;
    const std::string images = idx_images(2, 2, 3, "abcdefghijkl");
    write_text(folder.path() / "i", images);
    write_text(folder.path() / "l", idx_labels(2, std::string("\x07\xFF", 2)));
    gzip(folder.path() / "i.gz", images);
    for (const char* name : {"i", "i.gz"}) {
        const RawImages read = read_idx(folder.path() / name, folder.path() / "l");
        CHECK(read.count == 2);
        CHECK(read.channels == 1);
        CHECK(read.height == 2);
        CHECK(read.width == 3);
        CHECK(std::string(read.pixels.begin(), read.pixels.end()) == "abcdefghijkl");
        CHECK(read.labels == std::vector<std::int64_t>{7, 255});
    }
}

TEST_CASE("IDX files that break a rule are refused") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "i";
    const auto problem = [&](const std::string& bytes) {
        write_text(path, bytes);
        return error_of([&] { (void)read_idx_images(path); });
    };
    CHECK(problem(idx_labels(1, "a") + std::string(16, 'x')).find("0x00000801") != std::string::npos);
    CHECK(problem(idx_images(2, 2, 3, "abcdefghijk")).find("truncated") != std::string::npos);
    CHECK(problem(idx_images(2, 2, 3, "abcdefghijklm")).find("longer than its header") != std::string::npos);
    CHECK(problem(idx_images(0, 2, 3, "")).find("0 pictures") != std::string::npos);
    CHECK(problem(idx_images(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, "")).find("4294967295 pictures") !=
          std::string::npos);
    CHECK(problem(idx_images(0x10000, 0x1000, 8, "")).find("truncated") != std::string::npos);
    write_text(path, idx_images(2, 1, 1, "ab"));
    write_text(folder.path() / "l", idx_labels(1, "a"));
    CHECK(error_of([&] { (void)read_idx(path, folder.path() / "l"); }).find("1 labels for the 2") !=
          std::string::npos);
    CHECK_THROWS_AS((void)read_idx_labels(folder.path() / "absent"), FileError);
}

TEST_CASE("truncated IDX files are refused, compressed ones too") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "i";
    const auto read = [](const fs::path& file) { (void)read_idx_images(file); };
    const std::string images = idx_images(2, 2, 3, "abcdefghijkl");
    CHECK(accepted_truncations(path, images, read) == 0);
    const std::string compressed = gzip(folder.path() / "i.gz", images);
    CHECK(accepted_truncations(path, compressed, read) == 0);
    CHECK(refused_changes(path, compressed, read) > 20);
}

TEST_CASE("CIFAR batches are joined, with the label byte that is asked for") {
    const TemporaryFolder folder;
    write_text(folder.path() / "a", cifar_record("\x03") + cifar_record("\x09"));
    write_text(folder.path() / "b", cifar_record("\x01"));
    const RawImages ten = read_cifar({folder.path() / "a", folder.path() / "b"});
    CHECK(ten.count == 3);
    CHECK(ten.channels == 3);
    CHECK(ten.height == 32);
    CHECK(ten.labels == std::vector<std::int64_t>{3, 9, 1});
    CHECK(ten.pixels.size() == 3 * 3072);
    CHECK(ten.pixels[3072 + 252] == 1);
    write_text(folder.path() / "h", cifar_record("\x13\x62"));
    CHECK(read_cifar({folder.path() / "h"}, CifarLabels::cifar100_coarse).labels[0] == 19);
    CHECK(read_cifar({folder.path() / "h"}, CifarLabels::cifar100_fine).labels[0] == 98);
}

TEST_CASE("CIFAR batches that break a rule are refused") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a";
    const auto problem = [&](const std::string& bytes) {
        write_text(path, bytes);
        return error_of([&] { (void)read_cifar({path}); });
    };
    CHECK(problem("").find("one or more records") != std::string::npos);
    CHECK(problem(cifar_record("\x01") + "x").find("3074 bytes") != std::string::npos);
    CHECK(problem(cifar_record("\x01") + cifar_record("\x0A")).find("label 10 in record 1") !=
          std::string::npos);
    CHECK_THROWS_AS((void)read_cifar({}), InvalidOption);
    write_text(path, cifar_record("\x01"));
    CHECK_THROWS_AS((void)read_cifar({path}, CifarLabels::cifar10, 3000), FileError);
}

TEST_CASE("the raw image sets beside the repository are read") {
    const auto digits = shared("data/mnist-t10k");
    if (digits) {
        const RawImages mnist =
            read_idx(*digits / "t10k-images-idx3-ubyte", *digits / "t10k-labels-idx1-ubyte");
        CHECK(mnist.count == 10'000);
        CHECK(mnist.height == 28);
        CHECK(std::count(mnist.labels.begin(), mnist.labels.end(), 1) == 1135);
    }
    const auto cifar = shared("data/cifar10-jpeg-subset");
    if (cifar) {
        const RawImages both = read_cifar({*cifar / "train_batch.bin", *cifar / "test_batch.bin"});
        CHECK(both.count == 7'000);
        for (std::int64_t label = 0; label < 10; ++label)
            CHECK(std::count(both.labels.begin(), both.labels.end(), label) == 700);
    }
}

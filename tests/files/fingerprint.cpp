#include "attune/files/fingerprint.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

TEST_CASE("FNV-1a 64 gives its published test values") {
    CHECK(fnv1a64("") == 0xCBF29CE484222325u);
    CHECK(fnv1a64("a") == 0xAF63DC4C8601EC8Cu);
    CHECK(fnv1a64("foobar") == 0x85944171F73967E8u);
    CHECK(fnv1a64("bar", fnv1a64("foo")) == fnv1a64("foobar"));
}

TEST_CASE("a listing's fingerprint follows the set and not its place or order") {
    const TemporaryFolder folder;
    for (const char* root : {"one", "two"})
        for (const char* name : {"a/1.png", "a/2.png", "b/1.png"})
            write_text(folder.path() / root / name, name);
    const ImageListing one = list_image_folder(folder.path() / "one");
    const std::string print = fingerprint_files(one);
    CHECK(print.starts_with("fnv1a64:"));
    CHECK(print.size() == 8 + 16);
    CHECK(print == fingerprint_files(list_image_folder(folder.path() / "two")));
    CHECK(print == fingerprint_files(list_image_folder(folder.path() / "two" / "")));
    ImageListing other = one;
    std::reverse(other.samples.begin(), other.samples.end());
    CHECK(print == fingerprint_files(other));
    other.samples[0].split = Split::test;
    CHECK(print != fingerprint_files(other));
    other = one;
    other.samples[0].label = 1;
    CHECK(print != fingerprint_files(other));
    other = one;
    other.classes[0] = "c";
    CHECK(print != fingerprint_files(other));
    write_text(folder.path() / "one/a/1.png", "A/1.png");  // as many bytes, others
    CHECK(print != fingerprint_files(one));
    write_text(folder.path() / "one/a/1.png", "another size");
    CHECK(print != fingerprint_files(one));
    fs::remove(folder.path() / "one/a/1.png");
    CHECK_THROWS_AS((void)fingerprint_files(one), FileError);
}

TEST_CASE("a file's fingerprint is that of its bytes") {
    const TemporaryFolder folder;
    write_text(folder.path() / "f", "foobar");
    CHECK(fingerprint_file(folder.path() / "f") == "fnv1a64:85944171f73967e8");
    CHECK_THROWS_AS((void)fingerprint_file(folder.path() / "absent"), FileError);
}

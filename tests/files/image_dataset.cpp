#include "attune/files/image_dataset.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "attune/files/image.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

namespace {

void make(const fs::path& root, const std::vector<std::string>& names) {
    for (const std::string& name : names) write_text(root / name, name);
}

std::string names_of(const ImageListing& listing) {
    std::string names;
    for (const ImageSample& sample : listing.samples)
        names += fs::relative(sample.path, listing.root).generic_string() + ":" +
                 std::to_string(sample.label) + " ";
    return names;
}

std::string problem_of(const fs::path& path) {
    return error_of([&] { (void)list_images(path); });
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a folder of class folders is listed in name order") {
    const TemporaryFolder folder;
    make(folder.path(), {"b/2.PNG", "b/1.jpg", "a/z.jpeg", "a/notes.txt", "a/.hidden.png", ".git/x.png",
                         "README.md", "a/more/y.png", "B/0.jpg"});
    const ImageListing listing = list_images(folder.path());
    CHECK(listing.classes == std::vector<std::string>{"B", "a", "b"});
    CHECK(names_of(listing) == "B/0.jpg:0 a/z.jpeg:1 a/more/y.png:1 b/1.jpg:2 b/2.PNG:2 ");
    CHECK(listing.count(Split::none) == 5);
    REQUIRE(listing.skipped.size() == 2);
    CHECK(listing.skipped[0].path.filename() == "README.md");
    CHECK(listing.skipped[1].path.filename() == "notes.txt");
    CHECK(!listing.skipped[1].reason.empty());
}

TEST_CASE("train, validation and test folders give the splits, whatever their spelling") {
    const TemporaryFolder folder;
    make(folder.path(), {"Training/a/1.png", "Training/b/1.png", "valid/b/2.png", "TEST/a/3.png"});
    const ImageListing listing = list_images(folder.path());
    CHECK(listing.classes == std::vector<std::string>{"a", "b"});
    CHECK(names_of(listing) == "Training/a/1.png:0 Training/b/1.png:1 valid/b/2.png:1 TEST/a/3.png:0 ");
    CHECK(listing.count(Split::train) == 2);
    CHECK(listing.count(Split::validation) == 1);
    CHECK(listing.count(Split::test) == 1);
    for (const char* name : {"train", "Train", "TRAINING"}) CHECK(split_of_name(name) == Split::train);
    for (const char* name : {"val", "Valid", "VALIDATION"}) CHECK(split_of_name(name) == Split::validation);
    for (const char* name : {"test", "Testing"}) CHECK(split_of_name(name) == Split::test);
    CHECK(!split_of_name("tests"));
    CHECK(to_string(Split::validation) == "validation");
}

TEST_CASE("folders that are ambiguous or incomplete are refused by name") {
    const TemporaryFolder folder;
    const auto problem = [&](const std::string& root, const std::vector<std::string>& names) {
        make(folder.path() / root, names);
        const std::string message = problem_of(folder.path() / root);
        CHECK(message.starts_with((folder.path() / root).string()));
        return message;
    };
    CHECK(contains(problem_of(folder.path() / "absent"), "does not exist"));
    CHECK(contains(problem("flat", {"1.png"}), "no class folders"));
    CHECK(contains(problem("one", {"a/1.png"}), "at least 2"));
    CHECK(contains(problem("empty", {"a/1.png", "b/2.png", "hollow/notes.txt"}), "hollow"));
    CHECK(contains(problem("unseen", {"train/a/1.png", "train/b/1.png", "test/c/1.png"}),
                   "training pictures, these have none: c"));
    CHECK(contains(problem("twice", {"train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png"}),
                   "two folders"));
    CHECK(contains(problem("mixed", {"train/a/1.png", "train/b/1.png", "c/1.png"}), "no part of a split: c"));
    CHECK(contains(problem("no_train", {"val/a/1.png", "test/b/1.png"}), "no train folder"));
}

TEST_CASE("a manifest is listed in its own order with paths relative to it") {
    const TemporaryFolder folder;
    make(folder.path(), {"images/one, two.png", "images/b.jpg", "images/c.jpg"});
    write_text(
        folder.path() / "m.csv",
        "\xEF\xBB\xBFSplit, label ,path\r\nTRAIN,10,\"images/one, two.png\"\r\ntrain, 9,images/b.jpg\r\n"
        "valid,9,images/../images/c.jpg\r\n");
    const ImageListing listing = list_images(folder.path() / "m.csv");
    CHECK(listing.classes == std::vector<std::string>{"9", "10"});
    CHECK(names_of(listing) == "images/one, two.png:1 images/b.jpg:0 images/c.jpg:0 ");
    CHECK(listing.count(Split::train) == 2);
    CHECK(listing.count(Split::validation) == 1);
    write_text(folder.path() / "n.csv", "path,label\nimages/b.jpg,x9\nimages/c.jpg,x10\n");
    CHECK(list_images(folder.path() / "n.csv").classes == std::vector<std::string>{"x10", "x9"});
    CHECK(list_images(folder.path() / "n.csv").count(Split::none) == 2);
}

TEST_CASE("JSON lines and CSV say the same, groups included") {
    const TemporaryFolder folder;
    make(folder.path(), {"a.png", "b.png", "c d.png"});
    write_text(folder.path() / "m.csv",
               "path,label,split,group\na.png,7,train,p1\nb.png,12,train,\nc d.png,12,test,p1\n");
    write_text(folder.path() / "m.jsonl",
               "{\"path\": \"a.png\", \"label\": 7, \"split\": \"train\", \"group\": \"p1\"}\n\n"
               "{\"label\": \"12\", \"path\": \"b.png\", \"split\": \"training\"}\r\n"
               "{\"path\": \"c d.png\", \"label\": 12, \"group\": \"p1\", \"split\": \"test\"}");
    for (const char* name : {"m.csv", "m.jsonl"}) {
        const ImageListing listing = list_images(folder.path() / name);
        CHECK(listing.classes == std::vector<std::string>{"7", "12"});
        CHECK(names_of(listing) == "a.png:0 b.png:1 c d.png:1 ");
        CHECK(listing.samples[0].group == "p1");
        CHECK(listing.samples[1].group.empty());
        CHECK(listing.samples[2].split == Split::test);
    }
    const fs::path path = folder.path() / "n.ndjson";
    const auto problem = [&](const std::string& text) {
        write_text(path, text);
        return problem_of(path);
    };
    CHECK(contains(problem("\n[1]\n"), "line 2 is no JSON object"));
    CHECK(contains(problem("{\"path\": \"a.png\""), "line 1 is no JSON object"));
    CHECK(contains(problem("{\"path\": \"a.png\"}"), "line 1 lacks the member label"));
    CHECK(contains(problem("{\"path\": \"a.png\", \"label\": 1.5}"), "neither a text nor a whole number"));
    CHECK(contains(problem("{\"path\": \"a.png\", \"label\": 1, \"lable\": 2}"), "unknown member \"lable\""));
    CHECK(contains(problem(""), "lists no pictures"));
}

TEST_CASE("manifests that break a rule are refused with line and rule") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "m.csv";
    make(folder.path(), {"a.png", "b.png", "c.png"});
    const auto problem = [&](const std::string& text) {
        write_text(path, text);
        const std::string message = problem_of(path);
        CHECK(message.starts_with(path.string()));
        return message;
    };
    CHECK(contains(problem(""), "is empty"));
    CHECK(contains(problem("path,lable\n"), "line 1 has an unknown column \"lable\""));
    CHECK(contains(problem("path,split\n"), "lacks the column label"));
    CHECK(contains(problem("path,label,path\n"), "twice"));
    CHECK(contains(problem("path,label\n"), "no pictures"));
    CHECK(contains(problem("path,label\na.png,x\nb.png\n"), "line 3 has 1 field,"));
    CHECK(contains(problem("path,label\na.png,x\n,y\n"), "line 3 has an empty path"));
    CHECK(contains(problem("path,label\na.png,\n"), "line 2 has an empty label"));
    CHECK(contains(problem("path,label,split\na.png,x,trian\n"), "line 2 has the split \"trian\""));
    CHECK(contains(problem("path,label,split\na.png,x,train\nb.png,y,\n"), "line 3 has no split"));
    CHECK(
        contains(problem("path,label\na.png,x\n./a.png,y\n"), "line 3 lists ./a.png again, first on line 2"));
    CHECK(contains(problem("path,label\na.png,x\nb.png,x\n"), "at least 2"));
    CHECK(contains(problem("path,label,split\na.png,x,train\nb.png,y,test\n"),
                   "training pictures, these have none: y"));
    const std::string absent = problem("path,label\na.png,x\nq1,y\nq2,y\nq3,y\nq4,y\nq5,y\nq6,y\nq7,y\n");
    CHECK(contains(absent, "7 listed files do not exist: q1, q2, q3, q4, q5 and 2 more"));
}

TEST_CASE("damaged pictures are found and can be left out") {
    const TemporaryFolder folder;
    const Image image{2, 2, std::vector<std::uint8_t>(12, 9)};
    for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"}) {
        fs::create_directories((folder.path() / name).parent_path());
        write_png(folder.path() / name, image);
    }
    const std::string good = read_text(folder.path() / "a/1.png");
    write_text(folder.path() / "a/2.png", good.substr(0, good.size() / 2));
    write_text(folder.path() / "b/1.png", "not a picture");
    const ImageListing listing = list_images(folder.path());
    for (const int threads : {0, 1, 3}) {
        std::int64_t calls = 0;
        std::int64_t last = 0;
        const auto damaged = check_images(listing, threads, [&](std::int64_t done, std::int64_t total) {
            ++calls;
            last = done;
            CHECK(total == 4);
        });
        REQUIRE(damaged.size() == 2);
        CHECK(damaged[0].path == folder.path() / "a/2.png");
        CHECK(damaged[1].path == folder.path() / "b/1.png");
        CHECK(damaged[1].reason.starts_with("is no JPEG or PNG"));
        CHECK(calls == 4);
        CHECK(last == 4);
        const ImageListing rest = without_files(listing, damaged);
        CHECK(rest.samples.size() == 2);
        CHECK(rest.skipped.size() == 2);
    }
    CHECK_THROWS_AS((void)check_images(listing, -1), InvalidOption);
    CHECK_THROWS_AS(
        (void)check_images(listing, 2, [](std::int64_t, std::int64_t) { throw InvalidState("enough"); }),
        InvalidState);
    write_text(folder.path() / "b/2.png", "not a picture either");
    CHECK_THROWS_AS((void)without_files(listing, check_images(listing)), FileError);
}

TEST_CASE("the photographs beside the repository are listed in their three parts") {
    const auto clothing = shared("data/clothing");
    if (!clothing) return;
    const ImageListing listing = list_images(*clothing);
    CHECK(listing.classes.size() == 10);
    CHECK(listing.count(Split::train) == 1192);
    CHECK(listing.count(Split::validation) == 250);
    CHECK(listing.count(Split::test) == 245);
    CHECK(check_images(listing, 1).empty());
}

#include "attune/files/npy.hpp"

#include <doctest/doctest.h>

#include "attune/files/weights.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

std::string npy(const std::string& header, const std::string& data, int version = 1) {
    return "\x93NUMPY" + std::string(1, static_cast<char>(version)) + std::string(1, '\0') +
           little(header.size(), version == 1 ? 2 : 4) + header + data;
}

std::string header(const std::string& type, const std::string& shape, bool fortran = false) {
    return "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
           ", 'shape': " + shape + ", }\n";
}

std::string bytes_of(const TensorData& tensor) {
    return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

class Folder {
  public:
    /// What reading the bytes as `name` gives.
    TensorFile read(const std::string& name, const std::string& bytes) const {
        write_text(folder_.path() / name, bytes);
        return read_weights(folder_.path() / name);
    }
    std::string error(const std::string& name, const std::string& bytes) const {
        const auto message = error_of([&] { (void)read(name, bytes); });
        CHECK(message.starts_with((folder_.path() / name).string()));
        return message;
    }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }

  private:
    TemporaryFolder folder_;
};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("arrays of NumPy come out row-major and little-endian, whatever order and version they have") {
    const Folder folder;
    const auto plain = folder.read("a.npy", npy(header("<f4", "(2, 3)"), floats({0, 1, 2, 3, 4, 5})));
    REQUIRE(plain.find("array") != nullptr);
    CHECK(bytes_of(*plain.find("array")) == floats({0, 1, 2, 3, 4, 5}));
    for (const int version : {1, 2, 3}) {
        const auto fortran =
            folder.read("a.npy", npy(header("<f4", "(2, 3)", true), floats({0, 3, 1, 4, 2, 5}), version));
        CHECK(bytes_of(*fortran.find("array")) == floats({0, 1, 2, 3, 4, 5}));
        CHECK(fortran.find("array")->shape == std::vector<std::int64_t>{2, 3});
    }
    const auto cube = folder.read("a.npy", npy(header("|u1", "(2, 2, 2)", true), "abcdefgh"));
    CHECK(bytes_of(*cube.find("array")) == "aecgbfdh");
    const auto big = folder.read("a.npy", npy(header(">i4", "(2,)"), std::string("\0\0\0\7\0\0\1\0", 8)));
    CHECK(bytes_of(*big.find("array")) == little(7, 4) + little(256, 4));
    const auto scalar = folder.read("a.npy", npy(header("<i8", "()"), little(5, 8)));
    CHECK(scalar.find("array")->shape.empty());
    const auto texts = folder.read(
        "a.npy",
        npy(header("<U2", "(2,)"), little('a', 4) + little(0xE9, 4) + little(0x1F600, 4) + little(0, 4)));
    CHECK(texts.metadata.at("array") == R"(["aé","😀"])");
}

TEST_CASE("arrays that break a rule are refused, with path and rule") {
    const Folder folder;
    const auto f4 = header("<f4", "(2,)");
    CHECK(holds(folder.error("a.npy", npy(f4, floats({1}))), "truncated: it has 4 bytes of data"));
    CHECK(
        holds(folder.error("a.npy", npy(f4, floats({1, 2, 3}))), "12 bytes of data where its header says 8"));
    CHECK(holds(folder.error("a.npy", npy(header("|O", "(1,)"), "x")), "unknown"));
    CHECK(holds(folder.error("a.npy", npy(header("|O8", "(1,)"), "x")), "objects are pickles"));
    CHECK(holds(folder.error("a.npy", npy(header("<c8", "(1,)"), "x")), "'<c8', which is not read"));
    CHECK(holds(folder.error("a.npy", npy("{'descr': [('a', '<f4')]}", "")), "records"));
    CHECK(
        holds(folder.error("a.npy", npy("{'descr': '<f4', 'fortran_order': False}", "")), "without one of"));
    CHECK(holds(folder.error("a.npy", npy("{'descr': '<f4', 'descr': '<f4'}", "")), "twice"));
    CHECK(holds(folder.error("a.npy", npy("{'sort': 1}", "")), "key 'sort'"));
    CHECK(holds(folder.error("a.npy", npy("{'shape': (-1,)}", "")), "damaged header"));
    CHECK(holds(folder.error("a.npy", npy(f4, "", 4)), "version 4"));
    CHECK(holds(folder.error("a.npy", npy(header("<f4", "(4611686018427387904, 4)"), "")), "overflows"));
    CHECK(holds(folder.error("a.npy", npy(header("<f4", "(1152921504606846976,)"), "")), "truncated"));
    CHECK(holds(folder.error("a.npy", npy(header("<U1", "(1,)"), little(0xD800, 4))), "character 55296"));
    // Elements without bytes, as many as one likes.
    CHECK(holds(folder.error("a.npy", npy(header("<U0", "(1152921504606846976,)"), "")), "limit"));
}

TEST_CASE("archives of arrays are read stored and deflated, and bounded whatever they claim") {
    const Folder folder;
    const auto one = npy(header("<f4", "(2,)"), floats({1, 2}));
    for (const bool deflated : {false, true}) {
        const auto file =
            folder.read("a.npz", zip({{"b.npy", one, deflated}, {"layer.weight.npy", one, deflated}}));
        REQUIRE(file.tensors.size() == 2);
        CHECK(bytes_of(*file.find("layer.weight")) == floats({1, 2}));
    }
    CHECK(holds(folder.error("a.npz", zip({{"b.npy", one}, {"notes.txt", "x"}})), "does not end in .npy"));
    CHECK(holds(folder.error("a.npz", zip({{"b.npy", one, true, 0x7FFFFFFF}})), "limit"));
    // A bomb: a hundred thousand times smaller than what it claims to hold and does hold.
    const auto zeros = npy(header("|u1", "(100000000,)"), std::string(100'000'000, '\0'));
    const auto bomb = zip({{"b.npy", zeros, true}});
    CHECK(bomb.size() < 200'000);
    CHECK(holds(folder.error("a.npz", bomb), "limit"));
    CHECK(read_npz(folder.path("a.npz"), 200'000'000).find("b")->numel() == 100'000'000);
    const auto small = zip({{"b.npy", one, true}});
    CHECK(accepted_truncations(folder.path("c.npz"), small, [](const auto& path) { (void)read_npz(path); }) ==
          0);
    CHECK(refused_changes(folder.path("c.npz"), small, [](const auto& path) { (void)read_npz(path); }) > 0);
    CHECK(accepted_truncations(folder.path("d.npy"), one, [](const auto& path) { (void)read_npy(path); }) ==
          0);
}

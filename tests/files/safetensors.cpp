#include "attune/files/safetensors.hpp"

#include <doctest/doctest.h>

#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
    return little(header.size(), 8) + header + data;
}

TensorData tensor(DType dtype, std::vector<std::int64_t> shape, const std::string& bytes) {
    TensorData made{dtype, std::move(shape), std::vector<std::byte>(bytes.size())};
    if (!bytes.empty()) std::memcpy(made.bytes.data(), bytes.data(), bytes.size());
    return made;
}

TensorFile sample() {
    TensorFile file;
    file.tensors.emplace_back("flag \"quoted\"", tensor(DType::boolean, {3}, std::string("\1\0\1", 3)));
    file.tensors.emplace_back("step", tensor(DType::i64, {}, little(7, 8)));
    file.tensors.emplace_back("empty", tensor(DType::f32, {0, 3}, ""));
    file.tensors.emplace_back("weight", tensor(DType::f32, {2, 2}, floats({1, 2, 3, 4})));
    file.tensors.emplace_back("half", tensor(DType::f16, {1}, little(0x3C00, 2)));
    file.metadata = {{"format", "pt"}, {"note", "é, \"x\"\n"}};
    return file;
}

}  // namespace

TEST_CASE("what is written as safetensors is read back, wide types first and aligned") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.safetensors";
    const TensorFile file = sample();
    write_safetensors(path, file);
    const TensorFile back = read_safetensors(path);
    CHECK(back.metadata == file.metadata);
    REQUIRE(back.tensors.size() == file.tensors.size());
    for (const auto& [name, expected] : file.tensors) {
        CAPTURE(name);
        const TensorData* found = back.find(name);
        REQUIRE(found != nullptr);
        CHECK(found->dtype == expected.dtype);
        CHECK(found->shape == expected.shape);
        CHECK(found->bytes == expected.bytes);
    }
    for (std::size_t i = 1; i < back.tensors.size(); ++i)
        CHECK(size_of(back.tensors[i - 1].second.dtype) >= size_of(back.tensors[i].second.dtype));
    const std::string bytes = read_text(path);
    CHECK(static_cast<unsigned char>(bytes[0]) % 8 == 0);
    CHECK(back.find("absent") == nullptr);
}

TEST_CASE("a safetensors file that breaks a rule is refused, with path and rule") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "bad.safetensors";
    const auto problem = [&](const std::string& bytes) {
        write_text(path, bytes);
        const std::string message = error_of([&] { (void)read_safetensors(path); });
        CHECK(message.starts_with(path.string()));
        return message;
    };
    const auto contains = [](const std::string& message, const std::string& part) {
        CHECK_MESSAGE(message.find(part) != std::string::npos, message);
    };
    const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
    const std::string four(4, '\0');
    contains(problem(little(1'000'000, 8) + "{}"), "header length 1000000");
    contains(problem(file_of("[1,2,3]")), "does not begin with {");
    contains(problem(file_of("{" + a, four)), "no valid JSON");
    contains(problem(file_of("{" + a + "}x", four)), "no valid JSON");
    contains(problem(file_of("{" + a + "," + a + "}", four)), "occurs twice");
    contains(problem(file_of("{" + a + "}", four + four)), "outside all tensors");
    contains(problem(file_of("{" + a + "}")), "outside the 0 bytes");
    contains(problem(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four)),
             "8 bytes, in a range of 4");
    contains(problem(file_of(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", four)),
             "F8_E4M3");
    contains(problem(file_of(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four)),
             "negative");
    contains(problem(file_of(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", four)), "1.5");
    contains(problem(file_of(R"({"a":{"dtype":"F32","shape":[1]}})", four)), "needed");
    contains(problem(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", four)), "outside");
    contains(problem(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", four)),
             "after a hole");
    contains(problem(file_of(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                             R"("b":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})",
                             four)),
             "overlaps");
    contains(problem(file_of(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
                             four)),
             "overflows");
    contains(problem(file_of(R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})")),
             "overflows");
    contains(problem(file_of(R"({"__metadata__":{"k":1}})")), "unexpected");
    contains(problem(file_of(R"({"__metadata__":{"k":"1","k":"2"}})")), "occurs twice");
    contains(problem(file_of("{\"a\":" + std::string(100'000, '['))), "list");
    contains(error_of([&] { (void)read_safetensors(folder.path() / "absent"); }), "cannot be opened");
    contains(error_of([&] { (void)read_safetensors(folder.path()); }), "folder");
}

TEST_CASE("truncated and changed safetensors files are refused or read, never worse") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.safetensors";
    write_safetensors(path, sample());
    const std::string bytes = read_text(path);
    const auto read = [](const std::filesystem::path& file) { (void)read_safetensors(file); };
    CHECK(accepted_truncations(path, bytes, read) == 0);
    CHECK(refused_changes(path, bytes, read) > 100);
}

TEST_CASE("tensors that do not fit their description are not written") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.safetensors";
    TensorFile file;
    file.tensors.emplace_back("a", tensor(DType::f32, {2}, "abcd"));
    CHECK_THROWS_AS(write_safetensors(path, file), FileError);
    file.tensors[0].second.shape = {1};
    file.tensors.push_back(file.tensors[0]);
    CHECK_THROWS_AS(write_safetensors(path, file), FileError);
    file.tensors[1].first = "\xFF not UTF-8";
    CHECK_THROWS_AS(write_safetensors(path, file), FileError);
    file.tensors[1].first = "b";
    file.tensors[1].second.shape = {INT64_MAX, INT64_MAX};
    CHECK_THROWS_AS(write_safetensors(path, file), FileError);
    CHECK(std::filesystem::is_empty(folder.path()));
}

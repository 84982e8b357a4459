#include <doctest/doctest.h>

#include "attune/files/torch_file.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

TensorData tensor(DType dtype, std::vector<std::int64_t> shape) {
    TensorData made{dtype, std::move(shape), {}};
    made.bytes.resize(static_cast<std::size_t>(made.numel()) * size_of(dtype));
    for (std::size_t i = 0; i < made.bytes.size(); ++i) made.bytes[i] = static_cast<std::byte>(i % 2);
    return made;
}

}  // namespace

TEST_CASE("what is written as torch.save does is read back, in order and with every type") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "net.pth";
    TensorFile file;
    for (const DType dtype : {DType::boolean, DType::u8, DType::i8, DType::i16, DType::f16, DType::bf16,
                              DType::i32, DType::f32, DType::f64, DType::i64})
        file.tensors.emplace_back("layer." + to_string(dtype), tensor(dtype, {2, 3}));
    file.tensors.emplace_back("scalar", tensor(DType::i64, {}));
    file.tensors.emplace_back("empty", tensor(DType::f32, {0, 3}));
    file.tensors.emplace_back("é \"quoted\"", tensor(DType::f32, {1, 2, 1, 2}));
    write_torch_file(path, file);
    const auto back = read_torch_file(path);
    REQUIRE(back.tensors.size() == file.tensors.size());
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
        CHECK(back.tensors[i].first == file.tensors[i].first);
        CHECK(back.tensors[i].second.dtype == file.tensors[i].second.dtype);
        CHECK(back.tensors[i].second.shape == file.tensors[i].second.shape);
        CHECK(back.tensors[i].second.bytes == file.tensors[i].second.bytes);
    }
    const auto bytes = read_text(path);
    write_torch_file(path, file);
    CHECK(read_text(path) == bytes);
    write_torch_file(path, {});
    CHECK(read_torch_file(path).tensors.empty());
}

TEST_CASE("the content of a written archive lies where it can be mapped") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "net.pth";
    TensorFile file;
    const auto marker = floats({1.25F, -7.5F, 3.75F});
    file.tensors.emplace_back("w", TensorData{DType::f32, {3}, {}});
    for (const char byte : marker) file.tensors[0].second.bytes.push_back(static_cast<std::byte>(byte));
    write_torch_file(path, file);
    const auto at = read_text(path).find(marker);
    REQUIRE(at != std::string::npos);
    CHECK(at % 64 == 0);
}

TEST_CASE("what torch.save could not hold is refused, and the old file stays") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "net.pth";
    write_text(path, "old");
    const auto refused = [&](const TensorFile& file, const std::string& part) {
        const auto message = error_of([&] { write_torch_file(path, file); });
        CHECK(message.find(part) != std::string::npos);
        CHECK(read_text(path) == "old");
    };
    TensorFile file;
    file.tensors = {{"w", tensor(DType::u16, {2})}};
    refused(file, "type U16");
    file.tensors = {{"w", tensor(DType::f32, {2})}, {"w", tensor(DType::f32, {2})}};
    refused(file, "occurs twice");
    file.tensors = {{"w", {DType::f32, {2}, std::vector<std::byte>(7)}}};
    refused(file, "has 7 bytes");
}

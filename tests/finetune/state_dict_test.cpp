#include "support/doctest_torch.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <cstring>

#include <map>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/vit.hpp"

using namespace attune;

namespace {

NetworkPtr make(const std::string& name, std::int64_t classes, std::uint64_t seed = 1) {
    torch::manual_seed(seed);
    return ModelZoo::standard().make(name, classes);
}

torch::Tensor entry_of(const Network& network, const std::string& name) {
    for (const auto& [key, tensor] : named_state(network))
        if (key == name) return tensor.detach();
    return {};
}

bool same_state(const Network& a, const Network& b) {
    const auto left = named_state(a);
    const auto right = named_state(b);
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
        if (left[i].first != right[i].first || !torch::equal(left[i].second, right[i].second)) return false;
    return true;
}

TensorData& data_of(TensorFile& file, const std::string& name) {
    for (auto& [key, data] : file.tensors)
        if (key == name) return data;
    throw std::logic_error("the test names an entry that is not there: " + name);
}

void erase(TensorFile& file, const std::string& suffix) {
    std::erase_if(file.tensors, [&](const auto& item) { return item.first.ends_with(suffix); });
}

TensorFile converted(TensorFile file, torch::ScalarType type) {
    for (auto& [name, data] : file.tensors)
        if (data.dtype == DType::f32) data = to_tensor_data(to_tensor(data).to(type));
    return file;
}

template <typename Call>
std::string message_of(const Call& call) {
    try {
        call();
    } catch (const FileError& error) {
        return error.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TensorData numbers(DType dtype, const std::vector<std::uint64_t>& values) {
    TensorData data{.dtype = dtype, .shape = {static_cast<std::int64_t>(values.size())}, .bytes = {}};
    const auto size = size_of(dtype);
    data.bytes.resize(size * values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        std::memcpy(data.bytes.data() + i * size, &values[i], size);
    return data;
}

}  // namespace

TEST_CASE("arrays become tensors of the same type and back") {
    for (const auto type :
         {torch::kBool, torch::kUInt8, torch::kInt8, torch::kInt16, torch::kInt32, torch::kInt64,
          torch::kFloat16, torch::kBFloat16, torch::kFloat32, torch::kFloat64}) {
        const auto tensor = torch::randint(0, 2, {2, 3, 4}).to(type).transpose(0, 2);
        const auto data = to_tensor_data(tensor);
        CHECK(data.shape == std::vector<std::int64_t>{4, 3, 2});
        const auto back = to_tensor(data);
        CHECK((back.scalar_type() == type));
        CHECK(torch::equal(back, tensor));
    }
    CHECK(to_tensor(to_tensor_data(torch::tensor(3.5))).item<double>() == 3.5);
    CHECK(to_tensor(to_tensor_data(torch::empty({0, 4}))).sizes() == torch::IntArrayRef({0, 4}));
    CHECK_THROWS_AS(static_cast<void>(to_tensor_data(torch::zeros({1}, torch::kComplexFloat))),
                    InvalidOption);
}

TEST_CASE("unsigned integers widen, and refuse what does not fit") {
    CHECK(torch::equal(to_tensor(numbers(DType::u16, {0, 65535})), torch::tensor({0, 65535}, torch::kInt32)));
    CHECK(torch::equal(to_tensor(numbers(DType::u32, {7, 4294967295})),
                       torch::tensor({std::int64_t{7}, std::int64_t{4294967295}})));
    CHECK(to_tensor(numbers(DType::u64, {1ULL << 62})).item<std::int64_t>() == std::int64_t{1} << 62);
    CHECK_THROWS_AS(static_cast<void>(to_tensor(numbers(DType::u64, {1ULL << 63}))), FileError);
}

TEST_CASE("arrays whose bytes do not fit their shape are refused") {
    auto data = to_tensor_data(torch::zeros({2, 2}));
    data.bytes.pop_back();
    CHECK_THROWS_AS(static_cast<void>(to_tensor(data)), FileError);
    data.shape = {-1};
    CHECK_THROWS_AS(static_cast<void>(to_tensor(data)), FileError);
}

TEST_CASE("a state dictionary survives the round trip, also through wider types") {
    const auto source = make("shufflenet_v2_x0_5", 4);
    const auto file = state_dict(*source);
    for (const auto& wider : {file, converted(file, torch::kFloat64)}) {
        auto target = make("shufflenet_v2_x0_5", 4, 2);
        const auto report = load_state_dict(*target, wider);
        CHECK(report.fits());
        CHECK(same_state(*source, *target));
        CHECK((entry_of(*target, "fc.weight").scalar_type() == torch::kFloat32));
    }
}

TEST_CASE("narrower types are converted") {
    const auto source = make("resnet20", 10);
    const auto expected = entry_of(*source, "layer3.2.conv2.weight");
    for (const auto type : {torch::kFloat16, torch::kBFloat16}) {
        auto target = make("resnet20", 10, 2);
        CHECK(load_state_dict(*target, converted(state_dict(*source), type)).fits());
        CHECK(
            torch::equal(entry_of(*target, "layer3.2.conv2.weight"), expected.to(type).to(torch::kFloat32)));
    }
}

TEST_CASE("a strict load names what does not fit and changes nothing") {
    auto target = make("resnet20", 10, 2);
    const auto untouched = make("resnet20", 10, 2);
    auto file = state_dict(*make("resnet20", 10));
    erase(file, "layer1.0.conv1.weight");
    file.tensors.emplace_back("extra.weight", to_tensor_data(torch::zeros({2})));
    data_of(file, "linear.weight") = to_tensor_data(torch::zeros({3, 64}));
    data_of(file, "conv1.weight") = to_tensor_data(torch::zeros({16, 3, 3, 3}, torch::kInt8));
    const auto message = message_of([&] { load_state_dict(*target, file, {.source = "folder/some.pth"}); });
    CHECK(message.starts_with("folder/some.pth: "));
    CHECK(contains(message, "missing: 1 (layer1.0.conv1.weight)"));
    CHECK(contains(message, "unexpected: 1 (extra.weight)"));
    CHECK(contains(message, "linear.weight: [3, 64] in the file, [10, 64] in the network"));
    CHECK(contains(message, "conv1.weight: I8 in the file, a real number in the network"));
    CHECK(contains(message, "looks like 'resnet20'"));
    CHECK(same_state(*target, *untouched));

    const auto report = load_state_dict(*target, file, {.strict = false});
    CHECK_FALSE(report.fits());
    CHECK(report.missing == std::vector<std::string>{"layer1.0.conv1.weight"});
    CHECK(report.unexpected == std::vector<std::string>{"extra.weight"});
    CHECK(report.mismatched.size() == 2);
    CHECK(report.loaded.size() == file.tensors.size() - 3);
    CHECK(torch::equal(entry_of(*target, "bn1.weight"), to_tensor(data_of(file, "bn1.weight"))));
    CHECK(torch::equal(entry_of(*target, "linear.weight"), entry_of(*untouched, "linear.weight")));
}

TEST_CASE("a damaged entry leaves the network as it was") {
    auto target = make("resnet20", 10, 2);
    auto file = state_dict(*make("resnet20", 10));
    data_of(file, "linear.bias").bytes.pop_back();
    CHECK_THROWS_AS(load_state_dict(*target, file), FileError);
    CHECK(same_state(*target, *make("resnet20", 10, 2)));
}

TEST_CASE("the file of another network is refused with a guess") {
    auto target = make("mobilenet_v2", 5);
    const auto message =
        message_of([&] { load_pretrained(*target, state_dict(*make("squeezenet1_1", 20)), 5); });
    CHECK(message.starts_with("weights: looks like 'squeezenet1_1' and does not fit the network"));
    CHECK(contains(message, ", ...)"));
    TensorFile foreign;
    foreign.tensors.emplace_back("conv1.weight", to_tensor_data(torch::zeros({20, 1, 5, 5})));
    CHECK(contains(message_of([&] { load_state_dict(*target, foreign); }), "like no network of the zoo"));
    CHECK(
        contains(message_of([&] { load_state_dict(*target, TensorFile{}); }), "like no network of the zoo"));
}

TEST_CASE("the nearest network is found, whatever its head") {
    std::map<std::string, std::string> first;  // by names and shapes: some differ in their padding alone
    for (const auto& entry : ModelZoo::standard().entries()) {
        if (entry.parameters > 30'000'000) continue;
        INFO(entry.name);
        auto file = state_dict(*entry.build(entry.classes));
        std::string weights;
        for (const auto& [name, tensor] : file.tensors)
            weights += fmt::format("{} [{}]; ", name, fmt::join(tensor.shape, ","));
        const std::string wanted = first.emplace(std::move(weights), entry.name).first->second;
        CHECK(nearest_model(file) == wanted);
        const auto head = entry.build(1)->head_name();
        std::erase_if(file.tensors, [&](const auto& item) { return item.first.starts_with(head + "."); });
        erase(file, "num_batches_tracked");
        CHECK(nearest_model(file) == wanted);
    }
}

TEST_CASE("asking for the nearest network leaves the random numbers as they were") {
    const auto file = state_dict(*make("resnet20", 10));
    torch::manual_seed(9);
    const auto expected = torch::rand({4});
    torch::manual_seed(9);
    CHECK(nearest_model(file) == "resnet20");
    CHECK(torch::equal(torch::rand({4}), expected));
}

TEST_CASE("pretrained weights go under a fresh head") {
    const auto source = make("squeezenet1_1", 1000);
    auto target = make("squeezenet1_1", 1000, 2);
    const auto report = load_pretrained(*target, state_dict(*source), 6);
    CHECK(report.fits());
    CHECK(report.dropped == std::vector<std::string>{"classifier.1.weight", "classifier.1.bias"});
    CHECK(report.dropped.size() == 2);
    CHECK_FALSE(contains(report.summary(), "dropped"));
    CHECK(report.summary().ends_with("; new head for 6 classes (the file's is for 1000)"));
    CHECK(target->classes() == 6);
    CHECK(torch::equal(entry_of(*target, "features.0.weight"), entry_of(*source, "features.0.weight")));
    CHECK_FALSE(torch::equal(entry_of(*target, "classifier.1.weight"),
                             entry_of(*source, "classifier.1.weight").slice(0, 0, 6)));
    CHECK_THROWS_AS(load_pretrained(*target, state_dict(*source), 0), InvalidOption);
}

TEST_CASE("a file that is refused leaves auxiliary heads where they are") {
    auto network = ModelZoo::standard().make("googlenet", 3);
    auto file = state_dict(*network);
    std::erase_if(file.tensors, [](const auto& entry) { return entry.first.starts_with("aux"); });
    auto damaged = file;
    erase(damaged, "conv1.conv.weight");
    CHECK_THROWS_AS(load_pretrained(*network, damaged, 2), FileError);
    CHECK(network->auxiliary_heads().size() == 2);
    CHECK(network->classes() == 3);
    const auto report = load_pretrained(*network, file, 2);
    CHECK(report.fits());
    CHECK(report.kept == std::vector<std::string>{"fc.weight", "fc.bias"});
    CHECK(network->auxiliary_heads().empty());
    CHECK_FALSE(network->named_parameters().contains("aux1.fc2.weight"));
}

TEST_CASE("weights of a vision transformer fit pictures of other sizes") {
    const auto transformer = [](std::int64_t side) {
        return vit({.image_size = side, .patch = 8, .layers = 1, .heads = 2, .width = 8, .hidden = 16}, 5);
    };
    const auto source = transformer(32);
    const auto file = state_dict(*source);
    const auto target = transformer(16);
    target->set_image_size(48);
    CHECK(image_size_in(*target, file) == 32);
    const auto report = load_pretrained(*target, file, 3);
    CHECK(report.fits());
    CHECK(report.file_image_size == 32);
    CHECK(report.summary().find("positions of pictures of 32 x 32 pixels interpolated") != std::string::npos);
    CHECK(target->input.image_size == 48);
    CHECK(target->forward(torch::zeros({1, 3, 48, 48})).size(1) == 3);
    source->set_image_size(48);
    CHECK(
        torch::equal(entry_of(*target, "encoder.pos_embedding"), entry_of(*source, "encoder.pos_embedding")));

    const auto same = transformer(32);
    CHECK_FALSE(load_pretrained(*same, file, 3).file_image_size.has_value());
    auto odd = file;
    for (auto& [name, data] : odd.tensors)
        if (name == "encoder.pos_embedding") data.shape = {1, 8, 17};  // no square grid
    CHECK_FALSE(image_size_in(*target, odd).has_value());
    CHECK_THROWS_AS(load_pretrained(*target, odd, 3), FileError);
    CHECK_FALSE(image_size_in(*make("resnet20", 10), file).has_value());
}

TEST_CASE("a trunk without a head is complete") {
    auto file = state_dict(*make("shufflenetv2_x0.5-backbone", 10));
    erase(file, "fc.weight");
    erase(file, "fc.bias");
    auto target = make("shufflenetv2_x0.5-backbone", 1000, 2);
    const auto report = load_pretrained(*target, file, 6);
    CHECK(report.fits());
    CHECK(report.dropped.empty());
    CHECK(report.kept == std::vector<std::string>{"fc.weight", "fc.bias"});
    CHECK(report.summary().ends_with(" loaded; new head for 6 classes (the file has none)"));
    CHECK(target->classes() == 6);
    erase(file, "first_conv.0.weight");
    CHECK_THROWS_AS(load_pretrained(*target, file, 3), FileError);
    CHECK(target->classes() == 6);
}

TEST_CASE("files from before the batch counters load") {
    auto file = state_dict(*make("resnet20", 10));
    erase(file, "num_batches_tracked");
    auto target = make("resnet20", 10, 2);
    const auto report = load_state_dict(*target, file);
    CHECK(report.fits());
    CHECK(report.kept.size() == 19);
}

TEST_CASE("names are mapped, dropped and excused by their beginnings") {
    TensorFile file;
    for (auto& [name, data] : state_dict(*make("resnet20", 10)).tensors)
        file.tensors.emplace_back("backbone." + name, data);
    file.tensors.emplace_back("optimizer.step", to_tensor_data(torch::zeros({1})));
    auto target = make("resnet20", 10, 2);
    CHECK_THROWS_AS(load_state_dict(*target, file), FileError);
    const LoadOptions options{
        .allow_missing = {"linear."}, .ignore = {"optimizer."}, .rename = {{"backbone.", ""}}};
    auto report = load_state_dict(*target, file, options);
    CHECK(report.fits());
    CHECK(report.dropped == std::vector<std::string>{"optimizer.step"});
    CHECK(same_state(*target, *make("resnet20", 10)));
    erase(file, "linear.weight");
    report = load_state_dict(*target, file, options);
    CHECK(report.kept == std::vector<std::string>{"linear.weight"});

    file.tensors.emplace_back("linear.bias", to_tensor_data(torch::zeros({10})));
    CHECK(contains(message_of([&] { load_state_dict(*target, file, options); }),
                   "two entries are called 'linear.bias'"));
    CHECK_THROWS_AS(load_state_dict(*target, file, {.allow_missing = {""}}), InvalidOption);
    CHECK_THROWS_AS(load_state_dict(*target, file, {.ignore = {""}}), InvalidOption);
    CHECK_THROWS_AS(load_state_dict(*target, file, {.rename = {{"", "x."}}}), InvalidOption);
}

TEST_CASE("loading keeps gradients off and types as they were") {
    auto target = make("resnet20", 10, 2);
    target->to(torch::kFloat64);
    target->named_parameters()["conv1.weight"].set_requires_grad(false);
    CHECK(load_state_dict(*target, state_dict(*make("resnet20", 10))).fits());
    CHECK((entry_of(*target, "conv1.weight").scalar_type() == torch::kFloat64));
    CHECK_FALSE(target->named_parameters()["conv1.weight"].requires_grad());
    CHECK(target->named_parameters()["linear.weight"].requires_grad());
    const auto saved = state_dict(*target);
    CHECK((saved.find("bn1.num_batches_tracked")->dtype == DType::i64));
    CHECK((saved.find("bn1.running_mean")->dtype == DType::f64));
}

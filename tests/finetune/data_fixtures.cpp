#include "support/doctest_torch.hpp"

#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/input_spec.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;

namespace {

torch::Tensor array(const json& values, const std::vector<std::int64_t>& shape) {
    return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64).view(shape);
}

/// The operations of ours on a square or any C x H x W tensor in [0, 1], by torchvision's names; undefined
/// for others.
torch::Tensor apply(const std::string& name, const torch::Tensor& input) {
    std::smatch sides;
    if (std::regex_match(name, sides, std::regex(R"(resize \[(\d+), (\d+)\] bilinear antialias)")))
        return resize_image(input, std::stol(sides[1]), std::stol(sides[2]));
    if (std::regex_match(name, sides, std::regex(R"(resize short side (\d+) antialias)"))) {
        const auto side = std::stol(sides[1]);
        const auto height = input.size(1), width = input.size(2);
        return height < width ? resize_image(input, side, side * width / height)
                              : resize_image(input, side * height / width, side);
    }
    const auto batch = input.unsqueeze(0);
    if (name == "hflip" || name == "vflip") {
        // Views are of squares: a flip commutes with padding the tensor to one.
        const auto side = std::max(input.size(1), input.size(2));
        auto square = torch::zeros({1, 3, side, side}, torch::kFloat64);
        const bool horizontal = name == "hflip";
        const auto offset = side - (horizontal ? input.size(2) : input.size(1));
        square.narrow(2, 0, input.size(1)).narrow(3, 0, input.size(2)).copy_(batch);
        const View view{.horizontal_flip = horizontal, .vertical_flip = !horizontal};
        return render(square, view, side)
            .narrow(2, horizontal ? 0 : offset, input.size(1))
            .narrow(3, horizontal ? offset : 0, input.size(2))[0];
    }
    if (name == "normalize imagenet") return normalise(batch * 255, InputSpec{})[0];
    return {};
}

bool is_jpeg(const std::string& name) { return name.ends_with(".jpg") || name.ends_with(".jpeg"); }

Image image_of(const torch::Tensor& planes) {
    const auto rows = planes.permute({1, 2, 0}).to(torch::kUInt8).contiguous();
    const auto* begin = rows.data_ptr<std::uint8_t>();
    return {rows.size(1), rows.size(0), {begin, begin + rows.numel()}};
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
    REQUIRE(a.sizes() == b.sizes());
    return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("flips and normalisation agree with torchvision's transforms") {
    const auto path = test::shared("fixtures/training/transforms.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    const auto input = array(file.at("input").at("values"), file.at("input").at("shape"));
    for (const auto& [name, expected] : file.at("ops").items()) {
        CAPTURE(name);
        const auto ours = apply(name, input);
        if (!ours.defined()) {
            test::count_skip("transform " + name, "not an operation of ours on such a tensor");
            continue;
        }
        test::count_run();
        CHECK(largest_difference(ours, array(expected.at("values"), expected.at("shape"))) < 1e-5);
    }
}

TEST_CASE("pictures are resized, cropped and normalised as PIL and torchvision do") {
    const auto path = test::shared("fixtures/files/imagefolder_expected.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    InputSpec input;
    input.mean = file.at("mean").get<std::array<double, 3>>();
    input.std = file.at("std").get<std::array<double, 3>>();
    for (const auto& sample : file.at("samples")) {
        const std::string name = sample.at("file");
        CAPTURE(name);
        const auto decoded = array(sample.at("decoded_chw_uint8"), sample.at("decoded_shape_chw"));
        const auto resized = array(sample.at("pil_resize16_uint8"), sample.at("pil_resize16_shape"));
        const auto ours = resize_image(decoded.to(torch::kUInt8), resized.size(1), resized.size(2));
        CHECK(largest_difference(ours, resized) == 0);

        const Framing framing{.image_size = 12, .resize_ratio = 16.0 / 12};
        const auto square = frame_image(image_of(decoded), framing);
        const auto pipeline = normalise(square.unsqueeze(0), input)[0];
        CHECK(largest_difference(pipeline, array(sample.at("pil_pipeline_12x12"), {3, 12, 12})) < 1e-5);
        // torchvision's float pipeline differs by the rounding to 8 bits: one level is 1/255/std.
        CHECK(largest_difference(pipeline, array(sample.at("tensor_pipeline_antialias_12x12"), {3, 12, 12})) <
              0.02);
        test::count_run();

        const auto picture = test::shared("fixtures/files/imagefolder/" + name);
        if (!picture) continue;
        const auto read = frame_image(read_image(*picture), framing);
        CHECK(largest_difference(read, square) <= (is_jpeg(name) ? 3 : 0));
        test::count_run();
    }
}

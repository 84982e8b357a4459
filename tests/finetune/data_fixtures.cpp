#include "support/doctest_torch.hpp"

#include <fstream>
#include <regex>

#include <nlohmann/json.hpp>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/image_operations.hpp"
#include "attune/finetune/input_spec.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;

namespace {

torch::Tensor array(const json& values, const std::vector<std::int64_t>& shape) {
    return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64).view(shape);
}

/// The numbers in a text, in their order.
std::vector<double> numbers_in(const std::string& text) {
    static const std::regex number(R"(-?\d+(\.\d+)?)");
    std::vector<double> values;
    for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at)
        values.push_back(std::stod(at->str()));
    return values;
}

Interpolation interpolation_in(const std::string& name) {
    if (name.find("bicubic") != std::string::npos) return Interpolation::bicubic;
    return name.find("nearest") != std::string::npos ? Interpolation::nearest : Interpolation::bilinear;
}

/// The operations of ours on a C x H x W tensor in [0, 1], by what the key says in torchvision's words;
/// undefined for others.
torch::Tensor apply(const std::string& name, const torch::Tensor& input) {
    const auto is = [&](const char* word) { return name.starts_with(word); };
    const auto interpolation = interpolation_in(name);
    const bool antialias = name.find("no antialias") == std::string::npos;
    // Digits that belong to a word ("top1", "k5") count too: what is read is the values in their order.
    const auto value = numbers_in(std::regex_replace(name, std::regex("->"), " "));
    const auto at = [&](std::size_t i) { return static_cast<std::int64_t>(value.at(i)); };
    if (is("resize short side")) return image::resize_short_side(input, at(0), interpolation, antialias);
    if (is("resize [")) return image::resize(input, at(0), at(1), interpolation, antialias);
    if (is("center_crop")) return image::centre_crop(input, at(0), at(1));
    if (is("hflip")) return image::flip_horizontally(input);
    if (is("vflip")) return image::flip_vertically(input);
    if (is("pad") && name.ends_with("reflect"))
        return image::pad_reflected(input, {at(0), at(0), at(0), at(0)});
    if (is("pad")) return image::pad(input, {at(0), at(1), at(2), at(3)}, value.at(4));
    if (is("crop")) return image::crop(input, at(0), at(1), at(2), at(3));
    if (is("resized_crop"))
        return image::resized_crop(input, at(0), at(1), at(2), at(3), at(4), at(5), interpolation, antialias);
    if (is("adjust_brightness")) return image::adjust_brightness(input, value.at(0));
    if (is("adjust_contrast")) return image::adjust_contrast(input, value.at(0));
    if (is("adjust_saturation")) return image::adjust_saturation(input, value.at(0));
    if (is("adjust_hue")) return image::adjust_hue(input, value.at(0));
    if (is("adjust_sharpness")) return image::adjust_sharpness(input, value.at(0));
    if (is("grayscale")) return image::grey(input);
    if (is("gaussian_blur")) return image::gaussian_blur(input, at(0), value.at(1));
    if (is("rotate")) return image::rotate(input, value.at(0), interpolation);
    if (is("affine"))
        return image::affine(input,
                             {.degrees = value.at(0),
                              .shift_x = value.at(1),
                              .shift_y = value.at(2),
                              .scale = value.at(3),
                              .shear_x = value.at(4),
                              .shear_y = value.at(5)},
                             interpolation);
    if (is("normalize imagenet")) return normalise(input.unsqueeze(0) * 255, InputSpec{})[0];
    if (is("solarize")) return image::solarize(input, value.at(0));
    if (is("posterize")) return image::posterize(input, static_cast<int>(at(0)));
    if (is("equalize")) return image::equalize(input);
    if (is("autocontrast")) return image::stretch_contrast(input);
    if (is("invert")) return image::invert(input);
    if (is("erase")) return image::erase(input, at(0), at(1), at(2), at(3), value.at(4));
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

TEST_CASE("image operations agree with torchvision's transforms") {
    const auto path = test::shared("fixtures/training/transforms.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    const auto input = array(file.at("input").at("values"), file.at("input").at("shape"));
    for (const auto& [name, expected] : file.at("ops").items()) {
        CAPTURE(name);
        const auto ours = apply(name, input);
        if (!ours.defined()) {
            FAIL_CHECK("there is no such operation of ours");
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

// Fine-tuning without a study: a network of the zoo, a few drawn images, one recipe, and the numbers
// afterwards.
#include <torch/torch.h>
#include <attune/finetune.hpp>

#include <cmath>
#include <cstdio>

int main() {
    // Stripes along one of two directions, in noise: 32 x 32 pixels, 2 classes, 80 images.
    torch::manual_seed(1);
    const std::int64_t count = 80, side = 32;
    torch::Tensor pixels = torch::rand({count, 3, side, side}) * 120;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < count; ++i) {
        const torch::Tensor wave =
            (torch::sin(torch::arange(side, torch::kFloat) * 0.8 + static_cast<double>(i)) + 1) * 60;
        pixels[i] += i % 2 == 0 ? wave.view({1, side, 1}) : wave.view({1, 1, side});
        labels.push_back(i % 2);
    }
    attune::ImageData data(pixels.to(torch::kUInt8), labels, {"across", "along"}, {}, {},
                           {.image_size = side});
    data = attune::complete_split(data, {.validation = 0.25, .test = 0.25}, 1);

    attune::NetworkPtr network = attune::ModelZoo::standard().make("resnet20", 2);
    const attune::Recipe recipe{.frozen_stages = 0, .learning_rate = 3e-3, .epochs = 6, .batch_size = 16};
    const attune::FitResult result =
        attune::fit(*network, {data}, recipe, {.on_epoch = [](const attune::EpochReport& report) {
            std::printf("epoch %lld: loss %.3f, validation accuracy %.3f\n",
                        static_cast<long long>(report.epoch), report.numbers.at("train_loss"),
                        report.numbers.at("validation_accuracy"));
            return attune::EpochAnswer::proceed;
        }});
    const attune::Evaluation test = attune::evaluate(*network, data, attune::Split::test);
    std::printf("%s\ntest: %lld of %zu wrong, F1 %.3f\n", result.message.c_str(),
                static_cast<long long>(test.wrong()), test.rows.size(), test.metrics.macro.f1);
    return test.metrics.accuracy > 0.8 ? 0 : 1;
}

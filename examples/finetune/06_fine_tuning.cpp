// Fine-tuning without a study: a network of the zoo, a few drawn images, one recipe, and the numbers
// afterwards.
#include <torch/torch.h>
#include <attune/finetune.hpp>

#include <cstdio>

#include "stripes.hpp"

int main() {
    const attune::ImageData data = stripes(80);
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

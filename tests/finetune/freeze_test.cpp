#include "support/doctest_torch.hpp"

#include <string>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/parameters.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

using namespace attune;

namespace {

NetworkPtr small() { return ModelZoo::standard().make("mobilenet_v2", 4); }

/// How many batch normalisations of stages before and from `count` on are in training mode.
struct Training {
    int frozen_part = 0;
    int trained_part = 0;
};

Training training_norms(const Network& network, std::size_t count) {
    Training result;
    for (const auto& item : network.named_modules("", false)) {
        if (item.value()->as<BatchNorm2d>() == nullptr || !item.value()->is_training()) continue;
        ++(stage_of(network, item.key()) < count ? result.frozen_part : result.trained_part);
    }
    return result;
}

}  // namespace

TEST_CASE("every batch norm policy keeps its promise, also after train()") {
    auto network = small();
    const std::size_t count = 10;
    network->train();
    const auto all = training_norms(*network, count);
    REQUIRE(all.frozen_part > 0);
    REQUIRE(all.trained_part > 0);
    const auto after = [&](BatchNormPolicy policy) {
        network->train();
        set_training(*network, count, policy);
        CHECK(network->is_training());
        return training_norms(*network, count);
    };
    const auto stages = after(BatchNormPolicy::frozen_in_frozen_stages);
    CHECK(stages.frozen_part == 0);
    CHECK(stages.trained_part == all.trained_part);
    const auto none = after(BatchNormPolicy::all_frozen);
    CHECK(none.frozen_part == 0);
    CHECK(none.trained_part == 0);
    const auto both = after(BatchNormPolicy::all_training);
    CHECK(both.frozen_part == all.frozen_part);
    CHECK(both.trained_part == all.trained_part);
}

TEST_CASE("with everything frozen the head still trains, dropout and all") {
    auto network = small();
    freeze_stages(*network, network->stages().size());
    CHECK(count_parameters(*network, true) == 1280 * 4 + 4);
    for (const auto& item : network->named_modules("", false))
        if (item.value()->as<torch::nn::Dropout>() != nullptr) CHECK(item.value()->is_training());
    const auto groups = parameter_groups(*network, network->stages().size());
    REQUIRE(groups.size() == 1);
    CHECK(groups[0].name == "classifier.1");
    CHECK(groups[0].stage == network->stages().size());
    CHECK(groups[0].parameters.size() == 2);
}

TEST_CASE("thawing again trains everything; old gradients do not come back") {
    auto network = small();
    network->forward(torch::randn({2, 3, 32, 32})).sum().backward();
    freeze_stages(*network, 3);
    CHECK_FALSE(network->named_parameters()["features.0.0.weight"].grad().defined());
    CHECK(network->named_parameters()["features.9.conv.2.weight"].grad().defined());
    freeze_stages(*network, 0);
    CHECK(count_parameters(*network, true) == count_parameters(*network));
    CHECK_FALSE(network->named_parameters()["features.0.0.weight"].grad().defined());
}

TEST_CASE("stages are found by the names of parameters, buffers and modules") {
    const auto resnet = ModelZoo::standard().make("resnet20");
    CHECK(stage_of(*resnet, "conv1.weight") == 0);
    CHECK(stage_of(*resnet, "bn1.running_mean") == 0);
    CHECK(stage_of(*resnet, "layer1.0.conv1.weight") == 1);
    CHECK(stage_of(*resnet, "layer3.2") == 9);
    CHECK(stage_of(*resnet, "linear.weight") == 10);
    CHECK_THROWS_AS(static_cast<void>(stage_of(*resnet, "layer1.1x")), UnknownName);
    CHECK_THROWS_AS(static_cast<void>(stage_of(*resnet, "layer1")), UnknownName);
    CHECK_THROWS_AS(static_cast<void>(stage_of(*resnet, "")), UnknownName);
    // "features.1." must not claim "features.10.".
    CHECK(stage_of(*small(), "features.10.conv.2.weight") == 10);
}

TEST_CASE("more frozen stages than there are is refused") {
    auto network = small();
    const auto too_many = network->stages().size() + 1;
    CHECK_THROWS_AS(freeze_stages(*network, too_many), InvalidOption);
    CHECK_THROWS_AS(set_training(*network, too_many), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(parameter_groups(*network, too_many)), InvalidOption);
    CHECK(count_parameters(*network, true) == count_parameters(*network));
}

#include "support/doctest_torch.hpp"

#include <string>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/cifar_resnet.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/resnet.hpp"
#include "attune/finetune/zoo/shufflenet_v2.hpp"

using namespace attune;

namespace {

std::string message_of(const ModelZoo& zoo, const std::string& name) {
    try {
        static_cast<void>(zoo.entry(name));
    } catch (const UnknownName& error) {
        return error.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

double std_of(Network& network, const std::string& name) {
    return network.named_parameters()[name].std().item<double>();
}

}  // namespace

TEST_CASE("an unknown network is refused with the nearest name and the list") {
    const auto& zoo = ModelZoo::standard();
    CHECK(contains(message_of(zoo, "MobileNet-v2"), "the nearest is 'mobilenet_v2'"));
    CHECK(contains(message_of(zoo, "resnet-8"), "the nearest is 'resnet18'"));
    CHECK(contains(message_of(zoo, "shufflenet_v2_x05"), "the nearest is 'shufflenet_v2_x0_5'"));
    for (const auto& name : zoo.names()) CHECK(contains(message_of(zoo, "nonsense"), name));
    for (const char* far : {"nonsense", "vgg16", "vit_base_patch16_224", "x", ""})
        CHECK_FALSE(contains(message_of(zoo, far), "nearest"));
    CHECK_THROWS_AS(static_cast<void>(zoo.make("nonsense")), UnknownName);
    CHECK_THROWS_AS(static_cast<void>(zoo.make("nonsense", 3)), UnknownName);
    CHECK(contains(message_of(ModelZoo{}, "resnet18"), "the zoo is empty"));
}

TEST_CASE("a host adds its own architecture to a copy of the zoo") {
    auto zoo = ModelZoo::standard();
    zoo.add({.name = "resnet10",
             .family = "ResNet",
             .classes = 5,
             .parameters = 4'900'000,
             .input = {.image_size = 64},
             .build = [](std::int64_t classes) {
                 return resnet({.blocks = {1, 1, 1, 1}}, classes);
             }});
    const auto network = zoo.make("resnet10");
    CHECK(network->classes() == 5);
    CHECK(network->input.image_size == 64);
    CHECK(zoo.make("resnet10", 2)->classes() == 2);
    CHECK_FALSE(ModelZoo::standard().contains("resnet10"));
    const auto known = zoo.entry("resnet10");
    CHECK_THROWS_AS(zoo.add(known), InvalidOption);
    const auto refuses = [&](auto&& spoil) {
        auto entry = known;
        entry.name = "another";
        spoil(entry);
        CHECK_THROWS_AS(zoo.add(entry), InvalidOption);
    };
    refuses([](ZooEntry& entry) { entry.name = ""; });
    refuses([](ZooEntry& entry) { entry.build = nullptr; });
    refuses([](ZooEntry& entry) { entry.classes = 0; });
    refuses([](ZooEntry& entry) { entry.parameters = 0; });
}

TEST_CASE("impossible shapes of networks are refused") {
    for (const auto& name : {"mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x0_5", "resnet18", "resnet20"})
        CHECK_THROWS_AS(static_cast<void>(ModelZoo::standard().make(name, 0)), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(shufflenet_v2(0.7)), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(cifar_resnet(21)), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(cifar_resnet(2)), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(resnet({.blocks = {1, 0, 1, 1}})), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(resnet({.groups = 2})), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(resnet({.bottleneck = true, .groups = 0})), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(resnet({.bottleneck = true, .group_width = 0})), InvalidOption);
}

TEST_CASE("networks start from the distributions of torchvision's constructors") {
    torch::manual_seed(3);
    const auto& zoo = ModelZoo::standard();
    const auto near = [](double value) { return doctest::Approx(value).epsilon(0.05); };
    // Normal, variance 2 / fan-out; of a depthwise convolution 2 / (32 * 9) as torch counts it.
    auto mobilenet = zoo.make("mobilenet_v2");
    CHECK(std_of(*mobilenet, "features.18.0.weight") == near(std::sqrt(2.0 / 1280)));
    CHECK(std_of(*mobilenet, "classifier.1.weight") == near(0.01));
    CHECK(mobilenet->named_parameters()["classifier.1.bias"].abs().max().item<double>() == 0);
    // Uniform, variance 2 / fan-in, no biases.
    auto squeezenet = zoo.make("squeezenet1_1");
    CHECK(std_of(*squeezenet, "features.12.expand3x3.weight") == near(std::sqrt(2.0 / (64 * 9))));
    CHECK(std_of(*squeezenet, "classifier.1.weight") == near(0.01));
    CHECK(squeezenet->named_parameters()["features.12.squeeze.bias"].abs().max().item<double>() == 0);
    // torch's own: uniform within 1 / sqrt(fan-in).
    auto shufflenet = zoo.make("shufflenet_v2_x1_0");
    CHECK(std_of(*shufflenet, "conv5.0.weight") == near(std::sqrt(1.0 / (3 * 464))));
    auto resnet18 = zoo.make("resnet18");
    CHECK(std_of(*resnet18, "layer4.1.conv2.weight") == near(std::sqrt(2.0 / (512 * 9))));
    CHECK(std_of(*resnet18, "fc.weight") == near(std::sqrt(1.0 / (3 * 512))));
    // akamaster's: normal, variance 2 / fan-in, the head too.
    auto resnet20 = zoo.make("resnet20");
    CHECK(std_of(*resnet20, "layer3.1.conv1.weight") == near(std::sqrt(2.0 / (64 * 9))));
    CHECK(resnet20->named_parameters()["bn1.weight"].min().item<double>() == 1);
    CHECK(zoo.make("resnet20", 2000)->named_parameters()["linear.weight"].std().item<double>() ==
          near(std::sqrt(2.0 / 64)));
}

TEST_CASE("networks are drawn from torch's default generator") {
    const auto draw = [](std::uint64_t seed) {
        torch::manual_seed(seed);
        return ModelZoo::standard().make("resnet20")->named_parameters()["conv1.weight"];
    };
    CHECK(torch::equal(draw(5), draw(5)));
    CHECK_FALSE(torch::equal(draw(5), draw(6)));
}

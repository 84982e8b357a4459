#include "support/doctest_torch.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/cifar_resnet.hpp"
#include "attune/finetune/zoo/mobilenet_v1.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/resnet.hpp"
#include "attune/finetune/zoo/shufflenet_v2.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "attune/finetune/zoo/vit.hpp"

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
    for (const char* far : {"nonsense", "vit_base_patch16_224", "x", ""})
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

TEST_CASE("entries are found by name, family, size and what is published of them") {
    const auto& zoo = ModelZoo::standard();
    const auto names = [&](const ZooQuery& query) {
        std::vector<std::string> result;
        for (const auto* entry : zoo.find(query)) result.push_back(entry->name);
        return result;
    };
    CHECK(zoo.find({}).size() == zoo.entries().size());
    CHECK(names({.text = "Swin-V2"}) == std::vector<std::string>{"swin_v2_t", "swin_v2_s", "swin_v2_b"});
    CHECK(names({.family = "AlexNet"}) == std::vector<std::string>{"alexnet"});
    CHECK(names({.family = "Alex"}).empty());
    for (const auto* entry : zoo.find({.minimum_parameters = 2'000'000, .maximum_parameters = 6'000'000}))
        CHECK((entry->parameters >= 2'000'000 && entry->parameters <= 6'000'000));
    const auto good = zoo.find({.minimum_top1_percent = 74, .maximum_gflops = 0.4});
    REQUIRE_FALSE(good.empty());
    for (const auto* entry : good) {
        CHECK(entry->usual_weights()->top1_percent >= 74);
        CHECK(entry->usual_weights()->gflops <= 0.4);
    }
    const auto tiny = names({.image_size = 28});
    CHECK(std::count(tiny.begin(), tiny.end(), "resnet20") == 1);
    CHECK(std::count(tiny.begin(), tiny.end(), "vit_h_14") == 1);
    CHECK(std::count(tiny.begin(), tiny.end(), "vit_b_16") == 0);
    CHECK(std::count(tiny.begin(), tiny.end(), "inception_v3") == 0);
    CHECK_THROWS_AS(static_cast<void>(zoo.find({.minimum_top1_percent = std::nan("")})), InvalidOption);
    CHECK_THROWS_AS(static_cast<void>(zoo.find({.minimum_parameters = 2, .maximum_parameters = 1})),
                    InvalidOption);
}

TEST_CASE("the published weights of a network are those of its name, one of them the usual one") {
    const auto& zoo = ModelZoo::standard();
    std::size_t rows = 0;
    for (const auto& entry : zoo.entries()) {
        rows += entry.published.size();
        int usual = 0;
        for (const auto& weights : entry.published) {
            CHECK(weights.model == entry.name);
            CHECK(weights.sha256_prefix().size() >= 8);
            CHECK(weights.sha256_prefix().find_first_not_of("0123456789abcdef") == std::string_view::npos);
            usual += weights.is_default ? 1 : 0;
        }
        CHECK(usual == (entry.published.empty() ? 0 : 1));
        CHECK((entry.usual_weights() == nullptr) == entry.published.empty());
    }
    CHECK(rows == published_weights().size());
}

TEST_CASE("networks that torchvision lets rescale their images get them rescaled") {
    // x is normalised as torchvision's preset does, and rescaled as its networks then do.
    for (const char* name : {"googlenet", "inception_v3"}) {
        const auto& entry = ModelZoo::standard().entry(name);
        const auto& preset = *entry.usual_weights();
        for (std::size_t c = 0; c < 3; ++c)
            for (const double pixel : {0.0, 0.3, 1.0}) {
                const double x = (pixel - preset.mean[c]) / preset.std[c];
                const double rescaled = x * (preset.std[c] / 0.5) + (preset.mean[c] - 0.5) / 0.5;
                CHECK((pixel - entry.input.mean[c]) / entry.input.std[c] == doctest::Approx(rescaled));
            }
    }
}

TEST_CASE("a stochastic depth leaves out whole samples and keeps the mean") {
    torch::manual_seed(4);
    StochasticDepth depth(0.25);
    const auto x = torch::ones({4000, 2, 1});
    depth.eval();
    CHECK(depth.forward(x).equal(x));
    depth.train();
    const auto y = depth.forward(x);
    CHECK(y.select(1, 0).equal(y.select(1, 1)));
    CHECK((y.eq(0) | (y - 1 / 0.75).abs().lt(1e-6)).all().item<bool>());
    CHECK(y.mean().item<double>() == doctest::Approx(1).epsilon(0.05));
    CHECK_THROWS_AS(depth.set_probability(1), InvalidOption);
    auto network = ModelZoo::standard().make_unset("swin_t", 2);
    set_stochastic_depth(*network, 0.44);
    std::vector<double> probabilities;
    for (const auto& module : network->modules())
        if (const auto* one = module->as<StochasticDepth>()) probabilities.push_back(one->probability());
    REQUIRE(probabilities.size() == 12);
    CHECK(probabilities.front() == 0);
    CHECK(probabilities[1] == doctest::Approx(0.04));
    CHECK(probabilities.back() == 0.44);
}

TEST_CASE("a vision transformer goes on seeing the same at another size") {
    torch::manual_seed(5);
    torch::NoGradGuard no_grad;
    const auto network =
        vit({.image_size = 32, .patch = 8, .layers = 1, .heads = 2, .width = 8, .hidden = 8}, 3);
    network->eval();
    auto positions = network->named_parameters()["encoder.pos_embedding"];
    const auto token = positions.select(1, 0).clone();
    // A plane over the places stays one.
    for (int i = 0; i < 16; ++i) positions[0][i + 1].fill_(i / 4 + 10 * (i % 4));
    network->set_image_size(56);
    positions = network->named_parameters()["encoder.pos_embedding"];
    REQUIRE(positions.size(1) == 50);
    CHECK(positions.select(1, 0).equal(token));
    // Old places keep their value; between them the plane goes on where four old ones lie around.
    const auto known = [](int place) { return place % 2 == 0 || place == 3; };
    for (int row = 0; row < 7; ++row)
        for (int column = 0; column < 7; ++column)
            if (known(row) && known(column))
                CHECK(positions[0][7 * row + column + 1][0].item<double>() ==
                      doctest::Approx(0.5 * row + 5 * column).epsilon(1e-4));
    CHECK(network->forward(torch::zeros({1, 3, 56, 56})).size(1) == 3);
    CHECK_THROWS_AS(network->forward(torch::zeros({1, 3, 32, 32})), InvalidOption);
    CHECK_THROWS_AS(network->set_image_size(57), InvalidOption);
}

TEST_CASE("TensorFlow's padding puts what is left over to the right and below") {
    torch::manual_seed(6);
    torch::InferenceMode inference;
    const auto first = [](Padding padding) {
        torch::manual_seed(6);
        auto network = mobilenet_v1(0.25, padding, 2);
        network->eval();
        auto x = torch::zeros({1, 3, 32, 32});
        x.select(2, 0).fill_(1);
        return network->forward_stages(x, 0, 1);
    };
    // With one row of padding above, the first row of the image lies in the middle of the first filter;
    // without, at its top: different rows of the weights.
    const auto symmetric = first(Padding::symmetric);
    const auto tensorflow = first(Padding::tensorflow);
    CHECK(symmetric.sizes() == tensorflow.sizes());
    CHECK_FALSE(torch::allclose(symmetric, tensorflow));
    // Odd sides are padded alike by both.
    const auto odd = [](Padding padding) {
        torch::manual_seed(6);
        auto network = mobilenet_v1(0.25, padding, 2);
        network->eval();
        torch::manual_seed(7);
        return network->forward_stages(torch::randn({1, 3, 33, 33}), 0, 1);
    };
    CHECK(torch::allclose(odd(Padding::symmetric), odd(Padding::tensorflow), 1e-5, 1e-6));
}

TEST_CASE("networks are drawn from torch's default generator") {
    const auto draw = [](std::uint64_t seed) {
        torch::manual_seed(seed);
        return ModelZoo::standard().make("resnet20")->named_parameters()["conv1.weight"];
    };
    CHECK(torch::equal(draw(5), draw(5)));
    CHECK_FALSE(torch::equal(draw(5), draw(6)));
}

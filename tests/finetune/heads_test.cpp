#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/loss.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

// Heads of other kinds than one linear layer with a bias.
namespace {

/// A tiny network whose head has no bias or, where it rectifies, says nothing below 0.
class OddHead : public TinyNetwork {
  public:
    explicit OddHead(bool rectifies) : TinyNetwork(3), rectifies_(rectifies) {
        unregister_module("fc");
        head_ = register_module("out", linear(3));
    }
    torch::Tensor forward_head(torch::Tensor features) override {
        const auto logits = head_->forward(features);
        return rectifies_ ? torch::relu(logits) : logits;
    }
    [[nodiscard]] std::string head_name() const override { return "out"; }
    void replace_head(std::int64_t count) override { head_ = replace_module("out", linear(count)); }
    [[nodiscard]] std::int64_t classes() const override { return head_->options.out_features(); }

  private:
    torch::nn::Linear linear(std::int64_t count) const {
        return torch::nn::Linear(torch::nn::LinearOptions(8, count).bias(rectifies_));
    }
    bool rectifies_;
    torch::nn::Linear head_{nullptr};
};

/// A tiny network with a second head on its first stage, which needs maps of at least 6 x 6.
class TwoHeads : public TinyNetwork {
  public:
    explicit TwoHeads(std::int64_t classes) : TinyNetwork(classes) {
        aux_ = register_module("aux", std::make_shared<torch::nn::Module>());
        layer_ = aux_->register_module("fc", torch::nn::Linear(6, classes));
        const torch::NoGradGuard no_gradients;
        layer_->weight.copy_(torch::linspace(-1, 1, layer_->weight.numel()).view(layer_->weight.sizes()));
        layer_->bias.zero_();
    }
    [[nodiscard]] const std::vector<Stage>& stages() const override {
        static const std::vector<Stage> list{
            {"first", {"first.", "aux."}}, {"second", {"second."}}, {"pool", {"pool."}}};
        return list;
    }
    [[nodiscard]] const std::vector<AuxiliaryHead>& auxiliary_heads() const override {
        static const std::vector<AuxiliaryHead> list{{"aux.fc", 0, 0.25}};
        return list;
    }
    torch::Tensor forward_auxiliary(std::size_t, const torch::Tensor& output) override {
        if (output.size(2) < 6) throw InvalidOption("the auxiliary head needs maps of 6 x 6");
        return layer_->forward(output.mean({2, 3}));
    }
    void replace_head(std::int64_t count) override {
        TinyNetwork::replace_head(count);
        layer_ = aux_->replace_module("fc", torch::nn::Linear(6, count));
    }

  private:
    std::shared_ptr<torch::nn::Module> aux_;
    torch::nn::Linear layer_{nullptr};
};

std::shared_ptr<torch::Tensor> halves(const ImageData& data) {
    auto table = torch::zeros({data.size(), 2});
    for (std::int64_t row = 0; row < data.size(); ++row)
        table[row][data.labels()[static_cast<std::size_t>(row)] == 0 ? 0 : 1] = 1;
    return std::make_shared<torch::Tensor>(table);
}

Recipe one_step() {
    auto recipe = quick_recipe(0);
    recipe.optimizer = OptimizerKind::sgd;
    recipe.momentum = 0;
    recipe.schedule.kind = ScheduleKind::constant;
    recipe.epochs = 1;
    recipe.batch_size = 1000;
    recipe.restore_best = false;
    return recipe;
}

}  // namespace

TEST_CASE("a head without a bias is started and learns") {
    const OneThread one;
    const TrainingSet set{test::striped_images(120)};
    for (const auto start : {HeadStart::normal, HeadStart::zeros, HeadStart::uniform}) {
        OddHead network(false);
        auto recipe = quick_recipe(0);
        recipe.head_start = start;
        recipe.epochs = 12;
        CHECK(fit(network, set, recipe).best_validation_accuracy > 0.7);
    }
    const auto network = ModelZoo::standard().make("maxvit_t", 5);
    start_head(*network, 3, HeadStart::uniform, 7);
    CHECK(network->classes() == 3);
    const auto first = network->named_parameters()["classifier.5.weight"].detach().clone();
    torch::manual_seed(123);
    start_head(*network, 3, HeadStart::uniform, 7);
    CHECK(torch::equal(first, network->named_parameters()["classifier.5.weight"]));
    CHECK(first.abs().max().item<double>() > 0);
}

TEST_CASE("labels and numbers are refused where the head cannot say them") {
    const auto data = test::striped_images(40, 3, 32);
    const TrainingSet set{data, nullptr, halves(data)};
    auto recipe = quick_recipe();
    recipe.epochs = 1;
    for (const auto kind : {TargetKind::labels, TargetKind::numbers}) {
        recipe.targets = kind;
        OddHead rectified(true);
        CHECK_THROWS_WITH_AS(fit(rectified, set, recipe), doctest::Contains("linear layer"), InvalidOption);
        CHECK(rectified.classes() == 3);  // before anything was changed
        const auto squeezenet = ModelZoo::standard().make("squeezenet1_1", 3);
        CHECK_THROWS_WITH_AS(fit(*squeezenet, set, recipe), doctest::Contains("classifier.1"), InvalidOption);
    }
    OddHead unbiased(false);
    CHECK_THROWS_WITH_AS(fit(unbiased, set, recipe), doctest::Contains("bias"), InvalidOption);
    recipe.targets = TargetKind::labels;
    CHECK(fit(unbiased, set, recipe).end == FitEnd::completed);
}

TEST_CASE("auxiliary heads learn beside the head, each with its weight in the loss") {
    const OneThread one;
    const auto data = test::striped_images(60);
    auto recipe = one_step();
    recipe.head_start = HeadStart::keep;
    TwoHeads network(3);
    const auto result = fit(network, {data}, recipe);

    TwoHeads by_hand(3);
    by_hand.train();
    const auto index = torch::tensor(data.split().train, torch::kInt64);
    std::vector<std::int64_t> labels;
    for (const auto row : data.split().train) labels.push_back(data.labels()[static_cast<std::size_t>(row)]);
    const auto truth = torch::tensor(labels, torch::kInt64);
    const auto said =
        training_logits(by_hand, normalise(data.pixels().index_select(0, index), by_hand.input));
    auto loss = cross_entropy(said.logits, truth);
    REQUIRE(said.auxiliary.size() == 1);
    loss = loss + 0.25 * cross_entropy(said.auxiliary[0].second, truth);
    loss.backward();
    CHECK(result.last_train_loss == doctest::Approx(loss.item<double>()).epsilon(1e-5));
    for (const auto& item : by_hand.named_parameters()) {
        CAPTURE(item.key());
        const auto expected = item.value().detach() - 0.02 * item.value().grad();
        CHECK(largest_difference(expected, network.named_parameters()[item.key()]) < 1e-5);
    }
}

TEST_CASE("auxiliary heads rest where pictures are too small for them, are frozen or low ranks train") {
    const OneThread one;
    const auto unchanged = [](TwoHeads& network, const ImageData& data, const Recipe& recipe) {
        const auto before = values_of(network);
        (void)fit(network, {data}, recipe);
        return is_equal(before, values_of(network), "aux.fc.weight");
    };
    auto recipe = one_step();
    recipe.head_start = HeadStart::keep;
    TwoHeads network(3);
    CHECK(unchanged(network, test::striped_images(40, 3, 8), recipe));
    CHECK_FALSE(unchanged(network, test::striped_images(40, 3, 12), recipe));
    recipe.frozen_stages = 1;
    CHECK(unchanged(network, test::striped_images(40), recipe));
    recipe.frozen_stages = 0;
    recipe.lora_rank = 2;
    CHECK(unchanged(network, test::striped_images(40), recipe));
}

TEST_CASE("fresh auxiliary heads come from the recipe's seed, and kept features do not mind them") {
    const OneThread one;
    const auto data = test::striped_images(60);
    const auto run = [&](std::uint64_t seed) {
        TwoHeads network(5);
        auto recipe = quick_recipe(0);
        recipe.epochs = 2;
        recipe.seed = seed;
        (void)fit(network, {data}, recipe);
        return values_of(network);
    };
    torch::manual_seed(1);
    const auto first = run(3);
    torch::manual_seed(2);
    CHECK(distance_between(first, run(3)) == 0);
    CHECK(distance(first, run(4), "aux.fc.weight") > 0);
    const auto cache = std::make_shared<FeatureCache>(std::make_shared<TwoHeads>(5), data);
    TwoHeads network(3);  // another auxiliary head than the cache's network has
    CHECK(fit(network, {data, cache}, quick_recipe(1)).used_cached_features);
}

TEST_CASE("GoogLeNet and Inception V3 train with their auxiliary heads, where pictures are large enough") {
    const OneThread one;
    const auto recipe = one_step();
    const auto changed = [&](const char* model, std::int64_t side, const char* name) {
        const auto network = ModelZoo::standard().make(model, 3);
        const auto before = network->named_parameters()[name].detach().clone();
        REQUIRE(fit(*network, {test::striped_images(10, 3, side)}, recipe).end == FitEnd::completed);
        return !torch::equal(before, network->named_parameters()[name]);
    };
    CHECK(changed("googlenet", 32, "aux1.conv.conv.weight"));
    CHECK(changed("googlenet", 32, "aux2.fc1.weight"));
    CHECK_FALSE(changed("inception_v3", 96, "AuxLogits.conv0.conv.weight"));
}

TEST_CASE("a model that was saved without its auxiliary heads loads without them") {
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "model.safetensors";
    const auto data = test::striped_images(10, 3, 32);
    const auto network = ModelZoo::standard().make("googlenet", 3);
    network->drop_auxiliary_heads();
    network->eval();
    save_model(path, *network,
               {.architecture = "googlenet", .classes = data.classes(), .framing = data.framing()});
    const auto loaded = load_model(path);
    CHECK(loaded.network->auxiliary_heads().empty());
    const std::vector<std::int64_t> rows{0, 3};
    CHECK(torch::equal(compute_logits(*network, data, rows), compute_logits(*loaded.network, data, rows)));
}

#include "support/doctest_torch.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/files/weights.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "support/shared_data.hpp"
#include "zoo_fill.hpp"
#include "zoo_reference.hpp"

using nlohmann::json;
using namespace attune;

using attune::test::difference;
using attune::test::have;
using attune::test::largest;
using attune::test::read_json;

namespace {

/// Compares norms by name; `scale` is what counts as large.
template <typename Of>
void check_norms(const json& rows, const Of& of, double tolerance) {
    double scale = 0;
    for (const auto& row : rows) scale = std::max(scale, row[1].template get<double>());
    for (const auto& row : rows) {
        INFO(row[0].template get<std::string>());
        const double expected = row[1].template get<double>();
        // Gradients that cancel exactly on paper are rounding noise of the whole in both.
        CHECK(std::abs(of(row[0]) - expected) <= tolerance * expected + 1e-9 * scale);
    }
}

struct TrainCase {
    NetworkPtr network;
    torch::Tensor x;
    torch::Tensor targets;

    explicit TrainCase(const json& model)
        : network(ModelZoo::standard().make(model["model"])),
          x(test::image(model["input_seed"], model["input_shape"].get<std::vector<std::int64_t>>())
                .to(torch::kFloat64)),
          targets(torch::tensor(model["targets"].get<std::vector<std::int64_t>>())) {
        test::fill(*network, model["weight_gain"]);
        network->to(torch::kFloat64);
        for (const auto& module : network->modules())
            if (auto* dropout = module->as<torch::nn::Dropout>()) dropout->options.p(0);
        set_stochastic_depth(*network, 0);
    }

    torch::Tensor loss() const { return torch::cross_entropy_loss(network->forward(x), targets); }

    torch::Tensor loss(const TrainingLogits& output) const {
        auto sum = torch::cross_entropy_loss(output.logits, targets);
        for (const auto& [weight, logits] : output.auxiliary)
            sum = sum + weight * torch::cross_entropy_loss(logits, targets);
        return sum;
    }
};

void check_full_training(const json& model) {
    TrainCase run(model);
    run.network->train();
    torch::optim::SGD sgd(run.network->parameters(),
                          torch::optim::SGDOptions(0.01).momentum(0.9).weight_decay(1e-4));
    for (std::size_t step = 0; step < model["losses_3_sgd_steps"].size(); ++step) {
        sgd.zero_grad();
        const auto output = training_logits(*run.network, run.x);
        const auto& logits = output.logits;
        const auto loss = run.loss(output);
        CHECK(loss.item<double>() ==
              doctest::Approx(model["losses_3_sgd_steps"][step].get<double>()).epsilon(1e-6));
        loss.backward();
        if (step == 0) {
            CHECK(difference(logits, model["train_logits16_step0"]) <
                  1e-7 * largest(model["train_logits16_step0"]));
            const auto parameters = run.network->named_parameters();
            REQUIRE(parameters.size() == model["grad_l2_step0"].size());
            check_norms(
                model["grad_l2_step0"],
                [&](const std::string& name) { return parameters[name].grad().norm().item<double>(); }, 1e-6);
            const auto buffers = run.network->named_buffers();
            check_norms(
                model["running_stats_l2_step0"],
                [&](const std::string& name) { return buffers[name].norm().item<double>(); }, 1e-6);
        }
        sgd.step();
    }
    run.network->eval();
    torch::NoGradGuard no_grad;
    CHECK(difference(run.network->forward(run.x), model["eval_logits8_after"]) <
          1e-6 * largest(model["eval_logits8_after"]));
}

void check_head_training(const json& model) {
    TrainCase run(model);
    CHECK(run.network->head_name() == model["head"].get<std::string>());
    freeze_stages(*run.network, run.network->stages().size(), BatchNormPolicy::all_frozen);
    run.network->eval();
    std::vector<torch::Tensor> trained;
    for (const auto& parameter : run.network->parameters())
        if (parameter.requires_grad()) trained.push_back(parameter);
    torch::optim::SGD sgd(trained, torch::optim::SGDOptions(0.1).momentum(0.9));
    for (const auto& expected : model["head_only_losses_3_steps"]) {
        sgd.zero_grad();
        const auto loss = run.loss();
        CHECK(loss.item<double>() == doctest::Approx(expected.get<double>()).epsilon(1e-6));
        loss.backward();
        sgd.step();
    }
}

torch::Tensor ramp_image(const std::vector<std::int64_t>& shape) {
    auto result = torch::empty(shape);
    auto* out = result.data_ptr<float>();
    for (std::int64_t i = 0; i < result.numel(); ++i)
        out[i] = static_cast<float>(static_cast<double>(i % 255) / 255);
    return result;
}

/// "squeezenet1_1-imagenet@64" is the network "squeezenet1_1", or whatever stands before the last dash.
std::string network_of(const std::string& weights) {
    return ModelZoo::standard().contains(weights) ? weights : weights.substr(0, weights.rfind('-'));
}

void check_reference_output(const std::filesystem::path& file, const std::string& model,
                            const json& expected) {
    INFO(file.filename().string());
    const auto weights = state_dict_of(read_weights(file));
    CHECK(nearest_model(weights) == model);
    const auto& entry = ModelZoo::standard().entry(model);
    auto network = ModelZoo::standard().make(model);
    const bool has_head = weights.find(network->head_name() + ".weight") != nullptr;
    if (has_head) {
        const auto report = load_state_dict(*network, weights, {.source = file.string()});
        CHECK(report.fits());
        CHECK(report.dropped.empty());
    } else {
        const auto report = load_pretrained(*network, weights, entry.classes, {.source = file.string()});
        CHECK(report.loaded.size() == weights.tensors.size());
        CHECK(report.dropped.empty());
    }
    network->eval();
    torch::InferenceMode inference;
    const auto x = ramp_image(expected["input_shape"].get<std::vector<std::int64_t>>());
    const auto output =
        has_head ? network->forward(x) : network->forward_stages(x, 0, network->stages().size());
    CHECK(output.sizes().vec() == expected["shape"].get<std::vector<std::int64_t>>());
    // The references are rounded to 5 digits (sums to 4).
    const double tolerance = 1e-5 + 1e-5 * output.abs().max().item<double>();
    CHECK(difference(output, json::array({expected["first8"]})) < tolerance);
    CHECK(output.argmax().item<std::int64_t>() == expected["argmax"].get<std::int64_t>());
    CHECK(std::abs(output.max().item<double>() - expected["max"].get<double>()) < tolerance);
    CHECK(std::abs(output.sum().item<double>() - expected["sum"].get<double>()) <
          1e-4 + tolerance * static_cast<double>(output.numel()));
}

}  // namespace

TEST_CASE("training steps are torchvision's in double precision") {
    at::set_num_threads(1);
    const auto path = test::shared("fixtures/models/train_mode.json");
    if (!path) return;
    const auto file = read_json(*path);  // outlives the loop over a part of it
    REQUIRE_FALSE(file["models"].empty());
    for (const auto& model : file["models"]) {
        const std::string name = model["model"];
        if (!have(name, "training of")) continue;
        INFO(name);
        check_full_training(model);
        check_head_training(model);
        test::count_run();
    }
}

TEST_CASE("pretrained files give the reference outputs, from every format") {
    at::set_num_threads(1);
    const auto path = test::shared("data/weights/reference-outputs.json");
    if (!path) return;
    const auto reference = read_json(*path);
    for (const auto& [key, expected] : reference["models"].items()) {
        const auto weights = key.substr(0, key.find('@'));
        const auto model = network_of(weights);
        if (!have(model, "weights " + key + " of")) continue;
        for (const auto& file : std::filesystem::directory_iterator(path->parent_path())) {
            if (file.path().stem() != weights) continue;
            check_reference_output(file.path(), model, expected);
            test::count_run();
        }
    }
}

#include "support/doctest_torch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "attune/files/weights.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/parameters.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "support/shared_data.hpp"
#include "zoo_fill.hpp"

using nlohmann::json;
using namespace attune;

namespace {

json read_json(const std::filesystem::path& path) {
    std::ifstream in(path);
    return json::parse(in);
}

bool have(const std::string& model, const std::string& kind) {
    if (ModelZoo::standard().contains(model)) return true;
    test::count_skip(kind + " " + model, "not in the zoo");
    return false;
}

std::vector<std::string> state_lines(const Network& network) {
    std::vector<std::string> lines;
    for (const auto& [name, tensor] : named_state(network))
        lines.push_back(fmt::format("{} {} {}", name, tensor.is_floating_point() ? "float32" : "int64",
                                    fmt::join(tensor.sizes().vec(), "x")));
    return lines;
}

std::string state_hash(const Network& network) {
    std::string text;
    for (const auto& line : state_lines(network)) text += line + "\n";
    return fmt::format("{:016x}", test::fnv1a64(text));
}

double largest(const json& rows) {
    double result = 0;
    for (const auto& row : rows)
        for (const auto& value : row) result = std::max(result, std::abs(value.get<double>()));
    return result;
}

/// The largest difference between `rows` and the first columns of `tensor`.
double difference(const torch::Tensor& tensor, const json& rows) {
    const auto values = tensor.detach().to(torch::kFloat64).contiguous();
    REQUIRE(values.size(0) == static_cast<std::int64_t>(rows.size()));
    double result = 0;
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t j = 0; j < rows[i].size(); ++j)
            result = std::max(
                result, std::abs(values.index({static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)})
                                     .item<double>() -
                                 rows[i][j].get<double>()));
    return result;
}

/// Those of all rows of some kinds; a probability of 0 is no dropout.
std::set<double> constants_of(const json& constants, const std::vector<std::string>& kinds,
                              const std::string& key) {
    std::set<double> result;
    for (const auto& kind : kinds)
        for (const auto& row : constants.value(kind, json::array()))
            if (row[key] != 0) result.insert(row[key].get<double>());
    return result;
}

void check_layer_constants(const Network& network, const json& constants) {
    std::set<double> dropouts, norm_eps;
    std::vector<double> depths;
    for (const auto& item : network.named_modules()) {
        if (const auto* norm = item.value()->as<torch::nn::BatchNorm2d>()) {
            REQUIRE(constants.contains("BatchNorm2d"));
            CHECK(norm->options.eps() == doctest::Approx(constants["BatchNorm2d"][0]["eps"].get<double>()));
            CHECK(*norm->options.momentum() ==
                  doctest::Approx(constants["BatchNorm2d"][0]["momentum"].get<double>()));
        } else if (const auto* layer_norm = item.value()->as<torch::nn::LayerNorm>()) {
            norm_eps.insert(layer_norm->options.eps());
        } else if (const auto* dropout = item.value()->as<torch::nn::Dropout>()) {
            dropouts.insert(dropout->options.p());
        } else if (const auto* depth = item.value()->as<StochasticDepth>()) {
            depths.push_back(depth->probability());
        }
    }
    CHECK(dropouts == constants_of(constants, {"Dropout"}, "p"));
    CHECK(norm_eps == constants_of(constants, {"LayerNorm", "LayerNorm2d"}, "eps"));
    REQUIRE(depths.empty() != constants.contains("StochasticDepth"));
    if (depths.empty()) return;
    CHECK(depths.front() ==
          doctest::Approx(constants["StochasticDepth"]["p_first"].get<double>()).epsilon(1e-5));
    CHECK(depths.back() ==
          doctest::Approx(constants["StochasticDepth"]["p_last"].get<double>()).epsilon(1e-5));
}

void check_without_auxiliary(const std::string& name, const json& expected) {
    auto network = ModelZoo::standard().make_unset(name, 1000);
    CHECK_FALSE(network->auxiliary_heads().empty());
    network->drop_auxiliary_heads();
    CHECK(network->auxiliary_heads().empty());
    CHECK(count_parameters(*network) == expected["num_params"].get<std::int64_t>());
    CHECK(named_state(*network).size() == expected["num_state_entries"].get<std::size_t>());
    CHECK(state_hash(*network) == expected["state_dict_fnv1a64"].get<std::string>());
}

void check_facts(const std::string& name, const json& model) {
    auto network = ModelZoo::standard().make_unset(name, 1000);
    CHECK(count_parameters(*network) == model["num_params"].get<std::int64_t>());
    CHECK(ModelZoo::standard().entry(name).parameters == model["num_params"].get<std::int64_t>());
    CHECK(count_parameters(*network, true) == model["num_trainable"].get<std::int64_t>());
    CHECK(network->parameters().size() == model["num_param_tensors"].get<std::size_t>());
    std::int64_t buffer_elements = 0;
    for (const auto& buffer : network->buffers()) buffer_elements += buffer.numel();
    CHECK(buffer_elements == model["num_buffer_elements"].get<std::int64_t>());
    CHECK(named_state(*network).size() == model["num_state_entries"].get<std::size_t>());
    CHECK(state_hash(*network) == model["state_dict_fnv1a64"].get<std::string>());
    check_layer_constants(*network, model["layer_constants"]);

    const auto before = state_lines(*network);
    network->replace_head(10);
    CHECK(count_parameters(*network) == model["num_params_10_classes"].get<std::int64_t>());
    const auto after = state_lines(*network);
    REQUIRE(before.size() == after.size());
    std::vector<std::string> changed;
    for (std::size_t i = 0; i < before.size(); ++i)
        if (before[i] != after[i]) changed.push_back(before[i].substr(0, before[i].find(' ')));
    CHECK(changed == model["class_dependent_entries"].get<std::vector<std::string>>());
    if (model.contains("without_aux")) check_without_auxiliary(name, model["without_aux"]);
}

/// Whether the reference's module `row` ends where stage `i` ends: it is the stage, or holds it as its last.
bool ends_with_stage(const std::string& row, const std::vector<Stage>& stages, std::size_t i) {
    if (row == stages[i].name) return true;
    const auto inside = [&](std::size_t k) { return stages[k].name.starts_with(row + "."); };
    return inside(i) && (i + 1 == stages.size() || !inside(i + 1));
}

/// Where a stage ends in a module that the reference recorded, its output is compared too.
std::size_t check_stages(Network& network, torch::Tensor x, const json& trace) {
    std::size_t compared = 0;
    const auto& stages = network.stages();
    for (std::size_t i = 0; i < stages.size(); ++i) {
        x = network.forward_stages(x, i, i + 1);
        for (const auto& row : trace) {
            if (!ends_with_stage(row[0], stages, i) ||
                row[1].get<std::vector<std::int64_t>>() != x.sizes().vec())
                continue;
            INFO("stage " << stages[i].name);
            CHECK(x.norm().item<double>() == doctest::Approx(row[2].get<double>()).epsilon(1e-4));
            CHECK(x.mean().item<double>() ==
                  doctest::Approx(row[3].get<double>()).epsilon(1e-4).scale(x.abs().mean().item<double>()));
            ++compared;
        }
    }
    return compared;
}

void check_case(Network& network, const json& one) {
    torch::InferenceMode inference;
    const auto x = test::image(one["input_seed"], one["input_shape"].get<std::vector<std::int64_t>>());
    const auto logits = network.forward(x);
    const double scale = logits.abs().max().item<double>();
    const double tolerance = 1e-4 * scale;
    CHECK(difference(logits, one["logits16"]) < tolerance);
    for (std::size_t row = 0; row < one["logits_l2"].size(); ++row) {
        const auto of_row = logits[static_cast<std::int64_t>(row)].to(torch::kFloat64);
        CHECK(of_row.norm().item<double>() ==
              doctest::Approx(one["logits_l2"][row].get<double>()).epsilon(1e-4));
        CHECK(std::abs(of_row.sum().item<double>() - one["logits_sum"][row].get<double>()) <
              1000 * tolerance);
        if (one["top2_margin"][row].get<double>() > 2 * tolerance)
            CHECK(of_row.argmax().item<std::int64_t>() == one["argmax"][row].get<std::int64_t>());
    }
    CHECK(check_stages(network, x, one["trace"]) > 0);
}

double number(const json& value) { return value.is_string() ? std::nan("") : value.get<double>(); }

bool same(double a, const json& b) { return a == number(b) || (std::isnan(a) && std::isnan(number(b))); }

void check_published(const json& expected, std::span<const PublishedWeights> published) {
    const auto found = std::find_if(published.begin(), published.end(), [&](const PublishedWeights& one) {
        return one.name == expected["weights"].get<std::string>();
    });
    REQUIRE(found != published.end());
    CHECK(found->is_default == expected["is_default"].get<bool>());
    CHECK(found->parameters == expected["num_params"].get<std::int64_t>());
    CHECK(found->classes == expected["num_categories"].get<std::int64_t>());
    for (const auto& metrics : expected["metrics"]) {
        CHECK(same(found->top1_percent, metrics["acc@1"]));
        CHECK(same(found->top5_percent, metrics["acc@5"]));
    }
    CHECK(same(found->gflops, expected["gflops"]));
    CHECK(same(found->megabytes, expected["file_size_mb"]));
    CHECK(found->minimum_size == expected["min_size"][0].get<std::int64_t>());
    CHECK(found->file == expected["file_name"].get<std::string>());
    const auto& transforms = expected["transforms"];
    CHECK(found->crop_size == transforms["crop_size"][0].get<std::int64_t>());
    CHECK(found->resize_size == transforms["resize_size"][0].get<std::int64_t>());
    CHECK(found->interpolation == transforms["interpolation"].get<std::string>());
    CHECK(found->mean == transforms["mean"].get<std::array<double, 3>>());
    CHECK(found->std == transforms["std"].get<std::array<double, 3>>());
}

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

TEST_CASE("the formulas of the reference weights and images give the test vectors") {
    const auto path = test::shared("fixtures/models/fill_check.json");
    if (!path) return;
    const auto check = read_json(*path);
    for (const auto& [text, hash] : check["fnv1a64"].items())
        CHECK(fmt::format("{:016x}", test::fnv1a64(text)) == hash.get<std::string>());
    for (std::size_t i = 0; i < check["splitmix64_seed_1234567"].size(); ++i)
        CHECK(fmt::format("{:016x}", test::splitmix64(1234567, i)) ==
              check["splitmix64_seed_1234567"][i].get<std::string>());
    for (const auto& one : check["tensors"]) {
        const std::string name = one["name"];
        const auto tensor =
            test::filled(name, one["shape"].get<std::vector<std::int64_t>>(), one["weight_gain"]);
        if (!tensor.defined()) continue;  // kinds of parameters that the zoo has no use for
        INFO(name);
        const auto flat = tensor.flatten();
        for (std::size_t i = 0; i < one["first6"].size(); ++i)
            CHECK(flat[static_cast<std::int64_t>(i)].item<double>() == one["first6"][i].get<double>());
        CHECK(flat[-1].item<double>() == one["last2"][1].get<double>());
        CHECK(flat.to(torch::kFloat64).sum().item<double>() ==
              doctest::Approx(one["sum_float64"].get<double>()).epsilon(1e-12));
        test::count_run();
    }
    for (const auto& one : check["images"]) {
        const auto x = test::image(one["seed"], one["shape"].get<std::vector<std::int64_t>>());
        CHECK(x.to(torch::kFloat64).norm().item<double>() ==
              doctest::Approx(one["l2"].get<double>()).epsilon(1e-12));
        test::count_run();
    }
}

TEST_CASE("networks have the entries, counts, constants and logits of torchvision's") {
    at::set_num_threads(1);
    const auto path = test::shared("fixtures/models/classification.json");
    if (!path) return;
    const auto file = read_json(*path);  // outlives the loop over a part of it
    REQUIRE_FALSE(file["models"].empty());
    for (const auto& model : file["models"]) {
        const std::string name = model["model"];
        if (!have(name, "network")) continue;
        INFO(name);
        check_facts(name, model);
        auto network = ModelZoo::standard().make_unset(name, 1000);
        test::fill(*network, model["weight_gain"]);
        network->eval();
        for (const auto& one : model["cases"]) {
            check_case(*network, one);
            test::count_run();
        }
    }
}

TEST_CASE("state dictionaries are torchvision's, entry by entry") {
    const auto path = test::shared("fixtures/models/state_dicts.json");
    if (!path) return;
    const auto file = read_json(*path);
    for (const auto& [name, lines] : file["models"].items()) {
        if (!have(name, "state dictionary")) continue;
        INFO(name);
        CHECK(state_lines(*ModelZoo::standard().make_unset(name, 1000)) ==
              lines.get<std::vector<std::string>>());
        test::count_run();
    }
}

TEST_CASE("the published facts of pretrained weights are those of the zoo") {
    const auto path = test::shared("fixtures/models/meta.json");
    if (!path) return;
    const auto file = read_json(*path);  // outlives the loop over a part of it
    REQUIRE_FALSE(file["weights"].empty());
    for (const auto& weights : file["weights"]) {
        const std::string name = weights.value("model", "");
        if (!have(name, "published weights of")) continue;
        INFO(name);
        check_published(weights, ModelZoo::standard().entry(name).published);
        test::count_run();
    }
}

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

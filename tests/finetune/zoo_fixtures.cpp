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
#include "attune/finetune/zoo/batch_norm.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "support/shared_data.hpp"
#include "zoo_fill.hpp"
#include "zoo_reference.hpp"

using nlohmann::json;
using namespace attune;

using attune::test::difference;
using attune::test::have;
using attune::test::read_json;

namespace {

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
        if (const auto* norm = item.value()->as<BatchNorm2d>()) {
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

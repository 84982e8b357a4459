#include "support/doctest_torch.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/parameters.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

using namespace attune;

// What every network of the zoo has to keep to; a new architecture is tested by being in the zoo.
namespace {

constexpr std::int64_t classes = 7;

/// Above this many parameters the parts of the contract that copy or differentiate all of them are left to
/// the smaller members of the same family.
constexpr std::int64_t large = 30'000'000;

torch::Tensor images(const Network& network, std::int64_t count = 2) {
    const auto side = network.input.minimum_size;
    return torch::randn({count, 3, side, side});
}

std::map<std::string, torch::Tensor> snapshot(const Network& network) {
    std::map<std::string, torch::Tensor> result;
    for (const auto& [name, tensor] : named_state(network)) result[name] = tensor.detach().clone();
    return result;
}

/// Names of the entries that differ, or that only one side has.
std::set<std::string> changed(const std::map<std::string, torch::Tensor>& before, const Network& network) {
    std::set<std::string> result;
    const auto after = named_state(network);
    REQUIRE(after.size() == before.size());
    for (const auto& [name, tensor] : after)
        if (!before.contains(name) || !torch::equal(before.at(name), tensor)) result.insert(name);
    return result;
}

std::set<std::string> head_entries(const Network& network) {
    return {network.head_name() + ".weight", network.head_name() + ".bias"};
}

void check_names(Network& network) {
    const auto parameters = network.named_parameters();
    for (const auto& name : head_entries(network)) CHECK(parameters.contains(name));
    std::set<std::string> stage_names;
    std::vector<std::string> prefixes;
    for (const auto& stage : network.stages()) {
        stage_names.insert(stage.name);
        prefixes.insert(prefixes.end(), stage.prefixes.begin(), stage.prefixes.end());
    }
    CHECK(stage_names.size() == network.stages().size());
    std::set<std::size_t> owners;
    for (const auto& [name, tensor] : named_state(network)) {
        const auto claims = std::count_if(
            prefixes.begin(), prefixes.end(),
            [&, &entry = name](const std::string& prefix) { return entry.starts_with(prefix); });
        INFO(name);
        CHECK(claims == (head_entries(network).contains(name) ? 0 : 1));
        owners.insert(stage_of(network, name));
    }
    CHECK(owners.size() == network.stages().size() + 1);
    CHECK_THROWS_AS(static_cast<void>(stage_of(network, "nothing.weight")), UnknownName);
}

void check_cuts(Network& network) {
    torch::InferenceMode inference;
    network.eval();
    const auto x = images(network);
    const auto untouched = x.clone();
    const auto whole = network.forward(x);
    CHECK(whole.sizes() == torch::IntArrayRef({2, classes}));
    CHECK(torch::equal(x, untouched));
    const auto n = network.stages().size();
    std::vector<torch::Tensor> outputs{x};
    for (std::size_t i = 0; i < n; ++i) outputs.push_back(network.forward_stages(outputs.back(), i, i + 1));
    const auto features = outputs.back().clone();
    CHECK(features.size(0) == 2);
    CHECK((features.dim() == 2 || features.dim() == 4));
    CHECK(features.size(1) == network.named_parameters()[network.head_name() + ".weight"].size(1));
    CHECK(torch::equal(network.forward_head(outputs.back()), whole));
    CHECK(torch::equal(outputs.back(), features));
    // A cached output must survive what is computed from it.
    for (std::size_t cut = 0; cut <= n; ++cut) {
        INFO("cut before stage " << cut);
        const auto cached = outputs[cut].clone();
        CHECK(torch::equal(network.forward_stages(outputs[cut], cut, n), features));
        CHECK(torch::equal(outputs[cut], cached));
    }
    CHECK(torch::equal(network.forward_stages(x, 0, 0), x));
    CHECK_THROWS_AS(network.forward_stages(x, 0, n + 1), InvalidOption);
    CHECK_THROWS_AS(network.forward_stages(x, 1, 0), InvalidOption);
}

void check_layouts(Network& network) {
    torch::InferenceMode inference;
    network.eval();
    const auto x = images(network);
    const auto plain = network.forward_stages(x, 0, network.stages().size() / 2);
    const auto last = network.forward_stages(x.contiguous(torch::MemoryFormat::ChannelsLast), 0,
                                             network.stages().size() / 2);
    CHECK(last.is_contiguous(torch::MemoryFormat::ChannelsLast));
    CHECK(torch::allclose(plain, last, 1e-4, 1e-5 * plain.abs().max().item<double>()));
}

void check_replaced_head(Network& network) {
    const auto before = snapshot(network);
    network.eval();
    network.replace_head(3);
    CHECK(network.classes() == 3);
    CHECK(changed(before, network) == head_entries(network));
    for (const auto& item : network.named_modules()) CHECK_FALSE(item.value()->is_training());
    const auto weight = network.named_parameters()[network.head_name() + ".weight"];
    CHECK(weight.size(0) == 3);
    CHECK(weight.requires_grad());
    CHECK(weight.std().item<double>() > 0);
    CHECK_THROWS_AS(network.replace_head(0), InvalidOption);
    CHECK_THROWS_AS(network.set_head_dropout(1), InvalidOption);
    CHECK_THROWS_AS(network.set_head_dropout(std::nan("")), InvalidOption);
    network.to(torch::kFloat64);
    network.replace_head(classes);
    CHECK((network.named_parameters()[network.head_name() + ".weight"].scalar_type() == torch::kFloat64));
    network.to(torch::kFloat32);
}

void check_head_dropout(Network& network) {
    network.train();
    network.set_head_dropout(0);
    torch::NoGradGuard no_grad;
    const auto features = network.forward_stages(images(network), 0, network.stages().size());
    CHECK(torch::equal(network.forward_head(features), network.forward_head(features)));
}

std::set<std::string> with_gradients(const Network& network) {
    std::set<std::string> result;
    for (const auto& item : network.named_parameters())
        if (item.value().grad().defined()) result.insert(item.key());
    return result;
}

void check_freezing(Network& network, std::size_t count) {
    INFO("frozen stages " << count);
    freeze_stages(network, count);
    const auto before = snapshot(network);
    network.zero_grad();
    for (const auto& parameter : network.parameters()) parameter.mutable_grad().reset();
    network.forward(images(network, 4)).square().mean().backward();
    std::set<std::string> expected;
    for (const auto& item : network.named_parameters())
        if (stage_of(network, item.key()) >= count) expected.insert(item.key());
    CHECK(with_gradients(network) == expected);
    for (const auto& name : changed(before, network)) {
        INFO(name << " is a running statistic of a stage that trains");
        CHECK(stage_of(network, name) >= count);
        CHECK_FALSE(expected.contains(name));
    }
    std::set<std::string> grouped;
    std::size_t previous = 0;
    for (const auto& group : parameter_groups(network, count)) {
        CHECK(group.stage >= std::max(count, previous));
        previous = group.stage;
        CHECK(group.names.size() == group.parameters.size());
        grouped.insert(group.names.begin(), group.names.end());
    }
    CHECK(grouped == expected);
}

void check_modes(Network& network) {
    const auto x = images(network, 4);
    torch::NoGradGuard no_grad;
    network.eval();
    const auto before = snapshot(network);
    const auto once = network.forward(x);
    CHECK(torch::equal(once, network.forward(x)));
    CHECK(changed(before, network).empty());
    const bool normalised = before.size() > network.named_parameters().size();
    network.train();
    network.set_head_dropout(0);
    network.forward(x);
    CHECK(changed(before, network).empty() != normalised);
}

void check_saving(const ZooEntry& entry, Network& network) {
    auto other = entry.build(classes);
    const auto file = state_dict(network);
    const auto report = load_state_dict(*other, file);
    CHECK(report.fits());
    CHECK(report.loaded.size() == file.tensors.size());
    CHECK(changed(snapshot(network), *other).empty());
}

}  // namespace

TEST_CASE("every network of the zoo keeps the contract") {
    at::set_num_threads(1);
    torch::manual_seed(1);
    for (const auto& entry : ModelZoo::standard().entries()) {
        INFO(entry.name);
        auto network = ModelZoo::standard().make(entry.name);
        CHECK(network->classes() == entry.classes);
        CHECK(count_parameters(*network) == entry.parameters);
        CHECK(network->input.image_size == entry.input.image_size);
        network->replace_head(classes);
        check_names(*network);
        check_cuts(*network);
        check_head_dropout(*network);
        if (entry.parameters > large) continue;
        check_layouts(*network);
        check_saving(entry, *network);
        check_replaced_head(*network);
        const auto n = network->stages().size();
        for (const auto count : {std::size_t{0}, n / 2, n}) check_freezing(*network, count);
        freeze_stages(*network, 0);
        check_modes(*network);
    }
}

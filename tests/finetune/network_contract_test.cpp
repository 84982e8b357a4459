#include "support/doctest_torch.hpp"

#include <c10/util/Flags.h>
#include <torch/nn/modules/batchnorm.h>

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
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

// Of libtorch's allocator: fresh memory is filled with a pattern that reads as NaN.
C10_DECLARE_bool(caffe2_cpu_allocator_do_junk_fill);

using namespace attune;

// What every network of the zoo has to keep to; a new architecture is tested by being in the zoo.
namespace {

constexpr std::int64_t classes = 7;

/// As small as the network takes: an encoder of patches sees four of them.
void shrink(Network& network) {
    if (network.input.fixed_size) network.set_image_size(2 * network.input.multiple);
}

torch::Tensor images(const Network& network, std::int64_t count = 2) {
    // Auxiliary heads need the sizes that they were made for.
    const auto& input = network.input;
    const auto side = network.auxiliary_heads().empty() ? input.minimum_size : input.image_size;
    return torch::randn({count, input.channels, side, side});
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

std::set<std::string> entries_of(const Network& network, const std::string& layer) {
    std::set<std::string> result{layer + ".weight"};
    if (network.named_parameters().contains(layer + ".bias")) result.insert(layer + ".bias");
    return result;
}

std::set<std::string> head_entries(const Network& network) {
    return entries_of(network, network.head_name());
}

/// Those of the auxiliary heads, too.
std::set<std::string> class_entries(const Network& network) {
    auto result = head_entries(network);
    for (const auto& head : network.auxiliary_heads()) result.merge(entries_of(network, head.name));
    return result;
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
    // Networks of tokens compute in their own layout whatever comes in.
    CHECK((last.is_contiguous(torch::MemoryFormat::ChannelsLast) || last.strides() == plain.strides()));
    CHECK(torch::allclose(plain, last, 1e-4, 1e-5 * plain.abs().max().item<double>()));
}

void check_replaced_head(Network& network) {
    const auto before = snapshot(network);
    network.eval();
    network.replace_head(3);
    CHECK(network.classes() == 3);
    CHECK(changed(before, network) == class_entries(network));
    for (const auto& item : network.named_modules()) CHECK_FALSE(item.value()->is_training());
    const auto weight = network.named_parameters()[network.head_name() + ".weight"];
    CHECK(weight.size(0) == 3);
    CHECK(weight.requires_grad());
    CHECK(weight.isfinite().all().item<bool>());
    CHECK_THROWS_AS(network.replace_head(0), InvalidOption);
    CHECK_THROWS_AS(network.set_head_dropout(1), InvalidOption);
    CHECK_THROWS_AS(network.set_head_dropout(std::nan("")), InvalidOption);
    network.to(torch::kFloat64);
    network.replace_head(classes);
    CHECK((network.named_parameters()[network.head_name() + ".weight"].scalar_type() == torch::kFloat64));
    network.to(torch::kFloat32);
}

/// What a training begins with is drawn from its seed alone, whatever the heads are.
void check_fresh_start(Network& network) {
    const auto start = [&](HeadStart how, std::int64_t torch_seed) {
        torch::manual_seed(static_cast<std::uint64_t>(torch_seed));
        network.replace_head(classes);
        start_head(network, 3, how, 5);
        CHECK(network.classes() == 3);
    };
    for (const auto how : {HeadStart::normal, HeadStart::zeros, HeadStart::uniform}) {
        start(how, 1);
        const auto before = snapshot(network);
        start(how, 2);
        CHECK(changed(before, network).empty());
    }
    network.replace_head(classes);
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
    const auto output = training_logits(network, images(network, network.auxiliary_heads().empty() ? 4 : 2));
    auto loss = output.logits.square().mean();
    for (const auto& [weight, logits] : output.auxiliary) loss = loss + weight * logits.square().mean();
    loss.backward();
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
    const auto modules = network.modules();
    const bool normalised = std::any_of(modules.begin(), modules.end(), [](const auto& module) {
        return module->template as<BatchNorm2d>() != nullptr;
    });
    network.train();
    network.set_head_dropout(0);
    network.forward(x);
    CHECK(changed(before, network).empty() != normalised);
}

void check_saving(const ZooEntry& entry, Network& network) {
    auto other = ModelZoo::standard().make_unset(entry.name, classes);
    other->input = network.input;
    shrink(*other);
    const auto file = state_dict(network);
    const auto report = load_state_dict(*other, file);
    CHECK(report.fits());
    CHECK(report.loaded.size() == file.tensors.size());
    CHECK(changed(snapshot(network), *other).empty());
}

void check_input(Network& network) {
    const auto& input = network.input;
    const auto n = network.stages().size();
    const auto small = torch::zeros({1, input.channels, input.minimum_size - 1, input.minimum_size});
    CHECK_THROWS_AS(network.forward_stages(small, 0, n), InvalidOption);
    CHECK_THROWS_AS(
        network.forward_stages(torch::zeros({1, 5, input.minimum_size, input.minimum_size}), 0, n),
        InvalidOption);
    CHECK_THROWS_AS(network.forward_stages(torch::zeros({3, 32, 32}), 0, n), InvalidOption);
    const auto old = input.image_size;
    CHECK_THROWS_AS(network.set_image_size(input.fixed_size ? old + 1 : input.minimum_size - 1),
                    InvalidOption);
    CHECK(input.image_size == old);
    const auto larger = input.fixed_size ? old + input.multiple : 2 * input.minimum_size;
    network.set_image_size(larger);
    CHECK(network.input.image_size == larger);
    if (input.multiple <= 32) {  // MaxViT's next size costs four times the smallest
        torch::InferenceMode inference;
        network.eval();
        CHECK(network.forward(torch::zeros({1, input.channels, larger, larger})).size(1) == classes);
    }
    network.set_image_size(old);
}

void check_channels(Network& network) {
    torch::NoGradGuard no_grad;
    network.eval();
    const auto grey = images(network, 1).narrow(1, 0, 1);
    const auto coloured = network.forward(grey.repeat({1, 3, 1, 1}));
    const auto close = [&](std::int64_t channels) {
        network.set_input_channels(channels);
        CHECK(network.input.channels == channels);
        const auto logits = network.forward(grey.repeat({1, channels, 1, 1}));
        CHECK(torch::allclose(logits, coloured, 1e-3, 1e-3 * coloured.abs().max().item<double>()));
    };
    close(1);
    close(4);
    CHECK_THROWS_AS(network.set_input_channels(0), InvalidOption);
    network.set_input_channels(3);
}

void check_born_finite(const Network& network) {
    for (const auto& [name, tensor] : named_state(network)) {
        INFO(name);
        CHECK(tensor.isfinite().all().item<bool>());
    }
}

/// Memory that nobody sets reads as NaN while one lives.
class JunkMemory {
  public:
    JunkMemory() { FLAGS_caffe2_cpu_allocator_do_junk_fill = true; }
    ~JunkMemory() { FLAGS_caffe2_cpu_allocator_do_junk_fill = false; }
    JunkMemory(const JunkMemory&) = delete;
    JunkMemory& operator=(const JunkMemory&) = delete;
};

/// The members of a family share their blocks: the smallest stands for all in what takes time.
bool smallest_of_family(const ZooEntry& entry) {
    const auto& entries = ModelZoo::standard().entries();
    return std::none_of(entries.begin(), entries.end(), [&](const ZooEntry& other) {
        return other.family == entry.family && other.parameters < entry.parameters;
    });
}

void check_structure(const ZooEntry& entry) {
    auto network = ModelZoo::standard().make_unset(entry.name, entry.classes);
    CHECK(network->classes() == entry.classes);
    CHECK(count_parameters(*network) == entry.parameters);
    CHECK(network->input.image_size == entry.input.image_size);
    CHECK(entry.input.accepts(entry.input.image_size, entry.input.image_size));
    network->replace_head(classes);
    check_names(*network);
}

void check_all(const ZooEntry& entry) {
    auto network = [&] {
        const JunkMemory junk;
        return ModelZoo::standard().make(entry.name, classes);
    }();
    check_born_finite(*network);
    shrink(*network);
    check_cuts(*network);
    check_head_dropout(*network);
    check_layouts(*network);
    check_saving(entry, *network);
    check_replaced_head(*network);
    check_fresh_start(*network);
    check_input(*network);
    check_channels(*network);
    const auto n = network->stages().size();
    for (const auto count : {std::size_t{0}, n / 2, n}) check_freezing(*network, count);
    freeze_stages(*network, 0);
    check_modes(*network);
}

}  // namespace

TEST_CASE("every network of the zoo has the entries, the stages and the head that it says") {
    for (const auto& entry : ModelZoo::standard().entries()) {
        INFO(entry.name);
        check_structure(entry);
    }
}

TEST_CASE("every family of the zoo keeps the contract") {
    at::set_num_threads(1);
    torch::manual_seed(1);
    for (const auto& entry : ModelZoo::standard().entries()) {
        if (!smallest_of_family(entry)) continue;
        INFO(entry.name);
        check_all(entry);
    }
}

#include "attune/finetune/zoo/model_zoo.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/cifar_resnet.hpp"
#include "attune/finetune/zoo/fastestdet_shufflenet.hpp"
#include "attune/finetune/zoo/mobilenet_v2.hpp"
#include "attune/finetune/zoo/resnet.hpp"
#include "attune/finetune/zoo/shufflenet_v2.hpp"
#include "attune/finetune/zoo/squeezenet.hpp"

namespace attune {
namespace {

/// Levenshtein's distance: insertions, deletions and replacements that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

/// Case and separators are what people get wrong; they do not count.
std::string simplified(std::string_view name) {
    std::string result;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z')
            result += static_cast<char>(c - 'A' + 'a');
        else if (c != '_' && c != '-' && c != '.' && c != ' ')
            result += c;
    }
    return result;
}

constexpr std::int64_t imagenet_classes = 1000;
constexpr std::int64_t cifar_classes = 10;

ZooEntry of_resnet(std::string name, std::string family, std::int64_t parameters,
                   const ResNetOptions& options) {
    return {std::move(name),
            std::move(family),
            imagenet_classes,
            parameters,
            {},
            [options](std::int64_t classes) { return resnet(options, classes); }};
}

ZooEntry of_shufflenet(std::string name, std::int64_t parameters, double width) {
    return {std::move(name), "ShuffleNetV2", imagenet_classes, parameters, {}, [width](std::int64_t classes) {
                return shufflenet_v2(width, classes);
            }};
}

ZooEntry of_cifar_resnet(int depth, std::int64_t parameters) {
    return {"resnet" + std::to_string(depth),
            "ResNet for 32 x 32",
            cifar_classes,
            parameters,
            InputSpec{.image_size = 32, .minimum_size = 8},
            [depth](std::int64_t classes) { return cifar_resnet(depth, classes); }};
}

// FastestDet feeds its trunk RGB in [0, 1] as it is.
constexpr InputSpec unnormalised{.mean = {0, 0, 0}, .std = {1, 1, 1}};

ModelZoo make_standard() {
    ModelZoo zoo;
    zoo.add({"mobilenet_v2", "MobileNetV2", imagenet_classes, 3'504'872, {}, mobilenet_v2});
    zoo.add(
        {"squeezenet1_0", "SqueezeNet", imagenet_classes, 1'248'424, {.minimum_size = 21}, squeezenet1_0});
    zoo.add(
        {"squeezenet1_1", "SqueezeNet", imagenet_classes, 1'235'496, {.minimum_size = 17}, squeezenet1_1});
    zoo.add(of_shufflenet("shufflenet_v2_x0_5", 1'366'792, 0.5));
    zoo.add(of_shufflenet("shufflenet_v2_x1_0", 2'278'604, 1.0));
    zoo.add(of_shufflenet("shufflenet_v2_x1_5", 3'503'624, 1.5));
    zoo.add(of_shufflenet("shufflenet_v2_x2_0", 7'393'996, 2.0));
    zoo.add(of_resnet("resnet18", "ResNet", 11'689'512, {.blocks = {2, 2, 2, 2}}));
    zoo.add(of_resnet("resnet34", "ResNet", 21'797'672, {.blocks = {3, 4, 6, 3}}));
    zoo.add(of_resnet("resnet50", "ResNet", 25'557'032, {.blocks = {3, 4, 6, 3}, .bottleneck = true}));
    zoo.add(of_resnet("resnet101", "ResNet", 44'549'160, {.blocks = {3, 4, 23, 3}, .bottleneck = true}));
    zoo.add(of_resnet("resnet152", "ResNet", 60'192'808, {.blocks = {3, 8, 36, 3}, .bottleneck = true}));
    zoo.add(of_resnet("resnext50_32x4d", "ResNeXt", 25'028'904,
                      {.blocks = {3, 4, 6, 3}, .bottleneck = true, .groups = 32, .group_width = 4}));
    zoo.add(of_resnet("resnext101_32x8d", "ResNeXt", 88'791'336,
                      {.blocks = {3, 4, 23, 3}, .bottleneck = true, .groups = 32, .group_width = 8}));
    zoo.add(of_resnet("resnext101_64x4d", "ResNeXt", 83'455'272,
                      {.blocks = {3, 4, 23, 3}, .bottleneck = true, .groups = 64, .group_width = 4}));
    zoo.add(of_resnet("wide_resnet50_2", "Wide ResNet", 68'883'240,
                      {.blocks = {3, 4, 6, 3}, .bottleneck = true, .group_width = 128}));
    zoo.add(of_resnet("wide_resnet101_2", "Wide ResNet", 126'886'696,
                      {.blocks = {3, 4, 23, 3}, .bottleneck = true, .group_width = 128}));
    zoo.add(of_cifar_resnet(20, 269'722));
    zoo.add(of_cifar_resnet(32, 464'154));
    zoo.add(of_cifar_resnet(44, 658'586));
    zoo.add(of_cifar_resnet(56, 853'018));
    zoo.add(of_cifar_resnet(110, 1'727'962));
    zoo.add({"shufflenetv2_x0.5-backbone", "ShuffleNetV2 of FastestDet", imagenet_classes, 336'136,
             unnormalised, fastestdet_shufflenet});
    return zoo;
}

}  // namespace

const ModelZoo& ModelZoo::standard() {
    static const ModelZoo zoo = make_standard();
    return zoo;
}

void ModelZoo::add(ZooEntry entry) {
    if (entry.name.empty()) throw InvalidOption("the name of a zoo entry is empty; it must not be");
    if (contains(entry.name))
        throw InvalidOption(
            fmt::format("the zoo already has a network called '{}'; names are unique", entry.name));
    if (!entry.build)
        throw InvalidOption(
            fmt::format("build of the zoo entry '{}' is empty; it must make the network", entry.name));
    if (entry.classes < 1 || entry.parameters < 1)
        throw InvalidOption(
            fmt::format("the zoo entry '{}' has {} classes and {} parameters; both must be at least 1",
                        entry.name, entry.classes, entry.parameters));
    entries_.push_back(std::move(entry));
}

std::vector<std::string> ModelZoo::names() const {
    std::vector<std::string> result;
    for (const auto& entry : entries_) result.push_back(entry.name);
    return result;
}

bool ModelZoo::contains(const std::string& name) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const ZooEntry& entry) { return entry.name == name; });
}

const ZooEntry& ModelZoo::entry(const std::string& name) const {
    for (const auto& entry : entries_)
        if (entry.name == name) return entry;
    if (entries_.empty()) throw UnknownName(fmt::format("no network is called '{}': the zoo is empty", name));
    const auto wanted = simplified(name);
    const auto distance = [&](const ZooEntry& e) { return edit_distance(wanted, simplified(e.name)); };
    const auto nearest =
        std::min_element(entries_.begin(), entries_.end(),
                         [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    // A name that shares little with every other is no slip of the pen: a guess would be noise.
    const bool near = 3 * distance(*nearest) <= std::max(wanted.size(), simplified(nearest->name).size());
    throw UnknownName(fmt::format("no network is called '{}'; {}known are {}", name,
                                  near ? fmt::format("the nearest is '{}'; ", nearest->name) : "",
                                  fmt::join(names(), ", ")));
}

NetworkPtr ModelZoo::make(const std::string& name) const { return make(name, entry(name).classes); }

NetworkPtr ModelZoo::make(const std::string& name, std::int64_t classes) const {
    const auto& known = entry(name);
    auto network = known.build(classes);
    network->input = known.input;
    return network;
}

}  // namespace attune

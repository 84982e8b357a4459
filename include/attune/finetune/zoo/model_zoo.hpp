#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attune/finetune/input_spec.hpp"
#include "attune/finetune/zoo/published_weights.hpp"

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// One architecture and what is known of it before it is built.
struct ZooEntry {
    std::string name;             ///< torchvision's where torchvision has it, such as "resnet18"
    std::string family;           ///< such as "ResNet"
    std::int64_t classes = 1000;  ///< of its usual pretrained weights
    std::int64_t parameters = 0;  ///< scalars in the parameters, with that many classes
    InputSpec input;              ///< of its usual pretrained weights; what `make` builds carries it

    /// Builds the network with a head for `classes` classes, initialised at random from torch's default
    /// generator.
    std::function<NetworkPtr(std::int64_t classes)> build;

    /// What is known of its pretrained files; empty where nothing is.
    std::span<const PublishedWeights> published{};

    /// Of the published weights the ones that their authors recommend; null where there are none.
    [[nodiscard]] const PublishedWeights* usual_weights() const noexcept;
};

/// What is looked for in a zoo; every condition that is set must hold. Accuracy and GFLOPs are those of the
/// usual published weights: entries without any do not meet a condition on them.
struct ZooQuery {
    std::string text{};    ///< part of the name or of the family, in any case
    std::string family{};  ///< exactly
    std::optional<std::int64_t> minimum_parameters{};
    std::optional<std::int64_t> maximum_parameters{};
    std::optional<std::int64_t> image_size{};  ///< squares of that side pass (ViT: after set_image_size)
    std::optional<double> minimum_top1_percent{};
    std::optional<double> maximum_gflops{};

    /// Throws InvalidOption for bounds below 0, NaN, or a minimum above the maximum.
    void validate() const;
};

/// The network architectures that can be made by name.
///
/// A plain value: hosts copy the standard one and add their own. Thread safety: const members may be called
/// from several threads, as long as no one adds; building draws from torch's default generator, which locks.
class ModelZoo {
  public:
    /// An empty zoo.
    ModelZoo() = default;

    /// The classification networks of torchvision, MobileNetV1, ResNet for 32 x 32 pixels, and the
    /// ShuffleNetV2 trunk of FastestDet.
    [[nodiscard]] static const ModelZoo& standard();

    /// Throws InvalidOption for an empty or known name, a missing builder, or fewer than one class or
    /// parameter.
    void add(ZooEntry entry);

    [[nodiscard]] const std::vector<ZooEntry>& entries() const noexcept { return entries_; }

    /// In the order in which they were added.
    [[nodiscard]] std::vector<std::string> names() const;

    [[nodiscard]] bool contains(const std::string& name) const noexcept;

    /// Throws UnknownName, with the nearest name and the list of all.
    [[nodiscard]] const ZooEntry& entry(const std::string& name) const;

    /// The entries that meet the query, in the order in which they were added. Throws InvalidOption as
    /// `ZooQuery::validate` does.
    [[nodiscard]] std::vector<const ZooEntry*> find(const ZooQuery& query) const;

    /// A network with random weights and the usual number of classes. Throws UnknownName as `entry` does.
    [[nodiscard]] NetworkPtr make(const std::string& name) const;

    /// The same for `classes` classes. Throws UnknownName, and InvalidOption for fewer than one class.
    [[nodiscard]] NetworkPtr make(const std::string& name, std::int64_t classes) const;

    /// The same without drawing weights: those of convolutions and linear layers are unset memory until a
    /// file is loaded. Saves seconds for the large ones, and their memory is not touched. The builders of
    /// other hosts' entries may draw all the same.
    [[nodiscard]] NetworkPtr make_unset(const std::string& name, std::int64_t classes) const;

  private:
    std::vector<ZooEntry> entries_;
};

}  // namespace attune

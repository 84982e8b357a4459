#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attune/finetune/input_spec.hpp"

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
};

/// The network architectures that can be made by name.
///
/// A plain value: hosts copy the standard one and add their own. Thread safety: const members may be called
/// from several threads, as long as no one adds; building draws from torch's default generator, which locks.
class ModelZoo {
  public:
    /// An empty zoo.
    ModelZoo() = default;

    /// MobileNetV2, SqueezeNet, ShuffleNetV2, ResNet with ResNeXt and Wide ResNet, ResNet for 32 x 32 pixels,
    /// and the ShuffleNetV2 trunk of FastestDet.
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

    /// A network with random weights and the usual number of classes. Throws UnknownName as `entry` does.
    [[nodiscard]] NetworkPtr make(const std::string& name) const;

    /// The same for `classes` classes. Throws UnknownName, and InvalidOption for fewer than one class.
    [[nodiscard]] NetworkPtr make(const std::string& name, std::int64_t classes) const;

  private:
    std::vector<ZooEntry> entries_;
};

}  // namespace attune

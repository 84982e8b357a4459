#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"

namespace at {
class Tensor;
}

namespace attune {

class Network;

struct FeatureCacheOptions {
    std::int64_t memory_limit_bytes = 4LL << 30;  ///< of the features that are kept in memory
    /// A folder for those that do not fit there: they are mapped from files without names, which go with the
    /// cache. Best on a fast disk; empty: nothing goes to disk.
    std::filesystem::path file_folder{};
    std::int64_t file_limit_bytes = 64LL << 30;  ///< of the features in files
    bool half_precision = false;                 ///< keep float16 (half the memory, about 3 digits)
    std::int64_t batch_size = 32;                ///< images a forward pass
    /// Where the network computes for the length of a pass, such as "cuda:0"; empty: where it is. Features
    /// are kept in the processor's memory either way.
    std::string device{};
    std::function<void(std::int64_t done, std::int64_t total)>
        progress{};  ///< images times views of this pass
    std::stop_token stop{};

    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;
};

/// The output of the first k stages of a pretrained network for every image, computed once and shared.
///
/// While these stages are frozen (in evaluation mode, statistics included), their output for an image and a
/// view never changes, so all trials of a study can read it instead of computing it. Each (cut, view) is
/// computed when first asked for, all of them for the rows of the data's split; threads that ask for the same
/// wait for one computation.
///
/// Thread safety: all members may be called from several threads at once. Values do not depend on who asks
/// first.
class FeatureCache {
  public:
    /// The cache keeps `network` and runs it itself: hand over one that nothing else trains or moves.
    FeatureCache(std::shared_ptr<Network> network, ImageData data, FeatureCacheOptions options = {});
    ~FeatureCache();
    FeatureCache(const FeatureCache&) = delete;
    FeatureCache& operator=(const FeatureCache&) = delete;

    /// Number of cuts: stages of the network; `cut` stages are frozen, from 1 to this.
    [[nodiscard]] std::size_t stage_count() const;

    /// Computes several cuts and views, all in one pass over the images; those that are there are left
    /// alone. Throws InvalidOption when the limits would be passed (before computing), FileError where the
    /// disk has no room, InvalidState when stopped.
    void prepare(std::span<const std::size_t> cuts, std::span<const View> views);

    /// Features of `rows` (in that order) as float32, rows x ...; computed if need be.
    /// Throws InvalidOption for a row outside the data's split and for the reasons of `prepare`.
    [[nodiscard]] at::Tensor features(std::size_t cut, const View& view, std::span<const std::int64_t> rows);

    /// Bytes that features of one cut and view take.
    [[nodiscard]] std::int64_t bytes_of(std::size_t cut, const View& view = {});

    /// Whether these views at all of these cuts are kept already or can be, together, within the limits.
    [[nodiscard]] bool fits(std::span<const std::size_t> cuts, std::span<const View> views);
    [[nodiscard]] bool fits(std::size_t cut, std::span<const View> views) { return fits({&cut, 1}, views); }

    [[nodiscard]] std::int64_t bytes_used() const;  ///< of memory
    [[nodiscard]] std::int64_t file_bytes_used() const;
    [[nodiscard]] std::int64_t images_computed() const;  ///< forward passes so far, in images
    [[nodiscard]] double seconds_computing() const;      ///< spent on them
    [[nodiscard]] const ImageData& data() const;
    [[nodiscard]] const FeatureCacheOptions& options() const;

    /// Throws InvalidState where the first `cut` stages of `network` do not hold the weights that the
    /// features were made with, or `data` holds other images. The network may be on another device.
    void require_match(const Network& network, std::size_t cut, const ImageData& data) const;

    /// Lets the first `cut` stages of `network` hold the cache's own tensors instead of copies of them, so
    /// that require_match() has nothing to compare. For networks that keep these stages frozen: a change of
    /// them would change the cache's network. Throws InvalidState where they hold other weights.
    void share_weights(Network& network, std::size_t cut) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// Output of stages [0, cut) in evaluation mode, without gradients, for `rows` of the data seen through
/// `view`: what FeatureCache keeps, computed now. Float32.
[[nodiscard]] at::Tensor compute_features(Network& network, const ImageData& data, std::size_t cut,
                                          const View& view, std::span<const std::int64_t> rows,
                                          std::int64_t batch_size = 32);

}  // namespace attune

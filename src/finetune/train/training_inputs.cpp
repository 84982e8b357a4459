#include "training_inputs.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "autocast.hpp"
#include "evaluation_mode.hpp"
#include "stage_output.hpp"

namespace attune::detail {
namespace {

std::vector<View> sized(std::vector<View> views, std::int64_t image_size) {
    for (auto& view : views)
        if (view.image_size == 0) view.image_size = image_size;
    return views;
}

/// A cache for this fit alone, on the very network that is trained: only its frozen stages are run.
std::shared_ptr<FeatureCache> own_cache(Network& network, const ImageData& data, std::int64_t bytes) {
    SplitRows split = data.split();
    split.test.clear();
    return std::make_shared<FeatureCache>(std::shared_ptr<Network>(std::shared_ptr<void>{}, &network),
                                          data.with_split(std::move(split)),
                                          FeatureCacheOptions{.memory_limit_bytes = bytes});
}

/// Features of rows, each through the view that the epoch shows it through.
torch::Tensor kept_batch(FeatureCache& features, std::size_t cut, const std::vector<View>& views,
                         const Recipe& recipe, std::span<const std::int64_t> rows, std::int64_t epoch) {
    if (views.size() == 1) return features.features(cut, views[0], rows);
    std::map<std::size_t, std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> by_view;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& [members, places] = by_view[choose_view(recipe.augmentation, recipe.seed, epoch, rows[i])];
        members.push_back(rows[i]);
        places.push_back(static_cast<std::int64_t>(i));
    }
    torch::Tensor result;
    for (const auto& [view, chosen] : by_view) {
        const auto part = features.features(cut, views[view], chosen.first);
        if (!result.defined()) {
            auto sizes = part.sizes().vec();
            sizes[0] = std::ssize(rows);
            result = torch::empty(sizes, part.options());
        }
        result.index_copy_(0, torch::tensor(chosen.second, torch::kInt64), part);
    }
    return result;
}

torch::Device device_of(const Network& network) { return network.parameters().front().device(); }

}  // namespace

void require_side(const Network& network, std::int64_t side) {
    network.check_images(
        torch::empty({1, network.input.channels, side, side}, torch::TensorOptions(torch::kUInt8)));
}

bool reads_features(FeatureCache& cache, const Recipe& recipe, std::size_t cut) {
    // Frozen stages that go on gathering statistics have no fixed output.
    if (cut == 0 || recipe.batch_norm == BatchNormPolicy::all_training || !recipe.augmentation.cacheable())
        return false;
    auto views = sized(views_of(recipe.augmentation), recipe.image_size);
    const auto test_views = sized(recipe.test_views, recipe.image_size);
    views.insert(views.end(), test_views.begin(), test_views.end());
    return cache.fits(cut, views);
}

TrainingInputs::TrainingInputs(Network& network, const TrainingSet& set, const Recipe& recipe,
                               std::size_t cut, std::int64_t own_cache_bytes)
    : network_(network),
      data_(set.data),
      recipe_(recipe),
      cut_(cut),
      views_(sized(views_of(recipe.augmentation), recipe.image_size)),
      pictures_([this, pins = !device_of(network).is_cpu()](std::span<const std::int64_t> rows,
                                                            std::int64_t epoch) {
          auto pictures = augment(data_.pixels_of(rows), rows, recipe_.augmentation, recipe_.seed, epoch,
                                  data_.image_size(), recipe_.image_size);
          // Memory that a device reads by itself, so that the copy runs beside everything else.
          return pins ? pictures.contiguous().pin_memory() : pictures;
      }) {
    if (cut == 0 || recipe.batch_norm == BatchNormPolicy::all_training) return;
    auto cache = set.features;
    if (cache != nullptr)
        cache->require_match(network, cut, data_);
    else if (own_cache_bytes > 0)
        cache = own_cache(network, data_, own_cache_bytes);
    if (cache == nullptr) return;
    if (cache->fits(cut, sized(recipe.test_views, recipe.image_size))) validation_features_ = cache;
    if (reads_features(*cache, recipe, cut)) train_features_ = cache;
}

torch::Tensor TrainingInputs::batch(const ShownPixels& shown) const {
    const torch::NoGradGuard no_gradients;
    if (train_features_ != nullptr)
        return kept_batch(*train_features_, cut_, views_, recipe_, shown.rows(), shown.epoch())
            .to(device_of(network_));
    const auto images = on_device_as_input(shown.pixels(), network_);
    if (cut_ == 0) return recipe_.channels_last ? images.contiguous(at::MemoryFormat::ChannelsLast) : images;
    // In the layout and precision that kept features are computed in, so that keeping them changes no bit.
    const FullPrecision precision;
    return network_.forward_stages(images.contiguous(at::MemoryFormat::ChannelsLast), 0, cut_).contiguous();
}

void TrainingInputs::look_ahead(std::span<const std::int64_t> rows, std::int64_t epoch) const {
    if (uses_features()) return;
    if (device_of(network_).is_cpu())
        data_.prefetch(rows);
    else
        pictures_.begin(rows, epoch);
}

EvaluateOptions TrainingInputs::evaluate_options(bool quick) const {
    EvaluateOptions options;
    options.views = recipe_.test_views;
    if (quick) options.views.resize(1);
    options.image_size = recipe_.image_size;
    options.features = validation_features_;
    options.frozen_stages = cut_;
    return options;
}

Teacher::Teacher(const TrainingSet& set, const Recipe& recipe, const FitOptions& options)
    : network_(set.teacher),
      recipe_(recipe),
      views_(sized(views_of(recipe.augmentation), recipe.image_size)) {
    const auto& data = set.data;
    if (network_ == nullptr)
        throw InvalidOption("recipe.distillation_weight needs a teacher in the training set");
    if (network_->classes() != data.class_count())
        throw InvalidOption(fmt::format("the teacher tells {} classes apart, the data has {}",
                                        network_->classes(), data.class_count()));
    const auto size = recipe.image_size > 0 ? recipe.image_size : data.image_size();
    require_side(*network_, size);
    network_->eval();
    visit_.emplace(*network_, device_named(options.device));
    if (!recipe.augmentation.cacheable() || options.own_cache_bytes == 0) return;
    SplitRows split;
    split.train = data.split().train;
    features_ =
        std::make_shared<FeatureCache>(network_, data.with_split(std::move(split)),
                                       FeatureCacheOptions{.memory_limit_bytes = options.own_cache_bytes});
    if (!features_->fits(network_->stages().size(), views_)) features_ = nullptr;
}

torch::Tensor Teacher::logits(const ShownPixels& shown) const {
    const torch::NoGradGuard no_gradients;
    if (features_ != nullptr)
        return network_->forward_head(
            kept_batch(*features_, network_->stages().size(), views_, recipe_, shown.rows(), shown.epoch())
                .to(device_of(*network_)));
    return network_->forward(on_device_as_input(shown.pixels(), *network_));
}

}  // namespace attune::detail

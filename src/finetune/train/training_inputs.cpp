#include "training_inputs.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <map>

#include "attune/finetune/freeze.hpp"

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

}  // namespace

TrainingInputs::TrainingInputs(Network& network, const TrainingSet& set, const Recipe& recipe,
                               std::size_t cut, std::int64_t own_cache_bytes)
    : network_(network),
      data_(set.data),
      recipe_(recipe),
      cut_(cut),
      views_(sized(views_of(recipe.augmentation), recipe.image_size)) {
    // Frozen stages that go on gathering statistics have no fixed output.
    if (cut == 0 || recipe.batch_norm == BatchNormPolicy::all_training) return;
    auto cache = set.features;
    if (cache != nullptr)
        cache->require_match(network, cut, data_);
    else if (own_cache_bytes > 0)
        cache = own_cache(network, data_, own_cache_bytes);
    if (cache == nullptr) return;
    const auto test_views = sized(recipe.test_views, recipe.image_size);
    if (cache->fits(cut, test_views)) validation_features_ = cache;
    auto all_views = views_;
    all_views.insert(all_views.end(), test_views.begin(), test_views.end());
    if (recipe.augmentation.cacheable() && cache->fits(cut, all_views)) train_features_ = cache;
}

torch::Tensor TrainingInputs::batch(std::span<const std::int64_t> rows, std::int64_t epoch) const {
    if (train_features_ != nullptr) return kept_batch(rows, epoch);
    const torch::NoGradGuard no_gradients;
    auto index = torch::empty({std::ssize(rows)}, torch::kInt64);
    std::ranges::copy(rows, index.data_ptr<std::int64_t>());
    const auto pixels = augment(data_.pixels().index_select(0, index), rows, recipe_.augmentation,
                                recipe_.seed, epoch, data_.image_size(), recipe_.image_size);
    const auto images = normalise(pixels, network_.input);
    if (cut_ == 0) return images;
    // The same layout as kept features are computed in, so that keeping them changes no bit of the training.
    return network_.forward_stages(images.contiguous(at::MemoryFormat::ChannelsLast), 0, cut_).contiguous();
}

torch::Tensor TrainingInputs::kept_batch(std::span<const std::int64_t> rows, std::int64_t epoch) const {
    if (views_.size() == 1) return train_features_->features(cut_, views_[0], rows);
    std::map<std::size_t, std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> by_view;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& [members, places] = by_view[choose_view(recipe_.augmentation, recipe_.seed, epoch, rows[i])];
        members.push_back(rows[i]);
        places.push_back(static_cast<std::int64_t>(i));
    }
    torch::Tensor result;
    for (const auto& [view, chosen] : by_view) {
        const auto part = train_features_->features(cut_, views_[view], chosen.first);
        if (!result.defined()) {
            auto sizes = part.sizes().vec();
            sizes[0] = std::ssize(rows);
            result = torch::empty(sizes, part.options());
        }
        result.index_copy_(0, torch::tensor(chosen.second, torch::kInt64), part);
    }
    return result;
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

}  // namespace attune::detail

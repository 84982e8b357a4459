#include "attune/finetune/study/probe_views.hpp"

#include <algorithm>

#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"

namespace attune {
namespace {

double accuracy_through(Network& network, const ImageData& data, const View& view) {
    return evaluate(network, data, Split::validation, {.views = {view}, .worst = 0}).metrics.accuracy;
}

}  // namespace

ViewProbe probe_views(Network& network, const std::shared_ptr<FeatureCache>& features, std::uint64_t seed,
                      double kept_share) {
    const ImageData& data = features->data();
    Recipe recipe;
    recipe.seed = seed;
    recipe.learning_rate = 3e-3;
    const auto train = static_cast<std::int64_t>(data.split().train.size());
    recipe.epochs = std::clamp<std::int64_t>(20'000 / std::max<std::int64_t>(train, 1), 10, 100);
    (void)fit(network, {data, features}, recipe);
    ViewProbe probe;
    probe.plain = evaluate(network, data, Split::validation,
                           {.worst = 0, .features = features, .frozen_stages = network.stages().size()})
                      .metrics.accuracy;
    probe.mirrored = accuracy_through(network, data, {.horizontal_flip = true});
    const double chance = 1.0 / static_cast<double>(data.class_count());
    const auto harmless = [&](double accuracy) {
        return accuracy - chance >= kept_share * (probe.plain - chance);
    };
    if (!harmless(probe.mirrored)) return probe;
    probe.chosen.horizontal_flip = true;
    probe.turned = std::min(accuracy_through(network, data, {.quarter_turns = 1}),
                            accuracy_through(network, data, {.vertical_flip = true}));
    probe.chosen.quarter_turns = harmless(probe.turned);
    return probe;
}

}  // namespace attune

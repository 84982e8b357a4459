#include "attune/finetune/study/probe_views.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"

namespace attune {
namespace {

struct Candidate {
    const char* name;
    Augmentation augmentation;
    std::vector<View> changes;  ///< what a head that never saw them is tried on
};

std::vector<Candidate> candidates() {
    return {{"mirrored", {.horizontal_flip = true}, {{.horizontal_flip = true}}},
            {"mirrored and turned",
             {.horizontal_flip = true, .quarter_turns = true},
             {{.quarter_turns = 1}, {.vertical_flip = true}}}};
}

Recipe probe_recipe(const ImageData& data, std::uint64_t seed) {
    Recipe recipe;
    recipe.seed = seed;
    recipe.learning_rate = 3e-3;
    const auto train = static_cast<std::int64_t>(data.split().train.size());
    recipe.epochs = std::clamp<std::int64_t>(20'000 / std::max<std::int64_t>(train, 1), 10, 100);
    return recipe;
}

ViewScore score_of(const Evaluation& evaluation) {
    double loss = 0;
    for (std::size_t i = 0; i < evaluation.labels.size(); ++i) {
        const std::size_t at =
            i * static_cast<std::size_t>(evaluation.classes) + static_cast<std::size_t>(evaluation.labels[i]);
        loss -= std::log(std::max(evaluation.probabilities[at], 1e-12));
    }
    return {evaluation.metrics.accuracy, loss / static_cast<double>(evaluation.labels.size())};
}

/// Whether `candidate` is better than `current` by loss, and not plainly worse by the images that the two
/// tell apart.
bool helps(const Evaluation& candidate, const Evaluation& current) {
    double lost = 0;
    double won = 0;
    for (std::size_t i = 0; i < current.labels.size(); ++i) {
        const bool was_right = current.predicted[i] == current.labels[i];
        const bool is_right = candidate.predicted[i] == candidate.labels[i];
        lost += was_right && !is_right ? 1 : 0;
        won += !was_right && is_right ? 1 : 0;
    }
    return score_of(candidate).loss < score_of(current).loss && lost - won <= std::sqrt(lost + won);
}

/// The probe's heads, all trained by one recipe.
struct Heads {
    Network& network;
    const std::shared_ptr<FeatureCache>& features;
    Recipe recipe;

    std::vector<std::size_t> further_cuts{};

    Evaluation with(const Augmentation& augmentation) const {
        Recipe own = recipe;
        own.augmentation = augmentation;
        own.test_views = views_of(augmentation);
        compute(own.test_views);
        (void)fit(network, {features->data(), features}, own);
        return judged(own.test_views);
    }
    /// All cuts at once: a second pass over the images would cost as much as the first.
    void compute(const std::vector<View>& views) const {
        std::vector<std::size_t> cuts{network.stages().size()};
        for (const std::size_t cut : further_cuts) {
            cuts.push_back(cut);
            if (!features->fits(cuts, views)) cuts.pop_back();
        }
        features->prepare(cuts, views);
    }
    Evaluation judged(const std::vector<View>& views) const {
        return evaluate(
            network, features->data(), Split::validation,
            {.views = views, .worst = 0, .features = features, .frozen_stages = network.stages().size()});
    }
    /// Accuracy on pictures that the head in the network was not trained on; computed for this alone, since
    /// only the validation part is needed.
    double unseen(const std::vector<View>& changes) const {
        double worst = 1;
        for (const View& change : changes)
            worst = std::min(worst,
                             evaluate(network, features->data(), Split::validation,
                                      {.views = {change}, .worst = 0, .device = features->options().device})
                                 .metrics.accuracy);
        return worst;
    }
};

void require_share(double share, const char* name) {
    if (!(share >= 0 && share <= 1))
        throw InvalidOption(fmt::format("{} ({}) of a probe of views must be from 0 to 1", name, share));
}

}  // namespace

void ViewProbeOptions::validate() const {
    require_share(kept_share, "kept_share");
    require_share(kept_share_unseen, "kept_share_unseen");
}

ViewProbe probe_views(Network& network, const std::shared_ptr<FeatureCache>& features, std::uint64_t seed,
                      const ViewProbeOptions& options) {
    options.validate();
    const Heads heads{network, features, probe_recipe(features->data(), seed), options.further_cuts};
    ViewProbe probe;
    const Evaluation plain = heads.with({});
    probe.plain = score_of(plain);
    const double chance = 1.0 / static_cast<double>(features->data().class_count());
    const auto keeps = [&](double accuracy, double share) {
        return accuracy - chance >= share * (probe.plain.accuracy - chance);
    };
    // What a head without views makes of the changes is asked before any other head takes its place.
    for (const Candidate& candidate : candidates())
        probe.trials.push_back({.name = candidate.name,
                                .augmentation = candidate.augmentation,
                                .seen_accuracy = heads.unseen(candidate.changes)});
    Evaluation current = plain;
    for (std::size_t i = 0; i < probe.trials.size(); ++i) {
        ViewTrial& trial = probe.trials[i];
        if (features->fits(network.stages().size(), views_of(trial.augmentation))) {
            if (!keeps(trial.seen_accuracy, options.kept_share)) break;
            Evaluation retrained = heads.with(trial.augmentation);
            trial.retrained = score_of(retrained);
            trial.taken = helps(retrained, current);
            current = std::move(retrained);
        } else {
            trial.taken = keeps(trial.seen_accuracy, options.kept_share_unseen);
        }
        if (!trial.taken) break;
        probe.chosen = trial.augmentation;
    }
    return probe;
}

}  // namespace attune

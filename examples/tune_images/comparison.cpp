#include "comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/study/random_stream.hpp"

using namespace attune;

PairedDifference paired_bootstrap(const Evaluation& a, const Evaluation& b) {
    if (a.rows != b.rows) throw InvalidOption("paired bootstrap: the evaluations are of different images");
    std::vector<double> gain;
    for (std::size_t i = 0; i < a.rows.size(); ++i)
        gain.push_back(static_cast<double>(a.predicted[i] == a.labels[i]) -
                       static_cast<double>(b.predicted[i] == b.labels[i]));
    constexpr std::size_t draws = 10'000;
    RandomStream random(0, 0, Purpose::user);
    std::vector<double> means(draws);
    for (double& mean : means) {
        double sum = 0;
        for (std::size_t i = 0; i < gain.size(); ++i) sum += gain[random.below(gain.size())];
        mean = sum / static_cast<double>(gain.size());
    }
    std::sort(means.begin(), means.end());
    double total = 0;
    for (const double g : gain) total += g;
    return {total / static_cast<double>(gain.size()), means[draws / 40], means[draws - draws / 40]};
}

std::string compare_with_scratch(const FineTuningTask& task, const Evaluation& tuned, Messages& messages,
                                 const std::stop_token& cancel) {
    FineTuningTask scratch = task;
    scratch.weights = nullptr;
    scratch.features = nullptr;
    scratch.recipe.frozen_stages = 0;
    scratch.recipe.validate_every = 5;
    scratch.recipe.test_views = {View{}};
    double best_validation = -1;
    NetworkPtr best;
    for (const double learning_rate : {1e-3, 3e-3, 1e-2}) {
        scratch.recipe.learning_rate = learning_rate;
        NetworkPtr network = scratch.make_network();
        FitOptions how{.device = task.device};
        how.stop = cancel;
        const FitResult result = fit(*network, {scratch.data}, scratch.recipe, how);
        if (result.end == FitEnd::cancelled) throw Interrupted{};
        messages.note(fmt::format("  learning rate {}: validation accuracy {:.3f}", learning_rate,
                                  result.best_validation_accuracy));
        if (result.best_validation_accuracy > best_validation)
            best_validation = result.best_validation_accuracy, best = network;
    }
    const Evaluation evaluation =
        evaluate(*best, scratch.data, Split::test, {.worst = 0, .device = task.device});
    const PairedDifference d = paired_bootstrap(tuned, evaluation);
    return fmt::format(
        "the same network from scratch: {:.4f}; transfer gains {:+.4f}, 95 % interval [{:+.4f}, {:+.4f}]",
        evaluation.metrics.accuracy, d.mean, d.low, d.high);
}

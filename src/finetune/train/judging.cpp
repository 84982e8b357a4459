#include "judging.hpp"

namespace attune::detail {
namespace {

bool watches_loss(const Recipe& recipe) {
    return recipe.watched == WatchedMetric::validation_loss || recipe.targets == TargetKind::numbers;
}

/// Ties of the accuracy go to the lower loss.
bool is_better(const Recipe& recipe, double accuracy, double loss, const FitResult& best) {
    if (best.best_epoch == 0) return true;
    if (watches_loss(recipe)) return loss < best.best_validation_loss;
    return accuracy > best.best_validation_accuracy ||
           (accuracy == best.best_validation_accuracy && loss < best.best_validation_loss);
}

}  // namespace

Verdict judge(const Recipe& recipe, std::int64_t epoch, double accuracy, double loss, Patience& patience,
              FitResult& result) {
    Verdict verdict;
    verdict.is_best = is_better(recipe, accuracy, loss, result);
    if (verdict.is_best) {
        result.best_epoch = epoch;
        result.best_validation_accuracy = accuracy;
        result.best_validation_loss = loss;
    }
    if (verdict.is_best || !recipe.restore_best) {
        result.validation_accuracy = accuracy;
        result.validation_loss = loss;
    }
    const double value = watches_loss(recipe) ? -loss : accuracy;
    if (value > patience.watched_best + recipe.min_delta) {
        patience.watched_best = value;
        patience.improved_in = epoch;
    }
    verdict.goes_on =
        recipe.patience == 0 || epoch - patience.improved_in < recipe.patience || epoch == recipe.epochs;
    return verdict;
}

}  // namespace attune::detail

#include "attune/finetune/study/fine_tuning_objective.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <tuple>

#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/compute_threads.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/fit.hpp"

namespace attune {
namespace {

// Building a network draws from torch's default generator. Under one lock and from one seed the draw is the
// same for every trial.
std::mutex& building_mutex() {
    static std::mutex mutex;
    return mutex;
}

constexpr const char* accuracy_name = "validation_accuracy";
constexpr const char* loss_name = "validation_loss";

FineTuningScore score_of(const TrialRecord& trial) {
    return {trial.metric(accuracy_name), trial.metric(loss_name)};
}

}  // namespace

NetworkPtr FineTuningTask::make_network() const {
    const std::lock_guard lock(building_mutex());
    torch::manual_seed(recipe.seed);
    NetworkPtr network;
    if (weights == nullptr) {
        network = zoo.make(model, data.class_count());
    } else {
        network = zoo.make_unset(model, zoo.entry(model).classes);
        load_pretrained(*network, *weights, data.class_count());
    }
    const auto side = data.framing().image_size;
    if (!network->input.accepts(side, side)) network->set_image_size(side);
    return network;
}

Objective fine_tuning_aim() { return maximize(accuracy_name).then(minimize(loss_name)); }

FineTuningObjective::FineTuningObjective(FineTuningTask task)
    : task_(std::move(task)), stage_count_(task_.make_network()->stages().size()) {
    if (!task_.models_folder.empty()) std::filesystem::create_directories(task_.models_folder);
}

std::filesystem::path FineTuningObjective::model_path(std::int64_t trial) const {
    return task_.models_folder / fmt::format("trial-{}.safetensors", trial);
}

void FineTuningObjective::remember(const Study& study) {
    const TrialRecord* best = study.best();
    if (best == nullptr) return;
    const std::lock_guard lock(mutex_);
    best_ = {score_of(*best), best->number};
}

ModelCard FineTuningObjective::card(const Recipe& recipe, std::int64_t trial, FineTuningScore score) const {
    ModelCard card;
    card.architecture = task_.model;
    card.classes = task_.data.classes();
    card.framing = task_.data.framing();
    card.views = recipe.test_views;
    card.recipe = recipe.to_text();
    card.notes = {{"trial", std::to_string(trial)},
                  {accuracy_name, to_string(score.accuracy)},
                  {loss_name, to_string(score.loss)}};
    return card;
}

// A head that is kept starts as make_network drew it, and statistics that are gathered change the backbone:
// such trials need a network of their own.
bool FineTuningObjective::may_share_network(const Recipe& recipe) const {
    return task_.features != nullptr && recipe.frozen_in(stage_count_) == stage_count_ &&
           recipe.batch_norm != BatchNormPolicy::all_training && recipe.head_start != HeadStart::keep;
}

NetworkPtr FineTuningObjective::take_network(const Recipe& recipe) {
    if (!may_share_network(recipe)) return task_.make_network();
    {
        const std::lock_guard lock(idle_mutex_);
        if (!idle_.empty()) {
            NetworkPtr network = std::move(idle_.back());
            idle_.pop_back();
            return network;
        }
    }
    NetworkPtr network = task_.make_network();
    task_.features->share_weights(*network, stage_count_);
    return network;
}

void FineTuningObjective::give_back(NetworkPtr network, const Recipe& recipe) {
    if (!may_share_network(recipe)) return;
    for (auto& parameter : network->parameters()) parameter.mutable_grad() = torch::Tensor();
    const std::lock_guard lock(idle_mutex_);
    idle_.push_back(std::move(network));
}

void FineTuningObjective::operator()(Trial& trial) {
    const Recipe recipe = recipe_for(trial.configuration(), task_.recipe, stage_count_);
    // A head on kept features is a small matrix product: starting a second thread for it costs more than it
    // brings.
    const bool head_alone = task_.features != nullptr && recipe.frozen_in(stage_count_) == stage_count_;
    set_compute_threads(head_alone ? 1 : trial.threads());
    NetworkPtr network = take_network(recipe);
    FitOptions options;
    options.stop = trial.stop_token();
    options.on_epoch = [&](const EpochReport& report) {
        if (!report.numbers.contains(accuracy_name)) return EpochAnswer::proceed;
        Metrics metrics(report.numbers.begin(), report.numbers.end());
        const Decision decision = trial.report(static_cast<double>(report.epoch), metrics);
        return decision == Decision::proceed ? EpochAnswer::proceed : EpochAnswer::stop;
    };
    const FitResult result = fit(*network, {task_.data, task_.features}, recipe, options);
    if (result.end == FitEnd::cancelled || result.end == FitEnd::not_finite) {
        give_back(std::move(network), recipe);
        throw TrialFailure(
            result.end == FitEnd::cancelled ? FailureKind::environment : FailureKind::configuration,
            result.message);
    }
    const FineTuningScore score{result.validation_accuracy, result.validation_loss};
    keep_if_best(trial.number(), score, *network, card(recipe, trial.number(), score));
    give_back(std::move(network), recipe);
    trial.tell(Metrics{{accuracy_name, score.accuracy},
                       {loss_name, score.loss},
                       {"best_epoch", static_cast<double>(result.best_epoch)},
                       {"train_loss", result.last_train_loss}});
}

void FineTuningObjective::keep_if_best(std::int64_t trial, FineTuningScore score, Network& network,
                                       const ModelCard& card) {
    if (task_.models_folder.empty()) return;
    const std::lock_guard lock(mutex_);
    const bool best = !best_ || best_->first < score;
    if (best || trial == 0) save_model(model_path(trial), network, card);
    if (!best) return;
    const auto before = best_;
    best_ = {score, trial};
    if (before && before->second != 0 && before->second != trial)
        std::filesystem::remove(model_path(before->second));
}

TrialModel FineTuningObjective::saved_model(const TrialRecord& trial) const {
    const std::filesystem::path path = model_path(trial.number);
    const LoadedModel loaded = load_model(path, task_.zoo);
    const auto note = loaded.card.notes.find("trial");
    const bool fits = loaded.card.architecture == task_.model &&
                      loaded.card.classes == task_.data.classes() && note != loaded.card.notes.end() &&
                      note->second == std::to_string(trial.number);
    if (!fits) throw FileError(path.string() + ": is the model of something else than this trial");
    return {loaded.network, loaded.card};
}

TrialModel FineTuningObjective::model_of(const TrialRecord& trial) {
    TrialModel model;
    try {
        if (!task_.models_folder.empty()) return saved_model(trial);
        model.made_again_because = "models are kept nowhere";
    } catch (const Error& error) {
        model.made_again_because = error.what();
    }
    std::tie(model.network, model.card) = refit(trial);
    if (!task_.models_folder.empty()) save_model(model_path(trial.number), *model.network, model.card);
    return model;
}

std::pair<NetworkPtr, ModelCard> FineTuningObjective::refit(const TrialRecord& trial) const {
    const Recipe recipe = recipe_for(trial.configuration, task_.recipe, stage_count_);
    NetworkPtr network = task_.make_network();
    FitOptions options;
    if (trial.state == TrialState::stopped && !trial.reports.empty())
        options.on_epoch = [last = trial.reports.back().step](const EpochReport& report) {
            return static_cast<double>(report.epoch) < last ? EpochAnswer::proceed : EpochAnswer::stop;
        };
    (void)fit(*network, {task_.data, task_.features}, recipe, options);
    return {network, card(recipe, trial.number, score_of(trial))};
}

}  // namespace attune

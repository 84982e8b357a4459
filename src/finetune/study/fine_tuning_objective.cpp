#include "attune/finetune/study/fine_tuning_objective.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "../train/network_randomness.hpp"
#include "../train/training_inputs.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/compute_threads.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/fit_heads.hpp"

namespace attune {
namespace {

constexpr const char* accuracy_name = "validation_accuracy";
constexpr const char* loss_name = "validation_loss";
constexpr const char* checkpoint_name = "fit.safetensors";

/// Of a trial that is over; what others put into its folder stays.
void remove_checkpoint(const std::filesystem::path& place) {
    std::error_code ignored;
    std::filesystem::remove(place / checkpoint_name, ignored);
    std::filesystem::remove(place, ignored);
}

FineTuningScore score_of(const TrialRecord& trial) {
    return {trial.metric(accuracy_name), trial.metric(loss_name)};
}

}  // namespace

NetworkPtr FineTuningTask::make_network() const {
    // Building a network draws from torch's default generator, which is the host's: from one seed the draw is
    // the same for every trial.
    const detail::SeededGenerator generator(recipe.seed, torch::kCPU);
    const NetworkPtr network = weights == nullptr ? zoo.make(model, data.class_count())
                                                  : zoo.make_unset(model, zoo.entry(model).classes);
    // Before the weights come, which may be for pictures of a third size.
    const auto side = data.framing().image_size;
    if (!network->input.accepts(side, side)) network->set_image_size(side);
    if (weights != nullptr) load_pretrained(*network, *weights, data.class_count());
    if (preprocessing) {
        network->input.mean = preprocessing->mean;
        network->input.std = preprocessing->std;
    }
    if (input_channels != network->input.channels) network->set_input_channels(input_channels);
    return network;
}

Objective fine_tuning_aim() { return maximize(accuracy_name).then(minimize(loss_name)); }

FineTuningObjective::FineTuningObjective(FineTuningTask task) : task_(std::move(task)), stage_count_(0) {
    const NetworkPtr network = task_.make_network();
    stage_count_ = network->stages().size();
    has_plain_head_ = has_plain_linear_head(*network);
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
    card.apply_orientation = task_.data.is_oriented();
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

/// Whether a trial trains its head on kept features and runs nothing else of the network.
bool FineTuningObjective::trains_on_features(const Recipe& recipe) const {
    return task_.features != nullptr && recipe.frozen_in(stage_count_) == stage_count_ &&
           detail::reads_features(*task_.features, recipe, stage_count_);
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

EpochCallback FineTuningObjective::reporter(Trial& trial) const {
    const bool pauses = trial.checkpoint().has_value();
    return [&trial, pauses](const EpochReport& report) {
        if (!report.numbers.contains(accuracy_name)) return EpochAnswer::proceed;
        Metrics metrics(report.numbers.begin(), report.numbers.end());
        const Decision decision = trial.report(static_cast<double>(report.epoch), metrics);
        // A run that is cancelled answers stop, which is no judgement on the trial.
        const bool leaves_off = decision == Decision::stop && trial.stop_requested();
        if ((decision == Decision::pause || leaves_off) && pauses) return EpochAnswer::pause;
        return decision == Decision::proceed ? EpochAnswer::proceed : EpochAnswer::stop;
    };
}

void FineTuningObjective::operator()(Trial& trial) {
    const Recipe recipe = recipe_for(trial.configuration(), task_.recipe, stage_count_);
    // A head on kept features is a small matrix product: starting a second thread for it costs more than it
    // brings.
    const bool head_alone = trains_on_features(recipe);
    set_compute_threads(head_alone ? 1 : trial.threads());
    NetworkPtr network = take_network(recipe);
    FitOptions options{.device = head_alone ? "cpu" : task_.device};
    options.stop = trial.stop_token();
    const auto place = trial.checkpoint();
    if (place) {
        std::filesystem::create_directories(*place);
        options.checkpoint = *place / checkpoint_name;
        options.checkpoint_spacing_seconds = 5;
    }
    options.on_epoch = reporter(trial);
    const FitResult result = fit(*network, {task_.data, task_.features}, recipe, options);
    if (result.end == FitEnd::paused || (result.end == FitEnd::stopped && trial.stop_requested())) {
        give_back(std::move(network), recipe);
        const Trial left(std::move(trial));  // without a result: it is gone on with from its checkpoint
        return;
    }
    try {
        conclude(trial, recipe, result, *network);
    } catch (...) {
        give_back(std::move(network), recipe);
        throw;
    }
    give_back(std::move(network), recipe);
    if (place) remove_checkpoint(*place);
}

/// Keeps the model where it is the best, then tells what the trial came to.
void FineTuningObjective::conclude(Trial& trial, const Recipe& recipe, const FitResult& result,
                                   Network& network) {
    if (result.end == FitEnd::cancelled || result.end == FitEnd::not_finite)
        throw TrialFailure(
            result.end == FitEnd::cancelled ? FailureKind::environment : FailureKind::configuration,
            result.message);
    const FineTuningScore score{result.validation_accuracy, result.validation_loss};
    keep_if_best(trial.number(), score, network, card(recipe, trial.number(), score));
    trial.tell(Metrics{{accuracy_name, score.accuracy},
                       {loss_name, score.loss},
                       {"best_epoch", static_cast<double>(result.best_epoch)},
                       {"train_loss", result.last_train_loss}});
}

void FineTuningObjective::operator()(std::span<Trial> trials) {
    std::map<std::string, std::vector<Trial*>> groups;
    for (Trial& trial : trials) {
        const Recipe recipe = recipe_for(trial.configuration(), task_.recipe, stage_count_);
        const std::string key = task_.features == nullptr ? "" : head_group_key(recipe, stage_count_);
        // Those that train alone have a group each.
        groups[key.empty() ? fmt::format("trial {}", trial.number()) : key].push_back(&trial);
    }
    for (const auto& [key, members] : groups) {
        if (members.size() > 1 && has_plain_head_) {
            train_together(members);
            continue;
        }
        for (Trial* trial : members) alone(*trial);
    }
}

/// A trial of a group; what it throws is its own failure and does not touch the others.
void FineTuningObjective::alone(Trial& trial) {
    try {
        (*this)(trial);
    } catch (const TrialFailure& failure) {
        if (trial.stop_requested()) throw;
        trial.fail(failure.what(), failure.kind());
    } catch (const InvalidOption& refusal) {
        trial.fail(refusal.what());
    }
}

void FineTuningObjective::train_together(std::span<Trial* const> trials) {
    set_compute_threads(1);
    std::vector<Recipe> recipes;
    std::vector<FitOptions> options(trials.size());
    for (std::size_t i = 0; i < trials.size(); ++i) {
        recipes.push_back(recipe_for(trials[i]->configuration(), task_.recipe, stage_count_));
        options[i].stop = trials[i]->stop_token();
        options[i].on_epoch = reporter(*trials[i]);
    }
    NetworkPtr network = take_network(recipes.front());
    const auto heads = fit_heads(*network, {task_.data, task_.features}, recipes, options);
    for (std::size_t i = 0; i < trials.size(); ++i) {
        const FitEnd end = heads[i].result.end;
        if (end == FitEnd::cancelled || end == FitEnd::paused ||
            (end == FitEnd::stopped && trials[i]->stop_requested())) {
            const Trial left(std::move(*trials[i]));  // without a result: it is gone on with later
            continue;
        }
        try {
            put_head(*network, heads[i]);
            conclude(*trials[i], recipes[i], heads[i].result, *network);
        } catch (const TrialFailure& failure) {
            trials[i]->fail(failure.what(), failure.kind());
        }
    }
    give_back(std::move(network), recipes.front());
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
    FitOptions options{.device = trains_on_features(recipe) ? "cpu" : task_.device};
    if (trial.state == TrialState::stopped && !trial.reports.empty())
        options.on_epoch = [last = trial.reports.back().step](const EpochReport& report) {
            return static_cast<double>(report.epoch) < last ? EpochAnswer::proceed : EpochAnswer::stop;
        };
    (void)fit(*network, {task_.data, task_.features}, recipe, options);
    return {network, card(recipe, trial.number, score_of(trial))};
}

}  // namespace attune

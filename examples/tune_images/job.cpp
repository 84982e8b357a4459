#include "job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "attune/analyse/environment.hpp"
#include "attune/analyse/progress_line.hpp"
#include "attune/analyse/report.hpp"
#include "attune/analyse/table.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/files/csv.hpp"
#include "attune/finetune.hpp"
#include "attune/storage/journal.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "comparison.hpp"
#include "exit_code.hpp"
#include "verdict.hpp"

using namespace attune;

namespace {

AnyStrategy strategy_of(const Options& options) {
    if (options.strategy == "gaussian_process") return GaussianProcess{};
    if (options.strategy == "tpe") return TreeParzen{};
    if (options.strategy == "sobol") return Sobol{};
    if (options.strategy == "random") return RandomSearch{};
    return Grid{GridOptions{.levels = 3}};
}

std::int64_t epochs_of(const Options& options, const ImageData& data) {
    if (options.epochs) return *options.epochs;
    const auto train = std::max<std::int64_t>(1, static_cast<std::int64_t>(data.split().train.size()));
    return std::clamp<std::int64_t>(12'000 / train, 8, 60);
}

/// The recipe beneath the search: what the configurations do not say.
Recipe base_recipe(const Options& options, const ImageData& data, const Augmentation& augmentation) {
    Recipe recipe;
    recipe.epochs = epochs_of(options, data);
    recipe.batch_size = options.batch_size;
    recipe.patience = options.patience;
    // Few images make short epochs: judging each would take longer than training it.
    recipe.validate_every = recipe.epochs > 20 ? recipe.epochs / 10 : 1;
    recipe.quick_validation = true;
    recipe.schedule.kind = ScheduleKind::cosine;
    recipe.schedule.warm_up_epochs = static_cast<double>(recipe.epochs) / 10;
    recipe.gradient_clip_norm = 1;
    recipe.batch_norm = BatchNormPolicy::all_frozen;  // few images estimate statistics badly
    recipe.decay_biases_and_norms = false;
    recipe.augmentation = augmentation;
    recipe.test_views = views_of(augmentation);
    recipe.seed = seed_of(options);
    return recipe;
}

std::string describe(const ViewTrial& trial) {
    const std::string unseen =
        fmt::format("views: {}: {:.3f} where it was not trained so", trial.name, trial.seen_accuracy);
    if (trial.retrained)
        return fmt::format("{}, {:.3f} with loss {:.3f} where it was: {}", unseen, trial.retrained->accuracy,
                           trial.retrained->loss,
                           trial.taken ? "taken, the loss falls" : "not used, it does not help");
    return unseen + (trial.taken ? ": taken" : ": not used");
}

/// Where trials of these depths cut the network, from the last cut on.
std::vector<std::size_t> cuts_of(const TrainedDepths& depths, std::size_t stage_count) {
    std::vector<std::size_t> cuts;
    for (const std::size_t depth : depths)
        if (depth < stage_count) cuts.push_back(stage_count - depth);
    return cuts;
}

Augmentation augmentation_of(const Options& options, const TrainedDepths& depths, FineTuningTask& task,
                             Messages& messages) {
    if (options.views == "none") return {};
    if (options.views == "flip") return {.horizontal_flip = true};
    if (options.views == "dihedral") return {.horizontal_flip = true, .quarter_turns = true};
    if (options.views != "auto")
        throw InvalidOption("views '" + options.views + "' must be auto, none, flip or dihedral");
    if (task.weights == nullptr) return {.horizontal_flip = true};
    const NetworkPtr network = task.make_network();
    const ViewProbe probe = probe_views(*network, task.features, seed_of(options),
                                        {.further_cuts = cuts_of(depths, network->stages().size())});
    messages.note(
        fmt::format("views: a head on pictures as they are has validation accuracy {:.3f}, loss {:.3f}",
                    probe.plain.accuracy, probe.plain.loss));
    for (const ViewTrial& trial : probe.trials) messages.note(describe(trial));
    return probe.chosen;
}

std::vector<std::string> stage_names(const Network& network) {
    std::vector<std::string> names;
    for (const Stage& stage : network.stages()) names.push_back(stage.name);
    return names;
}

/// Computes what frozen stages give before the first trial, so that its time is counted once and seen.
void prepare_features(FeatureCache& features, const TrainedDepths& depths, const Recipe& recipe,
                      Messages& messages) {
    std::vector<std::size_t> cuts;
    for (const std::size_t cut : cuts_of(depths, features.stage_count())) {
        cuts.push_back(cut);
        if (!features.fits(cuts, recipe.test_views)) cuts.pop_back();
    }
    if (cuts.empty()) return;
    messages.phase("computing what frozen layers make of the pictures, once for all trials");
    const double before = features.seconds_computing();
    features.prepare(cuts, recipe.test_views);
    const auto mebibytes = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1048576.0; };
    const std::string on_disk =
        features.file_bytes_used() == 0
            ? ""
            : fmt::format(" and {:.0f} MiB in {}", mebibytes(features.file_bytes_used()),
                          features.options().file_folder.string());
    messages.note(fmt::format("features: {:.0f} MiB in memory{}, computed in {}",
                              mebibytes(features.bytes_used()), on_disk,
                              duration_text(features.seconds_computing() - before)));
}

/// What decoding the pictures adds to the settings.
Settings settings_with_data(const Options& options, const Inputs& inputs, Settings settings) {
    settings["image_size"] = std::to_string(inputs.data.image_size());
    settings["epochs"] = std::to_string(epochs_of(options, inputs.data));
    return settings;
}

/// A study that is gone on with keeps the views that its first run found.
std::optional<Augmentation> stored_views(const StudyFolder& folder) {
    if (!folder.stored()) return std::nullopt;
    std::map<std::string, std::string> text = Recipe{}.to_text();
    for (const char* name : {"horizontal_flip", "quarter_turns"}) {
        const auto found = folder.stored()->settings().find(name);
        if (found == folder.stored()->settings().end()) return std::nullopt;
        text[name] = found->second;
    }
    return recipe_from_text(text).augmentation;
}

Augmentation views_for(const Options& options, const TrainedDepths& depths, const StudyFolder& folder,
                       FineTuningTask& task, Messages& messages) {
    if (const auto views = stored_views(folder)) return *views;
    if (options.views == "auto" && task.weights != nullptr)
        messages.phase("finding out whether mirrored and turned pictures help");
    return augmentation_of(options, depths, task, messages);
}

Evaluation evaluate_saved(FineTuningObjective& objective, const Study& study, std::int64_t trial,
                          const Inputs& inputs, Split part, const std::filesystem::path& copy_to,
                          Messages& messages) {
    const TrialModel model = objective.model_of(study.trial(trial));
    if (!model.made_again_because.empty())
        messages.say(
            fmt::format("the model of trial {} was trained again: {}", trial, model.made_again_because));
    if (!copy_to.empty()) save_model(copy_to, *model.network, model.card);
    return evaluate(*model.network, inputs.data, part,
                    {.views = model.card.views, .device = objective.task().device});
}

void write_predictions(const std::filesystem::path& path, const Inputs& inputs, const Judged& judged) {
    const auto line = [](const std::vector<std::string>& fields) { return csv_line(fields); };
    std::string text = line({"image", "label", "predicted", "confidence", "predicted_by_default_recipe"});
    const Evaluation& e = judged.tuned;
    const auto name = [&](std::int64_t label) {
        return inputs.data.classes()[static_cast<std::size_t>(label)];
    };
    for (std::size_t i = 0; i < e.rows.size(); ++i) {
        const double confidence = e.probabilities[i * static_cast<std::size_t>(e.classes) +
                                                  static_cast<std::size_t>(e.predicted[i])];
        text += line({inputs.data.name(e.rows[i]), name(e.labels[i]), name(e.predicted[i]),
                      to_string(confidence), judged.baseline ? name(judged.baseline->predicted[i]) : ""});
    }
    write_file_atomically(path, text);
}

ProgressOptions progress_of(const Options& options, std::optional<std::chrono::duration<double>> time_limit) {
    return {.is_terminal = !options.quiet && is_terminal(2),
            .width = terminal_width(2),
            .max_trials = options.trials,
            .max_duration = time_limit,
            .line_per_trial = !options.quiet};
}

/// "the head alone, or the head and the last 5 of 19 stages".
std::string depths_text(const TrainedDepths& depths, std::size_t stages) {
    std::string text;
    for (const std::size_t depth : depths) {
        if (!text.empty()) text += ", or ";
        if (depth == 0)
            text += "the head alone";
        else if (depth == stages)
            text += "the whole network";
        else
            text += fmt::format("the head and the last {} of {} stages", depth, stages);
    }
    return text;
}

/// Trials that an earlier run left unfinished, and from which epoch they are gone on with.
std::string begun_text(const Study& study) {
    std::string text;
    for (const std::int64_t number : study.unfinished()) {
        const TrialRecord& trial = study.trial(number);
        std::error_code error;
        const bool kept = !trial.checkpoint().empty() &&
                          std::filesystem::is_directory(trial.checkpoint(), error) &&
                          !std::filesystem::is_empty(trial.checkpoint(), error);
        text +=
            fmt::format("; trial {} {}", number,
                        kept ? "goes on from its checkpoint" : "begins again, as it had no checkpoint yet");
    }
    return text;
}

/// Why a trial's value is not the last point of its curve; empty where it is.
std::string note_on_views(const Recipe& recipe) {
    if (!recipe.quick_validation || recipe.test_views.size() < 2) return {};
    return fmt::format(
        "Learning curves look at one view of each validation picture, values of finished trials at the mean "
        "over "
        "{} views: a value may differ from the end of its curve.",
        recipe.test_views.size());
}

void announce_search(const Options& options, const Study& before, const Recipe& recipe,
                     const std::string& trained, const StudyFolder& folder, Messages& messages) {
    messages.phase(fmt::format("searching: {} of up to {}; strategy {}, stopping {}; trained: {}",
                               counted(options.trials, "trial"), counted(recipe.epochs, "epoch"),
                               options.strategy, options.stopping, trained));
    if (const std::string note = note_on_views(recipe); !note.empty()) messages.note(note);
    const std::size_t done = before.count(TrialState::completed) + before.count(TrialState::stopped) +
                             before.count(TrialState::failed);
    messages.note(before.trials().empty()
                      ? "study: " + folder.journal().string()
                      : fmt::format("study: {}, going on after {}{}", folder.journal().string(),
                                    counted(static_cast<std::int64_t>(done), "finished trial"),
                                    begun_text(before)));
}

/// Where no trial came to a value there is nothing to evaluate: the report tells why.
int conclude_without_best(const Study& study, const StudyFolder& folder, Messages& messages) {
    write_report(study, folder.report());
    messages.result(best_trials_table(study));
    std::string text = fmt::format("no trial of {} came to a value", study.trials().size());
    for (const TrialRecord& trial : study.trials())
        if (!trial.reason.empty()) {
            text += fmt::format("; trial {} failed because {}", trial.number, trial.reason);
            break;
        }
    messages.say(text + "; the report is " + folder.report().string());
    return negative;
}

/// The winner, read once on the test part, with all that is written of it.
int conclude(const Options& options, const Inputs& inputs, const FineTuningTask& task,
             FineTuningObjective& objective, const Study& study, const StudyFolder& folder,
             Messages& messages, const std::stop_token& cancel) {
    const TrialRecord& best = *study.best();
    const Split part = inputs.data.split().test.empty() ? Split::validation : Split::test;
    messages.phase(fmt::format("judging the best trial ({}) and the default recipe on the {} part",
                               best.number, to_string(part)));
    Judged judged{evaluate_saved(objective, study, best.number, inputs, part, folder.model(), messages), {}};
    judged.default_won = best.number == 0 && best.role == "enqueued";
    if (judged.default_won)
        judged.baseline = judged.tuned;
    else if (study.trial(0).role == "enqueued" && study.trial(0).state != TrialState::failed)
        judged.baseline = evaluate_saved(objective, study, 0, inputs, part, {}, messages);
    write_predictions(folder.predictions(), inputs, judged);
    const std::string verdict = verdict_on(judged, to_string(part));
    auto remarks = inputs.remarks;
    if (const std::string note = note_on_views(task.recipe); !note.empty()) remarks.push_back(note);
    const auto report = [&](const std::string& come_to) {
        std::vector<ReportSection> sections{verdict_section(come_to, remarks)};
        for (ReportSection& section : evaluation_sections(judged.tuned, inputs.data, to_string(part)))
            sections.push_back(std::move(section));
        write_report(study, folder.report(),
                     {.title = "Fine-tuning " + inputs.model, .sections = std::move(sections)});
    };
    report(verdict);
    if (cancel.stop_requested()) throw Interrupted{};
    std::string scratch;
    if (options.draws_its_data()) {
        messages.phase("training the same network from random weights, to compare");
        scratch = compare_with_scratch(task, judged.tuned, messages, cancel);
        report(verdict + ". For comparison, " + scratch);
    }
    messages.result(best_trials_table(study));
    messages.result(fmt::format("best: trial {}, {}", best.number, short_text(best.configuration)));
    messages.result(verdict);
    if (!scratch.empty()) messages.result(scratch);
    messages.result(
        fmt::format("\nmodel        {}\nreport       {}\npredictions  {}\nstudy        {}\n"
                    "this run took {}",
                    folder.model().string(), folder.report().string(), folder.predictions().string(),
                    folder.journal().string(), duration_text(messages.seconds())));
    return success;
}

}  // namespace

Settings settings_known_before(const Options& options, const std::string& model, Settings settings) {
    settings["model"] = model;
    settings["unfreeze"] = options.unfreeze;
    settings["views"] = options.views;
    settings["shots"] = options.shots ? std::to_string(*options.shots) : "all";
    if (options.image_size) settings["image_size"] = std::to_string(*options.image_size);
    settings["resize"] = options.resize;
    settings["orientation"] = options.orientation;
    if (options.epochs) settings["epochs"] = std::to_string(*options.epochs);
    settings["batch_size"] = std::to_string(options.batch_size);
    settings["patience"] = std::to_string(options.patience);
    settings["seed"] = std::to_string(options.seed);
    settings["strategy"] = options.strategy;
    settings["stopping"] = options.stopping;
    for (const std::string& option : options.stopping_options) settings["stopping"] += " " + option;
    settings["validation_share"] = to_string(options.validation_share);
    settings["test_share"] = to_string(options.test_share);
    return settings;
}

int run_job(const Options& options, const Inputs& inputs, const StudyFolder& folder, Messages& messages,
            const std::stop_token& cancel) {
    Settings settings =
        settings_with_data(options, inputs, settings_known_before(options, inputs.model, inputs.identity));
    folder.require_same(settings);
    if (options.check_only) {
        messages.result("data, weights and settings are good; nothing was written");
        return success;
    }
    set_compute_threads(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
    FineTuningTask task{.model = inputs.model,
                        .weights = inputs.weights,
                        .data = inputs.data,
                        .device = options.compute_device(),
                        .preprocessing = inputs.preprocessing,
                        .models_folder = folder.models()};
    task.recipe.seed = seed_of(options);
    const NetworkPtr probe = task.make_network();
    const TrainedDepths depths = trained_depths(options.unfreeze, stage_names(*probe));
    FeatureCacheOptions caching{
        .memory_limit_bytes = static_cast<std::int64_t>(options.memory_gib * 1073741824.0),
        .half_precision = true};
    caching.progress = [&](std::int64_t done, std::int64_t total) {
        messages.count("pictures", done, total);
    };
    caching.device = task.device;
    caching.file_folder = options.scratch;
    caching.stop = cancel;
    // The test part is read once, at the end, by the networks as they were saved.
    const SplitRows& split = inputs.data.split();
    task.features = std::make_shared<FeatureCache>(
        probe, inputs.data.with_split({split.train, split.validation, {}}), caching);
    task.recipe = base_recipe(options, inputs.data, views_for(options, depths, folder, task, messages));
    // A single depth is no parameter of the search.
    if (depths.size() == 1)
        task.recipe.frozen_stages = static_cast<std::int64_t>(probe->stages().size() - depths.front());
    settings["frozen_stages"] = depths.size() == 1 ? std::to_string(task.recipe.frozen_stages) : "searched";
    if (cancel.stop_requested()) throw Interrupted{};
    for (const char* name : {"horizontal_flip", "quarter_turns"})
        settings[name] = task.recipe.to_text().at(name);

    folder.make();
    std::optional<std::chrono::duration<double>> time_limit;
    if (options.time_limit_seconds) time_limit = std::chrono::duration<double>(*options.time_limit_seconds);
    ProgressLine line(std::cerr, progress_of(options, time_limit));
    Tuner tuner{fine_tuning_space(depths),
                fine_tuning_aim(),
                strategy_of(options),
                options.stopping_policy(task.recipe.epochs),
                Threads{static_cast<int>(options.parallel)},
                Journal{folder.journal()},
                line.observer(),
                TunerOptions{.name = "tune_images",
                             .seed = seed_of(options),
                             .settings = settings,
                             .environment = describe_environment(),
                             .checkpoint_folder = folder.checkpoints()}};
    const Study before = tuner.study();
    if (before.trials().empty() && before.enqueued().empty()) tuner.enqueue(default_configuration(depths));
    if (before.count(TrialState::completed) < static_cast<std::size_t>(options.trials))
        prepare_features(*task.features, depths, task.recipe, messages);
    announce_search(options, before, task.recipe, depths_text(depths, probe->stages().size()), folder,
                    messages);
    FineTuningObjective objective(task);
    objective.remember(before);
    const Outcome outcome = tuner.run(
        {.max_trials = options.trials, .max_duration = time_limit}, [&](Trial& trial) { objective(trial); },
        cancel);
    line.finish();
    if (cancel.stop_requested()) throw Interrupted{};
    messages.note("the search ended: " + outcome.reason());
    if (outcome.study().best() == nullptr) return conclude_without_best(outcome.study(), folder, messages);
    return conclude(options, inputs, task, objective, outcome.study(), folder, messages, cancel);
}

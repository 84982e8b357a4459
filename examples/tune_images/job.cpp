#include "job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <tuple>
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
#include "comparison.hpp"

using namespace attune;

namespace {

AnyStrategy strategy_of(const Options& options) {
    if (options.strategy == "gaussian_process") return GaussianProcess{};
    if (options.strategy == "sobol") return Sobol{};
    if (options.strategy == "random") return RandomSearch{};
    if (options.strategy == "grid") return Grid{GridOptions{.levels = 3}};
    throw UnknownName("strategy '" + options.strategy +
                      "' is unknown; known: gaussian_process, sobol, random, grid");
}

AnyStoppingPolicy stopping_of(const Options& options, std::int64_t epochs) {
    if (options.stopping == "median")
        return MedianRule{{.warmup_steps = static_cast<double>(epochs / 3), .minimum_trials = 3}};
    if (options.stopping == "patience")
        return Patience{{.patience = static_cast<int>(std::max<std::int64_t>(3, epochs / 4))}};
    if (options.stopping == "off") return NeverStop{};
    throw UnknownName("stopping '" + options.stopping + "' is unknown; known: median, patience, off");
}

std::int64_t epochs_of(const Options& options, const ImageData& data) {
    if (options.epochs > 0) return options.epochs;
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
    recipe.schedule.kind = ScheduleKind::cosine;
    recipe.schedule.warm_up_epochs = static_cast<double>(recipe.epochs) / 10;
    recipe.gradient_clip_norm = 1;
    recipe.batch_norm = BatchNormPolicy::all_frozen;  // few images estimate statistics badly
    recipe.decay_biases_and_norms = false;
    recipe.augmentation = augmentation;
    recipe.test_views = views_of(augmentation);
    recipe.seed = options.seed;
    return recipe;
}

Augmentation augmentation_of(const Options& options, FineTuningTask& task, Messages& messages) {
    if (options.views == "none") return {};
    if (options.views == "flip") return {.horizontal_flip = true};
    if (options.views == "dihedral") return {.horizontal_flip = true, .quarter_turns = true};
    if (options.views != "auto")
        throw InvalidOption("views '" + options.views + "' must be auto, none, flip or dihedral");
    if (task.weights == nullptr) return {.horizontal_flip = true};
    const NetworkPtr network = task.make_network();
    const ViewProbe probe = probe_views(*network, task.features, options.seed);
    messages.note(fmt::format(
        "views: validation accuracy {:.3f} as it is, {:.3f} mirrored{}: {}", probe.plain, probe.mirrored,
        probe.chosen.horizontal_flip ? fmt::format(", {:.3f} turned", probe.turned) : "",
        probe.chosen.quarter_turns     ? "pictures are mirrored and turned"
        : probe.chosen.horizontal_flip ? "pictures are mirrored"
                                       : "pictures stay as they are"));
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
    for (const std::size_t depth : depths)
        if (depth < features.stage_count() &&
            features.fits(features.stage_count() - depth, recipe.test_views))
            cuts.push_back(features.stage_count() - depth);
    if (cuts.empty()) return;
    features.prepare(cuts, recipe.test_views);
    messages.note(fmt::format("features of frozen layers: {} passes of an image in {:.1f} s, {:.0f} MiB",
                              features.images_computed(), features.seconds_computing(),
                              static_cast<double>(features.bytes_used()) / 1048576.0));
}

std::map<std::string, std::string> settings_of(const Options& options, const Inputs& inputs,
                                               const Recipe& recipe) {
    std::map<std::string, std::string> settings = inputs.identity;
    settings["model"] = inputs.model;
    settings["unfreeze"] = options.unfreeze;
    settings["shots"] = std::to_string(options.shots);
    settings["image_size"] = std::to_string(inputs.data.image_size());
    settings["resize"] = options.resize;
    for (const char* name : {"epochs", "batch_size", "patience", "seed", "horizontal_flip", "quarter_turns"})
        settings[name] = recipe.to_text().at(name);
    settings["strategy"] = options.strategy;
    settings["stopping"] = options.stopping;
    settings["split_seed"] = std::to_string(options.seed);
    return settings;
}

/// A study that was made of other data or with other settings must not be gone on with in silence.
void check_same_settings(const Study& study, const std::map<std::string, std::string>& settings,
                         const std::filesystem::path& journal) {
    std::string text;
    for (const auto& [name, value] : settings) {
        const auto stored = study.settings().find(name);
        if (stored == study.settings().end() || stored->second != value)
            text += fmt::format("\n  {}: {} there, {} asked for", name,
                                stored == study.settings().end() ? "nothing" : stored->second, value);
    }
    if (!text.empty())
        throw InvalidState(
            journal.string() +
            ": holds a study with other settings; use another --out, or the same settings:" + text);
}

struct Finalists {
    Evaluation tuned;
    std::optional<Evaluation> baseline;  ///< trial 0, the default recipe
};

Evaluation evaluate_saved(FineTuningObjective& objective, const Study& study, std::int64_t trial,
                          const Inputs& inputs, Split part, const std::filesystem::path& copy_to) {
    NetworkPtr network;
    ModelCard card;
    if (std::filesystem::exists(objective.model_path(trial))) {
        LoadedModel loaded = load_model(objective.model_path(trial));
        network = loaded.network;
        card = loaded.card;
    } else {
        std::tie(network, card) = objective.refit(study.trial(trial).configuration);
    }
    if (!copy_to.empty()) save_model(copy_to, *network, card);
    return evaluate(*network, inputs.data, part, {.views = card.views});
}

void write_predictions(const std::filesystem::path& path, const Inputs& inputs, const Finalists& finalists) {
    const auto line = [](const std::vector<std::string>& fields) { return csv_line(fields); };
    std::string text = line({"image", "label", "predicted", "confidence", "predicted_by_default_recipe"});
    const Evaluation& e = finalists.tuned;
    const auto name = [&](std::int64_t label) {
        return inputs.data.classes()[static_cast<std::size_t>(label)];
    };
    for (std::size_t i = 0; i < e.rows.size(); ++i) {
        const double confidence = e.probabilities[i * static_cast<std::size_t>(e.classes) +
                                                  static_cast<std::size_t>(e.predicted[i])];
        text +=
            line({inputs.data.name(e.rows[i]), name(e.labels[i]), name(e.predicted[i]), to_string(confidence),
                  finalists.baseline ? name(finalists.baseline->predicted[i]) : ""});
    }
    write_file_atomically(path, text);
}

std::string verdict_on(const Finalists& finalists, const std::string& part) {
    const Evaluation& tuned = finalists.tuned;
    std::string text = fmt::format("{} part, read once: accuracy {:.4f} ({} of {} wrong)", part,
                                   tuned.metrics.accuracy, tuned.wrong(), tuned.rows.size());
    if (!finalists.baseline) return text;
    const PairedDifference d = paired_bootstrap(tuned, *finalists.baseline);
    return text +
           fmt::format(
               "; the untuned default recipe {:.4f}; difference {:+.4f}, 95 % interval [{:+.4f}, {:+.4f}]",
               finalists.baseline->metrics.accuracy, d.mean, d.low, d.high);
}

}  // namespace

int run_job(const Options& options, const Inputs& inputs, Messages& messages, std::stop_token cancel) {
    const auto begun = std::chrono::steady_clock::now();
    set_compute_threads(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
    FineTuningTask task{.model = inputs.model,
                        .weights = inputs.weights,
                        .data = inputs.data,
                        .models_folder = options.out / "models"};
    task.recipe.seed = options.seed;
    const NetworkPtr probe = task.make_network();
    const TrainedDepths depths = trained_depths(options.unfreeze, stage_names(*probe));
    FeatureCacheOptions caching{
        .memory_limit_bytes = static_cast<std::int64_t>(options.memory_gib * 1073741824.0),
        .half_precision = true};
    caching.progress = [&](std::int64_t done, std::int64_t total) {
        messages.count("features", done, total);
    };
    caching.stop = cancel;
    task.features = std::make_shared<FeatureCache>(probe, inputs.data, caching);
    task.recipe = base_recipe(options, inputs.data, augmentation_of(options, task, messages));
    const auto settings = settings_of(options, inputs, task.recipe);

    const auto journal = options.out / "study.attune";
    std::optional<std::chrono::duration<double>> time_limit;
    if (options.time_limit_seconds > 0)
        time_limit = std::chrono::duration<double>(options.time_limit_seconds);
    ProgressLine line(std::cerr, {.is_terminal = !options.quiet && is_terminal(2),
                                  .width = terminal_width(2),
                                  .max_trials = options.trials,
                                  .max_duration = time_limit,
                                  .line_per_trial = !options.quiet});
    Tuner tuner{fine_tuning_space(depths),
                fine_tuning_aim(),
                strategy_of(options),
                stopping_of(options, task.recipe.epochs),
                Threads{options.parallel},
                Journal{journal},
                line.observer(),
                TunerOptions{.name = "tune_images",
                             .seed = options.seed,
                             .settings = settings,
                             .environment = describe_environment()}};
    const Study before = tuner.study();
    check_same_settings(before, settings, journal);
    messages.note(before.trials().empty() ? "study: " + journal.string()
                                          : fmt::format("study: {}, going on after {} trials",
                                                        journal.string(), before.trials().size()));
    if (before.trials().empty() && before.enqueued().empty()) tuner.enqueue(default_configuration(depths));
    if (options.check_only) return 0;

    if (before.count(TrialState::completed) < static_cast<std::size_t>(options.trials))
        prepare_features(*task.features, depths, task.recipe, messages);
    FineTuningObjective objective(task);
    objective.remember(before);
    const Outcome outcome = tuner.run(
        {.max_trials = options.trials, .max_duration = time_limit}, [&](Trial& trial) { objective(trial); },
        cancel);
    line.finish();
    messages.note("the search ended: " + outcome.reason());
    const auto report = options.out / "report.html";
    if (cancel.stop_requested()) {
        write_report(outcome.study(), report);
        messages.note("run again with the same arguments to go on");
        return 3;
    }

    const TrialRecord* best = &outcome.best();  // throws, naming the study, where no trial came to a value
    const bool has_test = !inputs.data.split().test.empty();
    const Split part = has_test ? Split::test : Split::validation;
    Finalists finalists{evaluate_saved(objective, outcome.study(), best->number, inputs, part,
                                       options.out / "model.safetensors"),
                        std::nullopt};
    if (outcome.study().trial(0).role == "enqueued" && outcome.study().trial(0).state != TrialState::failed)
        finalists.baseline = evaluate_saved(objective, outcome.study(), 0, inputs, part, {});
    write_predictions(options.out / "predictions.csv", inputs, finalists);
    write_report(outcome.study(), report,
                 {.title = "Fine-tuning " + inputs.model,
                  .sections = evaluation_sections(finalists.tuned, inputs.data, to_string(part))});

    messages.result(best_trials_table(outcome.study()));
    messages.result(fmt::format("best: trial {}, {}", best->number, best->configuration.text()));
    messages.result(verdict_on(finalists, to_string(part)));
    if (options.data.empty()) messages.result(compare_with_scratch(task, finalists.tuned, messages));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    messages.result(fmt::format("model   {}\nreport  {}\nstudy   {}\n{:.0f} s",
                                (options.out / "model.safetensors").string(), report.string(),
                                journal.string(), seconds));
    return 0;
}

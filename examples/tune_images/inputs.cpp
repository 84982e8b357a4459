#include "inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "attune/files/fingerprint.hpp"
#include "attune/files/image.hpp"
#include "attune/files/image_check.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/files/weights.hpp"
#include "attune/finetune/data/remarks.hpp"
#include "attune/finetune/data/split.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/fit.hpp"
#include "known_weights.hpp"
#include "picture_remarks.hpp"
#include "surfaces.hpp"

namespace fs = std::filesystem;

namespace {

using namespace attune;

constexpr const char* drawn_model = "resnet20";

/// IDX or CIFAR-10 files in a folder, by their usual names; nothing where there are none.
struct RawSet {
    std::optional<RawImages> train, test;
};

RawSet find_raw(const fs::path& folder) {
    RawSet set;
    if (!fs::is_directory(folder)) return set;
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_regular_file()) names.push_back(entry.path());
    std::sort(names.begin(), names.end());
    std::vector<fs::path> train_batches, test_batches;
    for (const fs::path& path : names) {
        const std::string name = path.filename().string();
        const bool test = name.rfind("t10k", 0) == 0 || name.rfind("test", 0) == 0;
        if (path.extension() == ".bin") (test ? test_batches : train_batches).push_back(path);
        const auto at = name.find("images-idx3-ubyte");
        if (at == std::string::npos) continue;
        std::string labels = name;
        labels.replace(at, 11, "labels-idx1");
        (test ? set.test : set.train) = read_idx(path, folder / labels);
    }
    if (!train_batches.empty()) set.train = read_cifar(train_batches);
    if (!test_batches.empty()) set.test = read_cifar(test_batches);
    if (!set.train) std::swap(set.train, set.test);
    return set;
}

/// The pictures' usual side, bounded by what the network was trained on: more costs time, and blows pictures
/// up.
std::int64_t natural_size(const ImageListing& listing, std::int64_t most) {
    std::vector<std::int64_t> sides;
    const std::size_t step = std::max<std::size_t>(1, listing.samples.size() / 25);
    for (std::size_t i = 0; i < listing.samples.size(); i += step) try {
            const Image image = read_image(listing.samples[i].path);
            sides.push_back(std::max(image.width, image.height));
        } catch (const FileError&) {  // named with all the damaged ones later
            continue;
        }
    if (sides.empty()) return most;
    std::nth_element(sides.begin(), sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2),
                     sides.end());
    return std::clamp<std::int64_t>(sides[sides.size() / 2], 32, most);
}

/// Which files were left out and why; empty where none was.
std::string damaged_text(const ImageData& data) {
    const auto& skipped = data.skipped();
    if (skipped.empty()) return {};
    constexpr std::size_t shown = 5;
    std::string text = fmt::format("left out {}:", counted(std::ssize(skipped), "file"));
    for (std::size_t i = 0; i < std::min(shown, skipped.size()); ++i)
        text += fmt::format("\n  {}: {}", skipped[i].path.string(), skipped[i].reason);
    if (skipped.size() > shown) text += fmt::format("\n  and {} more", skipped.size() - shown);
    return text;
}

void describe(const ImageData& data, Messages& messages) {
    const SplitRows& rows = data.split();
    constexpr std::size_t shown = 12;
    const auto& names = data.classes();
    const auto first = std::span(names).first(std::min(shown, names.size()));
    messages.note(fmt::format(
        "{} ({}{}): {} for training, {} for validation, {} for the test; {} x {} pixels",
        counted(data.class_count(), "class", "classes"), fmt::join(first, ", "),
        names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : "", rows.train.size(),
        rows.validation.size(), rows.test.size(), data.image_size(), data.image_size()));
}

SplitShares shares_of(const Options& options, bool split_given) {
    return {.validation = options.validation_share, .test = split_given ? 0 : options.test_share};
}

/// Draws the split of the listed labels and counts the shots, so that too small classes are named before
/// anything is decoded.
void check_parts(const ImageListing& listing, const Options& options) {
    std::vector<std::int64_t> labels, train;
    bool has_validation = false, split_given = false;
    for (const ImageSample& sample : listing.samples) {
        if (sample.split == Split::none || sample.split == Split::train)
            train.push_back(static_cast<std::int64_t>(labels.size()));
        has_validation |= sample.split == Split::validation;
        split_given |= sample.split == Split::validation || sample.split == Split::test;
        labels.push_back(sample.label);
    }
    if (!has_validation || !split_given) {
        SplitShares shares = shares_of(options, split_given);
        if (has_validation) shares.validation = 0;
        train = stratified_split(labels, train, shares, seed_of(options), listing.classes).train;
    }
    if (!options.shots) return;
    std::vector<std::int64_t> counts(listing.classes.size(), 0);
    for (const std::int64_t row : train)
        ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(row)])];
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] < *options.shots)
            throw InvalidOption(fmt::format("--shots is {}, but class '{}' has only {}", *options.shots,
                                            listing.classes[i], counted(counts[i], "training image")));
}

/// Results inside a folder of classes would be taken for a class the next time.
void refuse_results_among_classes(const Options& options) {
    if (!fs::is_directory(options.data)) return;
    const fs::path data = fs::weakly_canonical(options.data), out = fs::weakly_canonical(options.out);
    const fs::path way = out.lexically_relative(data);
    if (!way.empty() && *way.begin() != "..")
        throw InvalidOption(fmt::format(
            "--out '{}' is inside the data folder '{}', where it would be taken for a class; name a place "
            "outside",
            options.out.string(), options.data.string()));
}

void list_data(const Options& options, Plan& plan) {
    if (!fs::exists(options.data)) throw FileError(options.data.string() + ": no such file or folder");
    if (RawSet raw = find_raw(options.data); raw.train) {
        plan.raw_train = std::move(raw.train);
        plan.raw_test = std::move(raw.test);
        plan.identity["images"] =
            counted(plan.raw_train->count + (plan.raw_test ? plan.raw_test->count : 0), "image");
        return;
    }
    refuse_results_among_classes(options);
    plan.listing = list_images(options.data);
    check_parts(plan.listing, options);
    plan.identity["data"] = fingerprint_files(plan.listing);
    plan.identity["images"] = counted(std::ssize(plan.listing.samples), "image");
}

std::int64_t classes_of(const Plan& plan) {
    if (!plan.raw_train) return static_cast<std::int64_t>(plan.listing.classes.size());
    std::int64_t most = 0;
    for (const std::int64_t label : plan.raw_train->labels) most = std::max(most, label);
    return most + 1;
}

void check_network(const Options& options, const std::string& named, const Plan& plan, Messages& messages) {
    const ZooEntry& entry = ModelZoo::standard().entry(plan.model);
    const NetworkPtr network = ModelZoo::standard().make_unset(plan.model, entry.classes);
    const std::int64_t side = options.image_size.value_or(plan.network_size);
    if (!entry.input.accepts(side, side)) {
        try {
            network->set_image_size(side);
        } catch (const InvalidOption& error) {
            throw InvalidOption(
                fmt::format("{} does not suit {}: {}",
                            options.image_size ? "--image-size" : "the size of the weights' pictures",
                            plan.model, error.what()));
        }
    }
    if (plan.weights == nullptr) {
        if (options.unfreeze == "head")
            throw InvalidOption(
                "--unfreeze head without --weights: the frozen part of random weights would never learn; "
                "name a weights file, or take --unfreeze all");
        messages.note(
            fmt::format("network: {}, without --weights from random ones; that works only where "
                        "everything trains (--unfreeze all)",
                        plan.model));
        return;
    }
    // A file of another network is refused here.
    const StateDictReport report =
        load_pretrained(*network, *plan.weights, classes_of(plan), {.source = named});
    messages.note(fmt::format("network: {}; {}: {}", plan.model, named, report.summary()));
}

std::vector<std::string> stage_names_of(const ZooEntry& entry) {
    const NetworkPtr network = ModelZoo::standard().make_unset(entry.name, entry.classes);
    std::vector<std::string> names;
    for (const Stage& stage : network->stages()) names.push_back(stage.name);
    return names;
}

/// Of the pictures that the weights were made for; a manifest tells it, or the file itself.
std::int64_t size_of_network(const ZooEntry& entry, const Plan& plan) {
    if (plan.preprocessing) return plan.preprocessing->image_size;
    if (plan.weights == nullptr) return entry.input.image_size;
    const NetworkPtr network = ModelZoo::standard().make_unset(entry.name, entry.classes);
    return image_size_in(*network, *plan.weights).value_or(entry.input.image_size);
}

void read_network(const Options& options, Plan& plan) {
    plan.model = options.model;
    if (!options.weights.empty()) {
        if (!fs::exists(options.weights)) throw FileError(options.weights.string() + ": no such file");
        if (!options.model.empty())
            (void)ModelZoo::standard().entry(options.model);  // throws for unknown ones
        KnownWeights known = read_known_weights(options);
        plan.identity["weights"] = std::move(known.fingerprint);
        plan.model = std::move(known.model);
        plan.weights = std::move(known.file);
        plan.preprocessing = known.preprocessing;
        if (plan.model.empty())
            throw FileError(fmt::format(
                "{}: is like no network of the zoo; with --model naming one, the message tells what differs; "
                "known: {}",
                options.weights.string(), fmt::join(ModelZoo::standard().names(), ", ")));
    }
    if (plan.model.empty())
        throw InvalidOption(fmt::format(
            "neither --weights nor --model is given; one of them must say which network; known: {}",
            fmt::join(ModelZoo::standard().names(), ", ")));
    const ZooEntry& entry = ModelZoo::standard().entry(plan.model);
    plan.network_size = size_of_network(entry, plan);
    plan.any_size = !entry.input.fixed_size && entry.input.multiple == 1;
    plan.stages = stage_names_of(entry);
}

ImageData load_pictures(Plan& plan, const Options& options, Messages& messages,
                        const std::stop_token& cancel) {
    DataOptions how;
    how.progress = [&](std::int64_t done, std::int64_t total) { messages.count("pictures", done, total); };
    how.stop = cancel;
    how.framing.mode = resize_mode_from_name(options.resize);
    if (plan.raw_train) {
        how.framing.image_size = options.image_size.value_or(
            plan.any_size ? std::min(plan.network_size, plan.raw_train->height) : plan.network_size);
        ImageData data = plan.raw_test ? from_raw_images(*plan.raw_train, *plan.raw_test, {}, how)
                                       : from_raw_images(*plan.raw_train, {}, how);
        plan.identity["data"] = fmt::format("fnv1a64:{:016x}", data.fingerprint());
        return data;
    }
    how.framing.image_size = options.image_size ? *options.image_size
                             : plan.any_size    ? natural_size(plan.listing, plan.network_size)
                                                : plan.network_size;
    how.apply_orientation = options.orientation == "apply";
    how.memory_limit_bytes = static_cast<std::int64_t>(options.picture_memory_gib * 1073741824.0);
    const auto side = how.framing.image_size;
    how.on_demand = std::ssize(plan.listing.samples) > how.memory_limit_bytes / (3 * side * side);
    if (how.on_demand)
        messages.note(fmt::format(
            "{} of {} x {} pixels pass --picture-memory {} GiB: those beyond it are read each time anew",
            plan.identity.at("images"), side, side, options.picture_memory_gib));
    return load_image_data(plan.listing, how);
}

/// What is odd about the files, before hours are spent on them. Damaged ones leave the list: read on demand,
/// they would be found only when their turn comes.
std::vector<std::string> look_at_files(Plan& plan, const Options& options, Messages& messages,
                                       const std::stop_token& cancel) {
    if (plan.listing.samples.empty()) return {};
    messages.phase(fmt::format("looking at {}", plan.identity.at("images")));
    ImageSetCheckOptions how;
    how.progress = [&](std::int64_t done, std::int64_t total) {
        if (cancel.stop_requested()) throw Interrupted{};
        messages.count("pictures", done, total);
    };
    ImageSetReport report = check_image_set(plan.listing, how);
    if (options.orientation == "apply")  // then turned pictures are as they should be
        std::erase_if(report.unusual,
                      [](const ImageRemark& entry) { return entry.remark.starts_with("turned"); });
    plan.listing = without_files(plan.listing, report.damaged);
    std::vector<std::string> remarks = remarks_of(report);
    if (fs::is_directory(options.data))
        for (std::string& remark : remarks_on_nested_folders(plan.listing))
            remarks.push_back(std::move(remark));
    for (const std::string& remark : remarks) messages.say("remark: " + remark);
    return remarks;
}

/// Whether the backbone of an earlier run is there; one that cannot be read is made again.
bool is_whole_backbone(const StudyFolder& folder, Messages& messages) try {
    if (!fs::exists(folder.backbone())) return false;
    (void)read_weights(folder.backbone());
    return true;
} catch (const FileError& error) {
    messages.say(fmt::format("the backbone is trained again: {}", error.what()));
    return false;
}

Recipe pretraining_recipe(std::uint64_t seed) {
    return {.frozen_stages = 0,
            .optimizer = OptimizerKind::adamw,
            .learning_rate = 4e-3,
            .weight_decay = 1e-2,
            .schedule = {.kind = ScheduleKind::one_cycle},
            .epochs = 5,
            .batch_size = 48,
            .seed = seed};
}

/// The small network of the demonstration, trained on drawn textures.
void train_backbone(const Options& options, const StudyFolder& folder, Messages& messages,
                    const std::stop_token& cancel) {
    ImageData patterns = draw_patterns(130, seed_of(options));
    FineTuningTask task{.model = drawn_model, .data = std::move(patterns)};
    task.recipe = pretraining_recipe(seed_of(options));
    messages.phase(fmt::format("pretraining a backbone ({}) on another task: {} drawn textures of {} kinds",
                               drawn_model, task.data.size(), task.data.class_count()));
    const NetworkPtr network = task.make_network();
    FitOptions how;
    how.device = options.compute_device();
    how.stop = cancel;
    how.on_epoch = [&](const EpochReport& report) {
        messages.note(fmt::format("  epoch {} of {}: validation accuracy {:.3f}", report.epoch,
                                  task.recipe.epochs, report.numbers.at("validation_accuracy")));
        return EpochAnswer::proceed;
    };
    if (fit(*network, {task.data}, task.recipe, how).end == FitEnd::cancelled) throw Interrupted{};
    folder.make();
    write_safetensors(folder.backbone(), state_dict(*network));
}

}  // namespace

Plan plan_inputs(const Options& options, Messages& messages) {
    Plan plan;
    list_data(options, plan);
    read_network(options, plan);
    (void)trained_depths(options.unfreeze, plan.stages);
    check_network(options, options.weights.string(), plan, messages);
    return plan;
}

Plan plan_drawn_inputs(const Options& options) {
    Plan plan;
    plan.model = drawn_model;
    plan.stages = stage_names_of(ModelZoo::standard().entry(plan.model));
    (void)trained_depths(options.unfreeze, plan.stages);
    return plan;
}

Inputs load_inputs(Plan plan, const Options& options, Messages& messages, const std::stop_token& cancel) {
    std::vector<std::string> remarks = look_at_files(plan, options, messages, cancel);
    messages.phase(fmt::format("decoding {}", plan.identity.at("images")));
    ImageData data = load_pictures(plan, options, messages, cancel);
    if (cancel.stop_requested()) throw Interrupted{};
    const bool split_given = !data.split().validation.empty() || !data.split().test.empty();
    const PictureDigests digests(data);
    const SplitShares shares = shares_of(options, split_given);
    const bool draws_parts =
        data.split().validation.empty() || (data.split().test.empty() && shares.test > 0);
    if (draws_parts) data = with_equal_pictures_grouped(data, digests);
    data = complete_split(data, shares, seed_of(options));
    if (options.shots) data = few_shot(data, *options.shots, seed_of(options));
    if (std::string damaged = damaged_text(data); !damaged.empty()) {
        messages.say(damaged);  // also where quiet: the result is of fewer pictures than were given
        remarks.push_back(std::move(damaged));
    }
    describe(data, messages);
    for (std::string& remark : remarks_on(data, digests)) {
        messages.say("remark: " + remark);
        remarks.push_back(std::move(remark));
    }
    return {std::move(data),    std::move(plan.model),    std::move(plan.weights),
            plan.preprocessing, std::move(plan.identity), std::move(remarks)};
}

Inputs draw_inputs(const Options& options, const StudyFolder& folder, Messages& messages,
                   const std::stop_token& cancel) {
    if (!is_whole_backbone(folder, messages)) train_backbone(options, folder, messages, cancel);
    auto weights = std::make_shared<const TensorFile>(read_weights(folder.backbone()));
    messages.phase("drawing pictures of metal surfaces with defects");
    ImageData data = draw_surfaces({.train = options.shots.value_or(10)}, seed_of(options));
    describe(data, messages);
    Settings identity{{"data", fmt::format("fnv1a64:{:016x}", data.fingerprint())},
                      {"images", counted(data.size(), "image")},
                      {"weights", fingerprint_file(folder.backbone())}};
    return {std::move(data), drawn_model, std::move(weights), std::nullopt, std::move(identity), {}};
}

#include "inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "attune/files/fingerprint.hpp"
#include "attune/files/image_dataset.hpp"
#include "attune/files/raw_images.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/files/weights.hpp"
#include "attune/finetune/data/split.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/train/fit.hpp"
#include "surfaces.hpp"

namespace fs = std::filesystem;

namespace {

using namespace attune;

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

void name_damaged(const ImageData& data, Messages& messages) {
    if (data.skipped().empty()) return;
    std::string text = fmt::format("left out {} files:", data.skipped().size());
    for (std::size_t i = 0; i < std::min<std::size_t>(5, data.skipped().size()); ++i)
        text += fmt::format("\n  {}: {}", data.skipped()[i].path.string(), data.skipped()[i].reason);
    messages.note(text);
}

ImageData load_pictures(const Options& options, std::int64_t network_size, Messages& messages,
                        std::string& fingerprint) {
    DataOptions how;
    how.progress = [&](std::int64_t done, std::int64_t total) { messages.count("decoding", done, total); };
    how.framing.mode = resize_mode_from_name(options.resize);
    if (RawSet raw = find_raw(options.data); raw.train) {
        how.framing.image_size =
            options.image_size > 0 ? options.image_size : std::min(network_size, raw.train->height);
        ImageData data =
            raw.test ? from_raw_images(*raw.train, *raw.test, {}, how) : from_raw_images(*raw.train, {}, how);
        fingerprint = fmt::format("fnv1a64:{:016x}", data.fingerprint());
        return data;
    }
    const ImageListing listing = list_images(options.data);
    fingerprint = fingerprint_files(listing);
    how.framing.image_size =
        options.image_size > 0 ? options.image_size : natural_size(listing, network_size);
    return load_image_data(listing, how);
}

ImageData with_parts(ImageData data, const Options& options) {
    const bool split_given = !data.split().validation.empty() || !data.split().test.empty();
    data = complete_split(
        data, {.validation = options.validation_share, .test = split_given ? 0 : options.test_share},
        options.seed);
    return options.shots > 0 ? few_shot(data, options.shots, options.seed) : data;
}

void describe(const ImageData& data, Messages& messages) {
    const SplitRows& rows = data.split();
    messages.note(fmt::format("{} classes; {} training, {} validation and {} test images of {} x {} pixels",
                              data.class_count(), rows.train.size(), rows.validation.size(), rows.test.size(),
                              data.image_size(), data.image_size()));
}

}  // namespace

Inputs read_inputs(const Options& options, Messages& messages) {
    std::map<std::string, std::string> identity;
    std::shared_ptr<const TensorFile> weights;
    std::string model = options.model;
    if (!options.weights.empty()) {
        weights = std::make_shared<const TensorFile>(state_dict_of(read_weights(options.weights)));
        identity["weights"] = fingerprint_file(options.weights);
        if (model.empty()) model = nearest_model(*weights);
        if (model.empty())
            throw FileError(options.weights.string() + ": fits no network of the zoo; name one with --model");
    }
    if (model.empty())
        throw InvalidOption("neither --weights nor --model is given; one of them must say which network");
    const ZooEntry& entry = ModelZoo::standard().entry(model);
    if (weights != nullptr) {  // a file of another network is refused here, before images are decoded
        const NetworkPtr network = entry.build(entry.classes);
        messages.note(fmt::format("{}: {}", options.weights.string(),
                                  load_pretrained(*network, *weights, 2).summary()));
    } else {
        messages.note(
            "no --weights: the network starts from random ones, and everything must train for that to work "
            "(--unfreeze all)");
    }
    ImageData data =
        with_parts(load_pictures(options, entry.input.image_size, messages, identity["data"]), options);
    name_damaged(data, messages);
    describe(data, messages);
    return {std::move(data), model, std::move(weights), std::move(identity)};
}

Inputs make_inputs(const Options& options, Messages& messages) {
    const std::string model = "resnet20";
    const fs::path file = options.out / "backbone.safetensors";
    if (!fs::exists(file)) {
        FineTuningTask task{.model = model, .data = draw_patterns(130, options.seed)};
        task.recipe = {.frozen_stages = 0,
                       .optimizer = OptimizerKind::adamw,
                       .learning_rate = 4e-3,
                       .weight_decay = 1e-2,
                       .schedule = {.kind = ScheduleKind::one_cycle},
                       .epochs = 5,
                       .batch_size = 48,
                       .seed = options.seed};
        messages.note(fmt::format("training a backbone ({}) on {} drawn textures of 18 kinds", model,
                                  task.data.size()));
        NetworkPtr network = task.make_network();
        FitOptions how;
        how.on_epoch = [&](const EpochReport& report) {
            messages.note(fmt::format("  epoch {} of {}: validation accuracy {:.3f}", report.epoch,
                                      task.recipe.epochs, report.numbers.at("validation_accuracy")));
            return EpochAnswer::proceed;
        };
        (void)fit(*network, {task.data}, task.recipe, how);
        write_safetensors(file, state_dict(*network));
    }
    auto weights = std::make_shared<const TensorFile>(read_weights(file));
    const std::int64_t shots = options.shots > 0 ? options.shots : 10;
    ImageData data = draw_surfaces({.train = shots}, options.seed);
    messages.note("drawn surfaces with defects, another task than the backbone's:");
    describe(data, messages);
    return {
        data,
        model,
        weights,
        {{"data", fmt::format("fnv1a64:{:016x}", data.fingerprint())}, {"weights", fingerprint_file(file)}}};
}

#include "options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/study/compute_device.hpp"
#include "attune/metrics/number.hpp"
#include "attune/space/detail/nearest_name.hpp"
#include "attune/stopping/by_name.hpp"
#include "exit_code.hpp"

namespace {

template <class Number>
void check_range(std::string_view option, Number value, Number low, Number high) {
    if (!(value >= low && value <= high))
        throw attune::InvalidOption(
            fmt::format("{} is {}; it must be from {} to {}", option, value, low, high));
}

void check_least(std::string_view option, std::int64_t value, std::int64_t least) {
    if (value < least)
        throw attune::InvalidOption(fmt::format("{} is {}; it must be at least {}", option, value, least));
}

void check_positive(std::string_view option, double value) {
    if (!(value > 0 && std::isfinite(value)))
        throw attune::InvalidOption(fmt::format("{} is {}; it must be above 0", option, value));
}

void check_word(std::string_view option, const std::string& value, const std::vector<std::string>& words) {
    if (std::find(words.begin(), words.end(), value) == words.end())
        throw attune::UnknownName(
            fmt::format("{} is '{}'; it must be one of {}", option, value, fmt::join(words, ", ")));
}

void check_without_data(const Options& options) {
    const auto refuse = [](std::string_view option) {
        throw attune::InvalidOption(fmt::format(
            "{} is given without --data; the built-in images have a size and a backbone of their own",
            option));
    };
    if (!options.weights.empty()) refuse("--weights");
    if (!options.model.empty()) refuse("--model");
    if (options.image_size) refuse("--image-size");
}

constexpr const char* footer =
    "A folder that holds a study already goes on with the same data and settings; --trials, --time-limit,\n"
    "--parallel, --device, --memory, --picture-memory, --scratch and --quiet may differ.\n\n"
    "Exit codes: 0 done; 1 it ran, but no trial came to a value; 2 wrong arguments or input, the message "
    "says\n"
    "which; 130 interrupted by Ctrl-C or SIGTERM, what was finished is kept and the same command goes on.\n";

}  // namespace

void Options::validate() const {
    check_least("--trials", trials, 1);
    check_least("--seed", seed, 0);
    if (epochs) check_range<std::int64_t>("--epochs", *epochs, 1, 100'000);
    if (shots) check_least("--shots", *shots, 1);
    if (image_size) check_range<std::int64_t>("--image-size", *image_size, 8, 1024);
    check_range<std::int64_t>("--batch-size", batch_size, 1, 65'536);
    check_least("--patience", patience, 0);
    check_range("--validation-share", validation_share, 0.01, 0.9);
    check_range("--test-share", test_share, 0.0, 0.9);
    if (validation_share + test_share > 0.95)
        throw attune::InvalidOption(fmt::format(
            "--validation-share {} and --test-share {} leave too little to train on; together they "
            "must be at most 0.95",
            validation_share, test_share));
    if (time_limit_seconds) check_positive("--time-limit", *time_limit_seconds);
    check_positive("--memory", memory_gib);
    check_positive("--picture-memory", picture_memory_gib);
    if (!scratch.empty() && !std::filesystem::is_directory(scratch))
        throw attune::InvalidOption(
            fmt::format("--scratch is '{}'; it must be a folder that is there", scratch.string()));
    check_range<std::int64_t>("--parallel", parallel, 1, 64);
    check_word("--strategy", strategy, {"gaussian_process", "tpe", "sobol", "random", "grid"});
    (void)stopping_policy(epochs.value_or(1));
    check_word("--views", views, {"auto", "none", "flip", "dihedral"});
    check_word("--resize", resize, {"squash", "crop", "pad"});
    check_word("--orientation", orientation, {"apply", "ignore"});
    try {
        attune::check_device(compute_device());
    } catch (const attune::InvalidOption& error) {
        throw attune::InvalidOption(fmt::format("--device: {}; auto takes what is there", error.what()));
    }
    if (out.empty()) throw attune::InvalidOption("--out is empty; it must name a folder");
    if (draws_its_data()) check_without_data(*this);
}

std::string Options::compute_device() const { return device == "auto" ? attune::fastest_device() : device; }

attune::AnyStoppingPolicy Options::stopping_policy(std::int64_t epochs_of_a_trial) const {
    attune::StoppingPolicyRegistry::Options given;
    // What suits trainings of so many epochs, where nothing else is said.
    if (stopping == "median")
        given = {{"warmup_steps", epochs_of_a_trial / 3}, {"minimum_trials", std::int64_t{3}}};
    if (stopping == "patience") given = {{"patience", std::max<std::int64_t>(3, epochs_of_a_trial / 4)}};
    if (stopping == "successive_halving")
        given = {{"minimum_resource", std::max<std::int64_t>(1, epochs_of_a_trial / 9)}};
    if (stopping == "hyperband") given = {{"maximum_resource", std::max<std::int64_t>(1, epochs_of_a_trial)}};
    for (const std::string& text : stopping_options) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            throw attune::InvalidOption(
                fmt::format("--stopping-option is '{}'; it must be name=value", text));
        const std::string value = text.substr(equals + 1);
        if (const auto number = attune::parse_number(value))
            given[text.substr(0, equals)] = *number;
        else
            given[text.substr(0, equals)] = value;
    }
    return attune::StoppingPolicyRegistry::standard().make(stopping, given);
}

std::optional<int> parse_options(int argc, char** argv, Options& options) {
    CLI::App app{
        "Tunes how a pretrained network is fine-tuned on labelled images, and writes the best model and a "
        "report.\n"
        "Without --data it draws its own images and trains its own small backbone first.\n"
        "Run again with the same arguments, it goes on where it was cut off.\n"};
    app.footer(footer);
    app.add_option(
        "--data", options.data,
        "class folders; or train, validation (val, valid) and test folders of class folders; or a "
        "CSV or JSON lines manifest of path, label and, where wanted, split and group (pictures of one "
        "group are never parted); or a folder of IDX or CIFAR-10 files");
    app.add_option("--weights", options.weights,
                   "pretrained weights: safetensors, or .pth / .pt as torch.save writes them; or a manifest "
                   "(.json) of such files, which are then verified and prepared for as it says");
    app.add_option("--model", options.model,
                   "network of the zoo, such as mobilenet_v2 (default: the one that the weights fit)");
    app.add_option("--out", options.out, "folder for the study, the model and the report")
        ->capture_default_str();
    app.add_option("--trials", options.trials, "trials in all, the default recipe first")
        ->capture_default_str();
    app.add_option("--epochs", options.epochs,
                   "epochs of a trial (default: by the number of training images)");
    app.add_option("--seed", options.seed, "seed of the study, the splits and the training")
        ->capture_default_str();
    app.add_option("--strategy", options.strategy, "gaussian_process, tpe, sobol, random or grid")
        ->capture_default_str();
    app.add_option("--stopping", options.stopping,
                   "median, patience, off, or another policy of the library such as successive_halving, "
                   "percentile, hyperband")
        ->capture_default_str();
    app.add_option("--stopping-option", options.stopping_options, "name=value of the policy; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--unfreeze", options.unfreeze,
                   "what trains: head, all, auto (the study chooses between the head and the last quarter), "
                   "any (these or everything), a number of stages, or the first stage that trains, such as "
                   "features.14; the built-in images take any by default")
        ->capture_default_str();
    app.add_option(
           "--views", options.views,
           "how pictures are varied: none, flip (mirrored), dihedral (mirrored and turned, for "
           "textures seen from above), or auto: whatever a probe on the validation part finds helpful")
        ->capture_default_str();
    app.add_option("--resize", options.resize, "how pictures become squares: squash, crop or pad")
        ->capture_default_str();
    app.add_option(
           "--orientation", options.orientation,
           "apply: pictures are turned as their EXIF data says, as viewers show them; ignore: as stored")
        ->capture_default_str();
    app.add_option("--shots", options.shots, "training images a class, drawn by seed (default: all)");
    app.add_option(
        "--image-size", options.image_size,
        "side in pixels, 8 to 1024 (default: the pictures', at most what the network was trained on)");
    app.add_option("--batch-size", options.batch_size, "images a step")->capture_default_str();
    app.add_option("--patience", options.patience,
                   "epochs without improvement that end a trial's training; 0: off")
        ->capture_default_str();
    app.add_option("--validation-share", options.validation_share,
                   "of the training images, where the data has no validation part")
        ->capture_default_str();
    app.add_option("--test-share", options.test_share, "of the images, where the data has no split at all")
        ->capture_default_str();
    app.add_option("--time-limit", options.time_limit_seconds, "seconds for the search (default: none)");
    app.add_option("--memory", options.memory_gib, "GiB for features of frozen layers")
        ->capture_default_str();
    app.add_option("--picture-memory", options.picture_memory_gib,
                   "GiB for decoded pictures; those beyond it are read from their files each time")
        ->capture_default_str();
    app.add_option(
        "--scratch", options.scratch,
        "folder on a fast disk for features that do not fit in --memory (default: such are computed "
        "anew in each epoch)");
    app.add_option("--parallel", options.parallel,
                   "trials at once, 1 to 64; the cores are divided among them")
        ->capture_default_str();
    app.add_option("--device", options.device,
                   "where networks compute: cpu, cuda, cuda:<number>, or auto: cuda where there is one")
        ->capture_default_str();
    app.add_flag("--check-only", options.check_only,
                 "check data, weights and settings, say what was found, and stop; writes nothing");
    app.add_flag("--quiet", options.quiet, "print the result only");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        return app.exit(help) == 0 ? success : refused;
    } catch (const CLI::ExtrasError&) {
        const std::vector<std::string> extras = app.remaining();
        const auto option =
            std::ranges::find_if(extras, [](const auto& word) { return word.starts_with("--"); });
        const std::string& word = option == extras.end() ? extras.front() : *option;
        std::vector<std::string> known;
        for (const CLI::Option* each : app.get_options()) known.push_back("--" + each->get_single_name());
        std::cerr << "tune_images: " << word << " is no option" << attune::detail::suggestion(word, known)
                  << "; --help lists them\n";
        return refused;
    } catch (const CLI::ParseError& error) {
        std::cerr << "tune_images: " << error.what() << "; --help lists the options\n";
        return refused;
    }
    if (options.draws_its_data() && app.count("--unfreeze") == 0)
        options.unfreeze = "any";  // the built-in backbone is small
    return std::nullopt;
}

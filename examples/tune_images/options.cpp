#include "options.hpp"

#include <CLI/CLI.hpp>

std::optional<int> parse_options(int argc, char** argv, Options& options) {
    CLI::App app{
        "Tunes how a pretrained network is fine-tuned on labelled images, and writes the best model and a "
        "report.\n"
        "Without --data it draws its own images and trains its own small backbone first.\n"
        "Run again with the same arguments, it goes on where it was cut off.\n"};
    app.add_option("--data", options.data,
                   "class folders; or train, validation (val, valid) and test folders of class folders; or a "
                   "CSV manifest with the "
                   "header path,label,split (split optional); or a folder of IDX or CIFAR-10 files");
    app.add_option("--weights", options.weights,
                   "pretrained weights: safetensors, or .pth / .pt as torch.save writes them");
    app.add_option("--model", options.model,
                   "network of the zoo, such as mobilenet_v2 (default: the one that the weights fit)");
    app.add_option("--out", options.out, "folder for the study, the model and the report")
        ->capture_default_str();
    app.add_option("--trials", options.trials, "trials in all, the default recipe first")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--epochs", options.epochs,
                   "epochs of a trial (default: by the number of training images)")
        ->check(CLI::PositiveNumber);
    app.add_option("--seed", options.seed, "seed of the study, the splits and the training")
        ->capture_default_str();
    app.add_option("--strategy", options.strategy, "gaussian_process, sobol, random or grid")
        ->capture_default_str();
    app.add_option("--stopping", options.stopping, "median, patience or off")->capture_default_str();
    app.add_option("--unfreeze", options.unfreeze,
                   "what trains: head, all, auto (the study chooses between the head and the last quarter), "
                   "any (these or "
                   "everything), a number of stages, or the first stage that trains, such as features.14")
        ->capture_default_str();
    app.add_option("--views", options.views,
                   "how pictures are varied: none, flip (mirrored), dihedral (mirrored and turned, for "
                   "textures seen from above), or auto: "
                   "whatever a probe on the validation part finds harmless")
        ->capture_default_str();
    app.add_option("--resize", options.resize, "how pictures become squares: squash, crop or pad")
        ->capture_default_str();
    app.add_option("--shots", options.shots, "training images a class, drawn by seed (default: all)")
        ->check(CLI::PositiveNumber);
    app.add_option("--image-size", options.image_size,
                   "side in pixels (default: the pictures', at most what the network was trained on)")
        ->check(CLI::Range(8, 1024));
    app.add_option("--batch-size", options.batch_size, "images a step")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--patience", options.patience,
                   "epochs without improvement that end a trial's training (default: off)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--validation-share", options.validation_share,
                   "of the training images, where the data has no validation part")
        ->capture_default_str()
        ->check(CLI::Range(0.01, 0.9));
    app.add_option("--test-share", options.test_share, "of the images, where the data has no split at all")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 0.9));
    app.add_option("--time-limit", options.time_limit_seconds, "seconds for the search (default: none)")
        ->check(CLI::PositiveNumber);
    app.add_option("--memory", options.memory_gib, "GiB for features of frozen layers")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--parallel", options.parallel, "trials at once; the cores are divided among them")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_flag("--check-only", options.check_only,
                 "check data, weights and settings, say what was found, and stop");
    app.add_flag("--quiet", options.quiet, "print the result only");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error);
    }
    if (options.data.empty() && app.count("--unfreeze") == 0)
        options.unfreeze = "any";  // the built-in backbone is small
    return std::nullopt;
}

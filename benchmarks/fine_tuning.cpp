// Test accuracy of one fixed recipe on labelled images, one training a seed: the whole network from
// pretrained weights, the last epoch's weights judged on the test part. Prints a JSON line a training;
// fine_tuning.py puts the same recipe in Python's torch and torchvision beside it.
//     fine_tuning --data photos --weights mobilenet_v2.safetensors --epochs 10 --seeds 1,2,3
//     fine_tuning --data draw1.csv,draw2.csv --weights mobilenet_v2.safetensors --seeds 1,2    (one set a
//     seed) fine_tuning --cifar cifar10-jpeg-subset --weights resnet20.safetensors --keep-head
//     --learning-rate 0.005
#include <attune/finetune.hpp>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Settings {
    std::vector<std::filesystem::path> data;
    std::filesystem::path cifar, weights;
    std::vector<std::uint64_t> seeds{1};
    std::int64_t image_size = 224, epochs = 10, batch = 32;
    double learning_rate = 0.01, head_dropout = 0;
    int threads = 0;
    bool keep_head = false;
    std::string device = "cpu", precision = "float32";
};

void add_options(CLI::App& app, Settings& settings) {
    auto* data = app.add_option("--data", settings.data,
                                "split folders or manifests, with a test part: one, or one for each seed")
                     ->delimiter(',');
    app.add_option("--cifar", settings.cifar, "a folder of train_batch.bin and test_batch.bin")
        ->excludes(data);
    app.add_option("--weights", settings.weights)->required();
    app.add_option("--seeds", settings.seeds)->delimiter(',')->capture_default_str();
    app.add_option("--image-size", settings.image_size, "of --data")->capture_default_str();
    app.add_option("--epochs", settings.epochs)->capture_default_str();
    app.add_option("--batch", settings.batch)->capture_default_str();
    app.add_option("--learning-rate", settings.learning_rate)->capture_default_str();
    app.add_option("--head-dropout", settings.head_dropout)->capture_default_str();
    app.add_option("--threads", settings.threads, "0: one for each core")->capture_default_str();
    app.add_flag("--keep-head", settings.keep_head, "the classes are those of the weights");
    app.add_option("--device", settings.device, "cpu or cuda")->capture_default_str();
    app.add_option("--precision", settings.precision, "float32, bfloat16 or, on CUDA, float16")
        ->capture_default_str();
}

/// Pictures of files are kept at 8/7 of the size that the network sees, as torchvision resizes them.
attune::ImageData load(const Settings& settings, std::size_t index) {
    using namespace attune;
    if (!settings.cifar.empty())
        return from_raw_images(read_cifar({settings.cifar / "train_batch.bin"}),
                               read_cifar({settings.cifar / "test_batch.bin"}), {},
                               {.framing = {.image_size = 32}});
    const Framing framing{.image_size = settings.image_size,
                          .mode = ResizeMode::squash,
                          .resize_ratio = 8.0 / 7,
                          .margin = settings.image_size / 14};
    return load_image_data(list_images(settings.data[index]),
                           {.framing = framing, .threads = settings.threads});
}

attune::Recipe recipe_of(const Settings& settings) {
    using namespace attune;
    Recipe recipe;
    recipe.frozen_stages = 0;
    recipe.head_start = settings.keep_head ? HeadStart::keep : HeadStart::uniform;
    recipe.optimizer = OptimizerKind::sgd;
    recipe.learning_rate = settings.learning_rate;
    recipe.nesterov = true;
    recipe.weight_decay = 1e-4;
    recipe.schedule.warm_up_share = 0.1;
    recipe.label_smoothing = 0.1;
    recipe.head_dropout = settings.head_dropout;
    recipe.epochs = settings.epochs;
    recipe.batch_size = settings.batch;
    recipe.restore_best = false;
    recipe.validate_every = settings.epochs;
    recipe.precision = precision_from_name(settings.precision);
    recipe.channels_last = settings.device != "cpu";
    recipe.augmentation.horizontal_flip = true;
    if (settings.cifar.empty())
        recipe.augmentation.min_crop_area = 0.35;
    else
        recipe.augmentation.crop_padding = 4;
    return recipe;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void train_each_seed(const Settings& settings) {
    using namespace attune;
    auto began = std::chrono::steady_clock::now();
    FineTuningTask task{
        .weights = std::make_shared<const TensorFile>(state_dict_of(read_weights(settings.weights))),
        .data = load(settings, 0)};
    task.model = nearest_model(*task.weights);
    task.recipe = recipe_of(settings);
    for (std::size_t i = 0; i < settings.seeds.size(); ++i) {
        if (i > 0 && settings.data.size() > 1) task.data = load(settings, i);
        task.recipe.seed = settings.seeds[i];
        const NetworkPtr network = task.make_network();
        const FitResult result = fit(*network, {task.data}, task.recipe, {.device = settings.device});
        const double seconds = seconds_since(began);
        const Evaluation test = evaluate(*network, task.data, Split::test, {.device = settings.device});
        std::printf("%s\n", nlohmann::json{{"seed", settings.seeds[i]},
                                           {"model", task.model},
                                           {"device", settings.device},
                                           {"test_accuracy", test.metrics.accuracy},
                                           {"wrong", test.wrong()},
                                           {"test_images", test.rows.size()},
                                           {"epochs", result.epochs_run},
                                           {"seconds", seconds}}
                                .dump()
                                .c_str());
        std::fflush(stdout);
        began = std::chrono::steady_clock::now();
    }
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    attune::keep_freed_memory();
    Settings settings;
    CLI::App app{"test accuracy of a fixed fine-tuning recipe"};
    add_options(app, settings);
    CLI11_PARSE(app, argc, argv);
    try {
        if (settings.data.empty() == settings.cifar.empty())
            throw attune::InvalidOption("one of --data and --cifar is needed");
        if (settings.data.size() > 1 && settings.data.size() != settings.seeds.size())
            throw attune::InvalidOption("several sets of data must be as many as the seeds");
        const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
        attune::set_compute_threads(settings.threads > 0 ? settings.threads : cores);
        train_each_seed(settings);
    } catch (const attune::Error& error) {
        std::fprintf(stderr, "fine_tuning: %s\n", error.what());
        return 1;
    }
}

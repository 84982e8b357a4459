// Images a second that fit() trains, on pictures made up in memory. Prints JSON; training_rate.py puts it
// beside Python's torch and torchvision, one after the other in one run.
//     training_rate --model resnet18 --image-size 224 --batch 16 --steps 6
//     training_rate --model resnet50 --batch 128 --steps 40 --precision bfloat16 --channels-last --device cuda
// Several processes of a group, by the launcher's RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, share a batch.
#include <attune/finetune.hpp>

#include <torch/torch.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

attune::ImageData made_up(std::int64_t count, std::int64_t side) {
    auto pixels = torch::randint(0, 256, {count, 3, side, side}, torch::kUInt8);
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < count; ++i) labels.push_back(i % 10);
    std::vector<std::string> classes;
    for (int i = 0; i < 10; ++i) classes.push_back("class " + std::to_string(i));
    return {pixels, labels, classes, {}, {}, {.image_size = side}};
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    attune::keep_freed_memory();
    using namespace attune;
    std::string model = "resnet18", precision = "float32", device = "cpu";
    std::int64_t side = 224, batch = 16, steps = 6, warm_up = 2;
    int threads = 1;
    bool channels_last = false;
    CLI::App app{"images a second that a training step takes"};
    app.add_option("--model", model)->capture_default_str();
    app.add_option("--image-size", side)->capture_default_str();
    app.add_option("--batch", batch)->capture_default_str();
    app.add_option("--steps", steps, "updates that are timed")->capture_default_str();
    app.add_option("--warm-up", warm_up, "updates before")->capture_default_str();
    app.add_option("--threads", threads)->capture_default_str();
    app.add_option("--precision", precision, "float32, bfloat16 or, on CUDA, float16")->capture_default_str();
    app.add_option("--device", device, "cpu or cuda")->capture_default_str();
    app.add_flag("--channels-last", channels_last);
    CLI11_PARSE(app, argc, argv);
    try {
        set_compute_threads(threads);
        torch::manual_seed(1);
        const NetworkPtr network = ModelZoo::standard().make(model, 10);
        const TrainingSet set{made_up(batch * (steps + warm_up), side)};
        Recipe recipe;
        recipe.frozen_stages = 0;
        recipe.optimizer = OptimizerKind::sgd;
        recipe.learning_rate = 0.01;
        recipe.batch_size = batch;
        recipe.epochs = 1;
        recipe.channels_last = channels_last;
        recipe.precision = precision_from_name(precision);
        double wall = 0, processor = 0;
        FitOptions options{.device = device};
        if (const auto place = process_group_options_of_environment())
            options.group = join_process_group(*place);
        options.on_update = [&](const UpdateReport& report) {
            if (report.step + 1 == warm_up) {
                wall = wall_seconds();
                processor = processor_seconds();
            } else if (report.step + 1 == warm_up + steps) {
                wall = wall_seconds() - wall;
                processor = processor_seconds() - processor;
            }
        };
        (void)fit(*network, set, recipe, options);
        const auto images = static_cast<double>(batch * steps);
        std::printf("%s\n", nlohmann::json{{"model", model},
                                           {"image_size", side},
                                           {"batch", batch},
                                           {"threads", threads},
                                           {"channels_last", channels_last},
                                           {"precision", precision},
                                           {"device", device},
                                           {"processes", options.group ? options.group->size() : 1},
                                           {"images_a_second", images / wall},
                                           {"images_a_processor_second", images / processor}}
                                .dump()
                                .c_str());
    } catch (const Error& error) {
        std::fprintf(stderr, "training_rate: %s\n", error.what());
        return 1;
    }
}

// What a study over head hyperparameters costs beside one pass that computes the features of all images: both
// in one run. Prints JSON.
//     head_study --data photos --weights mobilenet_v2.safetensors --trials 30
#include <attune/finetune.hpp>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    attune::keep_freed_memory();
    using namespace attune;
    std::filesystem::path data, weights;
    std::int64_t trials = 30, epochs = 20, image_size = 0, group = 10;
    CLI::App app{"seconds of a head-only study against one feature pass"};
    app.add_option("--data", data, "class folders, split folders or a manifest")->required();
    app.add_option("--weights", weights)->required();
    app.add_option("--trials", trials)->capture_default_str();
    app.add_option("--epochs", epochs)->capture_default_str();
    app.add_option("--group", group, "trials that train together; 1: one by one")->capture_default_str();
    app.add_option("--image-size", image_size, "default: the network's");
    CLI11_PARSE(app, argc, argv);
    try {
        const auto now = [] { return std::chrono::steady_clock::now(); };
        const auto seconds = [](auto from, auto to) {
            return std::chrono::duration<double>(to - from).count();
        };
        FineTuningTask task{
            .weights = std::make_shared<const TensorFile>(state_dict_of(read_weights(weights))),
            .data =
                complete_split(load_image_data(list_images(data),
                                               {.framing = {.image_size = image_size > 0 ? image_size : 224,
                                                            .mode = ResizeMode::squash}}),
                               {}, 1)};
        task.model = nearest_model(*task.weights);
        task.recipe.epochs = epochs;
        set_compute_threads(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
        const NetworkPtr network = task.make_network();
        task.features = std::make_shared<FeatureCache>(network, task.data);
        const auto begin = now();
        const std::vector<std::size_t> cuts{network->stages().size()};
        const std::vector<View> views{View{}};
        task.features->prepare(cuts, views);
        const auto prepared = now();
        const TrainedDepths head_only{0};
        FineTuningObjective objective(task);
        Tuner tuner{fine_tuning_space(head_only), fine_tuning_aim(), RandomSearch{},
                    TunerOptions{.group_size = static_cast<int>(group)}};
        const Outcome outcome =
            tuner.run({.max_trials = trials}, [&](std::span<Trial> members) { objective(members); });
        const auto end = now();
        const double pass = seconds(begin, prepared), study = seconds(prepared, end);
        std::printf("%s\n", nlohmann::json{{"images", task.data.size()},
                                           {"feature_pass_seconds", pass},
                                           {"study_seconds", study},
                                           {"trials", trials},
                                           {"epochs", epochs},
                                           {"total_over_pass", (pass + study) / pass},
                                           {"group", group},
                                           {"allowed_seconds", 1.3 * pass + 10},
                                           {"within", pass + study <= 1.3 * pass + 10},
                                           {"best_validation_accuracy", outcome.best_value()}}
                                .dump(2)
                                .c_str());
    } catch (const Error& error) {
        std::fprintf(stderr, "head_study: %s\n", error.what());
        return 1;
    }
}

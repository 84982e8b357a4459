// Peak memory of a head-only training beside that of judging the same network on the same images: each in a
// process of its own; pictures are read when they are asked for and not kept. Prints JSON; `within` says
// whether the training takes at most 1.2 times the memory of inference and its features.
//     head_memory --data photos --weights mobilenet_v2.safetensors
#include <attune/finetune.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace {

struct Settings {
    std::filesystem::path data, weights;
    std::int64_t image_size = 224, batch = 32, epochs = 5;
};

double peak_mebibytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024.0;
    throw attune::FileError("/proc/self/status has no line VmHWM");
}

attune::FineTuningTask task_of(const Settings& settings) {
    using namespace attune;
    FineTuningTask task{
        .weights = std::make_shared<const TensorFile>(state_dict_of(read_weights(settings.weights))),
        .data = complete_split(
            load_image_data(list_images(settings.data),
                            {.framing = {.image_size = settings.image_size, .mode = ResizeMode::squash},
                             .threads = 1,
                             .memory_limit_bytes = 0,
                             .on_demand = true}),
            {}, 1)};
    task.model = nearest_model(*task.weights);
    return task;
}

nlohmann::json judge(const Settings& settings) {
    const auto task = task_of(settings);
    const auto network = task.make_network();
    std::vector<std::int64_t> rows(static_cast<std::size_t>(task.data.size()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    (void)attune::evaluate(*network, task.data, rows, {.batch_size = settings.batch});
    return {{"mebibytes", peak_mebibytes()}};
}

nlohmann::json train(const Settings& settings) {
    using namespace attune;
    auto task = task_of(settings);
    task.recipe.epochs = settings.epochs;
    task.recipe.batch_size = settings.batch;
    const auto network = task.make_network();
    const auto features =
        std::make_shared<FeatureCache>(network, task.data, FeatureCacheOptions{.batch_size = settings.batch});
    const std::array<std::size_t, 1> cut{network->stages().size()};
    const std::array<View, 1> view{View{}};
    features->prepare(cut, view);
    const double prepared = peak_mebibytes();
    const auto result = fit(*network, {task.data, features}, task.recipe);
    return {{"mebibytes", peak_mebibytes()},
            {"mebibytes_after_the_features", prepared},
            {"feature_mebibytes", static_cast<double>(features->bytes_used()) / (1 << 20)},
            {"used_features", result.used_cached_features},
            {"validation_accuracy", result.validation_accuracy}};
}

/// What `work` answers in a process of its own, whose peak is nobody else's.
nlohmann::json apart(nlohmann::json (*work)(const Settings&), const Settings& settings) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw attune::InvalidState("no pipe could be made");
    const auto child = fork();
    if (child < 0) throw attune::InvalidState("no process could be started");
    if (child == 0) {
        std::string answer;
        try {
            answer = work(settings).dump();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "head_memory: %s\n", error.what());
        }
        const auto written = write(ends[1], answer.data(), answer.size());
        _exit(written == std::ssize(answer) && !answer.empty() ? 0 : 1);
    }
    close(ends[1]);
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = read(ends[0], part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) throw attune::InvalidState("a measuring process did not come to its end");
    return nlohmann::json::parse(text);
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    attune::keep_freed_memory();
    Settings settings;
    CLI::App app{"peak memory of head-only training against that of inference"};
    app.add_option("--data", settings.data, "class folders, split folders or a manifest")->required();
    app.add_option("--weights", settings.weights)->required();
    app.add_option("--image-size", settings.image_size)->capture_default_str();
    app.add_option("--batch", settings.batch)->capture_default_str();
    app.add_option("--epochs", settings.epochs)->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    try {
        const auto inference = apart(judge, settings);
        const auto training = apart(train, settings);
        const auto allowed =
            1.2 * inference.at("mebibytes").get<double>() + training.at("feature_mebibytes").get<double>();
        std::printf("%s\n", nlohmann::json{{"inference", inference},
                                           {"training", training},
                                           {"allowed_mebibytes", allowed},
                                           {"within", training.at("mebibytes").get<double>() <= allowed}}
                                .dump(2)
                                .c_str());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "head_memory: %s\n", error.what());
        return 1;
    }
}

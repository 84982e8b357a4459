// Random search against Bayesian optimisation on a real training: a small residual network, its learning
// rate, momentum and weight decay. 120 random trials, eight at a time, beside 30 Gaussian-process trials, two
// at a time; repeated with other seeds.
//
//     random_or_bayes --data cifar-10-folder --repeats 10
//
// prints both curves and how often the 30 reach what the 120 reach. Without --data the images are drawn.
#include <torch/torch.h>
#include <attune/finetune.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../tune_images/surfaces.hpp"

namespace fs = std::filesystem;

namespace {

struct Settings {
    fs::path data;
    int repeats = 1;
    // Few steps on purpose: only settings near the best learn much in them. After longer trainings a whole
    // ridge of settings is equally good, and the luck of the draw decides.
    int epochs = 2;
    int batch = 250;
    int train = 2500;
    int validation = 2000;
    int starts = 3;
    int image_size = 8;
    int bayes_trials = 30;
    int random_trials = 120;
    bool json = false;
};

/// Images as floats, N x 3 x size x size, and their labels.
struct Part {
    torch::Tensor images, labels;
};
struct Problem {
    Part train, validation;
    std::int64_t classes;
};

// ---- the network and its training: the host's own, as Attune finds it in any program

struct BlockImpl : torch::nn::Module {
    BlockImpl(int in, int out, int stride)
        : first(register_module(
              "first",
              torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false)))),
          second(register_module(
              "second", torch::nn::Conv2d(torch::nn::Conv2dOptions(out, out, 3).padding(1).bias(false)))),
          norm1(register_module("norm1", torch::nn::BatchNorm2d(out))),
          norm2(register_module("norm2", torch::nn::BatchNorm2d(out))) {
        if (stride != 1 || in != out)
            shortcut = register_module(
                "shortcut",
                torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1).stride(stride).bias(false)));
    }
    torch::Tensor forward(const torch::Tensor& x) {
        const torch::Tensor y = norm2(second(torch::relu(norm1(first(x)))));
        return torch::relu(y + (shortcut ? shortcut(x) : x));
    }
    torch::nn::Conv2d first, second, shortcut{nullptr};
    torch::nn::BatchNorm2d norm1, norm2;
};
TORCH_MODULE(Block);

struct SmallResNet : torch::nn::Module {
    explicit SmallResNet(std::int64_t classes)
        : stem(register_module("stem",
                               torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).padding(1).bias(false)))),
          norm(register_module("norm", torch::nn::BatchNorm2d(8))),
          one(register_module("one", Block(8, 8, 1))),
          two(register_module("two", Block(8, 16, 2))),
          three(register_module("three", Block(16, 32, 2))),
          head(register_module("head", torch::nn::Linear(32, classes))) {}
    torch::Tensor forward(torch::Tensor x) {
        x = three(two(one(torch::relu(norm(stem(x))))));
        return head(x.mean({2, 3}));
    }
    torch::nn::Conv2d stem;
    torch::nn::BatchNorm2d norm;
    Block one, two, three;
    torch::nn::Linear head;
};

double accuracy(SmallResNet& network, const Part& part) {
    const torch::NoGradGuard no_gradients;
    network.eval();
    std::int64_t right = 0;
    for (std::int64_t i = 0; i < part.labels.size(0); i += 500) {
        const std::int64_t end = std::min<std::int64_t>(i + 500, part.labels.size(0));
        right += network.forward(part.images.slice(0, i, end))
                     .argmax(1)
                     .eq(part.labels.slice(0, i, end))
                     .sum()
                     .item<std::int64_t>();
    }
    return static_cast<double>(right) / static_cast<double>(part.labels.size(0));
}

/// The same start and order of images for every trial of a repeat, so that trials differ in nothing but their
/// settings.
double train(const Problem& problem, const torch::Tensor& start, std::uint64_t seed, const Settings& settings,
             double lr, double momentum, double decay) {
    SmallResNet network(problem.classes);
    {
        const torch::NoGradGuard no_gradients;
        std::int64_t at = 0;
        for (torch::Tensor& p : network.parameters()) {
            p.copy_(start.slice(0, at, at + p.numel()).view_as(p));
            at += p.numel();
        }
    }
    torch::optim::SGD optimizer(network.parameters(),
                                torch::optim::SGDOptions(lr).momentum(momentum).weight_decay(decay));
    attune::RandomStream random(seed, 0, attune::Purpose::user);
    std::vector<std::int64_t> order(static_cast<std::size_t>(problem.train.labels.size(0)));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    const std::size_t batch = std::min(static_cast<std::size_t>(settings.batch), order.size());
    const double steps =
        static_cast<double>(static_cast<std::size_t>(settings.epochs) * (order.size() / batch));
    double step = 0;
    for (int epoch = 0; epoch < settings.epochs; ++epoch) {
        network.train();
        random.shuffle(order);
        for (std::size_t i = 0; i + batch <= order.size(); i += batch) {
            const torch::Tensor rows = torch::tensor(
                std::vector<std::int64_t>(order.begin() + static_cast<std::ptrdiff_t>(i),
                                          order.begin() + static_cast<std::ptrdiff_t>(i + batch)));
            // Half a cosine down to nothing: what is left at the end is the settings' doing, not the last
            // batches'.
            const double factor = attune::schedule::cosine(step++, steps);
            for (auto& group : optimizer.param_groups())
                static_cast<torch::optim::SGDOptions&>(group.options()).lr(lr * factor);
            optimizer.zero_grad();
            const torch::Tensor loss = torch::nn::functional::cross_entropy(
                network.forward(problem.train.images.index_select(0, rows)),
                problem.train.labels.index_select(0, rows));
            loss.backward();
            optimizer.step();
        }
    }
    return accuracy(network, problem.validation);
}

torch::Tensor starting_weights(std::int64_t classes, std::uint64_t seed) {
    torch::manual_seed(seed);
    SmallResNet network(classes);
    std::vector<torch::Tensor> flat;
    for (const torch::Tensor& p : network.parameters()) flat.push_back(p.detach().flatten());
    return torch::cat(flat);
}

// ---- data

Part part_of(const attune::ImageData& data, const std::vector<std::int64_t>& rows, std::size_t most,
             std::int64_t size) {
    const std::vector<std::int64_t> chosen(
        rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(most, rows.size())));
    const torch::Tensor index = torch::tensor(chosen);
    torch::Tensor images = data.pixels().index_select(0, index).to(torch::kFloat) / 255;
    images = (torch::adaptive_avg_pool2d(images, {size, size}) - 0.47) / 0.25;
    return {images, torch::tensor(data.labels()).index_select(0, index)};
}

Problem load(const Settings& settings) {
    if (settings.data.empty()) {
        const attune::ImageData drawn = attune::complete_split(
            draw_patterns(static_cast<std::int64_t>(settings.train + settings.validation) / 12 + 1, 1),
            {.validation = 0.5}, 1);
        std::vector<std::int64_t> rows(static_cast<std::size_t>(drawn.size()));
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
        attune::RandomStream(1, 0, attune::Purpose::user).shuffle(rows);
        const auto middle = rows.begin() + std::min<std::ptrdiff_t>(
                                               settings.train, static_cast<std::ptrdiff_t>(rows.size() / 2));
        return {part_of(drawn, {rows.begin(), middle}, rows.size(), settings.image_size),
                part_of(drawn, {middle, rows.end()}, static_cast<std::size_t>(settings.validation),
                        settings.image_size),
                drawn.class_count()};
    }
    const attune::ImageData data = attune::from_raw_images(
        attune::read_cifar({settings.data / "train_batch.bin"}),
        attune::read_cifar({settings.data / "test_batch.bin"}), {}, {.framing = {.image_size = 32}});
    return {
        part_of(data, data.split().train, static_cast<std::size_t>(settings.train), settings.image_size),
        part_of(data, data.split().test, static_cast<std::size_t>(settings.validation), settings.image_size),
        data.class_count()};
}

// ---- the two searches

std::vector<double> best_so_far(const attune::Study& study) {
    std::vector<double> curve;
    for (const attune::TrialRecord& trial : study.trials()) {
        const double value = study.value(trial);
        curve.push_back(std::max(curve.empty() ? 0.0 : curve.back(), std::isnan(value) ? 0.0 : value));
    }
    return curve;
}

std::vector<double> search(const Problem& problem, const Settings& settings, attune::AnyStrategy strategy,
                           int trials, int at_once, std::uint64_t seed) {
    attune::SearchSpace space;
    const auto lr = space.continuous("lr", 0.001, 0.5, attune::Scale::log);
    const auto momentum = space.continuous("momentum", 0.0, 0.99);
    const auto decay = space.continuous("weight_decay", 0.0, 0.001);
    std::vector<torch::Tensor> starts;
    for (int k = 0; k < settings.starts; ++k)
        starts.push_back(starting_weights(problem.classes, 100 * seed + static_cast<std::uint64_t>(k)));
    attune::Tuner tuner{space, attune::maximize("accuracy"), std::move(strategy), attune::Threads{at_once},
                        attune::TunerOptions{.seed = seed}};
    return best_so_far(tuner
                           .run({.max_trials = trials},
                                [&](attune::Trial& trial) {
                                    attune::set_compute_threads(1);
                                    // One training of so small a network is a lottery: the same settings end
                                    // 1 % apart. A trial is the mean over a few starts.
                                    double sum = 0;
                                    for (std::size_t k = 0; k < starts.size(); ++k)
                                        sum += train(problem, starts[k], 100 * seed + k, settings, trial[lr],
                                                     trial[momentum], trial[decay]);
                                    return sum / static_cast<double>(starts.size());
                                })
                           .study());
}

void print_curve(const char* name, const std::vector<double>& curve) {
    std::printf("  %-6s", name);
    for (const std::size_t k : {1U, 2U, 5U, 10U, 15U, 20U, 30U, 60U, 120U})
        if (k <= curve.size()) std::printf("  %u: %.4f", static_cast<unsigned>(k), curve[k - 1]);
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    Settings settings;
    CLI::App app{"120 random trials against 30 of a Gaussian process on a small residual network"};
    app.add_option(
        "--data", settings.data,
        "folder with train_batch.bin and test_batch.bin of CIFAR-10's layout (default: drawn images)");
    app.add_option("--repeats", settings.repeats, "with seeds 1, 2, ...")->capture_default_str();
    app.add_option("--epochs", settings.epochs, "of each training")->capture_default_str();
    app.add_option("--batch", settings.batch, "images a step")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000));
    app.add_option("--train", settings.train, "training images")->capture_default_str();
    app.add_option("--validation", settings.validation, "validation images")->capture_default_str();
    app.add_option("--starts", settings.starts, "trainings a trial, whose mean it is")
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
    app.add_option("--image-size", settings.image_size, "side in pixels that images are shrunk to")
        ->capture_default_str()
        ->check(CLI::Range(4, 32));
    app.add_option("--bayes-trials", settings.bayes_trials)->capture_default_str();
    app.add_option("--random-trials", settings.random_trials)->capture_default_str();
    app.add_flag("--json", settings.json, "print the curves as JSON at the end");
    CLI11_PARSE(app, argc, argv);
    try {
        const Problem problem = load(settings);
        nlohmann::json runs = nlohmann::json::array();
        int reached = 0;
        for (int repeat = 1; repeat <= settings.repeats; ++repeat) {
            const auto seed = static_cast<std::uint64_t>(repeat);
            const auto bayes =
                search(problem, settings, attune::GaussianProcess{}, settings.bayes_trials, 2, seed);
            const auto random =
                search(problem, settings, attune::RandomSearch{}, settings.random_trials, 8, seed + 1000);
            reached += bayes.back() >= random.back();
            std::printf("repeat %d: %d Gaussian-process trials reach %.4f, %d random ones %.4f\n", repeat,
                        settings.bayes_trials, bayes.back(), settings.random_trials, random.back());
            print_curve("bayes", bayes);
            print_curve("random", random);
            std::fflush(stdout);
            runs.push_back({{"seed", seed}, {"bayes", bayes}, {"random", random}});
        }
        std::printf("the Gaussian process reaches at least what random search reaches in %d of %d repeats\n",
                    reached, settings.repeats);
        if (settings.json)
            std::printf("%s\n", nlohmann::json{{"reached", reached}, {"runs", runs}}.dump().c_str());
        return 0;
    } catch (const attune::Error& error) {
        std::fprintf(stderr, "random_or_bayes: %s\n", error.what());
        return 1;
    }
}

// Fine-tuning by several processes: each computes its part of every batch, and all end with the same network.
// Run without arguments it starts two processes of its own; under a launcher that sets RANK and WORLD_SIZE,
// such as `torchrun --no-python --nproc-per-node 2 07_data_parallel`, it is one of these.
#include <torch/torch.h>
#include <attune/finetune.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "stripes.hpp"

namespace {

/// One of the processes. The first one speaks.
int train(const attune::ProcessGroupOptions& options) {
    const auto group = attune::join_process_group(options);
    const attune::ImageData data = stripes(120);
    const attune::NetworkPtr network = attune::ModelZoo::standard().make("resnet20", 2);
    const attune::Recipe recipe{.frozen_stages = 0, .learning_rate = 3e-3, .epochs = 4, .batch_size = 16};
    attune::FitOptions how{.group = group};
    if (group->rank() == 0)
        how.on_epoch = [](const attune::EpochReport& report) {
            std::printf("epoch %lld: loss %.3f, validation accuracy %.3f\n",
                        static_cast<long long>(report.epoch), report.numbers.at("train_loss"),
                        report.numbers.at("validation_accuracy"));
            return attune::EpochAnswer::proceed;
        };
    (void)attune::fit(*network, {data}, recipe, how);
    const auto test = attune::evaluate(*network, data, attune::Split::test);
    std::printf("process %d of %d: test accuracy %.3f\n", group->rank(), group->size(),
                test.metrics.accuracy);
    return test.metrics.accuracy > 0.8 ? 0 : 1;
}

/// This program again, as process `rank` of `size`.
pid_t start(const std::string& program, int rank, int size, const std::string& meeting_file) {
    std::vector<std::string> words{program, meeting_file, std::to_string(rank), std::to_string(size)};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    return posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) == 0 ? child
                                                                                                  : -1;
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    torch::set_num_threads(1);
    try {
        if (const auto options = attune::process_group_options_of_environment()) return train(*options);
        if (argc == 4)
            return train({.rendezvous = std::string("file://") + argv[1],
                          .rank = std::atoi(argv[2]),
                          .size = std::atoi(argv[3])});
        if (attune::process_group_backends().empty()) {
            std::puts("this build has no process groups (see the README: libgloo-dev)");
            return 0;
        }
        const std::string meeting_file = "/tmp/attune-example-group-" + std::to_string(getpid());
        const int size = 2;
        std::vector<pid_t> children;
        for (int rank = 0; rank < size; ++rank)
            children.push_back(start("/proc/self/exe", rank, size, meeting_file));
        int failed = 0;
        for (const auto child : children) {
            int status = 1;
            if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) ++failed;
        }
        std::remove(meeting_file.c_str());
        return failed;
    } catch (const attune::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

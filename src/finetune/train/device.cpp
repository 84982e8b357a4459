#include "device.hpp"

#include <ATen/Context.h>
#include <torch/cuda.h>
#include <torch/utils.h>

#include <mutex>

#include "attune/error.hpp"
#include "attune/finetune/study/compute_device.hpp"

namespace attune {

std::string fastest_device() { return torch::cuda::is_available() ? "cuda" : "cpu"; }

void check_device(const std::string& name) { (void)detail::device_named(name); }

}  // namespace attune

namespace attune::detail {

torch::Device device_named(const std::string& name) {
    try {
        const torch::Device device(name);
        const auto count = static_cast<int>(torch::cuda::device_count());
        if (device.is_cpu() || (device.is_cuda() && (device.has_index() ? device.index() : 0) < count))
            return device;
    } catch (const c10::Error&) {
        throw InvalidOption("device \"" + name + "\" must be cpu, cuda or cuda:<number>");
    }
    throw InvalidOption("device \"" + name + "\" is not to be had here");
}

namespace {

struct AlgorithmSearch {
    std::mutex mutex;
    int users = 0;
    bool before = false;
};

AlgorithmSearch& algorithm_search() {
    static AlgorithmSearch search;
    return search;
}

}  // namespace

FastestAlgorithms::FastestAlgorithms() {
    auto& search = algorithm_search();
    const std::scoped_lock lock(search.mutex);
    if (search.users++ > 0) return;
    search.before = at::globalContext().benchmarkCuDNN();
    at::globalContext().setBenchmarkCuDNN(true);
}

FastestAlgorithms::~FastestAlgorithms() {
    auto& search = algorithm_search();
    const std::scoped_lock lock(search.mutex);
    if (--search.users == 0) at::globalContext().setBenchmarkCuDNN(search.before);
}

Visit::Visit(torch::nn::Module& network, torch::Device device) {
    const torch::NoGradGuard no_gradients;
    // All copies are made before the first tensor changes: the device may have no room for one of them.
    std::vector<torch::Tensor> copies;
    const auto copy = [&](const torch::Tensor& tensor) {
        if (!tensor.defined() || tensor.device() == device) return;
        copies.push_back(tensor.detach().to(device));
        homes_.emplace_back(tensor, tensor.detach());
    };
    for (const auto& parameter : network.parameters()) copy(parameter);
    for (const auto& buffer : network.buffers()) copy(buffer);
    for (std::size_t i = 0; i < copies.size(); ++i) homes_[i].first.set_data(copies[i]);
}

Visit::~Visit() {
    const torch::NoGradGuard no_gradients;
    for (auto& [tensor, home] : homes_) tensor.set_data(home);
}

}  // namespace attune::detail

#include "device.hpp"

#include <torch/cuda.h>
#include <torch/utils.h>

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

Visit::Visit(torch::nn::Module& network, torch::Device device) {
    const torch::NoGradGuard no_gradients;
    const auto move = [&](const torch::Tensor& tensor) {
        if (!tensor.defined() || tensor.device() == device) return;
        homes_.emplace_back(tensor, tensor.detach());
        tensor.set_data(tensor.detach().to(device));
    };
    for (const auto& parameter : network.parameters()) move(parameter);
    for (const auto& buffer : network.buffers()) move(buffer);
}

Visit::~Visit() {
    const torch::NoGradGuard no_gradients;
    for (auto& [tensor, home] : homes_) tensor.set_data(home);
}

}  // namespace attune::detail

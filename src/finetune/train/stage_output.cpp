#include "stage_output.hpp"

#include <fmt/format.h>

#include "attune/error.hpp"
#include "autocast.hpp"

namespace attune::detail {
namespace {

/// Of one channel the mean, which gives grey pictures as they are.
torch::Tensor for_channels(const torch::Tensor& colours, const Network& network) {
    require_channels(network);
    return network.input.channels == 1 ? colours.mean(1, /*keepdim=*/true) : colours;
}

}  // namespace

void require_channels(const Network& network) {
    const auto channels = network.input.channels;
    if (channels != 1 && channels != 3)
        throw InvalidOption(
            fmt::format("the network takes images of {} channels; pictures are given to networks of 1 (grey) "
                        "or 3 (colour)",
                        channels));
}

torch::Tensor on_device_as_input(const torch::Tensor& pixels, const Network& network) {
    const auto device = network.parameters().front().device();
    const auto there = device.is_cpu() ? pixels : pixels.to(device, /*non_blocking=*/true);
    return for_channels(normalise(there, network.input), network);
}

torch::Tensor network_input(const Network& network, const torch::Tensor& pixels, const View& view,
                            std::int64_t frame_size) {
    // Channels last is the layout that depthwise convolutions run in: SqueezeNet takes a third of the time,
    // MobileNetV2 two thirds.
    return on_device_as_input(render(pixels, view, frame_size), network)
        .contiguous(at::MemoryFormat::ChannelsLast);
}

torch::Tensor stage_output(Network& network, const torch::Tensor& pixels, const View& view,
                           std::int64_t frame_size, std::size_t cut) {
    const FullPrecision precision;
    const auto x = network_input(network, pixels, view, frame_size);
    return cut == 0 ? x : network.forward_stages(x, 0, cut).contiguous();
}

}  // namespace attune::detail

#include "stage_output.hpp"

#include "autocast.hpp"

namespace attune::detail {

torch::Tensor network_input(const Network& network, const torch::Tensor& pixels, const View& view,
                            std::int64_t frame_size) {
    // Channels last is the layout that depthwise convolutions run in: SqueezeNet takes a third of the time,
    // MobileNetV2 two thirds.
    return normalise(render(pixels, view, frame_size), network.input)
        .to(network.parameters().front().device())
        .contiguous(at::MemoryFormat::ChannelsLast);
}

torch::Tensor stage_output(Network& network, const torch::Tensor& pixels, const View& view,
                           std::int64_t frame_size, std::size_t cut) {
    const FullPrecision precision;
    const auto x = network_input(network, pixels, view, frame_size);
    return cut == 0 ? x : network.forward_stages(x, 0, cut).contiguous();
}

}  // namespace attune::detail

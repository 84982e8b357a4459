#include "device_number.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <thread>

namespace attune::detail {

DeviceNumber::DeviceNumber(const torch::Tensor& number) {
    const auto device = number.device();
    // From a device this lands in pinned memory, and does not wait.
    host_ = number.detach().to(torch::kCPU, /*non_blocking=*/true);
    if (device.is_cpu()) return;
    is_there_ = std::make_shared<c10::Event>(device.type());
    is_there_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

double DeviceNumber::value() const {
    // Older versions of libtorch can ask an event, but not wait for it.
    while (is_there_ != nullptr && !is_there_->query()) std::this_thread::yield();
    return host_.item<double>();
}

}  // namespace attune::detail

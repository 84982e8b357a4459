#pragma once

#include <c10/core/Event.h>
#include <torch/types.h>

#include <memory>

namespace attune::detail {

/// A number that a device may still be computing. It is fetched when it is ready, not when all that was asked
/// of the device later is done, so that asking for it leaves the device something to do.
class DeviceNumber {
  public:
    /// `number` has one element. To be made right behind what computes it.
    explicit DeviceNumber(const torch::Tensor& number);

    /// Waits for it.
    [[nodiscard]] double value() const;

  private:
    torch::Tensor host_;
    std::shared_ptr<c10::Event> is_there_;  ///< null where the host had it at once
};

}  // namespace attune::detail

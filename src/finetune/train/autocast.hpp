#pragma once

#include <torch/types.h>
#include <torch/version.h>

#include <ATen/autocast_mode.h>

#include "attune/finetune/train/recipe.hpp"

namespace attune::detail {

/// While it lives, products on `device` are computed in the recipe's precision (torch's autocast).
class Autocast {
  public:
    Autocast(Precision precision, torch::DeviceType device) : on_(precision != Precision::float32) {
        if (!on_) return;
        cuda_ = device == torch::kCUDA;
        const auto type = precision == Precision::bfloat16 ? torch::kBFloat16 : torch::kFloat16;
        set(true, type);
        at::autocast::increment_nesting();
    }
    ~Autocast() {
        if (!on_) return;
        if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
        set(false, cuda_ ? torch::kFloat16 : torch::kBFloat16);
    }
    Autocast(const Autocast&) = delete;
    Autocast& operator=(const Autocast&) = delete;

  private:
    void set(bool enabled, torch::ScalarType type) const {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
        const auto device = cuda_ ? torch::kCUDA : torch::kCPU;
        at::autocast::set_autocast_dtype(device, type);
        at::autocast::set_autocast_enabled(device, enabled);
#else
        if (cuda_) {
            at::autocast::set_autocast_gpu_dtype(type);
            at::autocast::set_enabled(enabled);
        } else {
            at::autocast::set_autocast_cpu_dtype(type);
            at::autocast::set_cpu_enabled(enabled);
        }
#endif
    }

    bool on_;
    bool cuda_ = false;
};

/// While it lives, products are computed in the type of their operands, whatever a caller asked of autocast:
/// for what is kept and read by others.
class FullPrecision {
  public:
    FullPrecision() : cpu_(is_on(torch::kCPU)), cuda_(is_on(torch::kCUDA)) {
        set(torch::kCPU, false);
        set(torch::kCUDA, false);
    }
    ~FullPrecision() {
        set(torch::kCPU, cpu_);
        set(torch::kCUDA, cuda_);
    }
    FullPrecision(const FullPrecision&) = delete;
    FullPrecision& operator=(const FullPrecision&) = delete;

  private:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
    static bool is_on(torch::DeviceType device) { return at::autocast::is_autocast_enabled(device); }
    static void set(torch::DeviceType device, bool on) { at::autocast::set_autocast_enabled(device, on); }
#else
    static bool is_on(torch::DeviceType device) {
        return device == torch::kCUDA ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
    }
    static void set(torch::DeviceType device, bool on) {
        if (device == torch::kCUDA)
            at::autocast::set_enabled(on);
        else
            at::autocast::set_cpu_enabled(on);
    }
#endif

    bool cpu_;
    bool cuda_;
};

}  // namespace attune::detail

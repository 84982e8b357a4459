#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <future>
#include <span>
#include <vector>

namespace attune::detail {

/// Makes the pictures of the next batch on a thread of its own while a device learns from this one's.
class PicturesAhead {
  public:
    using Make = std::function<torch::Tensor(std::span<const std::int64_t> rows, std::int64_t epoch)>;

    /// `make` is called from another thread, and never twice at once.
    explicit PicturesAhead(Make make) : make_(std::move(make)) {}

    void begin(std::span<const std::int64_t> rows, std::int64_t epoch);

    /// Those that were begun where they are these rows', else made now. Passes on what `make` throws.
    [[nodiscard]] torch::Tensor take(std::span<const std::int64_t> rows, std::int64_t epoch);

  private:
    Make make_;
    std::vector<std::int64_t> rows_;
    std::int64_t epoch_ = 0;
    std::future<torch::Tensor> pictures_;  ///< its destructor waits
};

}  // namespace attune::detail

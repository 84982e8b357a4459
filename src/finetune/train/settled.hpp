#pragma once

#include <torch/nn/modules/dropout.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"

namespace attune::detail {

/// Leaves a network ready for use, however a training ends: in evaluation mode, without gradients, with the
/// probabilities of dropout and stochastic depth that it came with, and whatever else was asked for.
class Settled {
  public:
    explicit Settled(Network& network);
    ~Settled();
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;

    /// Something to be done at the end, before what was asked for earlier.
    void at_the_end(std::function<void()> work) { works_.push_back(std::move(work)); }

    /// Does it now, once; what one of the works throws is passed on, and the destructor does the rest. Left
    /// to the destructor, that is swallowed: another exception is on its way then.
    void now();

  private:
    void put_back_probabilities();

    Network& network_;
    std::vector<std::pair<std::shared_ptr<torch::nn::DropoutImpl>, double>> dropouts_;
    std::vector<std::pair<std::shared_ptr<StochasticDepth>, double>> depths_;
    std::vector<std::function<void()>> works_;
    bool done_ = false;
};

}  // namespace attune::detail

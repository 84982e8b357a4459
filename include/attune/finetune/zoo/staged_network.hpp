#pragma once

#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <functional>
#include <string>
#include <vector>

#include "attune/finetune/network.hpp"

namespace attune {

/// A network that is a list of steps, each of which is a stage: what is left to write of an architecture is
/// its modules, in torchvision's order, and one `add_stage` for each point where it can be cut.
class StagedNetwork : public Network {
  public:
    [[nodiscard]] const std::vector<Stage>& stages() const override { return stages_; }
    torch::Tensor forward_stages(torch::Tensor x, std::size_t first, std::size_t last) override;

  protected:
    using Step = std::function<torch::Tensor(torch::Tensor)>;

    /// The next stage in the order of computation. `run` must not write into its argument, which callers may
    /// keep (it is a cached feature); where `prefixes` is empty the stage owns what begins with "<name>.".
    void add_stage(std::string name, Step run, std::vector<std::string> prefixes = {});

  private:
    std::vector<Stage> stages_;
    std::vector<Step> steps_;
};

/// A staged network that ends in one linear layer on N x F features, perhaps behind a dropout.
class LinearHeadNetwork : public StagedNetwork {
  public:
    torch::Tensor forward_head(torch::Tensor features) override;
    [[nodiscard]] std::string head_name() const override { return head_name_; }
    void replace_head(std::int64_t classes) override;
    void set_head_dropout(double probability) override;
    [[nodiscard]] std::int64_t classes() const override { return head_->options.out_features(); }

  protected:
    using Initialise = std::function<void(torch::nn::LinearImpl&)>;

    /// Registers the head as `name` ("fc", or "classifier.1" in a container of its own) and, where `dropout`
    /// is above 0, a dropout with that probability before it. `initialise` is applied to this and to every
    /// later head; without it a head keeps torch's initialisation. Call once, after everything else is
    /// registered.
    void add_head(const std::string& name, std::int64_t features, std::int64_t classes,
                  Initialise initialise = {}, double dropout = 0);

  private:
    std::string head_name_;
    torch::nn::Linear head_{nullptr};
    torch::nn::Dropout dropout_{nullptr};
    Initialise initialise_;
};

}  // namespace attune

#pragma once

#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
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

    /// Makes `then` run behind the last stage, as a part of it.
    void extend_last_stage(Step then);

    /// Makes the last stage own what begins with `prefix`, too.
    void extend_last_stage(std::string prefix) { own(stages_.size() - 1, std::move(prefix)); }

    /// Makes a stage own what begins with `prefix`, too.
    void own(std::size_t stage, std::string prefix) { stages_[stage].prefixes.push_back(std::move(prefix)); }

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
    [[nodiscard]] const std::vector<AuxiliaryHead>& auxiliary_heads() const override { return auxiliary_; }
    torch::Tensor forward_auxiliary(std::size_t index, const torch::Tensor& stage_output) override;
    void drop_auxiliary_heads() override;

  protected:
    using Initialise = std::function<void(torch::nn::LinearImpl&)>;

    struct HeadOptions {
        Initialise initialise{};     ///< of this and every later head; torch's own where empty
        double dropout = 0;          ///< above 0, a dropout with that probability stands before the head
        std::string dropout_name{};  ///< in the head's container; "dropout" where empty
        bool bias = true;
    };

    /// Registers the head as `name` ("fc", or "classifier.1" in a container, which is made where there is
    /// none). Call once, after everything else is registered.
    void add_head(const std::string& name, std::int64_t features, std::int64_t classes,
                  const HeadOptions& options);

    /// What an auxiliary head is made of: `run` gives N x F features of the output of a stage, and a linear
    /// layer follows, which is registered in `module` as `layer`.
    struct AuxiliaryOptions {
        std::string name;       ///< of `module`
        std::string layer;      ///< "fc2"
        std::size_t stage = 0;  ///< whose output it takes and which then owns it
        std::shared_ptr<torch::nn::Module> module;
        Step run;
        std::int64_t features = 0;
        double loss_weight = 0.3;
        Initialise initialise{};
    };

    /// Registers an auxiliary head. To be called in the order of the stages.
    void add_auxiliary_head(const AuxiliaryOptions& options, std::int64_t classes);

  private:
    std::string head_name_;
    torch::nn::Linear head_{nullptr};
    torch::nn::Dropout dropout_{nullptr};
    Initialise initialise_;
    std::vector<AuxiliaryHead> auxiliary_;
    std::vector<AuxiliaryOptions> auxiliary_options_;
    std::vector<torch::nn::Linear> auxiliary_layers_;
};

}  // namespace attune

#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/finetune/network.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/weight_average.hpp"
#include "batch_plan.hpp"
#include "device.hpp"
#include "fit_checkpoint.hpp"
#include "settled.hpp"
#include "targets.hpp"
#include "trained_part.hpp"
#include "training_inputs.hpp"
#include "training_step.hpp"

namespace attune::detail {

/// One call of fit().
class FitRun {
  public:
    FitRun(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options);

    FitResult run();

  private:
    struct Validation {
        double accuracy = 0;
        double loss = 0;
        std::map<std::string, double> numbers;
    };

    void check() const;
    void check_sizes() const;
    void check_mixing() const;
    void check_group() const;
    void agree();
    void take_first_weights();
    void end_alike();
    void require_same_place() const;
    void prepare();
    void prepare_network();
    void resume();
    void save();
    [[nodiscard]] bool writes_checkpoints() const;
    void run_epochs();
    void begin_epoch();
    [[nodiscard]] bool run_epoch();
    [[nodiscard]] bool is_stopped();
    [[nodiscard]] double run_update();
    void set_rates();
    [[nodiscard]] bool conclude_epoch();
    [[nodiscard]] bool validate(EpochReport& report);
    [[nodiscard]] Validation measure(bool quick);
    [[nodiscard]] torch::Tensor validation_outputs(bool quick);
    [[nodiscard]] EpochAnswer answer_to(const EpochReport& report);
    [[nodiscard]] bool averages_now() const;
    void keep(const Validation& seen);
    void settle_weights();
    void renew_statistics();
    void judge_kept_weights();
    bool end(FitEnd how, std::string message);
    bool end_not_finite(const char* what, double loss);
    bool end_exhausted();

    Network& network_;
    const TrainingSet& set_;
    const ImageData& data_;
    const Recipe& recipe_;
    const FitOptions& options_;
    torch::Device device_;
    ProcessGroup* group_;                       ///< null: this process alone
    std::optional<FastestAlgorithms> fastest_;  ///< on devices
    std::optional<FitIdentity> identity_;       ///< where there is a checkpoint
    std::size_t cut_ = 0;
    std::size_t first_ = 0;  ///< stage that trains now
    std::optional<Targets> targets_;
    std::optional<TrainedPart> part_;
    std::optional<TrainingInputs> inputs_;
    std::optional<TrainingStep> step_;
    std::optional<BatchPlan> plan_;
    std::optional<WeightAverage> average_;
    std::optional<Snapshot> best_;
    FitProgress at_;
    FitResult result_;
    double began_ = 0;  ///< seconds on the clock
    double saved_ = 0;  ///< when the latest checkpoint was written, or the call began
    double epoch_began_ = 0;
    std::optional<Settled> settled_;  ///< the first to go: what it puts back is above
};

}  // namespace attune::detail

#include "attune/finetune/train/range_test.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <string>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "batch_plan.hpp"
#include "fit_run.hpp"

namespace attune {
namespace {

void require(bool holds, const char* name, double value, const char* rule) {
    if (!holds) throw InvalidOption(fmt::format("range test {} {} must be {}", name, value, rule));
}

/// Everything about a network that a training may change, put back at the end: where it computes first, since
/// a fit leaves it on the CPU. The network itself is asked for a head of the old size, so that names and
/// shapes are those of the copies.
class Restored {
  public:
    explicit Restored(Network& network)
        : network_(network),
          device_(network.parameters().front().device()),
          classes_(network.classes()),
          training_(network.is_training()) {
        for (const auto& item : network.named_parameters())
            parameters_.push_back({item.key(), item.value().detach().clone(), item.value().requires_grad()});
        for (const auto& item : network.named_buffers())
            buffers_.push_back({item.key(), item.value().detach().clone(), false});
        for (const auto& module : network.modules(/*include_self=*/false))
            modes_.push_back(module->is_training());
        const std::lock_guard lock(generator_.mutex());
        generator_state_ = generator_.get_state();
    }
    /// Where an exception is on its way, another one must not follow it.
    ~Restored() {
        try {
            if (!done_) now();
        } catch (const std::exception&) {
        }
    }
    Restored(const Restored&) = delete;
    Restored& operator=(const Restored&) = delete;

    void now() {
        done_ = true;
        const torch::NoGradGuard no_gradients;
        network_.to(device_);
        if (network_.classes() != classes_) network_.replace_head(classes_);
        auto parameters = network_.named_parameters();
        for (const auto& kept : parameters_) {
            auto& live = parameters[kept.name];
            // What did not change may be shared with others, who read it.
            if (!torch::equal(live, kept.value)) live.copy_(kept.value);
            live.mutable_grad().reset();
            live.set_requires_grad(kept.trains);
        }
        auto buffers = network_.named_buffers();
        for (const auto& kept : buffers_)
            if (!torch::equal(buffers[kept.name], kept.value)) buffers[kept.name].copy_(kept.value);
        network_.train(training_);
        const auto modules = network_.modules(/*include_self=*/false);
        // From the outside in, since train() reaches into sub-modules.
        for (std::size_t i = 0; i < modules.size(); ++i) modules[i]->train(modes_[i]);
        const std::lock_guard lock(generator_.mutex());
        generator_.set_state(generator_state_);
    }

  private:
    struct Kept {
        std::string name;
        torch::Tensor value;
        bool trains;
    };

    Network& network_;
    torch::Device device_;
    std::int64_t classes_;
    bool training_;
    std::vector<Kept> parameters_;
    std::vector<Kept> buffers_;
    std::vector<bool> modes_;
    at::Generator generator_ = at::detail::getDefaultCPUGenerator();  ///< a fresh head draws from it
    torch::Tensor generator_state_;
    bool done_ = false;
};

/// The losses' running mean, rid of its start at 0.
class Smoothed {
  public:
    explicit Smoothed(double share) : share_(share) {}
    double add(double value) {
        mean_ = share_ * mean_ + (1 - share_) * value;
        weight_ = share_ * weight_ + (1 - share_);
        return mean_ / weight_;
    }

  private:
    double share_;
    double mean_ = 0;
    double weight_ = 0;
};

void conclude(RangeTest& seen) {
    const auto& losses = seen.losses;
    const auto least = std::ranges::min_element(losses) - losses.begin();
    seen.least = seen.learning_rates[static_cast<std::size_t>(least)];
    double best = 0;
    seen.steepest = seen.learning_rates.front();
    for (std::size_t i = 1; i + 1 < losses.size(); ++i) {
        const double slope = (losses[i + 1] - losses[i - 1]) /
                             std::log(seen.learning_rates[i + 1] / seen.learning_rates[i - 1]);
        if (slope >= best) continue;
        best = slope;
        seen.steepest = seen.learning_rates[i];
    }
}

}  // namespace

void RangeTestOptions::validate() const {
    require(lowest > 0 && std::isfinite(lowest), "lowest", lowest, "above 0");
    require(highest > lowest && std::isfinite(highest), "highest", highest, "above lowest");
    require(steps >= 3, "steps", static_cast<double>(steps), "at least 3");
    require(smoothing >= 0 && smoothing < 1, "smoothing", smoothing, "in [0, 1)");
    require(divergence > 1, "divergence", divergence, "above 1");
}

double RangeTest::suggested() const { return std::max(least / 10, steepest); }

RangeTest learning_rate_range_test(Network& network, const TrainingSet& set, const Recipe& recipe,
                                   const RangeTestOptions& test, const FitOptions& options) {
    test.validate();
    recipe.validate();
    Restored restored(network);
    Recipe trial = recipe;
    trial.learning_rate = 1;  // the factor is the rate
    trial.ema_decay = 0;
    trial.swa_from = 0;
    trial.patience = 0;
    trial.restore_best = false;
    trial.schedule = Schedule();  // whose momentum would move too
    trial.thaw_every_epochs = 0;
    TrainingSet train = set;
    SplitRows split;
    split.train = set.data.split().train;
    train.data = set.data.with_split(std::move(split));
    const auto per_epoch = std::max<std::int64_t>(1, detail::BatchPlan(train.data, trial).updates());
    trial.epochs = (test.steps + per_epoch - 1) / per_epoch;

    RangeTest seen;
    Smoothed smoothed(test.smoothing);
    std::stop_source source;
    double least = std::numeric_limits<double>::infinity();
    FitOptions stepwise = options;
    stepwise.on_epoch = {};
    stepwise.checkpoint.clear();
    stepwise.stop = source.get_token();
    stepwise.learning_rate_factor = [&](const ScheduleMoment& moment) {
        const double share = static_cast<double>(moment.step) / static_cast<double>(test.steps - 1);
        return test.lowest * std::pow(test.highest / test.lowest, std::min(share, 1.0));
    };
    stepwise.on_update = [&](const UpdateReport& report) {
        if (options.stop.stop_requested()) source.request_stop();
        if (!std::isfinite(report.loss)) {
            seen.diverged = true;
            source.request_stop();
            return;
        }
        seen.learning_rates.push_back(report.learning_rate);
        seen.losses.push_back(smoothed.add(report.loss));
        least = std::min(least, seen.losses.back());
        seen.diverged = seen.losses.back() > test.divergence * least;
        if (seen.diverged || std::ssize(seen.losses) == test.steps) source.request_stop();
    };
    (void)fit(network, train, trial, stepwise);
    restored.now();
    if (seen.losses.empty())
        throw InvalidState("the loss of the range test's first update is not finite: no rate can be told");
    conclude(seen);
    return seen;
}

}  // namespace attune

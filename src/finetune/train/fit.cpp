#include "attune/finetune/train/fit.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/parameters.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/loss.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/space/detail/counted.hpp"
#include "dropout_mask.hpp"
#include "training_inputs.hpp"

namespace attune {
namespace {

enum Purpose : std::uint64_t {
    order_purpose = 0x6f72646572,
    mix_purpose = 0x6d6978,
    dropout_purpose = 0x64726f70
};

using Clock = std::chrono::steady_clock;
using Rows = std::vector<std::int64_t>;

double seconds_since(Clock::time_point began) {
    return std::chrono::duration<double>(Clock::now() - began).count();
}

/// What a training changes, as it was at some epoch: trainable parameters, and the buffers of modules that
/// gather statistics, which are those in training mode.
class Snapshot {
  public:
    explicit Snapshot(Network& network) {
        for (const auto& parameter : network.parameters())
            if (parameter.requires_grad()) live_.push_back(parameter);
        add_buffers(network);
        // Without the network itself, which may live on the stack.
        for (const auto& module : network.modules(/*include_self=*/false)) add_buffers(*module);
    }

    void take() {
        kept_.clear();
        for (const auto& tensor : live_) kept_.push_back(tensor.detach().clone());
    }

    void put_back() {
        const torch::NoGradGuard no_gradients;
        for (std::size_t i = 0; i < kept_.size(); ++i) live_[i].copy_(kept_[i]);
    }

  private:
    void add_buffers(const torch::nn::Module& module) {
        if (!module.is_training()) return;
        for (const auto& buffer : module.buffers(/*recurse=*/false)) live_.push_back(buffer);
    }

    std::vector<torch::Tensor> live_;
    std::vector<torch::Tensor> kept_;
};

/// Leaves a network ready for use, however the fit ends.
class Settled {
  public:
    explicit Settled(Network& network) : network_(network) {}
    ~Settled() {
        network_.zero_grad();
        for (auto& parameter : network_.parameters()) parameter.requires_grad_(false);
        network_.eval();
    }
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;

  private:
    Network& network_;
};

struct Validation {
    double accuracy = 0;
    double loss = 0;
    std::optional<double> top5;
};

torch::Tensor labels_of(const ImageData& data, std::span<const std::int64_t> rows) {
    auto labels = torch::empty({std::ssize(rows)}, torch::kInt64);
    auto* out = labels.data_ptr<std::int64_t>();
    for (const auto row : rows) *out++ = data.labels()[static_cast<std::size_t>(row)];
    return labels;
}

torch::Tensor class_weights_of(const Recipe& recipe, const ImageData& data) {
    std::vector<double> weights = recipe.class_weights;
    if (recipe.balance_classes) {
        const auto counts = data.class_counts(Split::train);
        const auto all = static_cast<double>(data.split().train.size());
        for (const auto count : counts)
            weights.push_back(
                count == 0 ? 0 : all / (static_cast<double>(counts.size()) * static_cast<double>(count)));
    }
    if (weights.empty()) return {};
    if (std::ssize(weights) != data.class_count())
        throw InvalidOption(fmt::format("recipe.class_weights has {} numbers, the data {} classes",
                                        weights.size(), data.class_count()));
    return torch::tensor(weights, torch::kFloat64).to(torch::kFloat32);
}

/// First position of each batch in an epoch's order, and the end; a last batch of one joins the one before,
/// since batch normalisation has no statistics of a single value.
std::vector<std::size_t> batch_borders(std::size_t count, std::size_t batch_size) {
    std::vector<std::size_t> borders;
    for (std::size_t begin = 0; begin < count; begin += batch_size) borders.push_back(begin);
    if (borders.size() > 1 && count - borders.back() == 1 && batch_size > 1) borders.pop_back();
    borders.push_back(count);
    return borders;
}

class Fit {
  public:
    Fit(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options)
        : network_(network),
          data_(set.data),
          recipe_(recipe),
          options_(options),
          settled_(network),
          dropout_{recipe.seed, dropout_purpose} {
        check();
        cut_ = recipe.frozen_in(network.stages().size());
        start_head(network, data_.class_count(), recipe.head_start, recipe.seed);
        // Dropout in front of the head is drawn here: a module's own would draw from torch's shared
        // generator.
        network.set_head_dropout(0);
        inputs_.emplace(network, set, recipe, cut_, recipe.epochs > 1 ? options.own_cache_bytes : 0);
        freeze_stages(network, cut_, recipe.batch_norm);
        groups_ = optimizer_groups(network, cut_, recipe);
        optimizer_ = make_optimizer(recipe, groups_);
        loss_options_ = {recipe.label_smoothing, class_weights_of(recipe, data_)};
        borders_ = batch_borders(data_.split().train.size(), static_cast<std::size_t>(recipe.batch_size));
        if (recipe.ema_decay > 0) average_.emplace(trainable(), recipe.ema_decay);
        best_weights_.emplace(network);
        result_.frozen_stages = cut_;
        result_.used_cached_features = inputs_->uses_features();
        result_.trained_parameters = count_parameters(network, true);
    }

    FitResult run() {
        const auto began = Clock::now();
        result_.message = recipe_.epochs == 1 ? std::string("the only epoch was run")
                                              : fmt::format("all {} epochs were run", recipe_.epochs);
        for (std::int64_t epoch = 1; epoch <= recipe_.epochs; ++epoch)
            if (!run_epoch(epoch)) break;
        if (recipe_.restore_best && result_.best_epoch > 0)
            best_weights_->put_back();
        else if (average_)
            average_->swap();
        judge_kept_weights();
        result_.duration_seconds = seconds_since(began);
        return std::move(result_);
    }

  private:
    void check() const {
        recipe_.validate();
        if (data_.split().train.empty()) throw InvalidOption("the data has no training images");
        if (data_.class_count() < 2)
            throw InvalidOption(fmt::format("the data has {} class{}; at least 2 are needed",
                                            data_.class_count(), data_.class_count() == 1 ? "" : "es"));
        const auto size = recipe_.image_size > 0 ? recipe_.image_size : data_.image_size();
        if (size < network_.input.minimum_size)
            throw InvalidOption(
                fmt::format("images of {} pixels are smaller than the network's minimum of {}", size,
                            network_.input.minimum_size));
    }

    std::vector<torch::Tensor> trainable() const {
        std::vector<torch::Tensor> parameters;
        for (const auto& group : groups_)
            parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
        return parameters;
    }

    /// False where the fit ends with this epoch.
    bool run_epoch(std::int64_t epoch) {
        const auto began = Clock::now();
        set_training(network_, cut_, recipe_.batch_norm);
        Rows order = data_.split().train;
        detail::RandomStream stream{recipe_.seed, order_purpose, static_cast<std::uint64_t>(epoch)};
        stream.shuffle(order);
        double loss_sum = 0;
        for (std::size_t i = 0; i + 1 < borders_.size(); ++i) {
            if (options_.stop.stop_requested())
                return end(FitEnd::cancelled, fmt::format("cancelled in epoch {}", epoch));
            const auto rows =
                std::span<const std::int64_t>(order).subspan(borders_[i], borders_[i + 1] - borders_[i]);
            const double loss = train_step(rows, epoch);
            if (!std::isfinite(loss)) return end_not_finite("training", loss, epoch);
            loss_sum += loss * static_cast<double>(rows.size());
        }
        result_.epochs_run = epoch;
        result_.last_train_loss = loss_sum / static_cast<double>(order.size());
        return conclude_epoch(epoch, began);
    }

    double train_step(std::span<const std::int64_t> rows, std::int64_t epoch) {
        const auto steps_per_epoch = static_cast<std::int64_t>(borders_.size() - 1);
        learning_rate_factor_ =
            learning_rate_factor(recipe_.schedule, result_.steps, steps_per_epoch, recipe_.epochs);
        scale_learning_rates(*optimizer_, groups_, learning_rate_factor_);
        auto x = inputs_->batch(rows, epoch);
        const auto labels = labels_of(data_, rows);
        torch::Tensor loss;
        if (recipe_.mixup_alpha > 0) {
            detail::RandomStream stream{recipe_.seed, mix_purpose, static_cast<std::uint64_t>(result_.steps)};
            const double lambda = stream.symmetric_beta(recipe_.mixup_alpha);
            const auto targets = mix_with_previous(attune::one_hot(labels, data_.class_count()), lambda);
            loss = soft_cross_entropy(logits_of(mix_with_previous(x, lambda)), targets, loss_options_);
        } else {
            loss = cross_entropy(logits_of(std::move(x)), labels, loss_options_);
        }
        const double value = loss.item<double>();
        ++result_.steps;
        if (!std::isfinite(value)) return value;
        optimizer_->zero_grad();
        loss.backward();
        if (recipe_.gradient_clip_norm > 0) clip_gradients(groups_, recipe_.gradient_clip_norm);
        optimizer_->step();
        if (average_) average_->update();
        return value;
    }

    torch::Tensor logits_of(torch::Tensor x) {
        auto features = network_.forward_stages(std::move(x), cut_, network_.stages().size());
        if (recipe_.head_dropout > 0) {
            const double kept = 1 - recipe_.head_dropout;
            features = features * detail::dropout_mask(features, kept, dropout_);
        }
        return network_.forward_head(features);
    }

    bool conclude_epoch(std::int64_t epoch, Clock::time_point began) {
        EpochReport report{epoch,
                           {{"train_loss", result_.last_train_loss},
                            {"learning_rate", recipe_.learning_rate * learning_rate_factor_}}};
        const bool last = epoch == recipe_.epochs;
        bool goes_on = true;
        if (!data_.split().validation.empty() && (last || epoch % recipe_.validate_every == 0))
            goes_on = validate(epoch, report);
        report.numbers["seconds"] = seconds_since(began);
        result_.history.push_back(report);
        const bool stops = options_.on_epoch && options_.on_epoch(report) == EpochAnswer::stop;
        if (!goes_on) return false;
        if (stops && !last)
            return end(FitEnd::stopped, fmt::format("stopped by the callback after epoch {}", epoch));
        return true;
    }

    bool validate(std::int64_t epoch, EpochReport& report) {
        if (average_) average_->swap();
        const Validation seen = measure(recipe_.quick_validation);
        report.numbers["validation_loss"] = seen.loss;
        report.numbers["validation_accuracy"] = seen.accuracy;
        if (seen.top5) report.numbers["validation_top5"] = *seen.top5;
        const bool finite = std::isfinite(seen.loss);
        if (finite && is_best(seen)) {
            result_.best_epoch = epoch;
            result_.best_validation_accuracy = seen.accuracy;
            result_.best_validation_loss = seen.loss;
            if (recipe_.restore_best) best_weights_->take();
        }
        if (finite && (!recipe_.restore_best || result_.best_epoch == epoch)) keep(seen);
        if (average_) average_->swap();
        if (!finite) return end_not_finite("validation", seen.loss, epoch);
        return has_patience(seen, epoch);
    }

    void keep(const Validation& seen) {
        result_.validation_accuracy = seen.accuracy;
        result_.validation_loss = seen.loss;
    }

    /// A cancelled or broken fit has nothing to show for the price of another look.
    void judge_kept_weights() {
        const bool has_end = result_.end != FitEnd::cancelled && result_.end != FitEnd::not_finite;
        if (has_end && recipe_.quick_validation && recipe_.test_views.size() > 1 && result_.best_epoch > 0)
            keep(measure(false));
    }

    Validation measure(bool quick) {
        const auto& rows = data_.split().validation;
        const auto logits = compute_logits(network_, data_, rows, inputs_->evaluate_options(quick));
        const torch::NoGradGuard no_gradients;
        const auto labels = labels_of(data_, rows);
        Validation seen;
        seen.loss = cross_entropy(logits.to(torch::kFloat64), labels).item<double>();
        const auto count = static_cast<double>(rows.size());
        seen.accuracy = logits.argmax(1).eq(labels).sum().item<double>() / count;
        if (data_.class_count() > 5)
            seen.top5 = std::get<1>(logits.topk(5, 1)).eq(labels.unsqueeze(1)).sum().item<double>() / count;
        return seen;
    }

    bool is_best(const Validation& seen) const {
        if (result_.best_epoch == 0) return true;
        if (recipe_.watched == WatchedMetric::validation_loss)
            return seen.loss < result_.best_validation_loss;
        return seen.accuracy > result_.best_validation_accuracy ||
               (seen.accuracy == result_.best_validation_accuracy &&
                seen.loss < result_.best_validation_loss);
    }

    bool has_patience(const Validation& seen, std::int64_t epoch) {
        const double value = recipe_.watched == WatchedMetric::validation_loss ? -seen.loss : seen.accuracy;
        if (value > watched_best_ + recipe_.min_delta) {
            watched_best_ = value;
            improved_in_ = epoch;
        }
        if (recipe_.patience == 0 || epoch - improved_in_ < recipe_.patience || epoch == recipe_.epochs)
            return true;
        return end(FitEnd::patience, fmt::format("no improvement for {}, the last one in epoch {}",
                                                 detail::counted(recipe_.patience, "epoch"), improved_in_));
    }

    bool end(FitEnd how, std::string message) {
        result_.end = how;
        result_.message = std::move(message);
        return false;
    }

    bool end_not_finite(const char* what, double loss, std::int64_t epoch) {
        return end(FitEnd::not_finite,
                   fmt::format("the {} loss became {} in epoch {}, update {} (learning rate {})", what, loss,
                               epoch, result_.steps, recipe_.learning_rate * learning_rate_factor_));
    }

    Network& network_;
    const ImageData& data_;
    const Recipe& recipe_;
    const FitOptions& options_;
    Settled settled_;
    detail::RandomStream dropout_;
    std::size_t cut_ = 0;
    std::optional<detail::TrainingInputs> inputs_;
    std::vector<OptimizerGroup> groups_;
    std::unique_ptr<torch::optim::Optimizer> optimizer_;
    LossOptions loss_options_;
    std::vector<std::size_t> borders_;
    std::optional<WeightAverage> average_;
    std::optional<Snapshot> best_weights_;
    double learning_rate_factor_ = 1;
    double watched_best_ = -std::numeric_limits<double>::infinity();
    std::int64_t improved_in_ = 0;
    FitResult result_;
};

}  // namespace

std::string to_string(FitEnd end) {
    switch (end) {
        case FitEnd::completed:
            return "completed";
        case FitEnd::patience:
            return "patience";
        case FitEnd::stopped:
            return "stopped";
        case FitEnd::cancelled:
            return "cancelled";
        case FitEnd::not_finite:
            break;
    }
    return "not_finite";
}

FitResult fit(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options) {
    return Fit(network, set, recipe, options).run();
}

}  // namespace attune

#include "training_step.hpp"

#include <torch/utils.h>

#include <cmath>
#include <utility>

#include "attune/error.hpp"
#include "autocast.hpp"
#include "dropout_mask.hpp"
#include "network_randomness.hpp"

namespace attune::detail {
namespace {

enum Purpose : std::uint64_t {
    mix_purpose = 0x6d6978,
    dropout_purpose = 0x64726f70,
    network_purpose = 0x6e6574
};

RandomStream stream_of(std::uint64_t seed, std::uint64_t purpose, std::int64_t step, std::size_t index) {
    if (index == 0) return RandomStream{seed, purpose, static_cast<std::uint64_t>(step)};
    return RandomStream{seed, purpose, static_cast<std::uint64_t>(step), index};
}

}  // namespace

TrainingStep::TrainingStep(Network& network, const TrainingSet& set, const Recipe& recipe,
                           const FitOptions& options, TrainedPart& part, const Targets& targets)
    : network_(network),
      recipe_(recipe),
      part_(part),
      targets_(targets),
      optimizer_(options.make_optimizer ? options.make_optimizer(part.groups())
                                        : make_optimizer(recipe, part.groups())),
      dropout_{recipe.seed, dropout_purpose} {
    if (optimizer_ == nullptr) throw InvalidOption("FitOptions::make_optimizer gave no optimizer");
    if (recipe.distillation_weight > 0) teacher_.emplace(set, recipe, options.own_cache_bytes);
    if (recipe.l2_pretrained == 0) return;
    for (const auto& group : optimizer_->groups()) {
        pretrained_.emplace_back();
        if (group.stage >= network.stages().size()) continue;
        for (const auto& parameter : group.parameters)
            pretrained_.back().push_back(parameter.detach().clone());
    }
}

void TrainingStep::set_inputs(const TrainingInputs* inputs, std::size_t first_stage) {
    inputs_ = inputs;
    first_ = first_stage;
    draws_ = first_stage < network_.stages().size() && draws_randomly(network_);
}

TrainingStep::Batch TrainingStep::batch_of(std::span<const std::int64_t> rows, std::int64_t epoch,
                                           std::int64_t step, std::size_t index) const {
    Batch batch;
    batch.x = inputs_->batch(rows, epoch);
    batch.targets = targets_.of(rows);
    batch.key = stream_of(recipe_.seed, network_purpose, step, index).next();
    if (teacher_)
        batch.teacher = torch::softmax(teacher_->logits(rows, epoch) / recipe_.distillation_temperature, 1);
    mix(batch, step, index);
    batch.targets = batch.targets.to(batch.x.device());
    if (batch.teacher.defined()) batch.teacher = batch.teacher.to(batch.x.device());
    return batch;
}

void TrainingStep::mix(Batch& batch, std::int64_t step, std::size_t index) const {
    if (recipe_.mixup_alpha == 0 && recipe_.cutmix_alpha == 0) return;
    auto stream = stream_of(recipe_.seed, mix_purpose, step, index);
    const bool both = recipe_.mixup_alpha > 0 && recipe_.cutmix_alpha > 0;
    const bool cuts = both ? stream.below(2) == 1 : recipe_.cutmix_alpha > 0;
    double lambda = stream.symmetric_beta(cuts ? recipe_.cutmix_alpha : recipe_.mixup_alpha);
    if (cuts) {
        if (batch.x.dim() != 4)
            throw InvalidOption(
                "recipe.cutmix_alpha must be 0 where what enters the trained stages has no "
                "places to cut (features of the last stage)");
        const auto height = batch.x.size(2);
        const auto width = batch.x.size(3);
        const auto x = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(width)));
        const auto y = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(height)));
        const auto box = cut_box(lambda, x, y, height, width);
        batch.x = paste_from_previous(batch.x, box);
        lambda = box.kept_share(height, width);
    } else {
        batch.x = mix_with_previous(batch.x, lambda);
    }
    batch.targets = mix_with_previous(targets_.mixable(batch.targets), lambda);
    if (batch.teacher.defined()) batch.teacher = mix_with_previous(batch.teacher, lambda);
}

torch::Tensor TrainingStep::logits_of(const Batch& batch) {
    std::optional<SeededGenerator> generator;
    if (draws_) generator.emplace(batch.key);
    part_.prepare();
    const Autocast precision(recipe_.precision, batch.x.device().type());
    auto features = network_.forward_stages(batch.x, first_, network_.stages().size());
    if (recipe_.head_dropout > 0) {
        const double kept = 1 - recipe_.head_dropout;
        features = features * detail::dropout_mask(features, kept, dropout_).to(features.device());
    }
    return network_.forward_head(features);
}

torch::Tensor TrainingStep::loss_of(const Batch& batch) {
    auto logits = logits_of(batch);
    if (recipe_.precision != Precision::float32) logits = logits.to(torch::kFloat32);
    auto loss = targets_.loss(logits, batch.targets);
    if (!batch.teacher.defined()) return loss;
    const double weight = recipe_.distillation_weight;
    return (1 - weight) * loss +
           weight * distillation_loss(logits, batch.teacher, recipe_.distillation_temperature);
}

double TrainingStep::run(const std::vector<std::span<const std::int64_t>>& batches, std::int64_t epoch,
                         std::int64_t step) {
    double samples = 0;
    for (const auto& rows : batches) samples += static_cast<double>(rows.size());
    std::vector<Batch> loaded;
    double mean = 0;
    if (optimizer_->needs_closure()) {
        loaded.push_back(batch_of(batches[0], epoch, step, 0));
        const auto dropout = dropout_;
        bool first = true;
        optimizer_->step([&] {
            dropout_ = dropout;  // every evaluation sees the same network
            optimizer_->zero_grad();
            const double loss = backward(loaded);
            if (std::exchange(first, false)) mean = loss;
            add_penalties();
            return torch::tensor(loss + penalty());
        });
        return mean;
    }
    optimizer_->zero_grad();
    for (std::size_t i = 0; i < batches.size(); ++i) {
        loaded.clear();  // one batch in memory at a time
        loaded.push_back(batch_of(batches[i], epoch, step, i));
        loaded[0].share = static_cast<double>(batches[i].size()) / samples;
        mean += backward(loaded);
        if (!std::isfinite(mean)) return mean;
    }
    update();
    return mean;
}

/// Adds the gradients of batches; their share of the mean loss.
double TrainingStep::backward(std::vector<Batch>& batches) {
    double mean = 0;
    for (auto& batch : batches) {
        const auto loss = loss_of(batch);
        const auto value = loss.item<double>();
        mean += batch.share * value;
        if (!std::isfinite(value)) return mean;
        const double factor = batch.share * (recipe_.precision == Precision::float16 ? scale_.scale : 1.0);
        (factor == 1 ? loss : loss * factor).backward();
    }
    return mean;
}

void TrainingStep::update() {
    if (recipe_.precision == Precision::float16 && !scale_.unscale(optimizer_->groups())) return;
    add_penalties();
    if (recipe_.gradient_clip_norm > 0)
        clip_gradients(optimizer_->groups(), recipe_.gradient_clip_norm, recipe_.gradient_clip_exponent);
    optimizer_->step();
}

/// Of l1 and l2_pretrained, as gradients: cheaper than as a part of the graph.
void TrainingStep::add_penalties() {
    if (recipe_.l1 == 0 && recipe_.l2_pretrained == 0) return;
    const torch::NoGradGuard no_gradients;
    for (std::size_t g = 0; g < optimizer_->groups().size(); ++g) {
        auto& group = optimizer_->groups()[g];
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            auto& parameter = group.parameters[i];
            if (!parameter.grad().defined()) continue;
            if (recipe_.l1 > 0) parameter.grad().add_(parameter.sign(), recipe_.l1);
            if (!pretrained_.empty() && i < pretrained_[g].size())
                parameter.grad().add_(parameter - pretrained_[g][i], recipe_.l2_pretrained);
        }
    }
}

double TrainingStep::penalty() const {
    const torch::NoGradGuard no_gradients;
    double sum = 0;
    if (recipe_.l1 == 0 && recipe_.l2_pretrained == 0) return sum;
    for (std::size_t g = 0; g < optimizer_->groups().size(); ++g) {
        const auto& group = optimizer_->groups()[g];
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            const auto& parameter = group.parameters[i];
            if (!parameter.grad().defined()) continue;
            if (recipe_.l1 > 0) sum += recipe_.l1 * parameter.abs().sum().item<double>();
            if (!pretrained_.empty() && i < pretrained_[g].size())
                sum +=
                    recipe_.l2_pretrained / 2 * (parameter - pretrained_[g][i]).square().sum().item<double>();
        }
    }
    return sum;
}

}  // namespace attune::detail

#include "training_step.hpp"

#include <torch/utils.h>

#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

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

/// An optimizer that evaluates the loss itself sees its gradients as they are, of one batch.
void require_plain_gradients(const Recipe& recipe) {
    const auto refuse = [](const char* option, const std::string& value, const char* rule) {
        throw InvalidOption(fmt::format(
            "recipe.{} {} must be {} with an optimizer that evaluates the loss itself", option, value, rule));
    };
    if (recipe.gradient_clip_norm > 0)
        refuse("gradient_clip_norm", fmt::format("{}", recipe.gradient_clip_norm), "0");
    if (recipe.accumulation_steps > 1)
        refuse("accumulation_steps", std::to_string(recipe.accumulation_steps), "1");
    if (recipe.precision == Precision::float16)
        refuse("precision", to_string(recipe.precision), "float32 or bfloat16");
}

}  // namespace

TrainingStep::TrainingStep(Network& network, const TrainingSet& set, const Recipe& recipe,
                           const FitOptions& options, TrainedPart& part, const Targets& targets)
    : network_(network),
      recipe_(recipe),
      part_(part),
      targets_(targets),
      group_(options.group),
      stop_(options.stop),
      optimizer_(options.make_optimizer ? options.make_optimizer(part.groups())
                                        : make_optimizer(recipe, part.groups())),
      dropout_{recipe.seed, dropout_purpose} {
    if (optimizer_ == nullptr) throw InvalidOption("FitOptions::make_optimizer gave no optimizer");
    if (optimizer_->needs_closure()) require_plain_gradients(recipe);
    if (recipe.distillation_weight > 0) teacher_.emplace(set, recipe, options);
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
    draws_for_own_rows_ = group_ != nullptr && draws_ && draws_for_own_rows(network_);
}

std::vector<std::int64_t> TrainingStep::rows_to_read(std::span<const std::int64_t> joint) const {
    const auto own = own_rows(group_.get(), joint.size());
    std::vector<std::int64_t> rows;
    // Mixing needs the row before the first one too, which another process computes as its last.
    if (mixes() && own.is_part()) rows.push_back(joint[(own.first + joint.size() - 1) % joint.size()]);
    const auto part = own.of(joint);
    rows.insert(rows.end(), part.begin(), part.end());
    return rows;
}

TrainingStep::Batch TrainingStep::batch_of(std::span<const std::int64_t> joint, std::int64_t epoch,
                                           std::int64_t step, std::size_t index) const {
    Batch batch;
    batch.own = own_rows(group_.get(), joint.size());
    const auto rows = rows_to_read(joint);
    const auto shown = inputs_->shown(rows, epoch);
    {
        const JointBatch part(group_, batch.own);
        batch.x = inputs_->batch(shown);
    }
    batch.targets = targets_.of(rows);
    auto keys = stream_of(recipe_.seed, network_purpose, step, index);
    batch.key = keys.next();
    // Each process a key of its own, or row j of every part would lose the same.
    for (int i = 0; draws_for_own_rows_ && i < group_->rank(); ++i) batch.key = keys.next();
    if (teacher_)
        batch.teacher = torch::softmax(teacher_->logits(shown) / recipe_.distillation_temperature, 1);
    mix(batch, step, index);
    const auto count = static_cast<std::int64_t>(batch.own.count);
    const auto before = std::ssize(rows) - count;
    for (auto* tensor : {&batch.x, &batch.targets, &batch.teacher})
        if (before > 0 && tensor->defined()) *tensor = tensor->narrow(0, before, count);
    batch.targets = batch.targets.to(batch.x.device());
    if (batch.teacher.defined()) batch.teacher = batch.teacher.to(batch.x.device());
    return batch;
}

void TrainingStep::mix(Batch& batch, std::int64_t step, std::size_t index) const {
    if (!mixes()) return;
    auto stream = stream_of(recipe_.seed, mix_purpose, step, index);
    const bool both = recipe_.mixup_alpha > 0 && recipe_.cutmix_alpha > 0;
    const bool cuts = both ? stream.below(2) == 1 : recipe_.cutmix_alpha > 0;
    double lambda = stream.symmetric_beta(cuts ? recipe_.cutmix_alpha : recipe_.mixup_alpha);
    if (cuts) {
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

torch::Tensor TrainingStep::logits_of(const Batch& batch, AuxiliaryLogits& auxiliary) {
    std::optional<SeededGenerator> generator;
    if (draws_) generator.emplace(batch.key, batch.x.device());
    const JointBatch joint(group_, batch.own);
    part_.prepare();
    const Autocast precision(recipe_.precision, batch.x.device().type());
    // Low-rank corrections leave auxiliary heads, which are fresh, as they are: they would teach nothing.
    auto features = recipe_.lora_rank > 0 ? network_.forward_stages(batch.x, first_, network_.stages().size())
                                          : forward_with_auxiliary(network_, batch.x, first_,
                                                                   SmallPictures::left_out, auxiliary);
    if (recipe_.head_dropout > 0) features = features * head_mask(features, batch.own);
    return network_.forward_head(features);
}

/// The part for the own rows of a mask that is drawn for the joint batch.
torch::Tensor TrainingStep::head_mask(const torch::Tensor& features, const OwnRows& own) {
    auto sizes = features.sizes().vec();
    sizes[0] = static_cast<std::int64_t>(own.total);
    // Laid out as one process's would be, since the mask is drawn in the order of memory.
    const auto joint =
        own.is_part()
            ? torch::empty(sizes, features.options().memory_format(features.suggest_memory_format()))
            : features;
    return dropout_mask(joint, 1 - recipe_.head_dropout, dropout_)
        .narrow(0, static_cast<std::int64_t>(own.first), features.size(0));
}

/// The batch's part of the update's mean loss, that of auxiliary heads included.
torch::Tensor TrainingStep::loss_of(const Batch& batch) {
    AuxiliaryLogits auxiliary;
    auto loss = loss_of(logits_of(batch, auxiliary), batch);
    for (const auto& [weight, logits] : auxiliary) loss = loss + weight * loss_of(logits, batch);
    return loss;
}

torch::Tensor TrainingStep::loss_of(const torch::Tensor& given, const Batch& batch) const {
    const auto logits = recipe_.precision == Precision::float32 ? given : given.to(torch::kFloat32);
    const auto times = [](const torch::Tensor& loss, double share) {
        return share == 1 ? loss : loss * share;
    };
    // Where no sample has a weight there is no mean either.
    auto loss = batch.label_share == 0 ? 0 * logits.sum()
                                       : times(targets_.loss(logits, batch.targets), batch.label_share);
    if (!batch.teacher.defined()) return loss;
    const double weight = recipe_.distillation_weight;
    return (1 - weight) * loss +
           weight *
               times(distillation_loss(logits, batch.teacher, recipe_.distillation_temperature), batch.share);
}

/// Empty batches that know their shares of an update.
std::vector<TrainingStep::Batch> TrainingStep::shares_of(
    const std::vector<std::span<const std::int64_t>>& batches) const {
    std::vector<Batch> result(batches.size());
    double samples = 0;
    double weights = 0;
    const auto label_weight = [&](std::span<const std::int64_t> rows) {
        return mixes() ? static_cast<double>(rows.size()) : targets_.weight_of(rows);
    };
    for (std::size_t i = 0; i < batches.size(); ++i) {
        const auto own = own_rows(group_.get(), batches[i].size());
        result[i].share = own.weight * static_cast<double>(own.count);
        result[i].label_share = own.weight * label_weight(own.of(batches[i]));
        samples += static_cast<double>(batches[i].size());
        weights += label_weight(batches[i]);
    }
    for (auto& batch : result) {
        batch.share /= samples;
        batch.label_share = weights > 0 ? batch.label_share / weights : 0;
    }
    return result;
}

double TrainingStep::run(const std::vector<std::span<const std::int64_t>>& batches, std::int64_t epoch,
                         std::int64_t step, const std::function<void()>& meanwhile) {
    const auto shares = shares_of(batches);
    const auto load = [&](std::size_t i) {
        auto batch = batch_of(batches[i], epoch, step, i);
        batch.share = shares[i].share;
        batch.label_share = shares[i].label_share;
        return batch;
    };
    double mean = 0;
    if (optimizer_->needs_closure()) {
        const auto batch = load(0);
        meanwhile();
        const auto dropout = dropout_;
        bool first = true;
        optimizer_->step([&] {
            dropout_ = dropout;  // every evaluation sees the same network
            optimizer_->zero_grad();
            const double loss = joint_mean({backward(batch)});
            if (std::exchange(first, false)) mean = loss;
            add_penalties();
            return torch::tensor(loss + penalty());
        });
        return mean;
    }
    optimizer_->zero_grad();
    std::vector<DeviceNumber> parts;
    for (std::size_t i = 0; i < batches.size(); ++i) {
        const auto batch = load(i);  // one in memory at a time
        if (i + 1 == batches.size()) meanwhile();
        parts.push_back(backward(batch));
    }
    mean = joint_mean(parts);
    if (std::isfinite(mean))
        update();
    else if (recipe_.precision == Precision::float16)
        scale_.back_off();
    return mean;
}

bool TrainingStep::may_go_on(double loss) const {
    return recipe_.precision == Precision::float16 ? !scale_.is_exhausted() : std::isfinite(loss);
}

/// Adds the gradients of a batch; its part of the mean loss.
DeviceNumber TrainingStep::backward(const Batch& batch) {
    const auto loss = loss_of(batch);
    DeviceNumber value(loss);
    (recipe_.precision == Precision::float16 ? loss * scale_.scale : loss).backward();
    return value;
}

/// The sum of the parts, of all processes, with whose gradients the own ones are summed, in the same exchange
/// as whether one of them was told to stop.
double TrainingStep::joint_mean(const std::vector<DeviceNumber>& parts) {
    double mean = 0;
    for (const auto& part : parts) mean += part.value();
    if (group_ == nullptr) return mean;
    const double stops = stop_.stop_requested() ? 1 : 0;
    std::vector<torch::Tensor> sums{torch::tensor({mean, stops}, torch::kFloat64)};
    for (auto& group : optimizer_->groups())
        for (auto& parameter : group.parameters)
            if (parameter.grad().defined()) sums.push_back(parameter.grad());
    sum_all(*group_, sums, inputs_->device());
    const auto* numbers = sums.front().data_ptr<double>();
    heard_stop_ = numbers[1] > 0;
    return numbers[0];
}

void TrainingStep::update() {
    if (recipe_.precision == Precision::float16 && !scale_.unscale(optimizer_->groups())) return;
    add_penalties();
    if (recipe_.gradient_clip_norm > 0)
        limit_gradients(optimizer_->groups(), recipe_.gradient_clip_norm, recipe_.gradient_clip_exponent);
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

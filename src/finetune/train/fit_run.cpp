#include "fit_run.hpp"

#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "autocast.hpp"
#include "auxiliary_heads.hpp"
#include "clock_seconds.hpp"
#include "device.hpp"
#include "evaluation_mode.hpp"
#include "fit_messages.hpp"
#include "joint_batch.hpp"
#include "judging.hpp"
#include "network_randomness.hpp"
#include "stage_output.hpp"

namespace attune::detail {
namespace {

std::vector<torch::Tensor> parameters_of(const std::vector<OptimizerGroup>& groups) {
    std::vector<torch::Tensor> parameters;
    for (const auto& group : groups)
        parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
    return parameters;
}

/// Weights of convolutions from stage `first` on in the layout that is asked for.
void lay_out(Network& network, std::size_t first, at::MemoryFormat format) {
    for (auto& item : network.named_parameters())
        if (item.value().dim() == 4 && stage_of(network, item.key()) >= first)
            item.value().set_data(item.value().detach().contiguous(format));
}

/// A batch normalisation that gathers statistics.
struct GatheringNorm {
    torch::nn::BatchNormOptions* options;
    std::function<void()> reset;
};

template <typename Norm>
void add_gathering(torch::nn::Module& module, std::vector<GatheringNorm>& norms) {
    if (auto* norm = module.as<Norm>(); norm != nullptr && norm->is_training())
        norms.push_back({&norm->options, [norm] { norm->reset_running_stats(); }});
}

std::vector<GatheringNorm> gathering_norms(Network& network) {
    std::vector<GatheringNorm> norms;
    for (const auto& module : network.modules(/*include_self=*/false)) {
        add_gathering<BatchNorm2d>(*module, norms);
        add_gathering<torch::nn::BatchNorm2d>(*module, norms);
    }
    return norms;
}

/// Without a device there is nothing to tell the others through.
torch::Device device_or_leave(const FitOptions& options) try {
    return device_named(options.device);
} catch (...) {
    if (options.group != nullptr) options.group->leave();
    throw;
}

}  // namespace

FitRun::FitRun(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options)
    : network_(network),
      set_(set),
      data_(set.data),
      recipe_(recipe),
      options_(options),
      device_(device_or_leave(options)),
      group_(options.group.get()) {
    all_or_none(group_, device_, [this] { check(); });
    cut_ = recipe.frozen_in(network.stages().size());
    if (group_ != nullptr) agree();
    all_or_none(group_, device_, [this] { prepare(); });
}

/// All that an update needs.
void FitRun::prepare() {
    if (!options_.checkpoint.empty()) identity_ = identify(network_, set_, recipe_);
    targets_.emplace(set_, recipe_);
    targets_->require_head(network_);
    check_mixing();
    settled_.emplace(network_);
    prepare_network();
    step_.emplace(network_, set_, recipe_, options_, *part_, *targets_);
    if (identity_) identity_->groups = groups_identity(step_->optimizer());
    plan_.emplace(data_, recipe_);
    const auto parameters = parameters_of(part_->groups());
    if (recipe_.ema_decay > 0) average_.emplace(parameters, recipe_.ema_decay);
    if (recipe_.swa_from > 0) average_.emplace(parameters, WeightAverage::equal);
    best_.emplace(part_->live());
    at_.learning_rate = recipe_.learning_rate;
    result_.message = detail::all_epochs_run(recipe_.epochs);
    result_.frozen_stages = cut_;
    result_.trained_parameters = part_->trained_parameters();
}

/// Everything that is changed about the network before the first update, and how it is changed back.
void FitRun::prepare_network() {
    start_head(network_, targets_->outputs(), recipe_.head_start, recipe_.seed);
    if (recipe_.head_start != HeadStart::keep) start_auxiliary_heads(network_, cut_, recipe_.seed);
    if (!device_.is_cpu()) {
        settled_->at_the_end([this] { network_.to(torch::kCPU); });
        network_.to(device_);
        fastest_.emplace();
    }
    if (recipe_.channels_last) {
        settled_->at_the_end([this] { lay_out(network_, cut_, at::MemoryFormat::Contiguous); });
        lay_out(network_, cut_, at::MemoryFormat::ChannelsLast);
    }
    targets_->enter(network_, cut_);
    settled_->at_the_end([this] { targets_->leave(network_, cut_); });
    // Dropout in front of the head is drawn here: a module's own would draw from torch's shared generator.
    network_.set_head_dropout(0);
    if (recipe_.stochastic_depth) set_stochastic_depth(network_, *recipe_.stochastic_depth);
    part_.emplace(network_, recipe_, cut_);
    settled_->at_the_end([this] { part_->merge(); });
}

void FitRun::check() const {
    recipe_.validate();
    if (data_.split().train.empty()) throw InvalidOption("the data has no training images");
    check_sizes();
    if (recipe_.precision == Precision::float16 && device_.is_cpu())
        throw InvalidOption("recipe.precision float16 needs a CUDA device; bfloat16 runs on the CPU too");
    check_group();
    if (!(options_.checkpoint_spacing_seconds >= 0))
        throw InvalidOption(fmt::format("checkpoint_spacing_seconds {} must be at least 0",
                                        options_.checkpoint_spacing_seconds));
    if (options_.checkpoint_every_steps < 0)
        throw InvalidOption(
            fmt::format("checkpoint_every_steps {} must be at least 0", options_.checkpoint_every_steps));
}

/// Of the pictures that the network is to see in training and validation.
void FitRun::check_sizes() const {
    require_channels(network_);
    const auto size = recipe_.image_size > 0 ? recipe_.image_size : data_.image_size();
    require_side(network_, size);
    for (const auto& view : recipe_.test_views)
        if (view.image_size > 0) require_side(network_, view.image_size);
}

/// Mixing needs something to mix, and cutting needs places in what enters the stages that train.
void FitRun::check_mixing() const {
    if (recipe_.mixup_alpha == 0 && recipe_.cutmix_alpha == 0) return;
    if (recipe_.targets == TargetKind::classes) {
        const auto counts = data_.class_counts(Split::train);
        if (std::ranges::count_if(counts, [](std::int64_t count) { return count > 0; }) < 2)
            throw InvalidOption(
                fmt::format("recipe.{} {} must be 0 where all training images are of one class",
                            recipe_.mixup_alpha > 0 ? "mixup_alpha" : "cutmix_alpha",
                            recipe_.mixup_alpha > 0 ? recipe_.mixup_alpha : recipe_.cutmix_alpha));
    }
    const auto first = recipe_.thaw_every_epochs > 0 ? network_.stages().size() : cut_;
    if (recipe_.cutmix_alpha == 0 || first == 0) return;
    const torch::NoGradGuard no_gradients;
    const EvaluationMode mode(network_);
    const auto size = recipe_.image_size > 0 ? recipe_.image_size : data_.image_size();
    const auto image = torch::zeros({1, network_.input.channels, size, size},
                                    network_.parameters().front().options().requires_grad(false));
    if (network_.forward_stages(image, 0, first).dim() != 4)
        throw InvalidOption(fmt::format(
            "recipe.cutmix_alpha {} must be 0 where what enters the trained stages has no places to cut "
            "(features of the last stage, or tokens)",
            recipe_.cutmix_alpha));
}

FitResult FitRun::run() try {
    began_ = saved_ = clock_seconds();
    if (identity_) all_or_none(group_, device_, [this] { resume(); });
    if (identity_ && group_ != nullptr) require_same_place();
    if (!at_.ended) run_epochs();
    if (result_.end != FitEnd::paused) settle_weights();
    if (group_ != nullptr) end_alike();
    settled_->now();
    result_.duration_seconds += clock_seconds() - began_;
    return std::move(result_);
} catch (...) {
    if (group_ != nullptr) group_->leave();  // the others must not wait for this process
    throw;
}

void FitRun::run_epochs() {
    for (; at_.epoch <= recipe_.epochs; ++at_.epoch) {
        begin_epoch();
        if (!run_epoch()) break;
        at_.update = 0;
        at_.loss_sum = 0;
        at_.samples_left_out = 0;
        if (at_.epoch == recipe_.epochs) break;
        if (writes_checkpoints() && clock_seconds() - saved_ >= options_.checkpoint_spacing_seconds) {
            ++at_.epoch;  // what is saved is the beginning of the next one
            save();
            --at_.epoch;
        }
    }
    const bool unfinished = result_.end == FitEnd::cancelled || result_.end == FitEnd::paused;
    at_.ended = !unfinished;
    if (writes_checkpoints()) save();
    // Who goes on from the checkpoint must find it written.
    if (identity_ && group_ != nullptr) (void)sum_of(*group_, {0.0}, device_);
}

/// Freezes and thaws; where another stage trains than before, batches enter the network at another place.
void FitRun::begin_epoch() {
    epoch_began_ = clock_seconds();
    const auto first = part_->first_trained(at_.epoch);
    part_->begin_epoch(at_.epoch);
    plan_->begin_epoch(at_.epoch);
    if (inputs_ && first == first_) return step_->set_inputs(&*inputs_, first);
    first_ = first;
    const bool lasts = recipe_.thaw_every_epochs != 1 && recipe_.epochs > 1;
    inputs_.emplace(network_, set_, recipe_, first, lasts ? options_.own_cache_bytes : 0);
    part_->begin_epoch(at_.epoch);  // a cache of its own ran the network in evaluation mode
    step_->set_inputs(&*inputs_, first);
    result_.used_cached_features = inputs_->uses_features();
}

/// False where the fit ends with this epoch.
bool FitRun::run_epoch() {
    const auto updates = plan_->updates();
    for (; at_.update < updates; ++at_.update) {
        if (is_stopped()) return end(FitEnd::cancelled, fmt::format("cancelled in epoch {}", at_.epoch));
        const bool is_due = options_.checkpoint_every_steps > 0 && at_.update > 0 &&
                            result_.steps % options_.checkpoint_every_steps == 0;
        if (is_due && writes_checkpoints()) save();
        const double loss = run_update();
        if (!step_->may_go_on(loss))
            return std::isfinite(loss) ? end_exhausted() : end_not_finite("training", loss);
    }
    result_.epochs_run = at_.epoch;
    result_.last_train_loss = at_.loss_sum / (static_cast<double>(plan_->samples()) - at_.samples_left_out);
    return conclude_epoch();
}

double FitRun::run_update() {
    set_rates();
    const auto count = static_cast<std::size_t>(recipe_.accumulation_steps);
    const auto first = static_cast<std::size_t>(at_.update) * count;
    const auto last = std::min(first + count, plan_->batches());
    std::vector<std::span<const std::int64_t>> batches;
    double samples = 0;
    for (auto i = first; i < last; ++i) {
        batches.push_back(plan_->batch(i));
        samples += static_cast<double>(batches.back().size());
    }
    const double loss = step_->run(batches, at_.epoch, result_.steps, [&] {
        if (last < plan_->batches()) inputs_->look_ahead(step_->rows_to_read(plan_->batch(last)), at_.epoch);
    });
    ++result_.steps;
    if (options_.on_update) options_.on_update({result_.steps - 1, loss, at_.learning_rate});
    if (!std::isfinite(loss)) {
        at_.samples_left_out += samples;
        return loss;
    }
    at_.loss_sum += loss * samples;
    if (average_ && recipe_.ema_decay > 0) average_->update();
    return loss;
}

void FitRun::set_rates() {
    const auto per_epoch = plan_->updates();
    const ScheduleMoment moment{result_.steps, per_epoch, recipe_.epochs, at_.validation_losses};
    const double factor = options_.learning_rate_factor ? options_.learning_rate_factor(moment)
                                                        : learning_rate_factor(recipe_.schedule, moment);
    at_.learning_rate = recipe_.learning_rate * factor;
    for (auto& group : step_->optimizer().groups()) {
        // Stages that train from the start have the schedule's own warm-up.
        const auto thawed_at = (part_->thawed_in(group.stage) - 1) * per_epoch;
        const auto since = static_cast<double>(std::max<std::int64_t>(result_.steps - thawed_at, 0));
        const double rise = recipe_.thaw_rise_epochs * static_cast<double>(per_epoch);
        group.factor = thawed_at > 0 && since < rise
                           ? factor * schedule::linear(since, rise, recipe_.schedule.warm_up_start)
                           : factor;
    }
    if (recipe_.schedule.lowest_momentum > 0)
        step_->optimizer().set_momentum(momentum_at(recipe_.schedule, momentum_of(recipe_), moment));
}

bool FitRun::conclude_epoch() {
    EpochReport report{at_.epoch,
                       {{"train_loss", result_.last_train_loss}, {"learning_rate", at_.learning_rate}}};
    if (average_ && recipe_.swa_from > 0 && averages_now()) average_->update();
    const bool last = at_.epoch == recipe_.epochs;
    bool goes_on = true;
    if (!data_.split().validation.empty() && (last || at_.epoch % recipe_.validate_every == 0))
        goes_on = validate(report);
    report.numbers["seconds"] = clock_seconds() - epoch_began_;
    result_.history.push_back(report);
    const auto answer = answer_to(report);
    if (!goes_on) return false;
    if (last || answer == EpochAnswer::proceed) return true;
    if (answer == EpochAnswer::stop)
        return end(FitEnd::stopped, fmt::format("stopped by the callback after epoch {}", at_.epoch));
    end(FitEnd::paused, fmt::format("paused by the callback after epoch {}", at_.epoch));
    at_.update = 0;
    at_.loss_sum = 0;
    at_.samples_left_out = 0;
    ++at_.epoch;
    return false;
}

bool FitRun::averages_now() const {
    return static_cast<double>(at_.epoch) > recipe_.swa_from * static_cast<double>(recipe_.epochs);
}

bool FitRun::validate(EpochReport& report) {
    // The mean of weights is judged at the end, once its batch statistics are made.
    const bool averaged = average_ && recipe_.ema_decay > 0;
    if (averaged) average_->swap();
    const Validation seen = measure(recipe_.quick_validation);
    report.numbers.insert(seen.numbers.begin(), seen.numbers.end());
    at_.validation_losses.push_back(seen.loss);
    Verdict verdict;
    const bool finite = std::isfinite(seen.loss);
    if (finite) verdict = judge(recipe_, at_.epoch, seen.accuracy, seen.loss, at_.patience, result_);
    if (verdict.is_best && recipe_.restore_best) best_->take();
    if (averaged) average_->swap();
    if (!finite) return end_not_finite("validation", seen.loss);
    return verdict.goes_on ||
           end(FitEnd::patience, detail::out_of_patience(recipe_.patience, at_.patience.improved_in));
}

void FitRun::keep(const Validation& seen) {
    result_.validation_accuracy = seen.accuracy;
    result_.validation_loss = seen.loss;
}

FitRun::Validation FitRun::measure(bool quick) {
    const torch::NoGradGuard no_gradients;
    const auto& rows = data_.split().validation;
    const auto outputs = validation_outputs(quick);
    Validation seen;
    seen.numbers = targets_->judge(outputs, rows);
    seen.loss = seen.numbers.at("validation_loss");
    if (const auto found = seen.numbers.find("validation_accuracy"); found != seen.numbers.end())
        seen.accuracy = found->second;
    return seen;
}

/// Of all validation rows; each process computes a part of them.
torch::Tensor FitRun::validation_outputs(bool quick) {
    part_->prepare();
    const std::span<const std::int64_t> rows(data_.split().validation);
    const auto own = own_rows(group_, rows.size());
    const Autocast precision(recipe_.precision, device_.type());
    const auto outputs = compute_logits(network_, data_, own.of(rows), inputs_->evaluate_options(quick));
    if (group_ == nullptr) return outputs;
    auto all = torch::zeros({std::ssize(rows), outputs.size(1)}, torch::kFloat32);
    all.narrow(0, static_cast<std::int64_t>(own.first), outputs.size(0)).copy_(outputs);
    all = all.to(device_);
    if (own.is_part())
        group_->sum(all);
    else
        group_->broadcast(all);  // a device rounds in its own way each time, and all must judge alike
    return all;
}

bool FitRun::end(FitEnd how, std::string message) {
    result_.end = how;
    result_.message = std::move(message);
    return false;
}

bool FitRun::end_not_finite(const char* what, double loss) {
    return end(FitEnd::not_finite,
               fmt::format("the {} loss became {} in epoch {}, update {} (learning rate {})", what, loss,
                           at_.epoch, result_.steps, at_.learning_rate));
}

bool FitRun::end_exhausted() {
    return end(
        FitEnd::not_finite,
        fmt::format("the gradients were not finite down to a scale of {} in epoch {}, update {} (learning "
                    "rate {})",
                    step_->scale().scale, at_.epoch, result_.steps, at_.learning_rate));
}

/// The weights that the recipe keeps, and what is known of them.
void FitRun::settle_weights() {
    const bool has_end = result_.end != FitEnd::cancelled && result_.end != FitEnd::not_finite;
    const bool means = recipe_.swa_from > 0;
    // Means need batch statistics of their own, which take a pass over the data: not for a fit broken off.
    if (means && has_end && average_->updates() > 0) {
        average_->swap();
        if (!inputs_) begin_epoch();
        renew_statistics();
        if (!data_.split().validation.empty()) keep(measure(false));
        return;
    }
    if (recipe_.restore_best && result_.best_epoch > 0)
        best_->put_back();
    else if (average_ && !means)
        average_->swap();
    if (has_end) judge_kept_weights();
}

/// Batch statistics as means over the training samples with the weights of now (Izmailov et al. 2018).
void FitRun::renew_statistics() {
    part_->begin_epoch(at_.epoch);
    plan_->begin_epoch(at_.epoch);
    const auto norms = gathering_norms(network_);
    if (norms.empty()) return;
    const torch::NoGradGuard no_gradients;
    std::vector<c10::optional<double>> momenta;
    for (const auto& norm : norms) {
        norm.reset();
        momenta.push_back(norm.options->momentum());
        norm.options->momentum(c10::nullopt);  // plain means
    }
    part_->prepare();
    std::optional<SeededGenerator> generator;
    if (draws_randomly(network_)) generator.emplace(recipe_.seed, device_);
    const auto stages = network_.stages().size();
    for (std::size_t i = 0; i < plan_->batches(); ++i)
        (void)network_.forward_stages(inputs_->batch(plan_->batch(i), at_.epoch), first_, stages);
    for (std::size_t i = 0; i < norms.size(); ++i) norms[i].options->momentum(momenta[i]);
}

void FitRun::judge_kept_weights() {
    if (!recipe_.quick_validation || recipe_.test_views.size() < 2 || result_.best_epoch == 0) return;
    if (!inputs_) begin_epoch();  // all epochs were run before this call
    keep(measure(false));
}

}  // namespace attune::detail

#include "targets.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/metrics.hpp"
#include "attune/finetune/evaluate/regression_metrics.hpp"
#include "linear_head.hpp"

namespace attune::detail {
namespace {

torch::Tensor index_of(std::span<const std::int64_t> rows) {
    auto index = torch::empty({std::ssize(rows)}, torch::kInt64);
    std::ranges::copy(rows, index.data_ptr<std::int64_t>());
    return index;
}

std::vector<double> column_of(const torch::Tensor& table, std::int64_t column) {
    const auto values = table.select(1, column).to(torch::kFloat64).contiguous();
    const auto* begin = values.data_ptr<double>();
    return {begin, begin + values.numel()};
}

}  // namespace

Targets::Targets(const TrainingSet& set, const Recipe& recipe) : data_(set.data), recipe_(recipe) {
    if (!are_classes()) {
        if (set.targets == nullptr || set.targets->dim() != 2 || set.targets->size(0) != data_.size() ||
            set.targets->size(1) < 1)
            throw InvalidOption(
                fmt::format("recipe.targets {} needs a table of targets in the training set, "
                            "with a row for each of the {} images",
                            to_string(recipe.targets), data_.size()));
        table_ = set.targets->to(torch::kFloat32);
        if (!torch::isfinite(table_).all().item<bool>())
            throw InvalidOption("the training set's targets must be finite numbers");
    } else if (data_.class_count() < 2) {
        throw InvalidOption(fmt::format("the data has {} class{}; at least 2 are needed", data_.class_count(),
                                        data_.class_count() == 1 ? "" : "es"));
    }
    if (recipe.targets == TargetKind::labels && !((table_ == 0) | (table_ == 1)).all().item<bool>())
        throw InvalidOption("the training set's targets of labels must be 0 or 1");
    if (recipe.targets == TargetKind::numbers) measure_numbers();
    loss_options_ = {recipe.label_smoothing, class_weights(), recipe.focal_gamma};
}

void Targets::measure_numbers() {
    const auto train = table_.index_select(0, index_of(data_.split().train)).to(torch::kFloat64);
    mean_ = train.mean(0);
    spread_ = (train - mean_).square().mean(0).sqrt();
    spread_ = torch::where(spread_ > 0, spread_, torch::ones_like(spread_)).to(torch::kFloat32);
    mean_ = mean_.to(torch::kFloat32);
}

torch::Tensor Targets::class_weights() const {
    std::vector<double> weights = recipe_.class_weights;
    if (recipe_.balance_classes) {
        const auto counts = data_.class_counts(Split::train);
        const auto all = static_cast<double>(data_.split().train.size());
        for (const auto count : counts)
            weights.push_back(
                count == 0 ? 0 : all / (static_cast<double>(counts.size()) * static_cast<double>(count)));
    }
    if (weights.empty()) return {};
    if (std::ssize(weights) != outputs())
        throw InvalidOption(fmt::format("recipe.class_weights has {} numbers, the data {} {}", weights.size(),
                                        outputs(), to_string(recipe_.targets)));
    return torch::tensor(weights, torch::kFloat64).to(torch::kFloat32);
}

std::int64_t Targets::outputs() const { return are_classes() ? data_.class_count() : table_.size(1); }

torch::Tensor Targets::of(std::span<const std::int64_t> rows) const {
    if (!are_classes()) {
        const auto values = table_.index_select(0, index_of(rows));
        return recipe_.targets == TargetKind::numbers ? (values - mean_) / spread_ : values;
    }
    auto labels = torch::empty({std::ssize(rows)}, torch::kInt64);
    auto* out = labels.data_ptr<std::int64_t>();
    for (const auto row : rows) *out++ = data_.labels()[static_cast<std::size_t>(row)];
    return labels;
}

double Targets::weight_of(std::span<const std::int64_t> rows) const {
    if (!are_classes() || !loss_options_.class_weights.defined()) return static_cast<double>(rows.size());
    return loss_options_.class_weights.index_select(0, of(rows)).sum().item<double>();
}

void Targets::require_head(Network& network) const {
    if (are_classes()) return;
    const auto form = form_of_head(network);
    const auto refuse = [&](const char* what) {
        throw InvalidOption(
            fmt::format("recipe.targets {} needs a head that is one linear layer{}; the network's "
                        "{} is not",
                        to_string(recipe_.targets), what, network.head_name()));
    };
    if (form == HeadForm::other) refuse("");
    if (form == HeadForm::unbiased && recipe_.targets == TargetKind::numbers) refuse(" with a bias");
}

torch::Tensor Targets::mixable(const torch::Tensor& targets) const {
    return are_classes() ? attune::one_hot(targets, outputs()) : targets;
}

torch::Tensor Targets::loss(const torch::Tensor& logits, const torch::Tensor& targets) const {
    auto options = loss_options_;
    if (options.class_weights.defined()) options.class_weights = options.class_weights.to(logits.device());
    switch (recipe_.targets) {
        case TargetKind::classes:
            return targets.dim() == 1 ? cross_entropy(logits, targets, options)
                                      : soft_cross_entropy(logits, targets, options);
        case TargetKind::labels:
            return binary_cross_entropy(logits, targets, options);
        case TargetKind::numbers:
            break;
    }
    return regression_error(logits, targets, recipe_.regression_loss);
}

std::map<std::string, double> Targets::judge(const torch::Tensor& outputs,
                                             std::span<const std::int64_t> rows) const {
    const torch::NoGradGuard no_gradients;
    const auto precise = outputs.to(torch::kCPU).to(torch::kFloat64);
    if (are_classes()) return judge_classes(precise, rows);
    const auto truth = of(rows).to(torch::kFloat64);
    return recipe_.targets == TargetKind::labels ? judge_labels(precise, truth)
                                                 : judge_numbers(precise, truth);
}

std::map<std::string, double> Targets::judge_classes(const torch::Tensor& logits,
                                                     std::span<const std::int64_t> rows) const {
    const auto labels = of(rows);
    const auto count = static_cast<double>(rows.size());
    std::map<std::string, double> seen;
    seen["validation_loss"] = cross_entropy(logits, labels).item<double>();
    seen["validation_accuracy"] = logits.argmax(1).eq(labels).sum().item<double>() / count;
    if (data_.class_count() > 5)
        seen["validation_top5"] =
            std::get<1>(logits.topk(5, 1)).eq(labels.unsqueeze(1)).sum().item<double>() / count;
    return seen;
}

std::map<std::string, double> Targets::judge_labels(const torch::Tensor& logits,
                                                    const torch::Tensor& truth) const {
    std::map<std::string, double> seen;
    seen["validation_loss"] = attune::binary_cross_entropy(logits, truth).item<double>();
    seen["validation_accuracy"] = (logits > 0).eq(truth > 0.5).to(torch::kFloat64).mean().item<double>();
    double sum = 0;
    int known = 0;
    for (std::int64_t k = 0; k < truth.size(1); ++k) {
        std::vector<bool> positive;
        for (const double value : column_of(truth, k)) positive.push_back(value > 0.5);
        const double precision = average_precision(positive, column_of(logits, k));
        if (std::isnan(precision)) continue;
        sum += precision;
        ++known;
    }
    if (known > 0) seen["validation_average_precision"] = sum / known;
    return seen;
}

std::map<std::string, double> Targets::judge_numbers(const torch::Tensor& outputs,
                                                     const torch::Tensor& truth) const {
    std::map<std::string, double> seen;
    seen["validation_loss"] = regression_error(outputs, truth, recipe_.regression_loss).item<double>();
    const auto count = static_cast<double>(truth.size(1));
    double squares = 0;
    for (std::int64_t k = 0; k < truth.size(1); ++k) {
        const auto metrics = regression_metrics(column_of(truth, k), column_of(outputs, k));
        const auto unit = spread_[k].item<double>();
        seen["validation_mae"] += metrics.mean_absolute_error * unit / count;
        seen["validation_r2"] += metrics.r2 / count;
        squares += metrics.mean_squared_error * unit * unit / count;
    }
    seen["validation_rmse"] = std::sqrt(squares);
    return seen;
}

void Targets::enter(Network& network, std::size_t first) const {
    if (recipe_.targets == TargetKind::numbers && recipe_.head_start == HeadStart::keep)
        rescale(network, first, 1 / spread_, -mean_ / spread_);
}

void Targets::leave(Network& network, std::size_t first) const {
    if (recipe_.targets == TargetKind::numbers) rescale(network, first, spread_, mean_);
}

/// Lets the heads say factor * (what they said) + shift.
void Targets::rescale(Network& network, std::size_t first, const torch::Tensor& factor,
                      const torch::Tensor& shift) {
    const torch::NoGradGuard no_gradients;
    auto parameters = network.named_parameters();
    std::vector<std::string> names{network.head_name()};
    for (const auto& head : network.auxiliary_heads())
        if (head.stage >= first) names.push_back(head.name);
    for (const auto& name : names) {
        auto& weight = parameters[name + ".weight"];
        auto& bias = parameters[name + ".bias"];
        weight.mul_(factor.to(weight.options().requires_grad(false)).unsqueeze(1));
        bias.mul_(factor.to(bias.options().requires_grad(false)))
            .add_(shift.to(bias.options().requires_grad(false)));
    }
}

}  // namespace attune::detail

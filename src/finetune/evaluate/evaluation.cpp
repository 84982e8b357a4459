#include "attune/finetune/evaluate/evaluation.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "../train/device.hpp"
#include "../train/evaluation_mode.hpp"
#include "../train/stage_output.hpp"
#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {
namespace {

/// Logits of one batch, averaged over the views; pictures are read at most once for all of these.
torch::Tensor batch_logits(Network& network, const ImageData& data, std::span<const std::int64_t> rows,
                           const EvaluateOptions& options) {
    const auto stages = network.stages().size();
    const auto frozen = options.frozen_stages;
    const bool kept = options.features != nullptr && frozen > 0;
    const auto device = network.parameters().front().device();
    const auto pixels = kept ? torch::Tensor{} : data.pixels_of(rows);
    torch::Tensor sum;
    for (View view : options.views) {
        if (view.image_size == 0) view.image_size = options.image_size;
        const auto x = kept ? options.features->features(frozen, view, rows).to(device)
                            : detail::stage_output(network, pixels, view, data.image_size(), frozen);
        const auto logits = network.forward_head(network.forward_stages(x, frozen, stages)).to(torch::kCPU);
        sum = sum.defined() ? sum + logits : logits;
    }
    return options.views.size() == 1 ? sum : sum / static_cast<double>(options.views.size());
}

std::vector<Mistake> worst_mistakes(const Evaluation& evaluation, std::int64_t count) {
    std::vector<Mistake> mistakes;
    for (std::size_t i = 0; i < evaluation.rows.size(); ++i) {
        if (evaluation.labels[i] == evaluation.predicted[i]) continue;
        const auto row = evaluation.table().row(static_cast<std::int64_t>(i));
        mistakes.push_back({evaluation.rows[i], evaluation.labels[i], evaluation.predicted[i],
                            row[static_cast<std::size_t>(evaluation.predicted[i])],
                            row[static_cast<std::size_t>(evaluation.labels[i])]});
    }
    std::ranges::stable_sort(mistakes, std::ranges::greater{}, &Mistake::confidence);
    if (std::ssize(mistakes) > count) mistakes.resize(static_cast<std::size_t>(count));
    return mistakes;
}

}  // namespace

void EvaluateOptions::validate() const {
    if (views.empty()) throw InvalidOption("views must name at least one view");
    for (const auto& view : views) view.validate();
    if (batch_size < 1)
        throw InvalidOption("batch_size " + std::to_string(batch_size) + " must be at least 1");
    if (worst < 0) throw InvalidOption("worst " + std::to_string(worst) + " must be at least 0");
    if (image_size != 0 && image_size < 8)
        throw InvalidOption("image_size " + std::to_string(image_size) + " must be 0 or at least 8");
}

std::int64_t Evaluation::wrong() const { return metrics.confusion.total() - metrics.confusion.correct(); }

at::Tensor compute_logits(Network& network, const ImageData& data, std::span<const std::int64_t> rows,
                          const EvaluateOptions& options) {
    options.validate();
    if (rows.empty()) throw InvalidOption("there are no images to classify: the part of the data is empty");
    const torch::NoGradGuard no_gradients;
    const detail::EvaluationMode mode(network);
    std::optional<detail::Visit> visit;
    if (!options.device.empty()) visit.emplace(network, detail::device_named(options.device));
    std::vector<torch::Tensor> parts;
    for (std::size_t done = 0; done < rows.size();) {
        const auto size = std::min(static_cast<std::size_t>(options.batch_size), rows.size() - done);
        parts.push_back(batch_logits(network, data, rows.subspan(done, size), options));
        done += size;
    }
    return parts.size() == 1 ? parts[0] : torch::cat(parts);
}

Evaluation evaluate(Network& network, const ImageData& data, std::span<const std::int64_t> rows,
                    const EvaluateOptions& options) {
    if (network.classes() != data.class_count())
        throw InvalidOption("the network tells " + detail::counted(network.classes(), "class", "classes") +
                            " apart, the data has " + std::to_string(data.class_count()));
    const auto began = std::chrono::steady_clock::now();
    const auto logits = compute_logits(network, data, rows, options);
    const auto probabilities = logits.to(torch::kFloat64).softmax(1).contiguous();
    Evaluation result;
    result.classes = network.classes();
    result.rows.assign(rows.begin(), rows.end());
    for (const auto row : rows) result.labels.push_back(data.labels()[static_cast<std::size_t>(row)]);
    const auto* begin = probabilities.data_ptr<double>();
    result.probabilities.assign(begin, begin + probabilities.numel());
    result.predicted = argmax_rows(result.table());
    result.metrics = classification_metrics(result.labels, result.table());
    result.worst = worst_mistakes(result, options.worst);
    result.duration_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return result;
}

Evaluation evaluate(Network& network, const ImageData& data, Split part, const EvaluateOptions& options) {
    return evaluate(network, data, std::span<const std::int64_t>(data.split().of(part)), options);
}

}  // namespace attune

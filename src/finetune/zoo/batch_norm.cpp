#include "attune/finetune/zoo/batch_norm.hpp"

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "../../files/byte_source.hpp"
#include "../train/joint_batch.hpp"
#include "attune/error.hpp"

namespace attune {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const std::vector<std::int64_t>& all_but_channels() {
    static const std::vector<std::int64_t> dimensions{0, 2, 3};
    return dimensions;
}

torch::Tensor by_channel(const torch::Tensor& vector) { return vector.view({1, -1, 1, 1}); }

/// Of the joint batch, by channel.
struct Moments {
    torch::Tensor mean;
    torch::Tensor squares;  ///< sum of the squared distances from the mean
    double count = 0;       ///< values of a channel
};

/// From each process's own mean and squares, which lose no digits where means are large (Chan, Golub and
/// LeVeque, 1979).
Moments joint_moments(ProcessGroup& group, const torch::Tensor& x, double count_of_all) {
    const auto channels = x.size(1);
    const auto count = static_cast<double>(x.numel()) / static_cast<double>(channels);
    const auto mean = x.mean(all_but_channels());
    const auto squares = (x - by_channel(mean)).square().sum(all_but_channels());
    auto table = torch::zeros({group.size(), 2 * channels + 1}, x.options().dtype(torch::kFloat32));
    table[group.rank()].copy_(torch::cat({mean, squares, torch::full({1}, count, mean.options())}));
    group.sum(table);
    const auto counts = table.slice(1, 2 * channels);
    const auto means = table.slice(1, 0, channels);
    Moments joint;
    joint.count = count_of_all;
    joint.mean = (means * counts).sum(0) / count_of_all;
    joint.squares = (table.slice(1, channels, 2 * channels) + counts * (means - joint.mean).square()).sum(0);
    return joint;
}

/// Normalises by moments of the joint batch, and takes the gradient through these.
class JointNormalisation : public torch::autograd::Function<JointNormalisation> {
  public:
    static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                                 const torch::Tensor& weight, const torch::Tensor& bias,
                                 const torch::Tensor& mean, const torch::Tensor& inverse, double count,
                                 const std::shared_ptr<ProcessGroup>& group) {
        context->save_for_backward({x, weight, mean, inverse});
        context->saved_data["count"] = count;
        // The batch's group outlives the backward pass, which the fit runs before it lets go of it.
        context->saved_data["group"] = reinterpret_cast<std::int64_t>(group.get());
        const auto scale = weight.defined() ? weight * inverse : inverse;
        auto y = (x.to(torch::kFloat32) - by_channel(mean)) * by_channel(scale);
        if (bias.defined()) y = y + by_channel(bias);
        return y.to(x.scalar_type());
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const auto saved = context->get_saved_variables();
        const auto& weight = saved[1];
        const auto& inverse = saved[3];
        auto* group = reinterpret_cast<ProcessGroup*>(context->saved_data["group"].toInt());
        const auto gradient = gradients[0].to(torch::kFloat32);
        const auto normalised = (saved[0].to(torch::kFloat32) - by_channel(saved[2])) * by_channel(inverse);
        const auto sum = gradient.sum(all_but_channels());
        const auto product_sum = (gradient * normalised).sum(all_but_channels());
        auto joint = torch::cat({sum, product_sum});
        group->sum(joint);
        joint = joint / context->saved_data["count"].toDouble();
        const auto channels = sum.size(0);
        const auto scale = weight.defined() ? weight * inverse : inverse;
        auto inner = (gradient - by_channel(joint.narrow(0, 0, channels)) -
                      normalised * by_channel(joint.narrow(0, channels, channels))) *
                     by_channel(scale);
        // Those of weight and bias are of the own rows: the fit sums them as it does all others.
        return {inner.to(saved[0].scalar_type()),
                weight.defined() ? product_sum : torch::Tensor{},
                weight.defined() ? sum : torch::Tensor{},
                {},
                {},
                {},
                {}};
    }
};

}  // namespace

void BatchNorm2dImpl::_check_input_dim(const torch::Tensor& x) {
    if (x.dim() != 4 || x.size(1) != options.num_features())
        throw InvalidOption(fmt::format("a batch normalisation of {} channels was given {}",
                                        options.num_features(), detail::shape_text(x.sizes())));
}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& x) {
    _check_input_dim(x);
    const auto* joint = detail::JointBatch::current();
    if (is_training() && joint != nullptr && joint->own().is_part()) return over_joint_batch(x);
    const double rate = count_batch();
    return torch::nn::functional::detail::batch_norm(x, running_mean, running_var, weight, bias,
                                                     is_training() || !options.track_running_stats(), rate,
                                                     options.eps());
}

double BatchNorm2dImpl::count_batch() {
    const bool counts = is_training() && options.track_running_stats();
    if (counts) num_batches_tracked += 1;
    if (options.momentum()) return *options.momentum();
    return counts ? 1 / num_batches_tracked.item<double>() : 0;
}

torch::Tensor BatchNorm2dImpl::over_joint_batch(const torch::Tensor& x) {
    const auto& group = detail::JointBatch::current()->group();
    Moments moments;
    {
        const torch::NoGradGuard no_gradients;
        const auto& own = detail::JointBatch::current()->own();
        // Known here: a device need not be asked.
        const double count = static_cast<double>(x.numel() / x.size(1)) / static_cast<double>(own.count) *
                             static_cast<double>(own.total);
        moments = joint_moments(*group, x.to(torch::kFloat32), count);
        if (options.track_running_stats()) {
            const double rate = count_batch();
            running_mean.mul_(1 - rate).add_(moments.mean, rate);
            running_var.mul_(1 - rate).add_(moments.squares / (moments.count - 1), rate);
        }
    }
    const auto inverse = (moments.squares / moments.count + options.eps()).rsqrt();
    return JointNormalisation::apply(x, weight, bias, moments.mean, inverse, moments.count, group);
}

}  // namespace attune

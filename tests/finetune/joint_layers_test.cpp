// Layers that look at a whole batch, of which a process has a part.
#include <vector>

#include "../../src/finetune/train/joint_batch.hpp"
#include "../../src/finetune/train/network_randomness.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "finetune/support/joint_fits.hpp"
#include "finetune/support/quick_recipe.hpp"
#include "support/doctest_torch.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

/// What a layer gives for a batch, and all gradients.
struct Seen {
    torch::Tensor output, of_input, of_weight, of_bias, mean, variance;
};

Seen see(BatchNorm2d& norm, const torch::Tensor& rows, const torch::Tensor& weights) {
    const auto x = rows.detach().clone().requires_grad_(true);
    const auto y = norm->forward(x);
    (y * weights).sum().backward();
    return {y.detach(),
            x.grad(),
            norm->weight.grad(),
            norm->bias.grad(),
            norm->running_mean.clone(),
            norm->running_var.clone()};
}

BatchNorm2d make_norm() {
    BatchNorm2d norm(4);
    const torch::NoGradGuard no_gradients;
    norm->weight.copy_(torch::tensor({0.5F, 1.0F, 2.0F, -1.0F}));
    norm->bias.copy_(torch::tensor({0.1F, 0.0F, -3.0F, 1.0F}));
    return norm;
}

/// Stands in for a group where none is spoken to.
struct Silent : ProcessGroup {
    explicit Silent(int own) : rank_(own) {}
    [[nodiscard]] int rank() const override { return rank_; }
    [[nodiscard]] int size() const override { return 3; }
    void sum(at::Tensor&) override {}
    void broadcast(at::Tensor&) override {}
    int rank_;
};

}  // namespace

TEST_CASE("each row of a batch is one process's, or all are everyone's") {
    for (const std::size_t total : {3U, 4U, 7U, 100U}) {
        std::size_t next = 0;
        for (int rank = 0; rank < 3; ++rank) {
            const Silent group(rank);
            const auto own = attune::detail::own_rows(&group, total);
            CHECK(own.first == next);
            CHECK(own.count >= 1);
            CHECK(own.weight == 1);
            CHECK(own.is_part());
            next += own.count;
        }
        CHECK(next == total);
    }
    const Silent group(1);
    const auto few = attune::detail::own_rows(&group, 2);
    CHECK(few.count == 2);
    CHECK(few.weight == doctest::Approx(1.0 / 3));
    CHECK_FALSE(few.is_part());
    CHECK(attune::detail::own_rows(nullptr, 5).count == 5);
}

TEST_CASE("batch normalisation over a joint batch is that of one process") {
    if (!has_gloo()) return count_skip("process groups", "built without gloo");
    torch::manual_seed(3);
    // Means far from 0: sums of squares would lose the variance.
    const auto rows =
        torch::randn({7, 4, 5, 5}) * 0.5 + torch::tensor({0.0, 3.0, -200.0, 1000.0}).view({1, 4, 1, 1});
    const auto weights = torch::randn({7, 4, 5, 5});
    auto norm = make_norm();
    const auto alone = see(norm, rows, weights);
    std::vector<Seen> parts(3);
    in_group(3, [&](const std::shared_ptr<ProcessGroup>& group, std::size_t rank) {
        auto own_norm = make_norm();
        const auto own = attune::detail::own_rows(group.get(), 7);
        const attune::detail::JointBatch joint(group, own);
        const auto part = [&](const torch::Tensor& all) {
            return all.narrow(0, static_cast<std::int64_t>(own.first), static_cast<std::int64_t>(own.count));
        };
        parts[rank] = see(own_norm, part(rows), part(weights));
        own_norm->eval();
        CHECK(largest_difference(own_norm->forward(part(rows)), (norm->eval(), norm->forward(part(rows)))) <
              1e-2);
    });
    const auto joined = [&](torch::Tensor Seen::*field) {
        return torch::cat({parts[0].*field, parts[1].*field, parts[2].*field});
    };
    const auto summed = [&](torch::Tensor Seen::*field) {
        return parts[0].*field + parts[1].*field + parts[2].*field;
    };
    CHECK(largest_difference(joined(&Seen::output), alone.output) < 2e-3);
    CHECK(largest_difference(joined(&Seen::of_input), alone.of_input) < 2e-3);
    CHECK(largest_difference(summed(&Seen::of_weight), alone.of_weight) < 2e-2);
    CHECK(largest_difference(summed(&Seen::of_bias), alone.of_bias) < 1e-4);
    for (const auto& part : parts) {
        CHECK(largest_difference(part.mean, alone.mean) < 1e-4);
        CHECK(largest_difference(part.variance, alone.variance) < 1e-3);
    }
}

TEST_CASE("what draws for a process's own rows is told from what draws for the joint batch") {
    struct Layers : torch::nn::Module {};
    Layers layers;
    layers.register_module("depth", std::make_shared<StochasticDepth>(0.5));
    CHECK(attune::detail::draws_randomly(layers));
    CHECK_FALSE(attune::detail::draws_for_own_rows(layers));
    layers.register_module("dropout", torch::nn::Dropout(0.3));
    CHECK(attune::detail::draws_for_own_rows(layers));
    layers.eval();
    CHECK_FALSE(attune::detail::draws_for_own_rows(layers));
}

TEST_CASE("stochastic depth leaves out of a part what it leaves out of the whole batch") {
    StochasticDepth depth(0.5);
    const auto rows = torch::ones({9, 2});
    torch::manual_seed(5);
    const auto whole = depth.forward(rows);
    std::vector<torch::Tensor> parts;
    for (int rank = 0; rank < 3; ++rank) {
        const auto group = std::make_shared<Silent>(rank);
        const auto own = attune::detail::own_rows(group.get(), 9);
        const attune::detail::JointBatch joint(group, own);
        torch::manual_seed(5);
        parts.push_back(depth.forward(rows.narrow(0, static_cast<std::int64_t>(own.first), 3)));
    }
    CHECK(torch::equal(torch::cat(parts), whole));
    CHECK(whole.min().item<double>() == 0);
    CHECK(attune::detail::JointBatch::current() == nullptr);
}

#include <utility>

#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/optimizers/adam.hpp"
#include "attune/finetune/train/optimizers/adaptive.hpp"
#include "attune/finetune/train/optimizers/lbfgs.hpp"
#include "attune/finetune/train/optimizers/sgd.hpp"
#include "attune/finetune/train/optimizers/sign.hpp"
#include "attune/finetune/train/optimizers/trust_ratio.hpp"

namespace attune {

std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, std::vector<OptimizerGroup> groups) {
    const OptimizerDetails& details = recipe.optimizer_details;
    const AdamOptions adam{recipe.betas, recipe.epsilon, recipe.amsgrad,
                           recipe.optimizer == OptimizerKind::adamw};
    switch (recipe.optimizer) {
        case OptimizerKind::sgd:
            return std::make_unique<Sgd>(std::move(groups),
                                         SgdOptions{recipe.momentum, recipe.dampening, recipe.nesterov});
        case OptimizerKind::asgd:
            return std::make_unique<Asgd>(
                std::move(groups),
                AsgdOptions{details.asgd_decay, details.asgd_power, details.asgd_average_from});
        case OptimizerKind::adam:
        case OptimizerKind::adamw:
            return std::make_unique<Adam>(std::move(groups), adam);
        case OptimizerKind::adamax:
            return std::make_unique<Adamax>(std::move(groups), adam);
        case OptimizerKind::nadam:
            return std::make_unique<NAdam>(std::move(groups), adam, details.nadam_momentum_decay);
        case OptimizerKind::radam:
            return std::make_unique<RAdam>(std::move(groups), adam);
        case OptimizerKind::adagrad:
            return std::make_unique<Adagrad>(
                std::move(groups),
                AdagradOptions{details.adagrad_learning_rate_decay, details.adagrad_initial_accumulator,
                               details.adagrad_epsilon});
        case OptimizerKind::adadelta:
            return std::make_unique<Adadelta>(
                std::move(groups), AdadeltaOptions{details.adadelta_rho, details.adadelta_epsilon});
        case OptimizerKind::lion:
            return std::make_unique<Lion>(std::move(groups), details.lion_betas);
        case OptimizerKind::rprop:
            return std::make_unique<Rprop>(std::move(groups),
                                           RpropOptions{details.rprop_shrink, details.rprop_grow,
                                                        details.rprop_smallest, details.rprop_largest});
        case OptimizerKind::lamb:
            return std::make_unique<Lamb>(
                std::move(groups), LambOptions{recipe.betas, details.lamb_epsilon,
                                               details.lamb_largest_gradient_norm, details.clip_trust});
        case OptimizerKind::lars:
            return std::make_unique<Lars>(
                std::move(groups), LarsOptions{recipe.momentum, recipe.dampening, recipe.nesterov,
                                               details.lars_trust, recipe.epsilon, details.clip_trust});
        case OptimizerKind::lbfgs:
            return std::make_unique<Lbfgs>(std::move(groups),
                                           LbfgsOptions{details.lbfgs_iterations, details.lbfgs_history});
        case OptimizerKind::rmsprop:
            break;
    }
    return std::make_unique<RmsProp>(
        std::move(groups),
        RmsPropOptions{recipe.rmsprop_alpha, recipe.epsilon, recipe.momentum, recipe.rmsprop_centered});
}

}  // namespace attune

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "attune/strategy/detail/acquisition_weights.hpp"
#include "attune/strategy/detail/loss_model.hpp"
#include "attune/strategy/detail/observations.hpp"

namespace attune::detail {

/// Learns from a study what acquisitions are weighed with (see AcquisitionWeights). The fits of its models
/// stand behind those of the objectives in what a suggestion stores: the outcome constraints, whether trials
/// fail, the cost.
class WeightModels {
  public:
    WeightModels(const GaussianProcessOptions& options, const Study& study, const SuggestionRequest& request,
                 const StudySpace& space)
        : options_(options), study_(study), space_(space), models_(options, study, request, space.metric()) {}

    /// `subset` lists the trials of `seen` that models are built from.
    [[nodiscard]] AcquisitionWeights build(const Observations& seen,
                                           const std::vector<std::size_t>& subset) const {
        AcquisitionWeights weights;
        const std::size_t objectives = study_.objectives().size();
        const std::size_t constraints = study_.outcome_constraints().size();
        for (std::size_t k = 0; k < constraints; ++k)
            add_condition(weights, objectives + k, excesses(seen, k), seen, subset);
        if (const std::vector<double> failed = failures(seen); !failed.empty()) {
            add_condition(weights, objectives + constraints, failed, seen, subset);
            if (!weights.conditions().empty() && explained(weights.conditions().back().model) > foreseeable)
                weights.say_failures_are_predictable();
        }
        if (options_.cost != CostAwareness::ignored)
            add_cost(weights, objectives + constraints + 1, seen, subset);
        if (!options_.beliefs.empty()) {
            const double finished = std::max(1.0, static_cast<double>(seen.values.size()));
            weights.set_belief(BeliefDensity(options_.beliefs, space_, study_.space()),
                               belief_trials / finished);
        }
        return weights;
    }

  private:
    /// After so many trials a belief weighs as much as what was seen (beta of Hvarfner et al.).
    static constexpr double belief_trials = 10;

    /// The share of the variance of failing that must be explained for failures to be foreseen.
    static constexpr double foreseeable = 0.3;

    /// That `values` are at most 0, in so far as any are known.
    void add_condition(AcquisitionWeights& weights, std::size_t line, const std::vector<double>& values,
                       const Observations& seen, const std::vector<std::size_t>& subset) const {
        std::optional<LossModel> model = modelled(line, values, seen, subset);
        if (!model) return;
        weights.keep_fit(line, model->fit.text());
        const double threshold = model->transform.target(0.0);
        const double noise = model->fit.hyperparameters.noise_variance;
        weights.add({*std::move(model), threshold, noise});
    }

    /// The share of the targets' variance that the model predicts of each from the others.
    static double explained(const LossModel& model) {
        const Eigen::VectorXd& targets = model.targets;
        const double total = (targets.array() - targets.mean()).matrix().squaredNorm();
        if (!(total > 0)) return 0;
        return 1 - (targets - model.process.leave_one_out().mean).squaredNorm() / total;
    }

    /// A model of what the trials of `subset` have as finite `values`; nothing where none has.
    [[nodiscard]] std::optional<LossModel> modelled(std::size_t line, const std::vector<double>& values,
                                                    const Observations& seen,
                                                    const std::vector<std::size_t>& subset) const {
        std::vector<double> finite, chosen;
        for (const double v : values)
            if (std::isfinite(v)) finite.push_back(v);
        std::vector<std::size_t> rows;
        for (const std::size_t i : subset)
            if (std::isfinite(values[i])) rows.push_back(i), chosen.push_back(values[i]);
        if (chosen.empty()) return std::nullopt;
        return models_.build(line, finite, chosen, seen.only(rows).points, {Warping::none});
    }

    /// How far each trial lies beyond a bound, on a scale that is linear near it and logarithmic far away
    /// (the bilog of Eriksson and Poloczek, "Scalable constrained Bayesian optimization", 2021); NaN where
    /// the trial has no such metric.
    [[nodiscard]] std::vector<double> excesses(const Observations& seen, std::size_t constraint) const {
        const OutcomeConstraint& bound = study_.outcome_constraints()[constraint];
        std::vector<double> excess, sizes;
        for (const std::int64_t number : seen.numbers) {
            excess.push_back(bound.excess(study_.trial(number).metric(bound.metric)));
            if (std::isfinite(excess.back()) && excess.back() != 0) sizes.push_back(std::abs(excess.back()));
        }
        if (sizes.empty()) return excess;
        const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
        std::nth_element(sizes.begin(), middle, sizes.end());
        for (double& e : excess) e = std::copysign(std::log1p(std::abs(e) / *middle), e);
        return excess;
    }

    /// 1 for trials that failed, -1 for others; nothing where all did or none.
    [[nodiscard]] std::vector<double> failures(const Observations& seen) const {
        std::vector<double> failed;
        std::size_t count = 0;
        for (const std::int64_t number : seen.numbers) {
            const bool fails = study_.trial(number).state == TrialState::failed;
            failed.push_back(fails ? 1.0 : -1.0);
            count += fails ? 1 : 0;
        }
        if (count == 0 || count == failed.size()) failed.clear();
        return failed;
    }

    /// A hard budget cools: the cost counts fully at first and not at all in the end (Lee et al. 2020), and
    /// what is dearer than what is left is avoided. Failures of the environment cost as well, and trials
    /// under way what the model says.
    void add_cost(AcquisitionWeights& weights, std::size_t line, const Observations& seen,
                  const std::vector<std::size_t>& subset) const {
        std::vector<double> logs;
        for (const std::int64_t number : seen.numbers) {
            const double cost = cost_of(study_.trial(number));
            logs.push_back(cost > 0 ? std::log(cost) : std::nan(""));
        }
        std::optional<LossModel> model = modelled(line, logs, seen, subset);
        if (!model) return;
        weights.keep_fit(line, model->fit.text());
        if (options_.cost == CostAwareness::per_unit)
            return weights.set_cost(*std::move(model), 1.0, std::numeric_limits<double>::infinity());
        double left = options_.cost_budget;
        for (const TrialRecord& trial : study_.trials())
            if (trial.finished()) left -= std::max(0.0, cost_of(trial));
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i)
            left -= std::exp(model->transform.restore(model->process.predict(seen.pending.row(i)).mean));
        // Overdrawn, the cheapest is still the best.
        left = std::max(left, 1e-9 * options_.cost_budget);
        weights.set_cost(*std::move(model), left / options_.cost_budget, left);
    }

    /// What was told, or where nothing was, the seconds that the trial took.
    static double cost_of(const TrialRecord& trial) {
        return trial.cost ? *trial.cost : trial.duration_seconds();
    }

    const GaussianProcessOptions& options_;
    const Study& study_;
    const StudySpace& space_;
    LossModels models_;
};

}  // namespace attune::detail

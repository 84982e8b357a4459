#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/hypervolume_improvement.hpp"
#include "attune/gp/subset.hpp"
#include "attune/strategy/detail/apart_search.hpp"
#include "attune/strategy/detail/loss_model.hpp"
#include "attune/strategy/detail/model_drafts.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/gaussian_process_options.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/pareto.hpp"

namespace attune::detail {

/// How GaussianProcess finds what it suggests for several objectives: a model of each, and the configuration
/// whose expected hypervolume improvement over the front seen so far is the largest.
class HypervolumeSearch {
  public:
    /// With more, a front of some dozens of trials takes more boxes than are worth it.
    static constexpr std::size_t most_objectives = 4;

    HypervolumeSearch(const GaussianProcessOptions& options, const Study& study,
                      const SuggestionRequest& request, const StudySpace& space)
        : options_(options), study_(study), request_(request), space_(space) {}

    /// `subset` lists the trials that the models are built from. Nothing where the front has too many boxes
    /// to be worth it, and where no configuration is left.
    [[nodiscard]] std::optional<Suggestion> suggest(const Observations& everything,
                                                    const std::vector<std::size_t>& subset,
                                                    RandomStream& stream) const {
        const Observations seen = everything.only(subset);
        std::vector<LossModel> models = fitted(everything, subset, seen.points);
        std::vector<Losses> targets = targets_seen(everything, models);
        const std::size_t finished = targets.size();
        const Eigen::VectorXd order = order_of(targets, stream);
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i)
            targets.push_back(believed(models, seen.pending.row(i)));
        std::vector<Losses> candidates;
        for (std::size_t i = 0; i < targets.size(); ++i)
            if (i >= finished || everything.inside[i]) candidates.push_back(targets[i]);
        if (candidates.empty()) candidates = targets;
        std::vector<Losses> front;
        for (const std::size_t i : pareto_indices(candidates)) front.push_back(candidates[i]);
        const Losses reference = reference_beyond(front, candidates);
        std::optional<HypervolumeImprovement> volume;
        try {
            volume.emplace(front, reference);
        } catch (const InvalidOption&) {
            return std::nullopt;  // more boxes than are worth it
        }
        const Improvement improvement{models, *volume};
        SearchEffort effort;
        effort.refined = options_.starts;
        const Points rows = drafts(space_, everything, order, options_.candidates, stream);
        const auto found = maximise_apart(improvement, study_, request_, space_, seen, rows, effort);
        if (!found) return std::nullopt;
        return described(*found, models, front);
    }

  private:
    /// Log expected hypervolume improvement, as maximise_acquisition wants it.
    struct Improvement {
        const std::vector<LossModel>& models;
        const HypervolumeImprovement& volume;

        [[nodiscard]] Eigen::VectorXd values(const Points& points) const {
            const std::size_t m = models.size();
            std::vector<Eigen::VectorXd> means(m), variances(m);
            for (std::size_t k = 0; k < m; ++k) models[k].process.predict(points, means[k], variances[k]);
            Eigen::VectorXd out(points.rows());
            std::vector<double> mean(m), sigma(m);
            for (Eigen::Index i = 0; i < out.size(); ++i) {
                for (std::size_t k = 0; k < m; ++k)
                    mean[k] = means[k][i], sigma[k] = deviation(variances[k][i]);
                out[i] = volume.log_expected(mean, sigma).value;
            }
            return out;
        }
        [[nodiscard]] double value(const Eigen::RowVectorXd& point) const {
            std::vector<double> mean, sigma;
            for (const LossModel& model : models) {
                const Prediction p = model.process.predict(point);
                mean.push_back(p.mean);
                sigma.push_back(deviation(p.variance));
            }
            return volume.log_expected(mean, sigma).value;
        }
        [[nodiscard]] double value(const Eigen::RowVectorXd& point, Eigen::VectorXd& gradient) const {
            std::vector<PredictionGradient> predictions;
            std::vector<double> mean, sigma;
            for (const LossModel& model : models) {
                predictions.push_back(model.process.predict_with_gradient(point));
                mean.push_back(predictions.back().mean);
                sigma.push_back(deviation(predictions.back().variance));
            }
            const HypervolumeImprovement::LogExpected log = volume.log_expected(mean, sigma);
            gradient = Eigen::VectorXd::Zero(point.size());
            for (std::size_t k = 0; k < models.size(); ++k)
                gradient += log.by_mean[k] * predictions[k].mean_gradient +
                            log.by_sigma[k] / (2.0 * sigma[k]) * predictions[k].variance_gradient;
            return log.value;
        }
        /// At a point seen without noise nothing is left to expect, and slopes need a number.
        static double deviation(double variance) { return std::sqrt(std::max(variance, 1e-18)); }
    };

    [[nodiscard]] std::vector<LossModel> fitted(const Observations& everything,
                                                const std::vector<std::size_t>& subset,
                                                const Points& points) const {
        const LossModels build(options_, study_, request_, space_.metric());
        std::vector<LossModel> models;
        for (std::size_t k = 0; k < study_.objectives().size(); ++k) {
            std::vector<double> losses, chosen;
            for (const std::vector<double>& values : everything.values)
                losses.push_back(study_.objectives()[k].loss(values[k]));
            for (const std::size_t i : subset) chosen.push_back(losses[i]);
            models.push_back(build.build(k, losses, chosen, points));
        }
        return models;
    }

    /// By trial, then by objective.
    [[nodiscard]] std::vector<Losses> targets_seen(const Observations& everything,
                                                   const std::vector<LossModel>& models) const {
        std::vector<Losses> targets;
        for (const std::vector<double>& values : everything.values) {
            Losses& target = targets.emplace_back();
            for (std::size_t k = 0; k < models.size(); ++k)
                target.push_back(models[k].transform.target(study_.objectives()[k].loss(values[k])));
        }
        return targets;
    }

    /// What is in flight will be had anyway: the models take it to give what they predict.
    static Losses believed(std::vector<LossModel>& models, const Eigen::RowVectorXd& point) {
        Losses mean;
        for (LossModel& model : models) {
            mean.push_back(model.process.predict(point).mean);
            model.process.append(point, mean.back());
        }
        return mean;
    }

    /// What volumes are counted from, in turn by the number of the trial: a tenth of the front's extent
    /// beyond its worst values, which fills the front, and a tenth beyond the worst values there are, which
    /// finds its ends. (Where a front is a point, and so has no extent, always the latter.)
    [[nodiscard]] Losses reference_beyond(const std::vector<Losses>& front,
                                          const std::vector<Losses>& all) const {
        const Losses ideal = ideal_point(front), least = ideal_point(all);
        Losses reference = nadir_point(front);
        for (std::size_t k = 0; k < reference.size(); ++k) {
            double most = least[k];
            for (const Losses& losses : all) most = std::max(most, losses[k]);
            const bool near = request_.trial % 2 == 1 && reference[k] > ideal[k];
            if (near)
                reference[k] += 0.1 * (reference[k] - ideal[k]);
            else
                reference[k] = most + (most > least[k] ? 0.1 * (most - least[k]) : 1.0);
        }
        return reference;
    }

    /// Keys by which drafts are spread around the best trials: those of the front first, in a random order,
    /// then by the sum of their targets.
    static Eigen::VectorXd order_of(const std::vector<Losses>& finished, RandomStream& stream) {
        Eigen::VectorXd keys(static_cast<Eigen::Index>(finished.size()));
        for (std::size_t i = 0; i < finished.size(); ++i)
            keys[static_cast<Eigen::Index>(i)] = std::accumulate(finished[i].begin(), finished[i].end(), 0.0);
        const double before_all = keys.minCoeff() - 1.0;
        for (const std::size_t i : pareto_indices(finished))
            keys[static_cast<Eigen::Index>(i)] = before_all - stream.uniform();
        return keys;
    }

    [[nodiscard]] Suggestion described(const FoundCandidate& found, const std::vector<LossModel>& models,
                                       const std::vector<Losses>& front) const {
        Eigen::RowVectorXd point(found.draft.size());
        (void)space_.express(found.draft, point);
        Suggestion suggestion;
        suggestion.configuration = space_.configuration(found.draft);
        Losses mean;
        std::string predicted;
        for (std::size_t k = 0; k < models.size(); ++k) {
            const Prediction p = models[k].process.predict(point);
            mean.push_back(p.mean);
            const Objective& objective = study_.objectives()[k];
            const auto restored = [&](double sigmas) {
                return objective.loss(models[k].transform.restore(p.mean + sigmas * std::sqrt(p.variance)));
            };
            const auto [low, high] = std::minmax({restored(-1.96), restored(1.96)});
            predicted += fmt::format("{}{} {:.4g} (95 % interval {:.4g} to {:.4g})", k == 0 ? "" : ", ",
                                     objective.metric, restored(0), low, high);
            suggestion.fit += (k == 0 ? "" : "\n") + models[k].fit.text();
        }
        const bool beaten =
            std::any_of(front.begin(), front.end(), [&](const Losses& p) { return dominates(p, mean); });
        suggestion.role = beaten ? "exploring" : "exploiting";
        suggestion.reason =
            fmt::format("predicted {}; log expected hypervolume improvement {:.3g} over a front of {}",
                        predicted, found.value, front.size());
        return suggestion;
    }

    const GaussianProcessOptions& options_;
    const Study& study_;
    const SuggestionRequest& request_;
    const StudySpace& space_;
};

}  // namespace attune::detail

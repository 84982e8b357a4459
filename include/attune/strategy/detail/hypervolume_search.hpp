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
#include "attune/strategy/detail/acquisition_weights.hpp"
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
                                                    AcquisitionWeights weights, RandomStream& stream) const {
        const Observations seen = everything.only(subset);
        std::vector<LossModel> models = fitted(everything, subset, weights.failures_are_predictable());
        if (models.empty()) return std::nullopt;
        const std::vector<Losses> targets = targets_seen(everything, models);
        const Eigen::VectorXd order = order_of(everything, targets, stream);
        std::vector<Losses> candidates = kept(everything, targets);
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i) {
            const bool likely = weights.log_chance(seen.pending.row(i)) > std::log(0.5);
            const Losses mean = believed(models, seen.pending.row(i));
            weights.believe(seen.pending.row(i));
            if (likely) candidates.push_back(mean);
        }
        std::vector<Losses> front;
        for (const std::size_t i : pareto_indices(candidates)) front.push_back(candidates[i]);
        std::optional<HypervolumeImprovement> volume;
        if (!front.empty()) try {
                volume.emplace(front, reference_beyond(front, candidates));
            } catch (const InvalidOption&) {
                return std::nullopt;  // more boxes than are worth it
            }
        std::optional<Improvement> improvement;
        if (volume) improvement.emplace(Improvement{models, *volume});
        // Where nothing keeps the constraints yet, there is nothing to improve on: they are looked for first.
        const WeighedAcquisition<Improvement> acquisition{improvement ? &*improvement : nullptr, weights};
        SearchEffort effort;
        effort.refined = options_.starts;
        const Points rows = drafts(space_, everything, order, options_.candidates, stream);
        const auto found = maximise_apart(acquisition, study_, request_, space_, seen, rows, effort);
        if (!found) return std::nullopt;
        const double gain = improvement ? found->value - weights.value(point_of(*found)) : 0.0;
        return described(*found, gain, models, weights, front);
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

    /// A model an objective, of the trials that have a value; none where one has no value at all.
    [[nodiscard]] std::vector<LossModel> fitted(const Observations& everything,
                                                const std::vector<std::size_t>& subset,
                                                bool with_failures) const {
        const LossModels build(options_, study_, request_, space_.metric());
        std::vector<LossModel> models;
        for (std::size_t k = 0; k < study_.objectives().size(); ++k) {
            std::vector<double> losses, chosen;
            for (const std::vector<double>& values : everything.values)
                losses.push_back(study_.objectives()[k].loss(values[k]));
            std::vector<std::size_t> rows;
            for (const std::size_t i : subset)
                if (std::isfinite(losses[i]) || with_failures) rows.push_back(i), chosen.push_back(losses[i]);
            if (std::none_of(losses.begin(), losses.end(), [](double v) { return std::isfinite(v); }))
                return {};
            models.push_back(build.build(k, losses, chosen, everything.only(rows).points,
                                         build.objective_warpings(losses)));
        }
        return models;
    }

    /// The targets of the trials that keep the constraints and could be asked again; of all that keep them
    /// where none could.
    static std::vector<Losses> kept(const Observations& seen, const std::vector<Losses>& targets) {
        std::vector<Losses> inside, anywhere;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            if (!seen.keeping[i]) continue;
            anywhere.push_back(targets[i]);
            if (seen.inside[i]) inside.push_back(targets[i]);
        }
        return inside.empty() ? anywhere : inside;
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
    /// then by the sum of their targets, those that keep no constraints last.
    static Eigen::VectorXd order_of(const Observations& seen, const std::vector<Losses>& targets,
                                    RandomStream& stream) {
        Eigen::VectorXd keys(static_cast<Eigen::Index>(targets.size()));
        for (std::size_t i = 0; i < targets.size(); ++i)
            keys[static_cast<Eigen::Index>(i)] = std::accumulate(targets[i].begin(), targets[i].end(), 0.0);
        const double before_all = keys.minCoeff() - 1.0, behind = keys.maxCoeff() - keys.minCoeff() + 1.0;
        std::vector<std::size_t> keeping;
        std::vector<Losses> losses;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            if (seen.keeping[i])
                keeping.push_back(i), losses.push_back(targets[i]);
            else
                keys[static_cast<Eigen::Index>(i)] += behind;
        }
        for (const std::size_t i : pareto_indices(losses))
            keys[static_cast<Eigen::Index>(keeping[i])] = before_all - stream.uniform();
        return keys;
    }

    [[nodiscard]] Eigen::RowVectorXd point_of(const FoundCandidate& found) const {
        Eigen::RowVectorXd point(found.draft.size());
        (void)space_.express(found.draft, point);
        return point;
    }

    [[nodiscard]] Suggestion described(const FoundCandidate& found, double improvement,
                                       const std::vector<LossModel>& models,
                                       const AcquisitionWeights& weights,
                                       const std::vector<Losses>& front) const {
        const Eigen::RowVectorXd point = point_of(found);
        Suggestion suggestion;
        suggestion.configuration = space_.configuration(found.draft);
        Losses mean;
        std::string predicted;
        std::vector<std::string> fits;
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
            fits.push_back(models[k].fit.text());
        }
        suggestion.fit = weights.fit_lines(fits);
        const bool beaten =
            std::any_of(front.begin(), front.end(), [&](const Losses& p) { return dominates(p, mean); });
        suggestion.role = beaten ? "exploring" : "exploiting";
        suggestion.reason = "predicted " + predicted;
        if (!front.empty())
            suggestion.reason +=
                fmt::format("; log expected hypervolume improvement {:.3g} over a front of {}", improvement,
                            front.size());
        suggestion.reason += weights.text_at(point);
        return suggestion;
    }

    const GaussianProcessOptions& options_;
    const Study& study_;
    const SuggestionRequest& request_;
    const StudySpace& space_;
};

}  // namespace attune::detail

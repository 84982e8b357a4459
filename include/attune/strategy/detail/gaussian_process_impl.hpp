#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/acquisition.hpp"
#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/fit.hpp"
#include "attune/gp/fit_text.hpp"
#include "attune/gp/output_transform.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/gp/subset.hpp"
#include "attune/strategy/detail/model_drafts.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {
namespace detail {

/// How GaussianProcess finds what it suggests.
class GaussianProcessSearch {
  public:
    explicit GaussianProcessSearch(const GaussianProcessOptions& options) : options_(options) {}

    [[nodiscard]] std::optional<Suggestion> suggest(const Study& study,
                                                    const SuggestionRequest& request) const {
        const StudySpace space(study.space(), request.fixed,
                               [&](const Configuration& c) { return request.admits(study, c); });
        const Observations seen = observe(study, space);
        const auto asked = static_cast<int>(study.trials().size());
        const bool initial = asked < initial_trials(space) || seen.values.size() < 2;
        if (space.dimensions() == 0 || initial) {
            if (auto first = initial_point(study, request)) return first;
        }
        if (space.dimensions() > 0 && !seen.values.empty())
            if (auto modelled = by_model(study, request, space, seen)) return modelled;
        return fallback(study, request);
    }

  private:
    using Model = GaussianProcessRegression<Matern52>;

    /// Log expected improvement below `best`, as maximise_acquisition wants it.
    struct Improvement {
        const Model& model;
        double best;

        [[nodiscard]] Eigen::VectorXd values(const Points& points) const {
            Eigen::VectorXd mean;
            Eigen::VectorXd variance;
            model.predict(points, mean, variance);
            for (Eigen::Index i = 0; i < mean.size(); ++i) mean[i] = at(mean[i], variance[i]).value;
            return mean;
        }
        [[nodiscard]] double value(const Eigen::RowVectorXd& point) const {
            const Prediction p = model.predict(point);
            return at(p.mean, p.variance).value;
        }
        [[nodiscard]] double value(const Eigen::RowVectorXd& point, Eigen::VectorXd& gradient) const {
            const PredictionGradient p = model.predict_with_gradient(point);
            const Acquisition a = at(p.mean, p.variance);
            const double by_variance = p.variance > 0.0 ? a.by_sigma / (2.0 * std::sqrt(p.variance)) : 0.0;
            gradient = a.by_mean * p.mean_gradient + by_variance * p.variance_gradient;
            return a.value;
        }
        [[nodiscard]] Acquisition at(double mean, double variance) const {
            return log_expected_improvement(mean, std::sqrt(variance), best, Toward::lower);
        }
    };

    /// Two more than the dimensions, a choice of k counting as k - 1; measured on problems of 2 to 6
    /// parameters.
    [[nodiscard]] int initial_trials(const StudySpace& space) const {
        if (options_.initial_trials > 0) return options_.initial_trials;
        std::int64_t freedom = 0;
        for (const SearchAxis& axis : space.axes())
            freedom += axis.ordered ? 1 : std::min<std::int64_t>(axis.levels - 1, 10);
        return static_cast<int>(std::clamp<std::int64_t>(freedom + 2, 4, 10));
    }

    /// The centre first, then scrambled Sobol points.
    static std::optional<Suggestion> initial_point(const Study& study, const SuggestionRequest& request) {
        if (request.trial == 0) {
            Configuration centre =
                request.decode(study.space(), std::vector<double>(study.space().size(), 0.5));
            if (request.admits(study, centre))
                return Suggestion{std::move(centre), "centre of the space", "initial", ""};
        }
        std::optional<Suggestion> point = Sobol{}.suggest(study, request);
        if (point) point->role = "initial";
        return point;
    }

    [[nodiscard]] std::optional<Suggestion> by_model(const Study& study, const SuggestionRequest& request,
                                                     const StudySpace& space,
                                                     const Observations& everything) const {
        RandomStream stream = request.stream(study, Purpose::suggestion);
        const std::vector<double> values = losses(study, everything, stream);
        const std::vector<std::size_t> subset =
            informative_subset(space.metric(), everything.points,
                               targets_of(values, OutputTransform(values, Toward::lower, Warping::half_rank)),
                               static_cast<std::size_t>(options_.most_observations));
        const Observations reduced = subset.size() < values.size() ? everything.only(subset) : Observations{};
        const Observations& seen = subset.size() < values.size() ? reduced : everything;
        std::vector<double> chosen;
        chosen.reserve(subset.size());
        for (const std::size_t i : subset) chosen.push_back(values[i]);
        const StoredFit fit = fitted(study, request, space, seen.points, values, chosen);
        const OutputTransform transform(values, Toward::lower, fit.warping);
        const Eigen::VectorXd targets = targets_of(chosen, transform);
        Model model(space.metric(), fit.hyperparameters, seen.points, targets);
        model.profile_mean();
        // The best value seen rather than the best mean: under noise that asks for a little more, and found
        // better points.
        double best = best_target(seen, targets);
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i) {
            // What is in flight will be had anyway: only what goes beyond its predicted value is an
            // improvement.
            const double believed = model.predict(seen.pending.row(i)).mean;
            model.append(seen.pending.row(i), believed);
            best = std::min(best, believed);
        }
        const Improvement improvement{model, best};
        SearchEffort effort;
        effort.refined = options_.starts;
        // Next to a trial in flight there is little to learn before it ends, however good the place looks.
        const StudySpace apart(study.space(), request.fixed, [&](const Configuration& c) {
            return request.admits(study, c) && !beside(space.point(c), seen.pending);
        });
        const Points rows = drafts(space, seen, targets, options_.candidates, stream);
        auto found = maximise_acquisition(improvement, apart, rows, effort);
        if (!found) found = maximise_acquisition(improvement, space, rows, effort);
        if (!found) return std::nullopt;
        Eigen::RowVectorXd point(found->draft.size());
        (void)space.express(found->draft, point);
        return described(space.configuration(found->draft), model.predict(point), *found, best, study,
                         transform, fit);
    }

    /// The least target of those trials that could be asked again, or of all where none could.
    static double best_target(const Observations& seen, const Eigen::VectorXd& targets) {
        double best = std::numeric_limits<double>::infinity();
        for (Eigen::Index i = 0; i < targets.size(); ++i)
            if (seen.inside[static_cast<std::size_t>(i)]) best = std::min(best, targets[i]);
        return std::isfinite(best) ? best : targets.minCoeff();
    }

    /// Whether `point` agrees with one of `others` within 0.002 of the unit cube in every dimension.
    static bool beside(const Eigen::RowVectorXd& point, const Points& others) {
        const auto close = [](double a, double b) {
            return std::isnan(a) ? std::isnan(b) : std::abs(a - b) < 2e-3;
        };
        for (Eigen::Index i = 0; i < others.rows(); ++i) {
            bool all = true;
            for (Eigen::Index j = 0; j < point.size() && all; ++j) all = close(point[j], others(i, j));
            if (all) return true;
        }
        return false;
    }

    static Eigen::VectorXd targets_of(const std::vector<double>& values, const OutputTransform& transform) {
        Eigen::VectorXd targets(static_cast<Eigen::Index>(values.size()));
        for (std::size_t i = 0; i < values.size(); ++i)
            targets[static_cast<Eigen::Index>(i)] = transform.target(values[i]);
        return targets;
    }

    /// The fit that the suggestion rests on: the latest stored one while the data have hardly grown, else a
    /// new one that starts from it. `values` are those of all trials, `chosen` those of `points`.
    [[nodiscard]] StoredFit fitted(const Study& study, const SuggestionRequest& request,
                                   const StudySpace& space, const Points& points,
                                   const std::vector<double>& values,
                                   const std::vector<double>& chosen) const {
        const InputMetric metric = space.metric();
        std::optional<StoredFit> stored;
        for (auto trial = study.trials().rbegin(); trial != study.trials().rend() && !stored; ++trial) {
            if (trial->original != nullptr) break;  // of another space
            stored = StoredFit::parse(trial->fit, metric);
        }
        const auto count = static_cast<std::int64_t>(values.size());
        const auto warpings = warpings_to_try();
        if (stored && std::find(warpings.begin(), warpings.end(), stored->warping) != warpings.end()) {
            const bool small = count <= options_.always_refit_below;
            const bool grown = static_cast<double>(count) >=
                               options_.refit_growth * static_cast<double>(stored->observations);
            if (stored->observations == count || (!small && !grown)) return *stored;
        }
        RandomStream stream = request.stream(study, Purpose::fit);
        const std::vector<Hyperparameters> starts = fit_starts(metric, stored, stream);
        RegressionFitOptions fit_options = RegressionFitOptions::with_priors(metric.components());
        if (stored && points.rows() > options_.always_refit_below) {
            // Many data hardly move a fit, and every evaluation is dear.
            fit_options.refined_starts = 1;
            fit_options.limits.evaluations = 40;
        }
        StoredFit best{count, {}, warpings.front()};
        double most = -std::numeric_limits<double>::infinity();
        for (const Warping warping : warpings) {
            const OutputTransform transform(values, Toward::lower, warping);
            const Fit fit = fit_hyperparameters<Matern52>(metric, points, targets_of(chosen, transform),
                                                          starts, fit_options);
            double likely = fit.log_posterior;
            for (const double v : chosen) likely += transform.log_slope(v);
            if (!(likely > most)) continue;
            most = likely;
            best.hyperparameters = fit.hyperparameters;
            best.warping = warping;
        }
        return best;
    }

    [[nodiscard]] std::vector<Warping> warpings_to_try() const {
        switch (options_.warping) {
            case TargetWarping::none:
                return {Warping::none};
            case TargetWarping::half_rank:
                return {Warping::half_rank};
            case TargetWarping::log_excess:
                return {Warping::log_excess};
            default:
                return {Warping::half_rank, Warping::log_excess};
        }
    }

    /// A usual one, the last one, and two at random.
    static std::vector<Hyperparameters> fit_starts(const InputMetric& metric,
                                                   const std::optional<StoredFit>& stored,
                                                   RandomStream& stream) {
        const auto components = static_cast<Eigen::Index>(metric.components());
        const double usual = 0.5 * std::sqrt(static_cast<double>(components));
        std::vector<Hyperparameters> starts{{Eigen::VectorXd::Constant(components, usual), 1.0, 1e-3, 0.0}};
        if (stored) starts.push_back(stored->hyperparameters);
        for (int k = 0; k < 2; ++k) {
            Hyperparameters& start = starts.emplace_back(starts.front());
            for (double& scale : start.length_scales) scale *= std::exp(0.8 * stream.normal());
            start.noise_variance = std::exp(stream.uniform(std::log(1e-5), std::log(1e-1)));
        }
        return starts;
    }

    static Suggestion described(Configuration configuration, const Prediction& p, const FoundCandidate& found,
                                double best, const Study& study, const OutputTransform& transform,
                                const StoredFit& fit) {
        const double sigma = std::sqrt(p.variance);
        Suggestion suggestion;
        suggestion.configuration = std::move(configuration);
        suggestion.role = p.mean <= best ? "exploiting" : "exploring";
        suggestion.fit = fit.text();
        if (study.objectives().size() == 1) {
            const Objective& objective = study.objective();
            const double low = objective.loss(transform.restore(p.mean - 1.96 * sigma));
            const double high = objective.loss(transform.restore(p.mean + 1.96 * sigma));
            suggestion.reason = fmt::format(
                "predicted {} {:.4g} (95 % interval {:.4g} to {:.4g}), log expected improvement {:.3g}",
                objective.metric, objective.loss(transform.restore(p.mean)), std::min(low, high),
                std::max(low, high), found.value);
        } else {
            suggestion.reason =
                fmt::format("log expected improvement {:.3g} of a random weighting of the {} objectives",
                            found.value, study.objectives().size());
        }
        return suggestion;
    }

    /// Where the model has nothing to add: uniform draws, or nothing when the space is spent.
    static std::optional<Suggestion> fallback(const Study& study, const SuggestionRequest& request) {
        std::optional<Suggestion> suggestion = RandomSearch{}.suggest(study, request);
        if (suggestion) suggestion->role = "filling";
        return suggestion;
    }

    const GaussianProcessOptions& options_;
};

}  // namespace detail

ATTUNE_BODY std::optional<Suggestion> GaussianProcess::suggest(const Study& study,
                                                               const SuggestionRequest& request) const {
    return detail::GaussianProcessSearch(options_).suggest(study, request);
}

}  // namespace attune

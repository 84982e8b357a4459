#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/acquisition.hpp"
#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/output_transform.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/gp/subset.hpp"
#include "attune/strategy/detail/apart_search.hpp"
#include "attune/strategy/detail/hypervolume_search.hpp"
#include "attune/strategy/detail/loss_model.hpp"
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
    /// Log expected improvement below `best`, as maximise_acquisition wants it.
    struct Improvement {
        const LossProcess& model;
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
        const std::size_t objectives = study.objectives().size();
        if (objectives > 1 && objectives <= HypervolumeSearch::most_objectives)
            if (auto found =
                    HypervolumeSearch(options_, study, request, space).suggest(everything, subset, stream))
                return found;
        const Observations reduced = subset.size() < values.size() ? everything.only(subset) : Observations{};
        const Observations& seen = subset.size() < values.size() ? reduced : everything;
        std::vector<double> chosen;
        chosen.reserve(subset.size());
        for (const std::size_t i : subset) chosen.push_back(values[i]);
        LossModel model =
            LossModels(options_, study, request, space.metric()).build(0, values, chosen, seen.points);
        // The best value seen rather than the best mean: under noise that asks for a little more, and found
        // better points.
        double best = best_target(seen, model.targets);
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i) {
            // What is in flight will be had anyway: only what goes beyond its predicted value is an
            // improvement.
            const double believed = model.process.predict(seen.pending.row(i)).mean;
            model.process.append(seen.pending.row(i), believed);
            best = std::min(best, believed);
        }
        const Improvement improvement{model.process, best};
        SearchEffort effort;
        effort.refined = options_.starts;
        const Points rows = drafts(space, seen, model.targets, options_.candidates, stream);
        const auto found = maximise_apart(improvement, study, request, space, seen, rows, effort);
        if (!found) return std::nullopt;
        Eigen::RowVectorXd point(found->draft.size());
        (void)space.express(found->draft, point);
        return described(space.configuration(found->draft), model.process.predict(point), *found, best, study,
                         model.transform, model.fit);
    }

    /// The least target of those trials that could be asked again, or of all where none could.
    static double best_target(const Observations& seen, const Eigen::VectorXd& targets) {
        double best = std::numeric_limits<double>::infinity();
        for (Eigen::Index i = 0; i < targets.size(); ++i)
            if (seen.inside[static_cast<std::size_t>(i)]) best = std::min(best, targets[i]);
        return std::isfinite(best) ? best : targets.minCoeff();
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

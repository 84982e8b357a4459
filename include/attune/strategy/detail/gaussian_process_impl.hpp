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

#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/output_transform.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/gp/subset.hpp"
#include "attune/strategy/detail/acquisition_weights.hpp"
#include "attune/strategy/detail/apart_search.hpp"
#include "attune/strategy/detail/belief_density.hpp"
#include "attune/strategy/detail/expected_gain.hpp"
#include "attune/strategy/detail/hypervolume_search.hpp"
#include "attune/strategy/detail/loss_model.hpp"
#include "attune/strategy/detail/model_drafts.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/detail/weight_models.hpp"
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
            if (auto first = initial_point(study, request, space)) return first;
        }
        if (space.dimensions() > 0 && !seen.values.empty())
            if (auto modelled = by_model(study, request, space, seen)) return modelled;
        return fallback(study, request);
    }

  private:
    /// Two more than the dimensions, a choice of k counting as k - 1; measured on problems of 2 to 6
    /// parameters.
    [[nodiscard]] int initial_trials(const StudySpace& space) const {
        if (options_.initial_trials > 0) return options_.initial_trials;
        std::int64_t freedom = 0;
        for (const SearchAxis& axis : space.axes())
            freedom += axis.ordered ? 1 : std::min<std::int64_t>(axis.levels - 1, 10);
        return static_cast<int>(std::clamp<std::int64_t>(freedom + 2, 4, 10));
    }

    /// The centre first, then scrambled Sobol points. With beliefs where they are strongest first, and every
    /// other point as if drawn from them.
    [[nodiscard]] std::optional<Suggestion> initial_point(const Study& study,
                                                          const SuggestionRequest& request,
                                                          const StudySpace& space) const {
        const BeliefDensity belief(options_.beliefs, space, study.space());
        if (request.trial == 0) {
            const std::vector<double> middle(study.space().size(), 0.5);
            Configuration first = request.decode(study.space(), belief.peak(middle));
            if (request.admits(study, first))
                return Suggestion{
                    std::move(first),
                    belief.empty() ? "centre of the space" : "where good values are believed to lie",
                    "initial", ""};
        }
        std::optional<Suggestion> point = Sobol{}.suggest(study, request);
        if (!point) return point;
        point->role = "initial";
        if (belief.empty() || request.trial % 2 == 1) return point;
        std::vector<double> units(study.space().size(), 0.5);
        for (std::size_t i = 0; i < units.size(); ++i)
            if (const double native = point->configuration.native()[i]; !std::isnan(native))
                units[i] = study.space()[i].encode(native);
        Configuration drawn = request.decode(study.space(), belief.drawn(units));
        if (!request.admits(study, drawn)) return point;
        return Suggestion{std::move(drawn), "drawn from what is believed", "initial", ""};
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
        AcquisitionWeights weights = WeightModels(options_, study, request, space).build(everything, subset);
        const std::size_t objectives = study.objectives().size();
        if (objectives > 1 && objectives <= HypervolumeSearch::most_objectives)
            if (auto found = HypervolumeSearch(options_, study, request, space)
                                 .suggest(everything, subset, weights, stream))
                return found;
        std::vector<std::size_t> rows;
        for (const std::size_t i : subset)
            if (std::isfinite(values[i]) || weights.failures_are_predictable()) rows.push_back(i);
        if (std::none_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
            return std::nullopt;
        const Observations seen = everything.only(rows);
        std::vector<double> chosen;
        chosen.reserve(rows.size());
        for (const std::size_t i : rows) chosen.push_back(values[i]);
        const LossModels models(options_, study, request, space.metric());
        LossModel model = models.build(0, values, chosen, seen.points, models.objective_warpings(values));
        // The best value seen rather than the best mean: under noise that asks for a little more, and found
        // better points.
        double best = best_target(seen, model.targets);
        for (Eigen::Index i = 0; i < seen.pending.rows(); ++i) {
            // What is in flight will be had anyway: only what goes beyond its predicted value is an
            // improvement.
            const Eigen::RowVectorXd point = seen.pending.row(i);
            const double believed = model.process.predict(point).mean;
            const bool likely = weights.log_chance(point) > std::log(0.5);
            model.process.append(point, believed);
            weights.believe(point);
            if (likely) best = std::min(best, believed);
        }
        const ExpectedGain improvement{model.process, best};
        // Where nothing keeps the constraints yet, there is nothing to improve on: they are looked for first.
        const WeighedAcquisition<ExpectedGain> acquisition{std::isfinite(best) ? &improvement : nullptr,
                                                           weights};
        SearchEffort effort;
        effort.refined = options_.starts;
        const Points starts =
            drafts(space, seen, draft_order(seen, model.targets), options_.candidates, stream);
        const auto found = maximise_apart(acquisition, study, request, space, seen, starts, effort);
        if (!found) return std::nullopt;
        Eigen::RowVectorXd point(found->draft.size());
        (void)space.express(found->draft, point);
        return described(space.configuration(found->draft), point, improvement, study, model, weights);
    }

    /// Keys by which drafts are spread around the best trials: those that keep the constraints first.
    static Eigen::VectorXd draft_order(const Observations& seen, const Eigen::VectorXd& targets) {
        Eigen::VectorXd keys = targets;
        const double behind = targets.maxCoeff() - targets.minCoeff() + 1.0;
        for (Eigen::Index i = 0; i < keys.size(); ++i)
            if (!seen.keeping[static_cast<std::size_t>(i)]) keys[i] += behind;
        return keys;
    }

    /// The least target of those trials that keep the constraints and could be asked again, or of all that
    /// keep them where none could; infinite where none keeps them.
    static double best_target(const Observations& seen, const Eigen::VectorXd& targets) {
        double inside = std::numeric_limits<double>::infinity(), anywhere = inside;
        for (Eigen::Index i = 0; i < targets.size(); ++i) {
            const auto trial = static_cast<std::size_t>(i);
            if (!seen.keeping[trial]) continue;
            anywhere = std::min(anywhere, targets[i]);
            if (seen.inside[trial]) inside = std::min(inside, targets[i]);
        }
        return std::isfinite(inside) ? inside : anywhere;
    }

    static Suggestion described(Configuration configuration, const Eigen::RowVectorXd& point,
                                const ExpectedGain& improvement, const Study& study, const LossModel& model,
                                const AcquisitionWeights& weights) {
        const Prediction p = model.process.predict(point);
        const double sigma = std::sqrt(p.variance);
        Suggestion suggestion;
        suggestion.configuration = std::move(configuration);
        const bool improves = std::isfinite(improvement.best) && p.mean <= improvement.best;
        suggestion.role = improves ? "exploiting" : "exploring";
        std::vector<std::string> fits(study.objectives().size());
        fits.front() = model.fit.text();
        suggestion.fit = weights.fit_lines(fits);
        const double gain = improvement.value(point);
        if (study.objectives().size() == 1) {
            const Objective& objective = study.objective();
            const double low = objective.loss(model.transform.restore(p.mean - 1.96 * sigma));
            const double high = objective.loss(model.transform.restore(p.mean + 1.96 * sigma));
            suggestion.reason = fmt::format("predicted {} {:.4g} (95 % interval {:.4g} to {:.4g})",
                                            objective.metric, objective.loss(model.transform.restore(p.mean)),
                                            std::min(low, high), std::max(low, high));
            if (std::isfinite(improvement.best))
                suggestion.reason += fmt::format(", log expected improvement {:.3g}", gain);
        } else {
            suggestion.reason =
                fmt::format("log expected improvement {:.3g} of a random weighting of the {} objectives",
                            gain, study.objectives().size());
        }
        suggestion.reason += weights.text_at(point);
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

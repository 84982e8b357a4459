#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "attune/gp/fit.hpp"
#include "attune/gp/fit_text.hpp"
#include "attune/gp/output_transform.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/strategy/gaussian_process_options.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune::detail {

using LossProcess = GaussianProcessRegression<Matern52>;

/// The model of one objective's losses.
struct LossModel {
    StoredFit fit;
    OutputTransform transform;  ///< of losses to targets
    Eigen::VectorXd targets;    ///< those of the points that the model is built from
    LossProcess process;
};

inline Eigen::VectorXd targets_of(const std::vector<double>& losses, const OutputTransform& transform) {
    Eigen::VectorXd targets(static_cast<Eigen::Index>(losses.size()));
    for (std::size_t i = 0; i < losses.size(); ++i)
        targets[static_cast<Eigen::Index>(i)] = transform.target(losses[i]);
    return targets;
}

/// Models of what trials come to, such as a study's objectives, each fitted from where its last fit ended,
/// which the latest suggestion that has one keeps: a line a model.
class LossModels {
  public:
    LossModels(const GaussianProcessOptions& options, const Study& study, const SuggestionRequest& request,
               const InputMetric& metric)
        : options_(options), study_(study), request_(request), metric_(metric) {}

    /// `losses` are those of all finished trials, `chosen` those of the `points` that the model is built
    /// from. Of `warpings` the one is taken under which the losses are most likely.
    [[nodiscard]] LossModel build(std::size_t line, const std::vector<double>& losses,
                                  const std::vector<double>& chosen, const Points& points,
                                  const std::vector<Warping>& warpings) const {
        StoredFit fit = fitted(line, losses, chosen, points, warpings);
        OutputTransform transform(losses, Toward::lower, fit.warping);
        Eigen::VectorXd targets = targets_of(chosen, transform);
        LossProcess process(metric_, fit.hyperparameters, points, targets);
        process.profile_mean();
        return {std::move(fit), std::move(transform), std::move(targets), std::move(process)};
    }

    /// The warpings to try for an objective. Volumes are those of the values as they are, unless a few values
    /// far beyond the others would take up the model's whole range.
    [[nodiscard]] std::vector<Warping> objective_warpings(const std::vector<double>& losses) const {
        switch (options_.warping) {
            case TargetWarping::none:
                return {Warping::none};
            case TargetWarping::half_rank:
                return {Warping::half_rank};
            case TargetWarping::log_excess:
                return {Warping::log_excess};
            default:
                if (study_.objectives().size() > 1)
                    return {has_outliers(losses) ? Warping::half_rank : Warping::none};
                return {Warping::half_rank, Warping::log_excess};
        }
    }

  private:
    /// The fit that the suggestion rests on: the latest stored one while the data have hardly grown, else a
    /// new one that starts from it.
    [[nodiscard]] StoredFit fitted(std::size_t line, const std::vector<double>& losses,
                                   const std::vector<double>& chosen, const Points& points,
                                   const std::vector<Warping>& warpings) const {
        const std::optional<StoredFit> stored = latest(line);
        const auto count = static_cast<std::int64_t>(losses.size());
        if (stored && std::find(warpings.begin(), warpings.end(), stored->warping) != warpings.end()) {
            const bool small = count <= options_.always_refit_below;
            const bool grown = static_cast<double>(count) >=
                               options_.refit_growth * static_cast<double>(stored->observations);
            if (stored->observations == count || (!small && !grown)) return *stored;
        }
        RandomStream stream = request_.stream(study_, Purpose::fit);
        const std::vector<Hyperparameters> starts = fit_starts(stored, stream);
        RegressionFitOptions fit_options = RegressionFitOptions::with_priors(metric_.components());
        if (stored && points.rows() > options_.always_refit_below) {
            // Many data hardly move a fit, and every evaluation is dear.
            fit_options.refined_starts = 1;
            fit_options.limits.evaluations = 40;
        }
        StoredFit best{count, {}, warpings.front()};
        double most = -std::numeric_limits<double>::infinity();
        for (const Warping warping : warpings) {
            const OutputTransform transform(losses, Toward::lower, warping);
            const Fit fit = fit_hyperparameters<Matern52>(metric_, points, targets_of(chosen, transform),
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

    /// Whether the worst is more than ten times as far above the third quartile as that is above the best.
    static bool has_outliers(const std::vector<double>& losses) {
        std::vector<double> finite;
        for (const double v : losses)
            if (std::isfinite(v)) finite.push_back(v);
        if (finite.empty()) return false;
        std::sort(finite.begin(), finite.end());
        const double quartile = finite[3 * finite.size() / 4];
        return finite.back() - quartile > 10 * (quartile - finite.front());
    }

    [[nodiscard]] std::optional<StoredFit> latest(std::size_t number) const {
        for (auto trial = study_.trials().rbegin(); trial != study_.trials().rend(); ++trial) {
            if (trial->original != nullptr) break;  // of another space
            if (auto fit = StoredFit::parse(line(trial->fit, number), metric_)) return fit;
        }
        return std::nullopt;
    }

    static std::string_view line(std::string_view text, std::size_t number) {
        for (; number > 0; --number) {
            const auto end = text.find('\n');
            if (end == std::string_view::npos) return {};
            text.remove_prefix(end + 1);
        }
        return text.substr(0, text.find('\n'));
    }

    /// A usual one, the last one, and two at random.
    [[nodiscard]] std::vector<Hyperparameters> fit_starts(const std::optional<StoredFit>& stored,
                                                          RandomStream& stream) const {
        const auto components = static_cast<Eigen::Index>(metric_.components());
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

    const GaussianProcessOptions& options_;
    const Study& study_;
    const SuggestionRequest& request_;
    const InputMetric metric_;
};

}  // namespace attune::detail

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/acquisition.hpp"
#include "attune/gp/acquisition_search.hpp"
#include "attune/strategy/detail/belief_density.hpp"
#include "attune/strategy/detail/loss_model.hpp"

namespace attune::detail {

/// What an acquisition is multiplied with, as logarithms: the chances that outcome constraints are kept and
/// that the trial does not fail (Gardner et al., "Bayesian optimization with inequality constraints", 2014),
/// the user's belief (Hvarfner et al., "piBO: augmenting acquisition functions with user beliefs", 2022) and
/// a power of one over the cost (Lee et al., "Cost-aware Bayesian optimization", 2020).
class AcquisitionWeights {
  public:
    /// A metric that must stay below a threshold.
    struct Condition {
        LossModel model;
        double threshold = 0;  ///< a target of the model
        double noise = 0;      ///< variance of what is measured around what the model says
    };

    void add(Condition condition) { conditions_.push_back(std::move(condition)); }
    /// Whether failures come in the same places: they then are as bad as the worst result also for the models
    /// of the objectives, and otherwise say nothing to them.
    void say_failures_are_predictable() { failures_are_predictable_ = true; }
    [[nodiscard]] bool failures_are_predictable() const { return failures_are_predictable_; }
    /// The fit of one of the models, to be stored with the suggestion as line number `line`.
    void keep_fit(std::size_t line, std::string text) {
        if (fits_.size() <= line) fits_.resize(line + 1);
        fits_[line] = std::move(text);
    }
    /// Of a model of the logarithm of the cost, and what is left to be spent: what is likely to be dearer is
    /// avoided. Infinite: as much as one likes.
    void set_cost(LossModel model, double exponent, double left) {
        const double unit = model.transform.restore(1.0) - model.transform.restore(0.0);
        cost_exponent_ = exponent * unit;
        const double threshold = std::isinf(left) ? std::numeric_limits<double>::infinity()
                                                  : model.transform.target(std::log(left));
        const double noise = model.fit.hyperparameters.noise_variance;
        cost_ = Condition{std::move(model), threshold, noise};
    }
    void set_belief(BeliefDensity density, double exponent) {
        belief_ = std::move(density);
        belief_exponent_ = exponent;
    }

    /// What a suggestion stores: the fits of the objectives' models, a line each, and behind them those of
    /// these weights; empty lines where there is none.
    [[nodiscard]] std::string fit_lines(const std::vector<std::string>& objectives) const {
        std::vector<std::string> lines = fits_;
        if (lines.size() < objectives.size()) lines.resize(objectives.size());
        std::copy(objectives.begin(), objectives.end(), lines.begin());
        while (!lines.empty() && lines.back().empty()) lines.pop_back();
        std::string text;
        for (const std::string& line : lines) text += (&line == lines.data() ? "" : "\n") + line;
        return text;
    }

    [[nodiscard]] const std::vector<Condition>& conditions() const { return conditions_; }

    /// Logarithms of the weights of many points are added to `sums`.
    void add_to(const Points& points, Eigen::VectorXd& sums) const {
        Eigen::VectorXd mean, variance;
        for (const Condition& condition : conditions_) {
            condition.model.process.predict(points, mean, variance);
            for (Eigen::Index i = 0; i < sums.size(); ++i)
                sums[i] += kept(mean[i], variance[i] + condition.noise, condition.threshold).value;
        }
        if (cost_) {
            cost_->model.process.predict(points, mean, variance);
            for (Eigen::Index i = 0; i < sums.size(); ++i)
                sums[i] += affordable(mean[i], variance[i]).value - cost_exponent_ * mean[i];
        }
        if (!belief_.empty())
            for (Eigen::Index i = 0; i < sums.size(); ++i)
                sums[i] += belief_exponent_ * belief_.log_value(points.row(i));
    }
    [[nodiscard]] double value(const Eigen::RowVectorXd& point) const {
        double sum = log_chance(point);
        if (cost_) {
            const Prediction p = cost_->model.process.predict(point);
            sum += affordable(p.mean, p.variance).value - cost_exponent_ * p.mean;
        }
        if (!belief_.empty()) sum += belief_exponent_ * belief_.log_value(point);
        return sum;
    }
    /// Adds the slopes to `gradient`.
    double value(const Eigen::RowVectorXd& point, Eigen::VectorXd& gradient) const {
        double sum = 0;
        for (const Condition& condition : conditions_) {
            const PredictionGradient p = condition.model.process.predict_with_gradient(point);
            sum += with_slopes(kept(p.mean, p.variance + condition.noise, condition.threshold), p,
                               condition.noise, gradient);
        }
        if (cost_) {
            const PredictionGradient p = cost_->model.process.predict_with_gradient(point);
            sum += with_slopes(affordable(p.mean, p.variance), p, cost_->noise, gradient) -
                   cost_exponent_ * p.mean;
            gradient -= cost_exponent_ * p.mean_gradient;
        }
        if (!belief_.empty()) sum += belief_exponent_ * belief_.log_value(point, belief_exponent_, gradient);
        return sum;
    }

    /// Logarithm of the chance that all conditions are kept, taken as independent.
    [[nodiscard]] double log_chance(const Eigen::RowVectorXd& point) const {
        double sum = 0;
        for (const Condition& condition : conditions_) {
            const Prediction p = condition.model.process.predict(point);
            sum += kept(p.mean, p.variance + condition.noise, condition.threshold).value;
        }
        return sum;
    }

    /// What is to be said of a suggestion, to be put behind what the objectives' models say.
    [[nodiscard]] std::string text_at(const Eigen::RowVectorXd& point) const {
        std::string text;
        if (!conditions_.empty())
            text += fmt::format(", chance of a result that counts {:.3g}", std::exp(log_chance(point)));
        if (cost_) text += fmt::format(", predicted cost {:.3g}", cost_at(point));
        return text;
    }
    /// Precondition: there is a model of the cost.
    [[nodiscard]] double cost_at(const Eigen::RowVectorXd& point) const {
        return std::exp(cost_->model.transform.restore(cost_->model.process.predict(point).mean));
    }

    /// A trial in flight is taken to give what the models predict.
    void believe(const Eigen::RowVectorXd& point) {
        for (Condition& condition : conditions_) assume(condition.model.process, point);
        if (cost_) assume(cost_->model.process, point);
    }

  private:
    /// Adds the slopes of a chance at `p` to `gradient`; returns its value.
    static double with_slopes(const Acquisition& a, const PredictionGradient& p, double noise,
                              Eigen::VectorXd& gradient) {
        gradient += a.by_mean * p.mean_gradient;
        if (p.variance > 0)
            gradient += a.by_sigma / (2.0 * std::sqrt(p.variance + noise)) * p.variance_gradient;
        return a.value;
    }
    /// That the cost is not more than what is left.
    [[nodiscard]] Acquisition affordable(double mean, double variance) const {
        return std::isinf(cost_->threshold) ? Acquisition{}
                                            : kept(mean, variance + cost_->noise, cost_->threshold);
    }
    static Acquisition kept(double mean, double variance, double threshold) {
        return log_probability_of_improvement(mean, std::sqrt(std::max(variance, 1e-18)), threshold,
                                              Toward::lower);
    }
    static void assume(LossProcess& process, const Eigen::RowVectorXd& point) {
        process.append(point, process.predict(point).mean);
    }

    std::vector<Condition> conditions_;
    std::vector<std::string> fits_;
    std::optional<Condition> cost_;
    double cost_exponent_ = 0;
    bool failures_are_predictable_ = false;
    BeliefDensity belief_;
    double belief_exponent_ = 0;
};

/// An acquisition with weights, as maximise_acquisition wants it; the weights alone where there is none.
template <class Main>
struct WeighedAcquisition {
    const Main* main;
    const AcquisitionWeights& weights;

    [[nodiscard]] Eigen::VectorXd values(const Points& points) const {
        Eigen::VectorXd out =
            main != nullptr ? main->values(points) : Eigen::VectorXd(Eigen::VectorXd::Zero(points.rows()));
        weights.add_to(points, out);
        return out;
    }
    [[nodiscard]] double value(const Eigen::RowVectorXd& point) const {
        return (main != nullptr ? main->value(point) : 0.0) + weights.value(point);
    }
    [[nodiscard]] double value(const Eigen::RowVectorXd& point, Eigen::VectorXd& gradient) const {
        double sum = 0;
        if (main != nullptr)
            sum = main->value(point, gradient);
        else
            gradient = Eigen::VectorXd::Zero(point.size());
        return sum + weights.value(point, gradient);
    }
};

}  // namespace attune::detail

#pragma once

#include <cmath>

#include "attune/gp/acquisition.hpp"
#include "attune/strategy/detail/loss_model.hpp"

namespace attune::detail {

/// Log expected improvement below `best`, as maximise_acquisition wants it.
struct ExpectedGain {
    const LossProcess& model;
    double best;

    [[nodiscard]] Eigen::VectorXd values(const Points& points) const {
        Eigen::VectorXd mean, variance;
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

}  // namespace attune::detail

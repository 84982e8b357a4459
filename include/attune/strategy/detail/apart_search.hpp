#pragma once

#include <cmath>
#include <optional>

#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune::detail {

/// Whether `point` agrees with one of `others` within 0.002 of the unit cube in every dimension.
[[nodiscard]] inline bool beside(const Eigen::RowVectorXd& point, const Points& others) {
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

/// maximise_acquisition() apart from the trials in flight: next to one there is little to learn before it
/// ends, however good the place looks. Where nothing else is left, beside them.
template <PointFunction Acquisition>
std::optional<FoundCandidate> maximise_apart(const Acquisition& acquisition, const Study& study,
                                             const SuggestionRequest& request, const StudySpace& space,
                                             const Observations& seen, const Points& drafts,
                                             const SearchEffort& effort) {
    const StudySpace apart(study.space(), request.fixed, [&](const Configuration& c) {
        return request.admits(study, c) && !beside(space.point(c), seen.pending);
    });
    auto found = maximise_acquisition(acquisition, apart, drafts, effort);
    return found ? found : maximise_acquisition(acquisition, space, drafts, effort);
}

}  // namespace attune::detail

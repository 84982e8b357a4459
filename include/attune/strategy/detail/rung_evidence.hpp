#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "attune/study/rungs.hpp"

namespace attune::detail {

/// The value, less being better, that each trial which has come to a rung and has not completed may be
/// expected to end with: that of its highest rung, and the median gain of the trials that went from there to
/// the next rung, and so on to their ends. What no trial has shown yet is taken to be no gain. The order of
/// trials of one rung stays what it is.
[[nodiscard]] inline std::map<std::int64_t, double> projected_losses(const Study& study,
                                                                     const RungLedger& ledger) {
    const auto rungs = static_cast<std::size_t>(ledger.rungs());
    std::vector<std::vector<double>> gains(rungs);
    for (const TrialRecord& trial : study.trials()) {
        const auto& passed = ledger.passages(trial.number);
        for (std::size_t rung = 0; rung + 1 < passed.size(); ++rung)
            gains[rung].push_back(passed[rung + 1].loss - passed[rung].loss);
        if (trial.state == TrialState::completed && !passed.empty())
            gains[passed.size() - 1].push_back(study.objective().loss(study.value(trial)) -
                                               passed.back().loss);
    }
    std::vector<double> to_the_end(rungs, 0);
    for (std::size_t rung = rungs; rung-- > 0;) {
        std::erase_if(gains[rung], [](double gain) { return !std::isfinite(gain); });
        double gain = 0;
        if (auto& all = gains[rung]; !all.empty()) {
            const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
            std::nth_element(all.begin(), middle, all.end());
            gain = *middle;
        }
        to_the_end[rung] = gain + (rung + 1 < rungs ? to_the_end[rung + 1] : 0);
    }
    std::map<std::int64_t, double> out;
    for (const TrialRecord& trial : study.trials()) {
        const auto& passed = ledger.passages(trial.number);
        if (passed.empty() || trial.state == TrialState::completed || trial.state == TrialState::failed)
            continue;
        if (!std::isnan(passed.back().loss))
            out.emplace(trial.number, passed.back().loss + to_the_end[passed.size() - 1]);
    }
    return out;
}

/// The study in which unfinished trials have ended as projected.
[[nodiscard]] inline Study with_projections(const Study& study, const RungLedger& ledger) {
    std::map<std::int64_t, double> values = projected_losses(study, ledger);
    for (auto& [number, value] : values) value = study.objective().loss(value);
    return study.supposing(values);
}

}  // namespace attune::detail

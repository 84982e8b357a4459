#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/study/pareto.hpp"
#include "attune/study/study.hpp"

namespace attune::detail {

/// What an earlier study says about the configurations of a space: which rank each would have had in it, from
/// 0 (the best) to 1.
///
/// Ranks, since values of other data sets are on other scales. A rank is the mean of those of near trials,
/// weighted by a normal kernel over the parameters that both studies have, of the width that predicts the
/// parent's own trials best when each is left out. Holds no reference to the parent. Const members are
/// thread-safe.
class ParentRanking {
  public:
    ParentRanking(const Study& parent, const SearchSpace& space) : space_(space), name_(parent.name()) {
        for (const Parameter& parameter : space.parameters())
            if (parameter.cardinality() > 1) choice_.push_back(parameter.kind == ParameterKind::categorical);
        const StudyLosses seen = study_losses(parent);
        std::vector<std::size_t> order(seen.losses.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return seen.violations[a] != seen.violations[b] ? seen.violations[a] < seen.violations[b]
                                                            : seen.losses[a] < seen.losses[b];
        });
        const double count = std::max(1.0, static_cast<double>(order.size()) - 1);
        for (std::size_t place = 0; place < order.size(); ++place)
            add(parent.trial(seen.trials[order[place]]), static_cast<double>(place) / count);
        for (const TrialRecord& trial : parent.trials())
            if (trial.failure == FailureKind::configuration) add(trial, 1);
        choose_width();
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool empty() const { return points_.empty(); }
    [[nodiscard]] double rank(const Configuration& configuration) const {
        return predict(coordinates(configuration), width_, points_.size());
    }

    /// Its trials in the present space, from the best on: values by name, moved into the range; what it has
    /// no value for is as `otherwise` has it.
    struct Candidate {
        std::vector<double> native;
        std::int64_t trial;
    };
    [[nodiscard]] std::vector<Candidate> best(std::size_t most, const std::vector<double>& otherwise) const {
        std::vector<Candidate> out;
        for (std::size_t k = 0; k < std::min(most, natives_.size()); ++k) {
            Candidate candidate{natives_[k], trials_[k]};
            for (std::size_t i = 0; i < candidate.native.size(); ++i)
                if (std::isnan(candidate.native[i])) candidate.native[i] = otherwise[i];
            out.push_back(std::move(candidate));
        }
        return out;
    }

  private:
    void add(const TrialRecord& trial, double rank) {
        std::vector<double> native(space_.size(), std::nan(""));
        bool any = false;
        for (const auto& [name, value] : trial.asked().values()) {
            const auto i = space_.schema().find(name);
            if (!i) continue;
            const Parameter& parameter = space_[*i];
            const std::optional<double> known = parameter.former_native(value);
            if (!known || (parameter.kind == ParameterKind::categorical && !parameter.contains(*known)))
                continue;
            native[*i] = parameter.kind == ParameterKind::categorical ? *known : parameter.snap(*known);
            any = any || parameter.cardinality() > 1;
        }
        if (!any) return;
        points_.push_back(coordinates(native));
        ranks_.push_back(rank);
        natives_.push_back(std::move(native));
        trials_.push_back(trial.number);
    }

    [[nodiscard]] std::vector<double> coordinates(const std::vector<double>& native) const {
        std::vector<double> out;
        for (std::size_t i = 0; i < native.size(); ++i) {
            if (space_[i].cardinality() == 1) continue;
            const bool choice = space_[i].kind == ParameterKind::categorical;
            out.push_back(choice || std::isnan(native[i]) ? native[i] : space_[i].encode(native[i]));
        }
        return out;
    }
    [[nodiscard]] std::vector<double> coordinates(const Configuration& configuration) const {
        return coordinates(configuration.native());
    }

    /// Squared, a missing value on one side or another choice being half a range away.
    [[nodiscard]] double distance(const std::vector<double>& a, const std::vector<double>& b) const {
        double sum = 0;
        for (std::size_t j = 0; j < a.size(); ++j) {
            if (std::isnan(a[j]) && std::isnan(b[j])) continue;
            const bool apart = std::isnan(a[j]) || std::isnan(b[j]) || (choice_[j] && a[j] != b[j]);
            sum += apart ? 0.25 : choice_[j] ? 0 : (a[j] - b[j]) * (a[j] - b[j]);
        }
        return sum;
    }

    /// Without the trial `left_out`. Far from all trials it is in the middle.
    [[nodiscard]] double predict(const std::vector<double>& at, double width, std::size_t left_out) const {
        double weights = 0.02, sum = 0.5 * weights;
        for (std::size_t k = 0; k < points_.size(); ++k) {
            if (k == left_out) continue;
            const double weight = std::exp(-0.5 * distance(at, points_[k]) / (width * width));
            weights += weight;
            sum += weight * ranks_[k];
        }
        return sum / weights;
    }

    void choose_width() {
        double least = std::numeric_limits<double>::infinity();
        constexpr std::size_t most = 200;
        for (const double width : {0.07, 0.1, 0.14, 0.2, 0.28, 0.4}) {
            double errors = 0;
            for (std::size_t k = 0; k < std::min(points_.size(), most); ++k) {
                const double off = predict(points_[k], width, k) - ranks_[k];
                errors += off * off;
            }
            if (errors < least) least = errors, width_ = width;
        }
    }

    SearchSpace space_;
    std::string name_;
    std::vector<std::vector<double>> points_, natives_;
    std::vector<double> ranks_;
    std::vector<std::int64_t> trials_;
    std::vector<bool> choice_;  ///< by coordinate
    double width_ = 0.2;
};

}  // namespace attune::detail

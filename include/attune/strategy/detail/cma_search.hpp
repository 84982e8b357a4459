#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "attune/strategy/cma_options.hpp"
#include "attune/strategy/cma_state.hpp"
#include "attune/strategy/detail/best_first.hpp"
#include "attune/strategy/detail/choice_distribution.hpp"
#include "attune/strategy/detail/grid_margin.hpp"
#include "attune/study/study.hpp"

namespace attune::detail {

/// A solution as the evolution strategy sees it.
struct CmaPoint {
    Eigen::VectorXd x;         ///< coordinates in the unit cube, off the grid too; NaN where it says nothing
    std::vector<int> choices;  ///< by categorical parameter
    int run = -1, generation = -1;  ///< of the distribution that it was drawn from; -1: of none
};

/// Which parameters the normal distribution and the choices are of.
struct CmaAxes {
    std::vector<std::size_t> numbers, choices;  ///< indices in the space
    std::vector<std::size_t> counts;            ///< of the choices

    explicit CmaAxes(const SearchSpace& space) {
        for (std::size_t i = 0; i < space.size(); ++i) {
            if (space[i].cardinality() == 1) continue;
            const bool choice = space[i].kind == ParameterKind::categorical;
            (choice ? choices : numbers).push_back(i);
            if (choice) counts.push_back(space[i].choices.size());
        }
    }
    [[nodiscard]] std::size_t size() const { return numbers.size() + choices.size(); }
};

/// The runs of an evolution strategy over a space, fed with one result after the other: whenever a population
/// is full it learns from it. A plain value that refers to nothing.
class CmaSearch {
  public:
    CmaSearch(const SearchSpace& space, const CmaEsOptions& options, std::uint64_t seed)
        : space_(space), options_(options), seed_(seed), axes_(space), choices_(axes_.counts) {
        first_population_ =
            options.population > 0 ? options.population : CmaConstants::default_population(axes_.size());
        begin(first_population_, options.sigma);
    }

    [[nodiscard]] const SearchSpace& space() const { return space_; }
    [[nodiscard]] const CmaAxes& axes() const { return axes_; }
    [[nodiscard]] int run() const { return run_; }
    [[nodiscard]] int generation() const { return generation_; }
    [[nodiscard]] int population() const { return population_; }
    /// Standard deviation of the widest coordinate, as a share of its range; 0 where there is none.
    [[nodiscard]] double widest() const {
        double widest = 0;
        for (std::size_t j = 0; j < axes_.numbers.size(); ++j) widest = std::max(widest, spread(j));
        return widest;
    }

    /// A point of the unit cube and choices, drawn `times` as widely as learnt.
    [[nodiscard]] CmaPoint draw(RandomStream& stream, double times) const {
        CmaPoint out;
        if (times == 1) out.run = run_, out.generation = generation_;
        if (state_) {
            const Eigen::VectorXd& mean = state_->mean();
            out.x = mean + times * stretch_.cwiseProduct(state_->sample(stream) - mean);
            for (double& u : out.x) u = mirrored(u);
        }
        for (std::size_t i = 0; i < axes_.choices.size(); ++i)
            out.choices.push_back(times == 1 || stream.uniform() < 1 / times
                                      ? choices_.draw(i, stream)
                                      : static_cast<int>(stream.below(axes_.counts[i])));
        return out;
    }

    /// `losses`, less being better, one for each objective; none for a trial without a value. `violation` of
    /// the outcome constraints: 0 where they are kept.
    void add(CmaPoint point, Losses losses, double violation) {
        members_.push_back(std::move(point));
        losses_.push_back(std::move(losses));
        violations_.push_back(violation);
        if (static_cast<int>(members_.size()) == population_) learn();
    }

  private:
    [[nodiscard]] double spread(std::size_t j) const {
        const auto at = static_cast<Eigen::Index>(j);
        return stretch_[at] * state_->deviation(at);
    }

    /// Beyond an end of [0, 1] as far inside.
    static double mirrored(double u) {
        const double t = std::fmod(std::abs(u), 2);
        return t > 1 ? 2 - t : t;
    }

    void begin(int population, double sigma) {
        population_ = population;
        generation_ = 0;
        bests_.clear();
        const auto n = static_cast<Eigen::Index>(axes_.numbers.size());
        choices_ = ChoiceDistribution(axes_.counts);
        if (n == 0) return;
        Eigen::VectorXd mean = Eigen::VectorXd::Constant(n, 0.5);
        RandomStream stream(seed_, static_cast<std::uint64_t>(run_), Purpose::scramble, 3);
        if (run_ > 0)
            for (double& m : mean) m = stream.uniform();
        state_.emplace(mean, sigma, population);
        stretch_ = Eigen::VectorXd::Ones(n);
        correct_margins();
    }

    void learn() {
        const std::vector<std::size_t> order = ranked();
        const bool any = !losses_[order.front()].empty();
        (small_run_ ? small_spent_ : large_spent_) += population_;
        ++generation_;
        if (any) {
            tell(order);
            bests_.push_back(losses_[order.front()]);
            bests_.back().push_back(violations_[order.front()]);
        }
        members_.clear();
        losses_.clear();
        violations_.clear();
        if (!any || stuck()) restart();
    }

    /// From the best on; those without a value last, in the order of their coming.
    [[nodiscard]] std::vector<std::size_t> ranked() const {
        StudyLosses known;
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < losses_.size(); ++i) {
            if (losses_[i].empty()) continue;
            known.trials.push_back(static_cast<std::int64_t>(i));
            known.losses.push_back(losses_[i]);
            known.violations.push_back(violations_[i]);
        }
        for (const std::size_t k : best_first(known, known.trials.size()))
            order.push_back(static_cast<std::size_t>(known.trials[k]));
        for (std::size_t i = 0; i < losses_.size(); ++i)
            if (losses_[i].empty()) order.push_back(i);
        return order;
    }

    void tell(const std::vector<std::size_t>& order) {
        std::vector<std::vector<int>> choices;
        choices.reserve(order.size());
        for (const std::size_t i : order) choices.push_back(members_[i].choices);
        const CmaConstants constants(std::max(1, static_cast<int>(axes_.numbers.size())), population_);
        choices.resize(static_cast<std::size_t>(constants.mu));
        choices_.tell(choices, constants.weights);
        if (!state_) return;
        const Eigen::VectorXd mean = state_->mean();
        Eigen::MatrixXd solutions(mean.size(), population_);
        std::vector<bool> foreign;
        for (std::size_t s = 0; s < order.size(); ++s) {
            const CmaPoint& member = members_[order[s]];
            foreign.push_back(member.run != run_ || member.generation != generation_ - 1);
            for (Eigen::Index j = 0; j < mean.size(); ++j) {
                const double u = std::isnan(member.x[j]) ? mean[j] : member.x[j];
                solutions(j, static_cast<Eigen::Index>(s)) = mean[j] + (u - mean[j]) / stretch_[j];
            }
        }
        state_->tell(solutions, foreign);
        correct_margins();
    }

    void correct_margins() {
        Eigen::VectorXd mean = state_->mean().cwiseMax(0).cwiseMin(1);
        const double margin =
            std::min(0.4, 1.0 / (static_cast<double>(mean.size()) * static_cast<double>(population_)));
        for (std::size_t j = 0; j < axes_.numbers.size(); ++j) {
            const Parameter& parameter = space_[axes_.numbers[j]];
            const auto at = static_cast<Eigen::Index>(j);
            if (parameter.is_grid())
                GridMargin(parameter, margin).correct(mean[at], stretch_[at], state_->deviation(at));
        }
        state_->move_mean(mean);
    }

    /// Whether all continuous parameters have been found to a millionth of their range, the matrix has
    /// degenerated, or the best of each population has long been the same.
    [[nodiscard]] bool stuck() const {
        bool continuous = false, wide = false;
        for (std::size_t j = 0; j < axes_.numbers.size(); ++j)
            if (!space_[axes_.numbers[j]].is_grid()) continuous = true, wide |= spread(j) > 1e-6;
        if (continuous && !wide) return true;
        if (state_ && !(state_->condition() < 1e14)) return true;
        const std::size_t window = 10 + (30 * axes_.size()) / static_cast<std::size_t>(population_);
        if (bests_.size() < window) return false;
        return std::all_of(bests_.end() - static_cast<std::ptrdiff_t>(window), bests_.end(),
                           [&](const Losses& best) { return best == bests_.back(); });
    }

    void restart() {
        if (options_.restarts == CmaRestarts::none) return;
        ++run_;
        RandomStream stream(seed_, static_cast<std::uint64_t>(run_), Purpose::scramble, 4);
        small_run_ = options_.restarts == CmaRestarts::two_populations && doublings_ > 0 &&
                     small_spent_ < large_spent_;
        if (!small_run_) {
            if (doublings_ < 10) ++doublings_;
            begin(first_population_ << doublings_, options_.sigma);
            return;
        }
        const double ratio = std::pow(2.0, doublings_) / 2, u = stream.uniform();
        const double size = first_population_ * std::pow(ratio, u * u);
        begin(std::max(first_population_, static_cast<int>(size)),
              options_.sigma * std::pow(10.0, -2 * stream.uniform()));
    }

    SearchSpace space_;  // shares its storage with the study's
    CmaEsOptions options_;
    std::uint64_t seed_;
    CmaAxes axes_;
    int first_population_ = 0, population_ = 0, run_ = 0, generation_ = 0, doublings_ = 0;
    bool small_run_ = false;
    std::int64_t small_spent_ = 0, large_spent_ = 0;
    std::optional<CmaState> state_;
    Eigen::VectorXd stretch_;  ///< of the coordinates, by the margins
    ChoiceDistribution choices_;
    std::vector<CmaPoint> members_;  ///< of the present population, in the order of their results
    std::vector<Losses> losses_;
    std::vector<double> violations_;
    std::vector<Losses> bests_;  ///< of the run's populations, with their violation as the last value
};

}  // namespace attune::detail

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/strategy/detail/continued_study.hpp"
#include "attune/strategy/detail/pair_order.hpp"
#include "attune/strategy/detail/parent_ranking.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/study_follower.hpp"

namespace attune {

/// How an earlier study relates to the one that learns from it.
enum class ParentTask {
    same,    ///< the same thing was measured, perhaps over other ranges: its trials count like own ones
    related  ///< other data or another model: what was good there is tried first, as long as it proves right
};

/// An earlier study.
struct ParentStudy {
    std::shared_ptr<const Study> study;
    ParentTask task = ParentTask::related;
};

/// Options of WarmStart.
struct WarmStartOptions {
    int proposals = 0;  ///< trials that related parents propose at most before the strategy; 0: by the space
    int every = 4;      ///< after those, one of so many trials, while parents rank right; 0: none

    /// Throws InvalidOption.
    void validate() const {
        if (proposals < 0)
            throw InvalidOption(fmt::format("warm start: proposals ({}) must not be negative", proposals));
        if (every < 0) throw InvalidOption(fmt::format("warm start: every ({}) must not be negative", every));
    }
};

/// A strategy that begins where earlier studies ended.
///
/// Parents of the same task: their trials stand before the study's own ones, so the strategy counts them,
/// learns from them and does not ask them again. Where their space was another one they are read in the
/// present one as after a change of the space (see Study): a second round on narrowed ranges keeps what was
/// learnt outside of them.
///
/// Related parents: first a portfolio of their best configurations, each next one chosen where the most is to
/// be gained over those already tried, by the ranks that the parents give (greedy, as the portfolios of
/// auto-sklearn 2: Feurer, Eggensperger, Falkner, Lindauer and Hutter 2022). A parent's word counts by how
/// rightly it ranks the study's own trials (as in Feurer, Letham and Bakshy, "Scalable meta-learning for
/// Bayesian optimization using ranking-weighted Gaussian process ensembles", 2018): one that is no better
/// than chance is not heard, and when none is left, or nothing new is to be gained, the strategy asks alone.
/// Its trials are worth as much to the strategy as those of its own initial design, so a misleading parent
/// costs little.
///
/// Around a strategy that lets trials pause, related parents say what is begun, and the strategy when and how
/// far it runs. Parents of the same task have no place in its rungs and budgets: give them to the strategy
/// that it takes its configurations from, `Hyperband{WarmStart{parents, TreeParzen{}}}`.
///
/// With several objectives related parents go by the first. Deterministic as the strategy is; what it keeps
/// is a cache over the study and the parents, which must not change.
class WarmStart {
  public:
    /// Throws InvalidOption, also for parents of the same task around a strategy that needs pauses.
    WarmStart(std::vector<ParentStudy> parents, AnyStrategy strategy, WarmStartOptions options = {})
        : parents_(std::move(parents)), strategy_(std::move(strategy)), options_(options) {
        options_.validate();
        for (const ParentStudy& parent : parents_)
            if (!parent.study || !parent.study->is_created())
                throw InvalidOption("warm start: a parent is no study that was created");
        if (continues() && strategy_.needs_pauses())
            throw InvalidOption(fmt::format(
                "warm start: the strategy {} lets trials pause, and trials of a parent of the same "
                "task have no place among those; name the parent as a related one",
                strategy_.name()));
        std::vector<std::shared_ptr<const Study>> earlier;
        for (const ParentStudy& parent : parents_)
            if (parent.task == ParentTask::same) earlier.push_back(parent.study);
        continued_ = detail::ContinuedStudy(std::move(earlier));
    }

    [[nodiscard]] std::string name() const { return strategy_.name(); }
    [[nodiscard]] bool needs_pauses() const { return strategy_.needs_pauses(); }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        if (request.resumable && needs_pauses()) {
            auto chosen = strategy_.suggest(study, request);  // asked in any case: it says until when
            if (chosen && !chosen->resume)
                if (auto proposal = propose(study, request)) {
                    proposal->until = chosen->until;
                    return proposal;
                }
            return chosen;
        }
        if (request.only_resume) return continues() ? std::nullopt : strategy_.suggest(study, request);
        if (auto proposal = propose(study, request)) return proposal;
        if (!continues()) return strategy_.suggest(study, request);
        const Study& whole = continued_.with(study);
        SuggestionRequest shifted = request;
        shifted.resumable = false;  // its numbers are not those of `whole`
        shifted.trial += static_cast<std::int64_t>(whole.trials().size() - study.trials().size());
        return strategy_.suggest(whole, shifted);
    }

  private:
    [[nodiscard]] bool continues() const {
        return std::any_of(parents_.begin(), parents_.end(),
                           [](const ParentStudy& parent) { return parent.task == ParentTask::same; });
    }

    struct Proposal {
        Configuration configuration;
        std::size_t parent;
        std::int64_t trial;
    };

    /// What the related parents would try next, where it is their turn and they have something new.
    std::optional<Suggestion> propose(const Study& study, const SuggestionRequest& request) {
        read_parents(study.space());
        if (rankings_.empty() || study.space().size() == 0) return std::nullopt;
        const auto own = static_cast<int>(study.trials().size());
        const int at_first = options_.proposals > 0 ? options_.proposals : by_space(study.space());
        const bool later = own >= at_first;
        if (later && (options_.every == 0 || own % options_.every != 0)) return std::nullopt;
        rank_trials(study);
        const std::vector<double> weights = weights_of(study);
        const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
        if (!(total > 0)) return std::nullopt;
        const auto chosen = most_gained(study, request, weights, later ? later_gain : first_gain);
        if (!chosen) return std::nullopt;
        const auto heard = std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; });
        return Suggestion{
            chosen->configuration,
            fmt::format("as trial {} of '{}', by the ranks of {} of {} earlier studies", chosen->trial,
                        rankings_[chosen->parent].name(), heard, rankings_.size()),
            "transferred", ""};
    }

    /// As many as a model wants to see before it is of use.
    static int by_space(const SearchSpace& space) {
        int varying = 0;
        for (const Parameter& parameter : space.parameters()) varying += parameter.cardinality() > 1 ? 1 : 0;
        return std::clamp(varying + 2, 4, 10);
    }

    void read_parents(const SearchSpace& space) {
        if (read_for_ && &read_for_->schema() == &space.schema()) return;
        rankings_.clear();
        for (const ParentStudy& parent : parents_) {
            if (parent.task != ParentTask::related) continue;
            detail::ParentRanking ranking(*parent.study, space);
            if (!ranking.empty()) rankings_.push_back(std::move(ranking));
        }
        read_for_ = space;
        ranks_.assign(rankings_.size(), {});
        follower_.forget();
    }

    /// Brings `ranks_` up to the study.
    void rank_trials(const Study& study) {
        std::vector<std::int64_t> changed;
        follower_.follow(
            study, [&] { ranks_.assign(rankings_.size(), {}); },
            [&](const TrialRecord& trial) {
                if (changed.empty() || changed.back() != trial.number) changed.push_back(trial.number);
            });
        for (std::size_t p = 0; p < rankings_.size(); ++p) {
            ranks_[p].resize(study.trials().size(), 0.5);
            for (const std::int64_t number : changed)
                if (const TrialRecord& trial = study.trial(number); !trial.original)
                    ranks_[p][static_cast<std::size_t>(number)] = rankings_[p].rank(trial.configuration);
        }
    }

    /// How far above chance each parent orders pairs of the study's own trials, before any are there a
    /// little; 0 where it is not.
    [[nodiscard]] std::vector<double> weights_of(const Study& study) const {
        std::vector<std::size_t> known;
        std::vector<double> losses;
        for (const TrialRecord& trial : study.trials()) {
            const bool told = trial.finished() || trial.state == TrialState::paused;
            if (!told || trial.failure == FailureKind::environment || trial.original) continue;
            const double loss = study.objective().loss(study.value(trial));
            known.push_back(static_cast<std::size_t>(trial.number));
            losses.push_back(std::isnan(loss) ? HUGE_VAL : loss);
        }
        constexpr double doubt = 4,
                         trust = 0.75;  // as many pairs, of which so many right, before any are seen
        std::vector<double> weights;
        for (const std::vector<double>& all : ranks_) {
            std::vector<double> ranks;
            ranks.reserve(known.size());
            for (const std::size_t number : known) ranks.push_back(all[number]);
            const detail::PairOrder order = detail::pair_order(losses, ranks);
            const double right = doubt * trust + order.right, pairs = doubt + order.pairs;
            const double above = std::max(0.0, 2 * right / pairs - 1);
            weights.push_back(above > 0.1 ? above * above : 0);
        }
        return weights;
    }

    /// Of the parents' best trials the one by which the weighted mean of the best rank so far falls the most;
    /// nothing where that is by less than `least`.
    [[nodiscard]] std::optional<Proposal> most_gained(const Study& study, const SuggestionRequest& request,
                                                      const std::vector<double>& weights,
                                                      double least) const {
        std::vector<double> reached(rankings_.size(), 0.5);  // of a configuration of which nothing is known
        for (std::size_t p = 0; p < rankings_.size(); ++p)
            for (const TrialRecord& trial : study.trials())
                if (weights[p] > 0 && trial.failure != FailureKind::environment && !trial.original)
                    reached[p] = std::min(reached[p], ranks_[p][static_cast<std::size_t>(trial.number)]);
        const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
        std::optional<Proposal> best;
        double most = least;
        const SearchSpace& space = study.space();
        std::vector<double> middle;
        for (std::size_t i = 0; i < space.size(); ++i) middle.push_back(space[i].decode(0.5));
        constexpr std::size_t of_each = 3;
        for (std::size_t p = 0; p < rankings_.size(); ++p) {
            if (!(weights[p] > 0)) continue;
            for (auto& candidate : rankings_[p].best(of_each, middle)) {
                Configuration configuration = request.complete(space, std::move(candidate.native));
                if (!request.admits(study, configuration)) continue;
                double gain = 0;
                for (std::size_t q = 0; q < rankings_.size(); ++q)
                    if (weights[q] > 0)
                        gain +=
                            weights[q] / total * std::max(0.0, reached[q] - rankings_[q].rank(configuration));
                if (!(gain > most)) continue;
                most = gain;
                best = Proposal{std::move(configuration), p, candidate.trial};
            }
        }
        return best;
    }

    static constexpr double first_gain = 0.005, later_gain = 0.02;

    std::vector<ParentStudy> parents_;
    AnyStrategy strategy_;
    WarmStartOptions options_;
    std::optional<SearchSpace> read_for_;
    std::vector<detail::ParentRanking> rankings_;
    StudyFollower follower_;
    std::vector<std::vector<double>> ranks_;  ///< by ranking, then by trial of the study
    detail::ContinuedStudy continued_;
};

}  // namespace attune

#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "attune/strategy/finalists.hpp"
#include "attune/strategy/study_model.hpp"

namespace attune {

ATTUNE_BODY std::int64_t FinalistsOptions::first_repeat() const {
    const auto repeats = static_cast<std::int64_t>(std::llround(share * static_cast<double>(trials)));
    return trials - std::clamp<std::int64_t>(repeats, 2, trials - 2);
}

ATTUNE_BODY int FinalistsOptions::count() const {
    return std::clamp(static_cast<int>((trials - first_repeat()) / 2), 1, candidates);
}

ATTUNE_BODY void FinalistsOptions::validate() const {
    if (trials < 4)
        throw InvalidOption(fmt::format(
            "finalists: trials ({}) must be at least 4: those of the whole study, as its limit has them",
            trials));
    if (!(share > 0 && share < 1))
        throw InvalidOption(fmt::format("finalists: share ({}) must be in (0, 1)", share));
    if (candidates < 1)
        throw InvalidOption(fmt::format("finalists: candidates ({}) must be at least 1", candidates));
}

namespace detail {

/// Runs of a configuration that is repeated.
struct Repeated {
    std::int64_t first = 0;
    std::vector<double> losses;  ///< of the repeats that have a value
    int runs = 0;                ///< repeats, those under way and without a value included

    [[nodiscard]] double mean() const {
        double sum = 0;
        for (const double loss : losses) sum += loss;
        return losses.empty() ? std::numeric_limits<double>::infinity()
                              : sum / static_cast<double>(losses.size());
    }
};

/// By their order of coming.
inline std::vector<Repeated> repeated(const Study& study) {
    std::vector<Repeated> out;
    std::map<std::string, std::size_t> places;
    std::map<std::string, std::int64_t> firsts;
    for (const TrialRecord& trial : study.trials()) {
        const std::string key = trial.configuration.duplicate_key();
        firsts.emplace(key, trial.number);
        if (trial.role != finalist_role || trial.failure == FailureKind::environment) continue;
        const auto [place, fresh] = places.emplace(key, out.size());
        if (fresh) out.push_back({firsts.at(key), {}, 0});
        Repeated& of = out[place->second];
        ++of.runs;
        if (const double loss = study.objective().loss(study.value(trial));
            trial.finished() && std::isfinite(loss))
            of.losses.push_back(loss);
    }
    return out;
}

/// Of single runs around their means, pooled over the finalists; NaN without degrees of freedom.
struct PooledVariance {
    double variance = std::nan("");
    int freedom = 0;

    explicit PooledVariance(const std::vector<Repeated>& finalists) {
        double squares = 0;
        for (const Repeated& finalist : finalists) {
            if (finalist.losses.size() < 2) continue;
            for (const double loss : finalist.losses) squares += std::pow(loss - finalist.mean(), 2);
            freedom += static_cast<int>(finalist.losses.size()) - 1;
        }
        if (freedom > 0) variance = squares / freedom;
    }
};

/// What the true means of finalists may be. They differ among each other by as much as their means say (a
/// normal distribution whose spread has a posterior of its own), so the one that leads is drawn towards the
/// others: without that the winner's mean is lucky once more, and its chance too high (Efron and Morris,
/// "Stein's estimation rule and its competitors", 1973).
class FinalistPosterior {
  public:
    FinalistPosterior(const std::vector<Repeated>& finalists, const PooledVariance& pooled)
        : finalists_(finalists), pooled_(pooled) {
        // Spreads from nothing to eight times that of single runs, weighed by how likely the means are.
        double most = -std::numeric_limits<double>::infinity();
        for (const double ratio : {0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
            spreads_.push_back(ratio);
            weights_.push_back(log_likelihood(ratio * ratio * pooled_.variance));
            most = std::max(most, weights_.back());
        }
        double total = 0;
        for (double& w : weights_) total += w = std::exp(w - most);
        for (double& w : weights_) w /= total;
    }

    /// One of each; infinite for those without a value.
    [[nodiscard]] std::vector<double> draw(RandomStream& stream) const {
        double squares = 0;
        for (int k = 0; k < pooled_.freedom; ++k) squares += std::pow(stream.normal(), 2);
        const double variance = pooled_.variance * pooled_.freedom / squares;
        std::size_t place = 0;
        for (double u = stream.uniform(); place + 1 < weights_.size() && u >= weights_[place]; ++place)
            u -= weights_[place];
        const double between = spreads_[place] * spreads_[place] * variance;
        const double centre = centre_of(between, variance);
        std::vector<double> out;
        for (const Repeated& finalist : finalists_) {
            const double z = stream.normal();
            if (finalist.losses.empty()) {
                out.push_back(std::numeric_limits<double>::infinity());
                continue;
            }
            const double error = variance / static_cast<double>(finalist.losses.size());
            const double share = between / (between + error);
            // Without a spread all true means are the same, and who is ahead is a toss.
            const double least = 1e-6 * std::sqrt(variance);
            out.push_back(centre + share * (finalist.mean() - centre) +
                          z * std::max(std::sqrt(share * error), least));
        }
        return out;
    }

  private:
    [[nodiscard]] double centre_of(double between, double variance) const {
        double sum = 0, weights = 0;
        for (const Repeated& finalist : finalists_) {
            if (finalist.losses.empty()) continue;
            const double w = 1 / (between + variance / static_cast<double>(finalist.losses.size()));
            sum += w * finalist.mean();
            weights += w;
        }
        return sum / weights;
    }
    /// Of the means, their centre integrated out.
    [[nodiscard]] double log_likelihood(double between) const {
        const double centre = centre_of(between, pooled_.variance);
        double sum = 0, weights = 0;
        for (const Repeated& finalist : finalists_) {
            if (finalist.losses.empty()) continue;
            const double v = between + pooled_.variance / static_cast<double>(finalist.losses.size());
            sum -= 0.5 * (std::pow(finalist.mean() - centre, 2) / v + std::log(v));
            weights += 1 / v;
        }
        return sum - 0.5 * std::log(weights);
    }

    const std::vector<Repeated>& finalists_;
    PooledVariance pooled_;
    std::vector<double> spreads_, weights_;
};

/// The one to run next: with equal variances the others get runs in proportion to 1 / (distance to the
/// best)^2, and the best the root of the sum of their squares (Chen et al. 2000).
inline std::size_t next_finalist(const std::vector<Repeated>& finalists) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < finalists.size(); ++i) {
        if (finalists[i].runs < 2) return i;
        if (finalists[i].mean() < finalists[best].mean()) best = i;
    }
    const double spread = std::sqrt(std::max(PooledVariance(finalists).variance, 0.0));
    std::vector<double> wanted(finalists.size(), 0);
    double squares = 0;
    for (std::size_t i = 0; i < finalists.size(); ++i) {
        if (i == best) continue;
        // No distance is taken for less than a tenth of the spread, or one tie would take all runs.
        const double distance =
            std::max(finalists[i].mean() - finalists[best].mean(), std::max(0.1 * spread, 1e-300));
        wanted[i] = std::isfinite(distance) ? 1 / (distance * distance) : 0;
        squares += wanted[i] * wanted[i];
    }
    wanted[best] = std::sqrt(squares);
    std::size_t chosen = best;
    for (std::size_t i = 0; i < finalists.size(); ++i)
        if (wanted[i] / finalists[i].runs > wanted[chosen] / finalists[chosen].runs) chosen = i;
    return chosen;
}

}  // namespace detail

ATTUNE_BODY std::optional<Suggestion> Finalists::suggest(const Study& study,
                                                         const SuggestionRequest& request) {
    if (request.only_resume || request.trial < options_.first_repeat())
        return search_.suggest(study, request);
    const auto again = [&](std::int64_t number, int run) {
        Suggestion suggestion;
        suggestion.configuration = study.trial(number).configuration;
        suggestion.reason =
            fmt::format("repeats trial {}, which is believed to be among the best: run {}", number, run);
        suggestion.role = finalist_role;
        suggestion.repeats = true;
        return suggestion;
    };
    const auto keeps_to_fixed = [&](const Configuration& configuration) {
        return request.complete(study.space(), configuration.native()) == configuration;
    };
    std::vector<detail::Repeated> chosen = detail::repeated(study);
    if (static_cast<int>(chosen.size()) < options_.count()) {
        const StudyModel model(study);
        if (model.usable())
            for (const BelievedBest& best : model.best(study.trials().size())) {
                const Configuration& configuration = study.trial(best.trial).configuration;
                const bool taken =
                    std::any_of(chosen.begin(), chosen.end(), [&](const detail::Repeated& other) {
                        return study.trial(other.first).configuration.duplicate_key() ==
                               configuration.duplicate_key();
                    });
                if (!taken && keeps_to_fixed(configuration)) return again(best.trial, 1);
            }
    }
    std::erase_if(chosen, [&](const detail::Repeated& r) {
        const Configuration& configuration = study.trial(r.first).configuration;
        return !study.space().satisfies(configuration) || !keeps_to_fixed(configuration);
    });
    if (chosen.empty()) return search_.suggest(study, request);
    const detail::Repeated& next = chosen[detail::next_finalist(chosen)];
    return again(next.first, next.runs + 1);
}

ATTUNE_BODY std::vector<Finalist> finalists(const Study& study) {
    const std::vector<detail::Repeated> repeats = detail::repeated(study);
    const detail::PooledVariance pooled(repeats);
    std::vector<Finalist> out;
    for (const detail::Repeated& r : repeats) {
        Finalist finalist{.trial = r.first, .first_value = study.value(study.trial(r.first))};
        for (const double loss : r.losses) finalist.values.push_back(study.objective().loss(loss));
        if (!r.losses.empty()) {
            finalist.mean = finalist.expected = study.objective().loss(r.mean());
            finalist.standard_error = std::sqrt(pooled.variance / static_cast<double>(r.losses.size()));
        }
        out.push_back(std::move(finalist));
    }
    if (pooled.freedom > 0 && pooled.variance > 0) {
        const detail::FinalistPosterior posterior(repeats, pooled);
        constexpr int draws = 4000;
        RandomStream stream(study.seed(), repeats.size(), Purpose::user, 3);
        std::vector<double> sums(out.size(), 0);
        for (Finalist& finalist : out) finalist.chance_best = 0;
        for (int s = 0; s < draws; ++s) {
            const std::vector<double> drawn = posterior.draw(stream);
            const auto winner = std::min_element(drawn.begin(), drawn.end()) - drawn.begin();
            out[static_cast<std::size_t>(winner)].chance_best += 1.0 / draws;
            for (std::size_t i = 0; i < out.size(); ++i) sums[i] += drawn[i] / draws;
        }
        for (std::size_t i = 0; i < out.size(); ++i)
            if (!repeats[i].losses.empty()) out[i].expected = study.objective().loss(sums[i]);
    }
    std::stable_sort(out.begin(), out.end(), [&](const Finalist& a, const Finalist& b) {
        return study.objective().better(a.expected, b.expected);
    });
    return out;
}

ATTUNE_BODY std::string winner_text(const Study& study) {
    const std::vector<Finalist> ranked = finalists(study);
    if (ranked.empty() || ranked.front().values.empty()) return "";
    const Finalist& winner = ranked.front();
    std::string text = fmt::format("winner: trial {} ({}), {} {:.4g}", winner.trial,
                                   study.trial(winner.trial).configuration.text(), study.objective().metric,
                                   winner.expected);
    if (winner.standard_error > 0) text += fmt::format(" (standard error {:.2g})", winner.standard_error);
    text += fmt::format(" from {}", detail::counted(winner.values.size(), "repeat"));
    if (ranked.size() > 1 && std::isfinite(winner.chance_best))
        text += fmt::format("; the chance that it is the best of {} is {:.0f} %",
                            detail::counted(ranked.size(), "finalist"), 100 * winner.chance_best);
    if (winner.standard_error == 0)
        text += "; all repeats gave the same, as where trials draw no random numbers of their own";
    return text;
}

}  // namespace attune

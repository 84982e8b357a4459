#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/analyse/detail/forest_importance.hpp"
#include "attune/analyse/detail/ped_anova.hpp"
#include "attune/space/detail/differences.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// What importance means.
///
/// fanova: the share of the variance over the whole space that a parameter explains by itself; bad regions
/// count as much as good ones (Hutter et al. 2014, on a random forest of ours). ped_anova: how differently
/// the best trials lie from all of them; importance for getting among the best (Watanabe et al. 2023).
/// mean_decrease: how much splits at a parameter help a forest to predict the trials that there were.
enum class ImportanceMethod { fanova, ped_anova, mean_decrease };

[[nodiscard]] constexpr std::string_view to_string(ImportanceMethod method) {
    constexpr std::string_view names[] = {"fanova", "ped_anova", "mean_decrease"};
    return names[static_cast<int>(method)];
}

/// "default" is fanova. Throws UnknownName that lists the known ones.
[[nodiscard]] inline ImportanceMethod importance_method_from(std::string_view name) {
    if (name == "default") return ImportanceMethod::fanova;
    for (const auto method :
         {ImportanceMethod::fanova, ImportanceMethod::ped_anova, ImportanceMethod::mean_decrease})
        if (to_string(method) == name) return method;
    throw UnknownName("importance method '" + std::string(name) +
                      "' is unknown; known: default, fanova, ped_anova, mean_decrease");
}

struct ImportanceOptions {
    ImportanceMethod method = ImportanceMethod::fanova;
    std::size_t objective = 0;  ///< which of the study's
    int trees = 64;             ///< of the forest; at least 1
    int resamples = 40;         ///< of the trials, for the intervals; 0: none
    double confidence = 0.9;    ///< of the intervals, in (0, 1)
    double best_share = 0.1;    ///< ped_anova: the trials that count as good, in (0, 1)
    double region_share = 1;    ///< ped_anova: those that they are compared with, in (best_share, 1]
    std::uint64_t seed = 0;     ///< of the forest and the resamples

    /// Throws InvalidOption.
    void validate() const {
        if (trees < 1) throw InvalidOption(fmt::format("importance: trees ({}) must be at least 1", trees));
        if (resamples < 0)
            throw InvalidOption(fmt::format("importance: resamples ({}) must not be negative", resamples));
        if (!(confidence > 0 && confidence < 1))
            throw InvalidOption(fmt::format("importance: confidence ({}) must be in (0, 1)", confidence));
        if (!(best_share > 0 && best_share < 1))
            throw InvalidOption(fmt::format("importance: best_share ({}) must be in (0, 1)", best_share));
        if (!(region_share > best_share && region_share <= 1))
            throw InvalidOption(fmt::format("importance: region_share ({}) must be in (best_share = {}, 1]",
                                            region_share, best_share));
    }
};

struct ParameterImportance {
    std::string name;
    double share = 0;          ///< of 1 over all parameters
    double low = 0, high = 0;  ///< interval by resampling the trials; equal to the share without resamples
};

/// Parameters of a study, or of a branch of its space, from the most important on.
struct Importance {
    ImportanceMethod method = ImportanceMethod::fanova;
    std::string branch;      ///< the condition that its trials meet; empty: all trials
    std::size_t trials = 0;  ///< that it is made from
    std::vector<ParameterImportance> parameters;
    /// What the forest explains of the variance of trials that it was not made from, up to 1; NaN without a
    /// forest. Near or below 0 its importances mean nothing.
    double explained = std::nan("");
    /// Whether the intervals are at most a quarter wide and the forest explains at least three tenths.
    bool believed = false;
    /// How many trials it takes until it can be believed, by the present intervals, which shrink with the
    /// root of the number of trials: an estimate.
    std::size_t trials_needed = 0;
};

/// How few trials with a finite value importance() takes.
inline constexpr std::size_t least_importance_trials = 4;

namespace detail {

/// The rows, columns and methods behind importance().
class ImportanceStudy {
  public:
    ImportanceStudy(const Study& study, const ImportanceOptions& options, const Condition* branch)
        : space_(study.space()), options_(options), branch_(branch) {
        options.validate();
        if (options.objective >= study.objectives().size())
            throw InvalidOption(
                fmt::format("importance: objective ({}) must be below the number of objectives ({})",
                            options.objective, study.objectives().size()));
        const Schema& schema = space_.schema();
        for (const TrialRecord& trial : study.trials()) {
            if (trial.state != TrialState::completed && trial.state != TrialState::stopped) continue;
            const double loss =
                study.objectives()[options.objective].loss(study.value(trial, options.objective));
            if (!std::isfinite(loss) || (trial.original && !space_.contains(trial.configuration))) continue;
            if (branch != nullptr && !schema.holds(*branch, trial.configuration.native())) continue;
            configurations_.push_back(&trial.configuration);
            losses_.push_back(loss);
        }
    }

    [[nodiscard]] std::size_t trials() const { return losses_.size(); }

    /// Precondition: there are trials. Once.
    [[nodiscard]] Importance analyse() {
        find_parameters();
        if (options_.method != ImportanceMethod::ped_anova) tabulate();
        Importance out;
        out.method = options_.method;
        out.trials = trials();
        std::vector<std::size_t> all(trials());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
        RandomStream stream(options_.seed, 0, Purpose::user);
        const std::vector<double> shares =
            shares_of(all, options_.trees, largest_tree, stream, &out.explained);
        std::vector<std::vector<double>> resampled(parameters_.size());
        for (int b = 0; b < options_.resamples; ++b) {
            RandomStream own(options_.seed, static_cast<std::uint64_t>(b) + 1, Purpose::user);
            std::vector<std::size_t> drawn(trials());
            for (std::size_t& row : drawn) row = own.below(trials());
            const std::vector<double> again = shares_of(drawn, 8, 300, own, nullptr);
            for (std::size_t p = 0; p < again.size(); ++p) resampled[p].push_back(again[p]);
        }
        for (std::size_t p = 0; p < parameters_.size(); ++p)
            out.parameters.push_back(
                interval(space_[parameters_[p]].name, shares[p], std::move(resampled[p])));
        std::stable_sort(out.parameters.begin(), out.parameters.end(),
                         [](const auto& a, const auto& b) { return a.share > b.share; });
        for (std::size_t i = 0; i < space_.size(); ++i)  // one value only: of no importance
            if (space_[i].cardinality() == 1) out.parameters.push_back({space_[i].name, 0, 0, 0});
        judge(out);
        return out;
    }

  private:
    static constexpr std::size_t largest_tree = 2000;  ///< rows; more only take time

    /// Those that can vary, and the share of the space, or of its branch, in which each is inactive.
    void find_parameters() {
        constexpr int draws = 4000;
        std::vector<int> without(space_.size(), 0);
        std::vector<double> least(space_.size(), HUGE_VAL), most(space_.size(), -HUGE_VAL);
        int inside = 0;
        RandomStream stream(0, 0, Purpose::user);
        for (int i = 0; i < draws; ++i) {
            std::vector<double> native(space_.size());
            for (std::size_t p = 0; p < native.size(); ++p) native[p] = space_[p].decode(stream.uniform());
            space_.schema().deactivate(native);
            if (branch_ != nullptr && !space_.schema().holds(*branch_, native)) continue;
            ++inside;
            for (std::size_t p = 0; p < native.size(); ++p) {
                without[p] += std::isnan(native[p]) ? 1 : 0;
                least[p] = std::fmin(least[p], native[p]);
                most[p] = std::fmax(most[p], native[p]);
            }
        }
        for (std::size_t p = 0; p < space_.size(); ++p) {
            if (space_[p].cardinality() == 1) continue;
            if (inside > 0 && !(least[p] < most[p])) continue;  // the branch leaves it one value, or none
            parameters_.push_back(p);
            inactive_.push_back(inside == 0 ? 0 : static_cast<double>(without[p]) / inside);
        }
    }

    /// Of the trials in `rows`; sums to 1, or all are 0 where nothing can be told apart.
    [[nodiscard]] std::vector<double> shares_of(const std::vector<std::size_t>& rows, int trees,
                                                std::size_t largest, RandomStream& stream,
                                                double* explained) const {
        std::vector<double> shares = options_.method == ImportanceMethod::ped_anova
                                         ? divergences(rows)
                                         : by_forest(rows, trees, largest, stream, explained);
        double sum = 0;
        for (const double share : shares) sum += share;
        for (double& share : shares) share = sum > 0 ? share / sum : 0;
        return shares;
    }

    /// What the forests, those of resamples too, are made from.
    void tabulate() {
        columns_.emplace(space_, parameters_, inactive_);
        // Between 0 and 1, so that no square overflows.
        double low = losses_.front(), high = low;
        for (const double loss : losses_) low = std::min(low, loss), high = std::max(high, loss);
        const double width = high / 2 - low / 2;
        for (std::size_t i = 0; i < losses_.size(); ++i)
            columns_->append(data_, space_, *configurations_[i],
                             width > 0 ? (losses_[i] / 2 - low / 2) / width : 0);
    }

    [[nodiscard]] std::vector<double> by_forest(const std::vector<std::size_t>& rows, int trees,
                                                std::size_t largest, RandomStream& stream,
                                                double* explained) const {
        const RegressionForest forest(data_, rows, trees, largest, stream);
        if (explained != nullptr) *explained = forest.explained(data_);
        return options_.method == ImportanceMethod::fanova ? variance_shares(forest, *columns_)
                                                           : impurity_shares(forest, *columns_);
    }

    /// A parameter that is not always active is compared among the trials that have it, and counts by how
    /// many of the good ones those are.
    [[nodiscard]] std::vector<double> divergences(const std::vector<std::size_t>& rows) const {
        std::vector<double> losses;
        for (const std::size_t row : rows) losses.push_back(losses_[row]);
        const std::vector<bool> good = within_quantile(losses, options_.best_share);
        const std::vector<bool> region = within_quantile(losses, options_.region_share);
        std::vector<double> out;
        for (const std::size_t p : parameters_) {
            std::vector<double> best, others;
            double count = 0;
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const double native = configurations_[rows[i]]->native()[p];
                count += good[i] ? 1 : 0;
                if (std::isnan(native)) continue;
                if (good[i]) best.push_back(native);
                if (region[i]) others.push_back(native);
            }
            const SteppedDensity density(space_[p]);
            const bool varies = std::ranges::any_of(others, [&](double v) { return v != others.front(); });
            out.push_back(best.empty() || !varies
                              ? 0
                              : static_cast<double>(best.size()) / count *
                                    pearson_divergence(density.of(best), density.of(others)));
        }
        return out;
    }

    [[nodiscard]] ParameterImportance interval(const std::string& name, double share,
                                               std::vector<double> resampled) const {
        ParameterImportance out{name, share, share, share};
        if (resampled.empty()) return out;
        std::sort(resampled.begin(), resampled.end());
        const auto at = [&](double quantile) {
            return resampled[static_cast<std::size_t>(
                std::lround(quantile * static_cast<double>(resampled.size() - 1)))];
        };
        // Fewer different trials and smaller trees shift the resampled shares: the interval holds the share.
        out.low = std::min(share, at((1 - options_.confidence) / 2));
        out.high = std::max(share, at((1 + options_.confidence) / 2));
        return out;
    }

    void judge(Importance& out) const {
        constexpr double narrow = 0.25, enough = 0.3;
        double widest = options_.resamples > 0 ? 0 : 1, sum = 0;
        for (const ParameterImportance& p : out.parameters)
            widest = std::max(widest, p.high - p.low), sum += p.share;
        const bool predicts = std::isnan(out.explained) ? options_.method == ImportanceMethod::ped_anova
                                                        : out.explained >= enough;
        out.believed = sum > 0 && predicts && widest <= narrow;
        const double wider = std::max(widest / narrow, predicts && sum > 0 ? 1.0 : 1.5);
        out.trials_needed =
            out.believed
                ? out.trials
                : static_cast<std::size_t>(std::ceil(static_cast<double>(out.trials) * wider * wider));
    }

    const SearchSpace& space_;
    ImportanceOptions options_;
    std::vector<const Configuration*> configurations_;
    std::vector<double> losses_;  ///< less is better
    std::vector<std::size_t> parameters_;
    std::vector<double> inactive_;
    const Condition* branch_;
    std::optional<ImportanceColumns> columns_;
    RegressionRows data_;
};

}  // namespace detail

/// How much each parameter of a study matters, from its completed and stopped trials with a finite value.
///
/// A parameter that is inactive somewhere has being inactive as one more value. Deterministic: equal studies
/// and options give equal answers. Throws InvalidState where fewer than four trials have a value, and
/// InvalidOption. Thread-safe for a study that is not being changed.
[[nodiscard]] inline Importance importance(const Study& study, const ImportanceOptions& options = {}) {
    detail::ImportanceStudy rows(study, options, nullptr);
    if (rows.trials() < least_importance_trials)
        throw InvalidState(fmt::format("importance: {} of the study's trials {} a finite value; it takes {}",
                                       rows.trials(), rows.trials() == 1 ? "has" : "have",
                                       least_importance_trials));
    return rows.analyse();
}

/// How many trials importance() would go by.
[[nodiscard]] inline std::size_t importance_trials(const Study& study, std::size_t objective = 0) {
    return detail::ImportanceStudy(study, {.objective = objective}, nullptr).trials();
}

/// In words, whether it can be believed, and otherwise what that takes.
[[nodiscard]] inline std::string importance_verdict(const Importance& importance) {
    std::string text = fmt::format("from {} trials", importance.trials);
    if (std::isfinite(importance.explained))
        text += fmt::format("; the forest explains {:.0f}% of the variance of trials that it did not see",
                            100 * std::max(importance.explained, 0.0));
    if (importance.believed) return text + "; the intervals are narrow enough to be believed";
    return text +
           fmt::format("; not to be believed yet: that takes about {} trials", importance.trials_needed);
}

/// The same for each branch of a conditional space: for every condition that parameters have, from the trials
/// that meet it. Branches of fewer than four such trials are left out.
[[nodiscard]] inline std::vector<Importance> branch_importances(const Study& study,
                                                                const ImportanceOptions& options = {}) {
    std::vector<Importance> out;
    for (const Parameter& parameter : study.space().parameters()) {
        if (parameter.condition.is_always()) continue;
        const std::string text = detail::condition_text(parameter.condition, study.space().schema());
        if (std::any_of(out.begin(), out.end(), [&](const Importance& i) { return i.branch == text; }))
            continue;
        detail::ImportanceStudy rows(study, options, &parameter.condition);
        if (rows.trials() < least_importance_trials) continue;
        out.push_back(rows.analyse());
        out.back().branch = text;
    }
    return out;
}

}  // namespace attune

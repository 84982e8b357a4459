#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/acquisition_search.hpp"
#include "attune/gp/study_space.hpp"
#include "attune/gp/subset.hpp"
#include "attune/space/enumerate.hpp"
#include "attune/strategy/detail/acquisition_weights.hpp"
#include "attune/strategy/detail/expected_gain.hpp"
#include "attune/strategy/detail/loss_model.hpp"
#include "attune/strategy/detail/model_drafts.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/detail/weight_models.hpp"
#include "attune/strategy/study_model.hpp"

namespace attune {

/// The space stands first: points refer to it.
struct StudyModel::Held {
    SearchSpace space;
    Objective objective;
    StudySpace points;
    detail::Observations seen;  ///< what the model is made of
    std::vector<double> values;
    std::optional<detail::LossModel> model;
    detail::AcquisitionWeights weights;  ///< of outcome constraints and failures
    std::uint64_t seed = 0;

    Held(const SearchSpace& whole, Objective goal)
        : space(whole),
          objective(std::move(goal)),
          points(space, {}, [](const Configuration&) { return true; }) {}

    [[nodiscard]] const detail::LossModel& usable() const {
        if (!model)
            throw InvalidState(
                "study model: says nothing without a parameter that varies and two trials that "
                "have a value");
        return *model;
    }

    [[nodiscard]] Eigen::RowVectorXd point(const Configuration& configuration) const {
        if (&configuration.schema() != &space.schema() && configuration.native().size() != space.size())
            throw InvalidConfiguration(
                fmt::format("study model: a configuration of {} parameters, but the "
                            "study's space has {}",
                            configuration.native().size(), space.size()));
        return points.point(configuration);
    }

    /// Of a normal distribution of targets; the map to values is monotone, so quantiles stay quantiles.
    [[nodiscard]] BelievedValue believed(double mean, double variance) const {
        const double reach = 1.96 * std::sqrt(std::max(variance, 0.0));
        const double a = raw(mean - reach), b = raw(mean + reach);
        return {raw(mean), std::min(a, b), std::max(a, b)};
    }
    [[nodiscard]] double raw(double target) const { return objective.loss(model->transform.restore(target)); }

    /// Rows of the trials that could be the best: of those with one configuration the first.
    [[nodiscard]] std::vector<std::size_t> qualified() const {
        std::vector<std::size_t> out;
        std::set<std::string> taken;
        for (std::size_t i = 0; i < seen.numbers.size(); ++i)
            if (seen.keeping[i] && seen.inside[i] &&
                taken.insert(seen.configurations[i].duplicate_key()).second)
                out.push_back(i);
        return out;
    }

    /// The same by the posterior mean of their targets, the best first, with these means.
    struct Ranked {
        std::vector<std::size_t> rows;
        Eigen::VectorXd mean;
        Eigen::VectorXd variance;

        [[nodiscard]] Eigen::Index count() const { return static_cast<Eigen::Index>(rows.size()); }
    };
    [[nodiscard]] Ranked ranked() const {
        const std::vector<std::size_t> rows = qualified();
        Ranked out{{}, Eigen::VectorXd(rows.size()), Eigen::VectorXd(rows.size())};
        if (rows.empty()) return out;
        Eigen::VectorXd mean, variance;
        usable().process.predict(seen.only(rows).points, mean, variance);
        for (const Eigen::Index i : ascending(mean)) {
            out.mean[out.count()] = mean[i];
            out.variance[out.count()] = variance[i];
            out.rows.push_back(rows[static_cast<std::size_t>(i)]);
        }
        return out;
    }

    /// Indices from the least value on; equals keep their order.
    static std::vector<Eigen::Index> ascending(const Eigen::VectorXd& values) {
        std::vector<Eigen::Index> order(static_cast<std::size_t>(values.size()));
        std::iota(order.begin(), order.end(), Eigen::Index{0});
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
        return order;
    }

    /// The points of those drafts that no constraint of the space forbids, and which they are.
    struct Expressed {
        Points points;
        std::vector<Eigen::Index> drafts;
    };
    [[nodiscard]] Expressed expressed(const Points& drafts) const {
        Expressed out{Points(drafts.rows(), drafts.cols()), {}};
        Eigen::RowVectorXd point(drafts.cols());
        for (Eigen::Index i = 0; i < drafts.rows(); ++i) {
            if (!points.express(drafts.row(i), point)) continue;
            out.points.row(static_cast<Eigen::Index>(out.drafts.size())) = point;
            out.drafts.push_back(i);
        }
        out.points.conservativeResize(static_cast<Eigen::Index>(out.drafts.size()), Eigen::NoChange);
        return out;
    }

    /// Configurations worth comparing with the best trials: the most promising drafts, and where the best of
    /// them leads to.
    [[nodiscard]] Points promising(double best, RandomStream& stream) const {
        constexpr std::size_t most = 200;
        const detail::ExpectedGain gain{usable().process, best};
        const detail::WeighedAcquisition<detail::ExpectedGain> weighed{&gain, weights};
        const Points drafts = detail::drafts(points, seen, model->targets, 0, stream);
        const Expressed candidates = expressed(drafts);
        std::vector<Eigen::Index> order = ascending(-weighed.values(candidates.points));
        order.resize(std::min(order.size(), most));
        const auto found = maximise_acquisition(weighed, points, drafts, SearchEffort{});
        Points out(static_cast<Eigen::Index>(order.size()) + (found ? 1 : 0), drafts.cols());
        Eigen::Index row = 0;
        for (const Eigen::Index i : order) out.row(row++) = candidates.points.row(i);
        if (found) {
            Eigen::RowVectorXd point(drafts.cols());
            (void)points.express(found->draft, point);
            out.row(row) = point;
        }
        return out;
    }

    /// Joint draws of targets, a row a draw.
    [[nodiscard]] Eigen::MatrixXd draw(const Points& at, int draws, RandomStream& stream) const {
        Eigen::MatrixXd normals(draws, at.rows());
        for (double& z : normals.reshaped()) z = stream.normal();
        return model->process.sample(at, normals);
    }
};

ATTUNE_BODY StudyModel::StudyModel(const Study& study, std::size_t objective,
                                   const GaussianProcessOptions& options) {
    options.validate();
    if (objective >= study.objectives().size())
        throw InvalidOption(
            fmt::format("study model: objective ({}) must be below the number of objectives ({})", objective,
                        study.objectives().size()));
    auto held = std::make_shared<Held>(study.space(), study.objectives()[objective]);
    held->seed = study.seed();
    held_ = held;
    if (held->points.dimensions() == 0) return;
    const detail::Observations all = detail::observe(study, held->points);
    std::vector<double> losses;
    std::vector<std::size_t> finite;
    for (std::size_t i = 0; i < all.values.size(); ++i)
        if (const double loss = held->objective.loss(all.values[i][objective]); std::isfinite(loss)) {
            finite.push_back(i);
            losses.push_back(loss);
        }
    if (finite.size() < 2) return;
    const detail::Observations known = all.only(finite);
    std::vector<std::size_t> chosen = informative_subset(
        held->points.metric(), known.points,
        detail::targets_of(losses, OutputTransform(losses, Toward::lower, Warping::half_rank)),
        static_cast<std::size_t>(options.most_observations));
    std::sort(chosen.begin(), chosen.end());
    held->seen = known.only(chosen);
    for (const std::size_t i : chosen) held->values.push_back(losses[i]);
    SuggestionRequest request;
    request.trial = static_cast<std::int64_t>(study.trials().size());
    const detail::LossModels models(options, study, request, held->points.metric());
    held->model.emplace(
        models.build(objective, losses, held->values, held->seen.points, models.objective_warpings(losses)));
    GaussianProcessOptions plain = options;  // what the user believes and pays says nothing of values
    plain.beliefs.clear();
    plain.cost = CostAwareness::ignored;
    std::vector<std::size_t> weighed;
    const bool all_fit = options.most_observations == 0 ||
                         all.values.size() <= static_cast<std::size_t>(options.most_observations);
    for (std::size_t i = 0; i < (all_fit ? all.values.size() : chosen.size()); ++i)
        weighed.push_back(all_fit ? i : finite[chosen[i]]);
    held->weights = detail::WeightModels(plain, study, request, held->points).build(all, weighed);
}

ATTUNE_BODY bool StudyModel::usable() const { return held_->model.has_value(); }
ATTUNE_BODY std::size_t StudyModel::trials() const { return held_->values.size(); }

ATTUNE_BODY BelievedValue StudyModel::predict(const Configuration& configuration) const {
    const Prediction p = held_->usable().process.predict(held_->point(configuration));
    return held_->believed(p.mean, p.variance);
}

ATTUNE_BODY std::vector<std::vector<double>> StudyModel::sample(
    const std::vector<Configuration>& configurations, int draws, RandomStream& stream) const {
    (void)held_->usable();
    if (draws < 0) throw InvalidOption(fmt::format("study model: draws ({}) must not be negative", draws));
    Points at(static_cast<Eigen::Index>(configurations.size()),
              static_cast<Eigen::Index>(held_->points.dimensions()));
    for (std::size_t i = 0; i < configurations.size(); ++i)
        at.row(static_cast<Eigen::Index>(i)) = held_->point(configurations[i]);
    std::vector<std::vector<double>> out(static_cast<std::size_t>(draws));
    if (configurations.empty()) return out;
    const Eigen::MatrixXd targets = held_->draw(at, draws, stream);
    for (Eigen::Index s = 0; s < targets.rows(); ++s)
        for (Eigen::Index i = 0; i < targets.cols(); ++i)
            out[static_cast<std::size_t>(s)].push_back(held_->raw(targets(s, i)));
    return out;
}

ATTUNE_BODY std::vector<CrossValidated> StudyModel::cross_validate() const {
    const LeaveOneOut left = held_->usable().process.leave_one_out();
    std::vector<CrossValidated> out;
    for (std::size_t i = 0; i < held_->values.size(); ++i) {
        const auto row = static_cast<Eigen::Index>(i);
        out.push_back({held_->seen.numbers[i], held_->objective.loss(held_->values[i]),
                       held_->believed(left.mean[row], left.variance[row])});
    }
    return out;
}

namespace detail {

/// Ranks from 0, ties sharing theirs.
inline std::vector<double> shared_ranks(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> ranks(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t next = first;
        while (next < order.size() && values[order[next]] == values[order[first]]) ++next;
        for (std::size_t k = first; k < next; ++k)
            ranks[order[k]] = 0.5 * static_cast<double>(first + next - 1);
        first = next;
    }
    return ranks;
}

inline double correlation(const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<double>(a.size());
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
    double both = 0, of_a = 0, of_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        both += (a[i] - mean_a) * (b[i] - mean_b);
        of_a += (a[i] - mean_a) * (a[i] - mean_a);
        of_b += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return of_a > 0 && of_b > 0 ? both / std::sqrt(of_a * of_b) : 0;
}

}  // namespace detail

ATTUNE_BODY ForecastQuality StudyModel::quality() const {
    std::vector<double> foretold, observed;
    double covered = 0;
    for (const CrossValidated& c : cross_validate()) {
        foretold.push_back(c.believed.middle);
        observed.push_back(c.value);
        covered += c.value >= c.believed.low && c.value <= c.believed.high ? 1 : 0;
    }
    return {observed.size(),
            detail::correlation(detail::shared_ranks(foretold), detail::shared_ranks(observed)),
            covered / static_cast<double>(observed.size())};
}

ATTUNE_BODY std::vector<BelievedBest> StudyModel::best(std::size_t count) const {
    (void)held_->usable();
    const Held::Ranked ranked = held_->ranked();
    if (ranked.rows.empty() || count == 0) return {};
    constexpr int draws = 2000;
    RandomStream stream(held_->seed, ranked.rows.size(), Purpose::user);
    const Eigen::MatrixXd drawn = held_->draw(held_->seen.only(ranked.rows).points, draws, stream);
    std::vector<double> wins(ranked.rows.size(), 0);
    for (Eigen::Index s = 0; s < draws; ++s) {
        Eigen::Index winner = 0;
        drawn.row(s).minCoeff(&winner);
        wins[static_cast<std::size_t>(winner)] += 1.0 / draws;
    }
    std::vector<BelievedBest> out;
    for (std::size_t k = 0; k < std::min(count, ranked.rows.size()); ++k) {
        const auto i = static_cast<Eigen::Index>(k);
        out.push_back({held_->seen.numbers[ranked.rows[k]],
                       held_->believed(ranked.mean[i], ranked.variance[i]), wins[k]});
    }
    return out;
}

ATTUNE_BODY double StudyModel::chance_of_improvement(double amount) const {
    const detail::LossModel& model = held_->usable();
    if (!(amount >= 0))
        throw InvalidOption(fmt::format("study model: amount ({}) must be at least 0", amount));
    Held::Ranked ranked = held_->ranked();
    if (ranked.rows.empty()) return 1;
    constexpr std::size_t most_old = 50;
    ranked.rows.resize(std::min(ranked.rows.size(), most_old));
    RandomStream stream(held_->seed, held_->seen.numbers.size(), Purpose::user, 1);
    const Points old = held_->seen.only(ranked.rows).points;
    const Points fresh = held_->promising(ranked.mean[0], stream);
    if (fresh.rows() == 0) return 0;  // the space has nothing else
    Points at(old.rows() + fresh.rows(), old.cols());
    at << old, fresh;
    // Whether a new one keeps the constraints is drawn too.
    Eigen::VectorXd chances = Eigen::VectorXd::Zero(fresh.rows());
    held_->weights.add_to(fresh, chances);
    constexpr int draws = 1000;
    const Eigen::MatrixXd drawn = held_->draw(at, draws, stream);
    int better = 0;
    for (Eigen::Index s = 0; s < draws; ++s) {
        const double now = model.transform.restore(drawn.row(s).head(old.rows()).minCoeff());
        bool found_better = false;
        for (Eigen::Index i = 0; i < fresh.rows(); ++i) {
            if (now - model.transform.restore(drawn(s, old.rows() + i)) <= amount) continue;
            if (chances[i] >= 0 || stream.uniform() < std::exp(chances[i])) found_better = true;
        }
        better += found_better ? 1 : 0;
    }
    return static_cast<double>(better) / draws;
}

ATTUNE_BODY StudyModel::Slice StudyModel::slice(std::size_t parameter, const Configuration& around,
                                                int points) const {
    (void)held_->usable();
    (void)held_->point(around);  // refuses another space's
    if (parameter >= held_->space.size())
        throw InvalidOption(
            fmt::format("study model: parameter ({}) must be below the size of the space ({})", parameter,
                        held_->space.size()));
    if (points < 2) throw InvalidOption(fmt::format("study model: points ({}) must be at least 2", points));
    Slice out{parameter, {}, {}};
    for (const double at : axis_values(held_->space[parameter], points)) {
        std::vector<double> native = around.native();
        native[parameter] = at;
        for (std::size_t i = 0; i < native.size(); ++i)
            if (std::isnan(native[i])) native[i] = held_->space[i].decode(0.5);
        const Configuration there = held_->space.from_native(std::move(native));
        if (!there.active(parameter) || !held_->space.satisfies(there)) continue;
        out.at.push_back(at);
        out.believed.push_back(predict(there));
    }
    return out;
}

ATTUNE_BODY std::vector<StudyModel::GoodRange> StudyModel::good_region(double amount) const {
    const detail::LossModel& model = held_->usable();
    if (!(amount >= 0))
        throw InvalidOption(fmt::format("study model: amount ({}) must be at least 0", amount));
    const Held::Ranked ranked = held_->ranked();
    if (ranked.rows.empty()) return {};
    const double border = model.transform.restore(ranked.mean[0]) + amount;
    RandomStream stream(held_->seed, held_->seen.numbers.size(), Purpose::user, 2);
    constexpr int spread = 4000;
    const Points drafts = detail::drafts(held_->points, held_->seen, model.targets, spread, stream);
    const Held::Expressed candidates = held_->expressed(drafts);
    Eigen::VectorXd mean, variance;
    model.process.predict(candidates.points, mean, variance);
    Eigen::VectorXd chances = Eigen::VectorXd::Zero(mean.size());
    held_->weights.add_to(candidates.points, chances);
    std::vector<Configuration> good{held_->seen.configurations[ranked.rows.front()]};
    for (Eigen::Index i = 0; i < mean.size(); ++i)
        if (model.transform.restore(mean[i]) <= border && chances[i] >= std::log(0.5))
            good.push_back(
                held_->points.configuration(drafts.row(candidates.drafts[static_cast<std::size_t>(i)])));
    for (const std::size_t i : ranked.rows)
        if (held_->values[i] <= border) good.push_back(held_->seen.configurations[i]);
    std::vector<GoodRange> out;
    for (std::size_t i = 0; i < held_->space.size(); ++i) {
        const Parameter& p = held_->space[i];
        if (p.cardinality() == 1) continue;
        GoodRange range{
            i, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), {}, 0};
        for (const Configuration& c : good) {
            const double native = c.native()[i];
            if (std::isnan(native)) continue;
            range.low = std::min(range.low, native);
            range.high = std::max(range.high, native);
            if (p.kind == ParameterKind::categorical &&
                std::find(range.choices.begin(), range.choices.end(), native) == range.choices.end())
                range.choices.push_back(native);
        }
        if (!(range.low <= range.high)) continue;  // inactive in all of them
        std::sort(range.choices.begin(), range.choices.end());
        range.share = p.kind == ParameterKind::categorical
                          ? static_cast<double>(range.choices.size()) / p.cardinality()
                          : p.encode(range.high) - p.encode(range.low);
        out.push_back(std::move(range));
    }
    return out;
}

}  // namespace attune

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/compiled.hpp"
#include "attune/strategy/gaussian_process_options.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// What a StudyModel says of a value, in units of its objective: the middle and an interval of its
/// distribution. Of the mean that many repetitions would have, so without the noise of a single one.
struct BelievedValue {
    double middle = 0;
    double low = 0;  ///< of the 95 % interval; low <= middle <= high
    double high = 0;
};

/// A finished trial beside what the model says of it without having seen its result.
struct CrossValidated {
    std::int64_t trial = 0;
    double value = 0;        ///< what was observed
    BelievedValue believed;  ///< from the other trials; here with the noise of a single result
};

/// How well a model foretells trials that it has not seen.
struct ForecastQuality {
    std::size_t trials = 0;
    double rank_correlation = 0;  ///< Spearman's, of what was foretold with what was observed
    double covered = 0;           ///< share of the trials whose 95 % interval holds their value
};

/// A trial that a model believes to be good.
struct BelievedBest {
    std::int64_t trial = 0;
    BelievedValue believed;
    /// The chance that no other of the trials considered is better; 1 where there is one only.
    double chance_best = 1;
};

/// GaussianProcess's model of one objective of a study, for whoever wants to ask it himself: what is believed
/// of any configuration, joint draws, how well it foretells, which trial is really the best.
///
/// Made of the study's finished trials that have a value, of at most `most_observations` of them (see
/// GaussianProcess), begun from the latest fit that the study keeps. It is a snapshot: of the study it refers
/// to nothing but copies. Const members are thread-safe. Same study, same model.
class StudyModel {
  public:
    /// Throws InvalidOption where the study has no such objective, and what options.validate() throws.
    explicit StudyModel(const Study& study, std::size_t objective = 0,
                        const GaussianProcessOptions& options = {});

    /// Whether there is anything to say: a parameter that varies and two trials with values.
    [[nodiscard]] bool usable() const;
    /// How many trials it is made of.
    [[nodiscard]] std::size_t trials() const;

    /// All below throw InvalidState where the model is not usable, and InvalidConfiguration for a
    /// configuration of another space.
    [[nodiscard]] BelievedValue predict(const Configuration& configuration) const;

    /// Joint draws of the values at some configurations: `draws` rows of one value each.
    [[nodiscard]] std::vector<std::vector<double>> sample(const std::vector<Configuration>& configurations,
                                                          int draws, RandomStream& stream) const;

    /// Every trial of the model, foretold from the others (in the order of their numbers).
    [[nodiscard]] std::vector<CrossValidated> cross_validate() const;
    [[nodiscard]] ForecastQuality quality() const;

    /// The trials that are believed to be the best, the best first: at most `count`, of those that the
    /// present space contains and that keep the outcome constraints, of equal configurations the first.
    /// Unlike the best value seen, it does not take luck for merit. Empty where no trial qualifies.
    [[nodiscard]] std::vector<BelievedBest> best(std::size_t count = 1) const;

    /// The chance that some configuration is better than the best of the trials so far by more than `amount`
    /// (in units of the objective, at least 0), by joint draws at the best trials and some hundred promising
    /// configurations, each as likely to keep the outcome constraints and not to fail as models of these say.
    /// 1 where no trial qualifies as the best.
    [[nodiscard]] double chance_of_improvement(double amount) const;

    /// Values along one parameter, the others as in `around`: the parameter's place in the space, what it has
    /// at each point (native: see Parameter), what is believed there. All choices of a choice, `points` of a
    /// range, evenly on its scale; those that the constraints forbid are left out.
    struct Slice {
        std::size_t parameter = 0;
        std::vector<double> at;
        std::vector<BelievedValue> believed;
    };
    [[nodiscard]] Slice slice(std::size_t parameter, const Configuration& around, int points = 41) const;

    /// The region of good values: for each parameter that varies, the range (or the choices) of the
    /// configurations that are believed to be as good as the best trial but for `amount`, and to keep the
    /// outcome constraints with a chance of at least a half.
    struct GoodRange {
        std::size_t parameter = 0;
        double low = 0, high = 0;     ///< native, of a number
        std::vector<double> choices;  ///< native, of a choice
        double share = 1;             ///< how much of the range (on its scale), or of the choices, that is
    };
    [[nodiscard]] std::vector<GoodRange> good_region(double amount) const;

  private:
    struct Held;
    std::shared_ptr<const Held> held_;
};

}  // namespace attune

#ifndef ATTUNE_COMPILED
#include "attune/strategy/detail/study_model_impl.hpp"
#endif

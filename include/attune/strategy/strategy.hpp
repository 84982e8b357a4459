#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "attune/study/random_stream.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// What to do with a configuration that was asked before (see Configuration::duplicate_key; failures of the
/// environment do not count as asked): never ask it again, ask it freely, or ask every configuration
/// `replicates` times.
struct Duplicates {
    enum class Kind { forbid, allow, replicate };
    Kind kind = Kind::forbid;
    int replicates = 1;

    static constexpr Duplicates forbid() { return {Kind::forbid, 1}; }
    static constexpr Duplicates allow() { return {Kind::allow, 1}; }
    /// Throws InvalidOption below 2.
    static Duplicates replicate(int times) {
        if (times < 2)
            throw InvalidOption(fmt::format("duplicates: replicate({}) must be at least 2", times));
        return {Kind::replicate, times};
    }
};

/// What a strategy is asked for.
struct SuggestionRequest {
    std::int64_t trial = 0;     ///< number of the trial to be
    std::uint32_t attempt = 0;  ///< grows when the same trial must be drawn again
    std::vector<double>
        fixed;  ///< native values in the order of the space; NaN where free, empty where all are
    Duplicates duplicates = Duplicates::forbid();
    bool resumable = false;    ///< trials can be paused and gone on with: Suggestion::resume, until
    bool only_resume = false;  ///< no new trial may be begun: go on with a paused one, or nothing

    [[nodiscard]] RandomStream stream(const Study& study, Purpose purpose) const {
        return {study.seed(), static_cast<std::uint64_t>(trial), purpose, attempt};
    }
    [[nodiscard]] bool is_fixed(std::size_t parameter) const {
        return !fixed.empty() && !std::isnan(fixed[parameter]);
    }

    /// A configuration with the fixed values put over `native`.
    [[nodiscard]] Configuration complete(const SearchSpace& space, std::vector<double> native) const {
        for (std::size_t i = 0; i < fixed.size(); ++i)
            if (is_fixed(i)) native[i] = fixed[i];
        return space.from_native(std::move(native));
    }

    /// The same from a point of the unit cube.
    [[nodiscard]] Configuration decode(const SearchSpace& space, const std::vector<double>& unit) const {
        std::vector<double> native(unit.size());
        for (std::size_t i = 0; i < unit.size(); ++i)
            native[i] = space[i].decode(std::isnan(unit[i]) ? 0.5 : unit[i]);
        return complete(space, std::move(native));
    }

    /// Whether the study may be asked this configuration: inside the constraints, and new unless duplicates
    /// are allowed (what is replicated is repeated by the tuner, strategies give new configurations).
    [[nodiscard]] bool admits(const Study& study, const Configuration& configuration) const {
        if (!study.space().satisfies(configuration)) return false;
        return duplicates.kind == Duplicates::Kind::allow || study.times_asked(configuration) == 0;
    }
};

/// What a strategy proposes, and why: to begin `configuration`, or to go on with the paused trial `resume`
/// (then `configuration` is that trial's).
struct Suggestion {
    Configuration configuration;
    std::string reason;  ///< for people: predicted mean and interval, acquisition ...
    std::string role;    ///< one word: initial, exploring, exploiting, filling, grid, random ...
    std::string fit;     ///< what a later suggestion of this strategy may start from; stored with the trial
    std::optional<std::int64_t> resume{};  ///< number of a paused trial; none: a new one is begun
    std::optional<double> until{};         ///< the step at which it is to pause; none: it runs to its end
    bool repeats = false;  ///< asks for a configuration again on purpose, whatever is said of duplicates
};

/// Proposes what to try next.
///
/// `suggest(study, request)` gives a suggestion, or nothing where nothing is left to ask. It is a function of
/// the study as seen (finished, running and pending trials alike), the request and streams made by
/// `request.stream`; it may cache but never depend on the cache. It should give configurations that
/// `request.admits`; the tuner asks again with a higher attempt where it does not.
///
/// Where the request is `resumable`, it may let trials pause (`until`) and go on with paused ones (`resume`).
/// What it gives to a request that is `only_resume` and does not go on with a trial is passed over. A
/// strategy that is nothing without that says so by a member `static constexpr bool needs_pauses = true`;
/// one that reads nothing of trials but what was asked, by `ignores_results = true`. Where that depends on
/// the value both may be member functions.
template <class S>
concept Strategy = std::copy_constructible<std::remove_cvref_t<S>> &&
    requires(std::remove_cvref_t<S>& strategy, const Study& study, const SuggestionRequest& request) {
    { strategy.suggest(study, request) } -> std::convertible_to<std::optional<Suggestion>>;
};

/// Any strategy, held by value. Copies copy the strategy. Not thread-safe: the tuner serialises its calls.
class AnyStrategy {
  public:
    template <class S>
    requires(!std::same_as<std::remove_cvref_t<S>, AnyStrategy> && Strategy<S>) AnyStrategy(S&& strategy)
        : held_(std::make_unique<Model<std::remove_cvref_t<S>>>(std::forward<S>(strategy))) {
    }  // NOLINT: converts by intent

    AnyStrategy(const AnyStrategy& other) : held_(other.held_->clone()) {}
    AnyStrategy(AnyStrategy&&) noexcept = default;
    AnyStrategy& operator=(AnyStrategy other) noexcept {
        held_ = std::move(other.held_);
        return *this;
    }
    ~AnyStrategy() = default;

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        return held_->suggest(study, request);
    }

    /// What it calls itself: its `name()` member, or "custom" where it has none.
    [[nodiscard]] std::string name() const { return held_->name(); }
    /// Whether trials must be able to pause for it: see Strategy.
    [[nodiscard]] bool needs_pauses() const { return held_->needs_pauses(); }
    /// Whether it reads no results: see Strategy.
    [[nodiscard]] bool ignores_results() const { return held_->ignores_results(); }

  private:
    struct Interface {
        virtual ~Interface() = default;
        virtual std::optional<Suggestion> suggest(const Study&, const SuggestionRequest&) = 0;
        [[nodiscard]] virtual bool needs_pauses() const = 0;
        [[nodiscard]] virtual bool ignores_results() const = 0;
        [[nodiscard]] virtual std::string name() const = 0;
        [[nodiscard]] virtual std::unique_ptr<Interface> clone() const = 0;
    };
    template <class S>
    struct Model final : Interface {
        template <class U>
        explicit Model(U&& held) : strategy(std::forward<U>(held)) {}
        std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) override {
            return strategy.suggest(study, request);
        }
        [[nodiscard]] std::string name() const override {
            if constexpr (requires { std::string(strategy.name()); })
                return std::string(strategy.name());
            else
                return "custom";
        }
        [[nodiscard]] bool needs_pauses() const override {
            if constexpr (requires {
                              bool(strategy.needs_pauses());
                          })  // a static one would convert to bool, too
                return strategy.needs_pauses();
            else if constexpr (requires { bool(S::needs_pauses); })
                return S::needs_pauses;
            else
                return false;
        }
        [[nodiscard]] bool ignores_results() const override {
            if constexpr (requires {
                              bool(strategy.ignores_results());
                          })  // a static one would convert to bool, too
                return strategy.ignores_results();
            else if constexpr (requires { bool(S::ignores_results); })
                return S::ignores_results;
            else
                return false;
        }
        [[nodiscard]] std::unique_ptr<Interface> clone() const override {
            return std::make_unique<Model>(strategy);
        }
        S strategy;
    };
    std::unique_ptr<Interface> held_;
};

}  // namespace attune

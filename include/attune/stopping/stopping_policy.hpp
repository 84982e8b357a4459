#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "attune/study/study.hpp"

namespace attune {

/// A decision with its reason, for people (which numbers were compared); empty for proceed.
struct Verdict {
    Decision decision = Decision::proceed;
    std::string reason{};
    Metrics numbers{};  ///< what was compared, by name; kept with the decision
};

/// A paused trial that is to be gone on with, to where, and why.
struct Resumption {
    std::int64_t trial = 0;
    std::optional<double> until{};  ///< the step at which it is to pause again; none: it runs to its end
    std::string reason{};
};

/// Answers each report with proceed, pause or stop.
///
/// `decide(study, trial)` is called after the report is in the study: it is `trial.reports.back()`. A
/// function of the study as seen; it may cache, never depend on the cache. Pause is given only to trials that
/// said they can resume; the tuner turns it into proceed for others.
///
/// A policy that pauses may also say when a paused trial is to go on, whatever the strategy: by a member
/// `resume(study)` that gives std::optional<Resumption>, asked before the strategy is. Paused trials that
/// neither it nor the strategy goes on with stay paused. One that pauses where it can says so by a member
/// `wants_pauses()`.
template <class P>
concept StoppingPolicy = std::copy_constructible<std::remove_cvref_t<P>> &&
    requires(std::remove_cvref_t<P>& policy, const Study& study, const TrialRecord& trial) {
    { policy.decide(study, trial) } -> std::convertible_to<Verdict>;
};

/// Never stops anything ("Off").
class NeverStop {
  public:
    [[nodiscard]] static constexpr std::string_view name() { return "off"; }
    [[nodiscard]] static Verdict decide(const Study&, const TrialRecord&) { return {}; }
};

/// Any stopping policy, held by value. Not thread-safe: the tuner serialises its calls.
class AnyStoppingPolicy {
  public:
    template <class P>
    requires(!std::same_as<std::remove_cvref_t<P>, AnyStoppingPolicy> && StoppingPolicy<P>)
        AnyStoppingPolicy(P&& policy)
        : held_(std::make_unique<Model<std::remove_cvref_t<P>>>(std::forward<P>(policy))) {
    }  // NOLINT: converts by intent

    AnyStoppingPolicy(const AnyStoppingPolicy& other) : held_(other.held_->clone()) {}
    AnyStoppingPolicy(AnyStoppingPolicy&&) noexcept = default;
    AnyStoppingPolicy& operator=(AnyStoppingPolicy other) noexcept {
        held_ = std::move(other.held_);
        return *this;
    }
    ~AnyStoppingPolicy() = default;

    Verdict decide(const Study& study, const TrialRecord& trial) { return held_->decide(study, trial); }
    /// The paused trial that it wants gone on with now; none where it has no such member.
    std::optional<Resumption> resume(const Study& study) { return held_->resume(study); }
    /// Whether it pauses trials that can; false where it has no such member.
    [[nodiscard]] bool wants_pauses() const { return held_->wants_pauses(); }
    /// What it calls itself: its `name()` member, or "custom" where it has none.
    [[nodiscard]] std::string name() const { return held_->name(); }

  private:
    struct Interface {
        virtual ~Interface() = default;
        virtual Verdict decide(const Study&, const TrialRecord&) = 0;
        virtual std::optional<Resumption> resume(const Study&) = 0;
        [[nodiscard]] virtual bool wants_pauses() const = 0;
        [[nodiscard]] virtual std::string name() const = 0;
        [[nodiscard]] virtual std::unique_ptr<Interface> clone() const = 0;
    };
    template <class P>
    struct Model final : Interface {
        template <class U>
        explicit Model(U&& held) : policy(std::forward<U>(held)) {}
        Verdict decide(const Study& study, const TrialRecord& trial) override {
            return policy.decide(study, trial);
        }
        std::optional<Resumption> resume(const Study& study) override {
            if constexpr (requires { policy.resume(study); })
                return policy.resume(study);
            else
                return std::nullopt;
        }
        [[nodiscard]] bool wants_pauses() const override {
            if constexpr (requires { bool(policy.wants_pauses()); })
                return policy.wants_pauses();
            else
                return false;
        }
        [[nodiscard]] std::string name() const override {
            if constexpr (requires { std::string(policy.name()); })
                return std::string(policy.name());
            else
                return "custom";
        }
        [[nodiscard]] std::unique_ptr<Interface> clone() const override {
            return std::make_unique<Model>(policy);
        }
        P policy;
    };
    std::unique_ptr<Interface> held_;
};

}  // namespace attune

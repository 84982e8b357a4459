#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "attune/core.hpp"

// Which classes are parts of a tuner is decided by the concepts: each near miss stands beside what it misses.
using namespace attune;

namespace {

struct GoodPolicy {
    Verdict decide(const Study&, const TrialRecord&) { return {}; }
};
struct PolicyOfDecision {  // a bare decision has no reason
    Decision decide(const Study&, const TrialRecord&) { return {}; }
};
struct PolicyWithoutTrial {
    Verdict decide(const Study&) { return {}; }
};
struct PolicyThatWrites {
    Verdict decide(Study&, const TrialRecord&) { return {}; }
};
struct PolicyThatCannotBeCopied : GoodPolicy {
    PolicyThatCannotBeCopied() = default;
    PolicyThatCannotBeCopied(const PolicyThatCannotBeCopied&) = delete;
};
class PolicyInPrivate {
    Verdict decide(const Study&, const TrialRecord&) { return {}; }
};
static_assert(StoppingPolicy<GoodPolicy>);
static_assert(StoppingPolicy<const GoodPolicy&>);
static_assert(!StoppingPolicy<PolicyOfDecision>);
static_assert(!StoppingPolicy<PolicyWithoutTrial>);
static_assert(!StoppingPolicy<PolicyThatWrites>);
static_assert(!StoppingPolicy<PolicyThatCannotBeCopied>);
static_assert(!StoppingPolicy<PolicyInPrivate>);
static_assert(StoppingPolicy<MedianRule> && StoppingPolicy<Patience> && StoppingPolicy<NeverStop> &&
              StoppingPolicy<AnyOfPolicies> && StoppingPolicy<AfterStep> &&
              StoppingPolicy<AnyStoppingPolicy>);

struct GoodStrategy {
    std::optional<Suggestion> suggest(const Study&, const SuggestionRequest&) { return {}; }
};
struct StrategyOfSuggestion {  // always one: fine, an optional is made of it
    Suggestion suggest(const Study&, const SuggestionRequest&) { return {}; }
};
struct StrategyOfConfiguration {
    Configuration suggest(const Study&, const SuggestionRequest&) { return {}; }
};
struct StrategyWithoutRequest {
    std::optional<Suggestion> suggest(const Study&) { return {}; }
};
struct StrategyThatWrites {
    std::optional<Suggestion> suggest(Study&, const SuggestionRequest&) { return {}; }
};
struct StrategyThatCannotBeCopied : GoodStrategy {
    StrategyThatCannotBeCopied() = default;
    StrategyThatCannotBeCopied(const StrategyThatCannotBeCopied&) = delete;
};
static_assert(Strategy<GoodStrategy>);
static_assert(Strategy<GoodStrategy&>);
static_assert(Strategy<StrategyOfSuggestion>);
static_assert(!Strategy<StrategyOfConfiguration>);
static_assert(!Strategy<StrategyWithoutRequest>);
static_assert(!Strategy<StrategyThatWrites>);
static_assert(!Strategy<StrategyThatCannotBeCopied>);
static_assert(!Strategy<GoodPolicy> && !StoppingPolicy<GoodStrategy>);
static_assert(Strategy<RandomSearch> && Strategy<Grid> && Strategy<AnyStrategy>);

struct GoodExecutor {
    void run(const std::function<bool()>& work) {
        while (work()) {
        }
    }
    [[nodiscard]] int slots() const { return 1; }
};
struct ExecutorWithoutSlots {
    void run(const std::function<bool()>&) {}
};
struct ExecutorOfOtherWork {
    void run(const std::function<void(int)>&) {}
    [[nodiscard]] int slots() const { return 1; }
};
static_assert(Executor<GoodExecutor>);
static_assert(!Executor<ExecutorWithoutSlots>);
static_assert(!Executor<ExecutorOfOtherWork>);
static_assert(Executor<Inline> && Executor<Threads>);

struct GoodStorage {
    bool append(std::span<const Event>, std::uint64_t) { return true; }
    std::vector<Event> read(std::uint64_t) { return {}; }
};
struct StorageThatOnlyReads {
    std::vector<Event> read(std::uint64_t) { return {}; }
};
struct StorageWithoutCondition {
    void append(std::span<const Event>, std::uint64_t) {}
    std::vector<Event> read(std::uint64_t) { return {}; }
};
static_assert(Storage<GoodStorage>);
static_assert(!Storage<StorageThatOnlyReads>);
static_assert(!Storage<StorageWithoutCondition>);
static_assert(Storage<Memory>);

template <class T, class U>
concept Comparable = requires(const Handle<T>& handle, const U& value) {
    handle == value;
};
template <class T>
concept Ordered = requires(const Handle<T>& handle) {
    handle < 1.0;
};
static_assert(Comparable<std::string, char[4]> && Comparable<std::string, std::string>);
static_assert(!Comparable<std::string, int> && !Comparable<std::string, bool>);
static_assert(Comparable<bool, bool>);
static_assert(!Comparable<bool, int> && !Comparable<bool, char[4]>);
static_assert(Comparable<std::int64_t, int> && Comparable<double, double> && Comparable<double, int>);
static_assert(!Comparable<std::int64_t, bool> && !Comparable<double, char[4]>);
static_assert(Ordered<double> && Ordered<std::int64_t>);
static_assert(!Ordered<std::string> && !Ordered<bool>);

template <class... Parts>
concept MakesATuner = std::constructible_from<Tuner, SearchSpace, Objective, Parts...>;
static_assert(MakesATuner<> &&
              MakesATuner<RandomSearch, Threads, Memory, MedianRule, TunerOptions, Observer>);
static_assert(!std::copy_constructible<Tuner> && !std::move_constructible<Tuner>);
static_assert(std::move_constructible<Trial> && !std::copy_constructible<Trial>);

}  // namespace

TEST_CASE("parts call themselves by their name, or custom") {
    CHECK(AnyStoppingPolicy(GoodPolicy{}).name() == "custom");
    CHECK(AnyStoppingPolicy(MedianRule{}).name() == "median");
    CHECK(AnyStrategy(GoodStrategy{}).name() == "custom");
    CHECK(AnyStrategy(Grid{}).name() == "grid");
}

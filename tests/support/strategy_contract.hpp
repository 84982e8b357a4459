#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attune/space/enumerate.hpp"
#include "attune/strategy/strategy.hpp"
#include "support/problems.hpp"

/// What every strategy must do, whatever it is good at: `strategy_contract(MyStrategy{}, "mine")` in a test
/// case.
namespace attune::test {

struct StrategyContractOptions {
    int trials = 20;  ///< length of the studies
    bool ends_when_spent =
        false;            ///< gives nothing once everything was asked, even where duplicates are allowed
    bool pauses = false;  ///< lets trials pause and goes on with them
    bool finds_rare_points =
        true;  ///< finds what constraints leave, however little; otherwise it may give nothing
};

/// A study that a strategy drives, one trial after the other.
class StrategyRun {
  public:
    StrategyRun(AnyStrategy strategy, SearchSpace space,
                std::vector<Objective> objectives = {minimize("loss")}, std::uint64_t seed = 7)
        : strategy_(std::move(strategy)),
          script_(std::move(space), std::move(objectives), event::FinalValue::best_report, seed) {}

    [[nodiscard]] const Study& study() const { return script_.study; }
    [[nodiscard]] const AnyStrategy& strategy() const { return strategy_; }

    [[nodiscard]] SuggestionRequest request(const event::Values& fixed = {}) const {
        SuggestionRequest out;
        out.trial = static_cast<std::int64_t>(study().trials().size());
        if (!fixed.empty()) out.fixed.assign(study().space().size(), std::nan(""));
        for (const auto& [name, value] : fixed) {
            const std::size_t i = study().space().schema().index(name);
            out.fixed[i] = study().space()[i].to_native(value);
        }
        return out;
    }

    /// Asks, checks that the suggestion can be begun, and begins it. Nothing where the space is spent.
    std::optional<Suggestion> ask(const SuggestionRequest& wanted) {
        auto suggestion = strategy_.suggest(study(), wanted);
        if (!suggestion) return suggestion;
        const Configuration& c = suggestion->configuration;
        INFO(strategy_.name(), " asks ", c.text());
        REQUIRE_NOTHROW(
            (void)study().space().configuration(c.values()));  // range, grid, conditions, constraints
        CHECK(study().space().configuration(c.values()) == c);
        CHECK(wanted.admits(study(), c));
        CHECK(wanted.complete(study().space(), c.native()) == c);  // the fixed values are there
        begin(*suggestion, wanted);
        return suggestion;
    }
    void begin(const Suggestion& suggestion, const SuggestionRequest& wanted) {
        event::Suggested suggested;
        suggested.trial = wanted.trial;
        suggested.configuration = suggestion.configuration.values();
        suggested.view = study().position();
        suggested.role = suggestion.role;
        suggested.fit = suggestion.fit;
        suggested.until = suggestion.until;
        suggested.resumable = wanted.resumable;
        apply(std::move(suggested));
    }
    std::optional<Suggestion> ask() { return ask(request()); }

    void tell(double value) { tell(static_cast<std::int64_t>(study().trials().size()) - 1, value); }
    void tell(std::int64_t trial, double value) {
        Metrics metrics;
        for (const Objective& o : study().objectives()) metrics[o.metric] = o.loss(value);
        apply(event::Finished{trial, TrialState::completed, std::move(metrics), {}, "", {}, {}, {}});
    }
    void fail(FailureKind kind) {
        const auto last = static_cast<std::int64_t>(study().trials().size()) - 1;
        apply(event::Finished{last, TrialState::failed, {}, kind, "failed", {}, {}, {}});
    }
    void report(double value) {
        const auto last = static_cast<std::int64_t>(study().trials().size()) - 1;
        apply(event::Reported{last, 1, {{study().objective().metric, value}}});
    }

    /// Trials with the value of `bowl`.
    void go(int trials) {
        for (int i = 0; i < trials; ++i) {
            const auto suggestion = ask();
            REQUIRE(suggestion);
            tell(bowl(suggestion->configuration));
        }
    }

    void apply(EventBody body) { script_.apply(std::move(body), ++now_); }
    void apply_at(EventBody body, double seconds) { script_.apply(std::move(body), seconds); }

  private:
    AnyStrategy strategy_;
    StudyScript script_;
    double now_ = 0;
};

inline bool same(const std::optional<Suggestion>& a, const std::optional<Suggestion>& b) {
    if (!a || !b) return !a && !b;
    return a->configuration == b->configuration && a->reason == b->reason && a->role == b->role &&
           a->fit == b->fit && a->resume == b->resume && a->until == b->until;
}

/// 3 + 2 * 2 configurations, one of which the constraint takes away.
inline SearchSpace finite_space() {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b"});
    (void)space.integer("n", 1, 3).when(kind == "a");
    (void)space.continuous("x", 0, 1).step(1).when(kind == "b");
    (void)space.categorical("flag", {false, true}).when(kind == "b");
    space.constrain("n != 2");
    return space;
}
inline constexpr int finite_space_size = 6;

inline void contract_of_determinism(const AnyStrategy& fresh, int trials) {
    StrategyRun one(fresh, mixed_space()), two(fresh, mixed_space());
    std::optional<AnyStrategy> copy;
    for (int i = 0; i < trials; ++i) {
        const SuggestionRequest request = one.request();
        const Study seen = one.study();
        const auto a = one.ask(), b = two.ask();
        REQUIRE(a);
        INFO("trial ", i);
        CHECK(same(a, b));                                                   // equal seeds, equal studies
        CHECK(same(a, AnyStrategy(fresh).suggest(seen, request)));           // no memory beside the study
        CHECK(same(a, AnyStrategy(one.strategy()).suggest(seen, request)));  // asked once more
        if (copy) CHECK(same(a, copy->suggest(seen, request)));              // a copy made midway
        if (i == trials / 2) copy = one.strategy();
        const double value = bowl(a->configuration);
        one.tell(value);
        two.tell(value);
    }
}

/// Several trials under way, whose results come in any order, at one time or by a clock that was set back;
/// reports, pauses, failures, notes on what has ended, a space that changes, looks at another study. Who has
/// looked all along suggests what somebody does who looks for the first time.
inline void contract_of_caches(const AnyStrategy& fresh, int trials, bool pauses) {
    SearchSpace wider = mixed_space(), widest = mixed_space();
    for (SearchSpace* space : {&wider, &widest}) (void)space->continuous("more", 0, 1);
    (void)widest.continuous("still more", 0, 1);
    StrategyRun run(fresh, mixed_space()), other(fresh, finite_space());
    AnyStrategy used = fresh;
    RandomStream stream(5, 0, Purpose::user);
    double now = 100;
    for (int i = 0; i < 2 * trials; ++i) {
        SuggestionRequest request = run.request();
        request.resumable = pauses;
        const auto suggestion = used.suggest(run.study(), request);
        INFO("trial ", i);
        REQUIRE(suggestion);
        CHECK(same(suggestion, AnyStrategy(fresh).suggest(Study(run.study()), request)));
        if (suggestion->resume)
            run.apply_at(event::Resumed{*suggestion->resume, false, 0, suggestion->until}, now);
        else
            run.begin(*suggestion, request);
        for (int k = 0; k < 2; ++k) {
            const auto& open = run.study().unfinished();
            auto at = open.begin();
            if (!open.empty()) std::advance(at, static_cast<std::ptrdiff_t>(stream.below(open.size())));
            const bool any = open.empty() || stream.below(4) == 0;
            const TrialRecord& trial = run.study().trials()[any ? stream.below(run.study().trials().size())
                                                                : static_cast<std::size_t>(*at)];
            const double value = bowl(trial.configuration),
                         time = now - static_cast<double>(stream.below(3) == 0 ? stream.below(12) : 0);
            now += static_cast<double>(stream.below(2));
            const Metrics metrics{{"loss", stream.below(9) == 0 ? std::nan("") : value}};
            const std::int64_t number = trial.number;
            if (trial.finished()) {
                run.apply_at(event::Attribute{number, "note", "late"}, time);
                continue;
            }
            switch (stream.below(6)) {
                case 0:
                    run.apply_at(event::Reported{number, 1 + static_cast<double>(i), metrics}, time);
                    break;
                case 1:
                    run.apply_at(event::Finished{number, TrialState::paused, metrics, {}, "", {}, {}, {}},
                                 time);
                    break;
                case 2: {
                    const auto kind =
                        stream.below(2) == 0 ? FailureKind::environment : FailureKind::configuration;
                    run.apply_at(event::Finished{number, TrialState::failed, {}, kind, "", {}, {}, {}}, time);
                    break;
                }
                default:
                    run.apply_at(event::Finished{number, TrialState::completed, metrics, {}, "", {}, {}, {}},
                                 time);
            }
        }
        if (i == trials / 4) run.apply_at(event::SpaceChanged{wider, {{"more", 0.5}}}, now);
        if (i == trials / 2)
            run.apply_at(event::SpaceChanged{widest, {{"more", 0.2}, {"still more", 0.5}}}, now);
        if (i == trials)  // the same space, but what earlier trials are taken to have had
            run.apply_at(event::SpaceChanged{widest, {{"more", 0.9}, {"still more", 0.1}}}, now);
        if (i % 7 == 3) (void)used.suggest(other.study(), other.request());
    }
}

inline void contract_of_attempts(const AnyStrategy& fresh, int trials) {
    StrategyRun run(fresh, mixed_space());
    run.go(trials / 2);
    for (std::uint32_t attempt = 1; attempt < 4; ++attempt) {
        SuggestionRequest request = run.request();
        request.attempt = attempt;
        CHECK(run.ask(request));
    }
}

inline void contract_of_fixed_values(const AnyStrategy& fresh, int trials) {
    StrategyRun run(fresh, mixed_space());
    run.go(trials / 2);
    const auto with = [&](const event::Values& fixed) {
        const auto suggestion = run.ask(run.request(fixed));
        REQUIRE(suggestion);
        run.tell(bowl(suggestion->configuration));
        return suggestion->configuration;
    };
    for (int i = 0; i < 3; ++i) {
        const Configuration c = with({{"optimizer", "adam"}, {"batch", 100}, {"lr", 0.5}});
        CHECK(std::get<std::string>(*c.find("optimizer")) == "adam");
        CHECK(std::get<std::int64_t>(*c.find("batch")) == 100);
        CHECK(std::get<double>(*c.find("lr")) == 0.5);
        CHECK(!c.find("nesterov"));
        CHECK(std::get<bool>(*with({{"optimizer", "sgd"}, {"nesterov", true}}).find("nesterov")));
    }
    // Everything fixed: that one configuration, and nothing when it was asked.
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.integer("n", 1, 5);
    StrategyRun all(fresh, space);
    const event::Values fixed{{"x", 0.125}, {"n", 4}};
    const auto only = all.ask(all.request(fixed));
    if (only) CHECK(only->configuration == space.configuration(fixed));
    CHECK(only.has_value());
    CHECK(!all.ask(all.request(fixed)));
}

/// Values of every ugly kind, as results, and trials without one.
inline void contract_of_odd_results(const AnyStrategy& fresh, int trials) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double values[] = {1, std::nan(""), infinity, 1, -infinity, 1e308, -1e308, 5e-324, 0, 2};
    StrategyRun odd(fresh, mixed_space()), equal(fresh, mixed_space()), none(fresh, mixed_space()),
        pending(fresh, mixed_space());
    for (int i = 0; i < trials; ++i) {
        REQUIRE(odd.ask());
        if (i % 5 == 3)
            odd.fail(i % 2 == 0 ? FailureKind::configuration : FailureKind::environment);
        else
            odd.tell(values[i % 10]);
        REQUIRE(equal.ask());
        equal.tell(0.5);
        REQUIRE(none.ask());
        none.fail(FailureKind::configuration);
        const auto in_flight = pending.ask();
        REQUIRE(in_flight);
        if (i % 3 == 0) pending.report(1);
        if (i % 3 == 1) pending.tell(bowl(in_flight->configuration));
    }
}

inline void contract_of_small_spaces(const AnyStrategy& fresh) {
    SearchSpace point;
    (void)point.continuous("x", 3, 3);
    (void)point.integer("n", 2, 2);
    (void)point.categorical("c", {"only"});
    StrategyRun one(fresh, point);
    CHECK(one.ask());
    one.tell(1);
    CHECK(!one.ask());

    for (const bool wait : {false, true}) {  // results at once, and all in flight
        StrategyRun run(fresh, finite_space());
        std::set<std::string> seen;
        while (const auto suggestion = run.ask()) {
            INFO(suggestion->configuration.text());
            CHECK(seen.insert(suggestion->configuration.text()).second);
            REQUIRE(seen.size() <= finite_space_size);
            if (!wait) run.tell(bowl(suggestion->configuration));
        }
        CHECK(seen.size() == finite_space_size);
    }
    // A failure of the environment says nothing of the configuration: it can be asked again.
    StrategyRun again(fresh, finite_space());
    again.go(finite_space_size - 1);
    const auto last = again.ask();
    REQUIRE(last);
    again.fail(FailureKind::environment);
    const auto repeated = again.ask();
    REQUIRE(repeated);
    CHECK(repeated->configuration == last->configuration);
}

inline void contract_of_duplicates(const AnyStrategy& fresh, const StrategyContractOptions& options) {
    for (const Duplicates duplicates : {Duplicates::allow(), Duplicates::replicate(2)}) {
        StrategyRun run(fresh, finite_space());
        int asked = 0;
        for (; asked < 3 * finite_space_size; ++asked) {
            SuggestionRequest request = run.request();
            request.duplicates = duplicates;
            const auto suggestion = run.ask(request);
            if (!suggestion) break;
            run.tell(bowl(suggestion->configuration));
        }
        const bool goes_on = duplicates.kind == Duplicates::Kind::allow && !options.ends_when_spent;
        CHECK(asked == (goes_on ? 3 * finite_space_size : finite_space_size));
    }
}

inline void contract_of_objectives(const AnyStrategy& fresh, int trials) {
    StrategyRun up(fresh, mixed_space(), {maximize("accuracy")});
    up.go(trials / 2);
    StrategyRun two(fresh, mixed_space(), {minimize("loss"), maximize("speed")});
    two.go(trials / 2);
}

inline void contract_of_narrow_constraints(const AnyStrategy& fresh) {
    SearchSpace space;
    for (const char* name : {"a", "b", "c"}) (void)space.integer(name, 1, 2000);
    space.constrain("a + b + c == 30");
    StrategyRun run(fresh, space);
    run.go(8);
}

/// Trials that can pause: what it goes on with is paused, to a step that lies ahead, and the same for a copy;
/// with no new trials to begin it comes to an end.
inline void contract_of_pauses(const AnyStrategy& fresh, bool pauses) {
    StrategyRun run(fresh, mixed_space());
    AnyStrategy used = fresh;
    int gone_on = 0;
    const auto trial_until = [&](const Suggestion& suggestion, std::int64_t number) {
        const auto& before = run.study().trial(number).reports;
        const double from = before.empty() ? 0 : before.back().step;
        if (suggestion.until) REQUIRE(*suggestion.until > from);
        const double last = std::min(suggestion.until.value_or(9), 9.0);
        for (double step = from + 1; step <= last; ++step)
            run.apply(event::Reported{
                number, step, {{"loss", bowl(run.study().trial(number).configuration) + 1 / step}}});
        const bool ends = !suggestion.until || last < *suggestion.until;
        run.apply(event::Finished{
            number, ends ? TrialState::completed : TrialState::paused, {}, {}, "", {}, {}, {}});
    };
    for (int i = 0; i < 80; ++i) {
        SuggestionRequest request = run.request();
        request.resumable = true;
        request.only_resume = i >= 40;
        const Study seen = run.study();
        const auto suggestion = used.suggest(run.study(), request);
        CHECK(same(suggestion, AnyStrategy(fresh).suggest(seen, request)));
        if (!suggestion || (request.only_resume && !suggestion->resume)) {
            REQUIRE(request.only_resume);
            break;
        }
        std::int64_t number = request.trial;
        if (suggestion->resume) {
            number = *suggestion->resume;
            REQUIRE(run.study().trial(number).state == TrialState::paused);
            CHECK(run.study().trial(number).configuration == suggestion->configuration);
            run.apply(event::Resumed{number, false, 0, suggestion->until});
            ++gone_on;
        } else {
            run.begin(*suggestion, request);
        }
        trial_until(*suggestion, number);
        REQUIRE(i < 79);
    }
    CHECK((gone_on > 0) == pauses);
}

inline void strategy_contract(const AnyStrategy& strategy, const std::string& name,
                              const StrategyContractOptions& options = {}) {
    INFO(name);
    CHECK(strategy.name() == name);
    contract_of_determinism(strategy, options.trials);
    contract_of_caches(strategy, options.trials, options.pauses);
    contract_of_attempts(strategy, options.trials);
    contract_of_fixed_values(strategy, options.trials);
    contract_of_odd_results(strategy, options.trials);
    contract_of_small_spaces(strategy);
    contract_of_duplicates(strategy, options);
    contract_of_objectives(strategy, options.trials);
    contract_of_pauses(strategy, options.pauses);
    if (options.finds_rare_points) contract_of_narrow_constraints(strategy);
}

}  // namespace attune::test

#pragma once

#include <attune/stopping/stopping_policy.hpp>
#include <attune/strategy/strategy.hpp>
#include <vector>

#include "replay/table.hpp"

namespace attune::replay_benchmark {

/// What is tried: a strategy that says which recorded training to begin or to go on with, and a policy.
struct Rule {
    AnyStrategy strategy;
    AnyStoppingPolicy policy{NeverStop{}};
};

/// What came of one replay.
struct Replayed {
    double spent = 0;          ///< in the table's unit of cost
    double full_spent = 0;     ///< what all the trials would have taken
    double best = 0;           ///< the best final value of all the trials
    double found = 0;          ///< the best final value of those that were let finish; NaN where none was
    double duration = 0;       ///< of the simulated run
    double full_duration = 0;  ///< of the run without a rule
    double reached = 0;        ///< when a report first came within 1 % of `best`; NaN where none did
};

/// Begins the recorded trainings in their order: simulate() says with which configurations.
class RecordedOrder {
  public:
    static constexpr bool ignores_results = true;
    [[nodiscard]] static constexpr std::string_view name() { return "recorded"; }
    [[nodiscard]] static std::optional<Suggestion> suggest(const Study&, const SuggestionRequest& request) {
        if (request.only_resume) return std::nullopt;
        return Suggestion{{}, "", "recorded", ""};
    }
};

/// Runs the trainings `drawn` (rows of the table) under the rule with `workers` at a time. The clock is
/// simulated: every report comes when its training would have come to it.
[[nodiscard]] Replayed simulate(const RecordedTable& table, const std::vector<std::size_t>& drawn, Rule rule,
                                int workers);

}  // namespace attune::replay_benchmark

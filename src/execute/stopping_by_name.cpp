#include "attune/stopping/by_name.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/combine.hpp"
#include "attune/stopping/curve_prediction.hpp"
#include "attune/stopping/dominated.hpp"
#include "attune/stopping/hyperband_rule.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/paired_test.hpp"
#include "attune/stopping/patience.hpp"
#include "attune/stopping/patient.hpp"
#include "attune/stopping/percentile_rule.hpp"
#include "attune/stopping/successive_halving.hpp"
#include "attune/stopping/threshold.hpp"
#include "option_reader.hpp"

namespace attune {
namespace {

using detail::OptionReader;
using Options = StoppingPolicyRegistry::Options;

/// The policy behind what keeps it silent at first.
AnyStoppingPolicy delayed(OptionReader& reader, AnyStoppingPolicy policy) {
    double step = -std::numeric_limits<double>::infinity();
    int trials = 0;
    reader.take("after", step);
    reader.take("at_least", trials);
    if (std::isnan(step) || std::isfinite(step)) policy = after(step, std::move(policy));
    if (trials != 0) policy = at_least(trials, std::move(policy));
    return policy;
}

void add(StoppingPolicyRegistry& registry, const std::string& name,
         std::function<AnyStoppingPolicy(OptionReader&)> make) {
    registry.add(name, [name, make = std::move(make)](const Options& options) {
        OptionReader reader(name, options);
        AnyStoppingPolicy policy = delayed(reader, make(reader));
        reader.finish();
        return policy;
    });
}

/// One whose options have a metric and a direction, which may be made for each objective.
template <class Policy, class PolicyOptions>
void add_of_metric(StoppingPolicyRegistry& registry, const std::string& name,
                   std::function<void(OptionReader&, PolicyOptions&)> read) {
    add(registry, name, [name, read = std::move(read)](OptionReader& reader) {
        PolicyOptions options;
        read(reader, options);
        reader.take("metric", options.metric);
        if constexpr (requires { options.direction; }) reader.take("direction", options.direction);
        enum class Each { no, any, all };
        Each each = Each::no;
        reader.take<Each>("objectives", each, {{"first", Each::no}, {"any", Each::any}, {"all", Each::all}});
        if (each == Each::no) return AnyStoppingPolicy(Policy(options));
        if (!options.metric.empty())
            throw InvalidOption(name + ": metric (" + options.metric +
                                ") must not be given together with objectives");
        return AnyStoppingPolicy(each_objective(each == Each::any ? Combine::any : Combine::all,
                                                [options](const std::string& metric) {
                                                    PolicyOptions own = options;
                                                    own.metric = metric;
                                                    return AnyStoppingPolicy(Policy(own));
                                                }));
    });
}

void take_steps(OptionReader& reader, DecisionSteps& steps) {
    reader.take("first_step", steps.first);
    reader.take("interval_steps", steps.interval);
}

void take_pool(OptionReader& reader, TrialPool& pool) {
    reader.take<TrialPool>("pool", pool,
                           {{"completed", TrialPool::completed}, {"all_earlier", TrialPool::all_earlier}});
}

void take_kind(OptionReader& reader, HalvingKind& kind) {
    reader.take<HalvingKind>("kind", kind, {{"stop", HalvingKind::stop}, {"pause", HalvingKind::pause}});
}

void add_rules(StoppingPolicyRegistry& registry) {
    add_of_metric<MedianRule, MedianRuleOptions>(
        registry, "median", [](OptionReader& reader, MedianRuleOptions& options) {
            reader.take("warmup_steps", options.warmup_steps);
            reader.take("warmup_share", options.warmup_share);
            reader.take("minimum_trials", options.minimum_trials);
            reader.take<MedianOf>(
                "of", options.of,
                {{"running_averages", MedianOf::running_averages}, {"best_values", MedianOf::best_values}});
            take_pool(reader, options.pool);
        });
    add_of_metric<PercentileRule, PercentileRuleOptions>(
        registry, "percentile", [](OptionReader& reader, PercentileRuleOptions& options) {
            reader.take("percentile", options.percentile);
            reader.take("minimum_trials", options.minimum_trials);
            reader.take("minimum_trials_at_step", options.minimum_trials_at_step);
            take_steps(reader, options.steps);
            take_pool(reader, options.pool);
        });
    add_of_metric<CurvePrediction, CurvePredictionOptions>(
        registry, "curve_prediction", [](OptionReader& reader, CurvePredictionOptions& options) {
            reader.take("horizon", options.horizon);
            reader.take("least_chance", options.least_chance);
            reader.take("warmup_share", options.warmup_share);
            reader.take("minimum_trials", options.minimum_trials);
            reader.take("pauses", options.pauses);
        });
    add_of_metric<Patience, PatienceOptions>(registry, "patience",
                                             [](OptionReader& reader, PatienceOptions& options) {
                                                 reader.take("patience", options.patience);
                                                 reader.take("minimum_change", options.minimum_change);
                                             });
    add_of_metric<Threshold, ThresholdOptions>(registry, "threshold",
                                               [](OptionReader& reader, ThresholdOptions& options) {
                                                   reader.take("lower", options.lower);
                                                   reader.take("upper", options.upper);
                                                   take_steps(reader, options.steps);
                                               });
    add_of_metric<PairedTest, PairedTestOptions>(registry, "paired_test",
                                                 [](OptionReader& reader, PairedTestOptions& options) {
                                                     reader.take("significance", options.significance);
                                                     reader.take("minimum_pairs", options.minimum_pairs);
                                                 });
    add(registry, "dominated", [](OptionReader& reader) {
        DominatedOptions options;
        reader.take("share", options.share);
        reader.take("minimum_trials", options.minimum_trials);
        take_steps(reader, options.steps);
        return AnyStoppingPolicy(Dominated(options));
    });
}

void add_halving(StoppingPolicyRegistry& registry) {
    add_of_metric<SuccessiveHalving, SuccessiveHalvingOptions>(
        registry, "successive_halving", [](OptionReader& reader, SuccessiveHalvingOptions& options) {
            take_ladder(reader, options);
            reader.take("skipped_rungs", options.skipped_rungs);
            reader.take("bootstrap_trials", options.bootstrap_trials);
            take_kind(reader, options.kind);
        });
    add_of_metric<HyperbandRule, HyperbandRuleOptions>(
        registry, "hyperband", [](OptionReader& reader, HyperbandRuleOptions& options) {
            take_ladder(reader, options);
            reader.take("brackets", options.brackets);
            reader.take("bootstrap_trials", options.bootstrap_trials);
            bool in_turn = false;
            reader.take<bool>("assign", in_turn, {{"drawn", false}, {"in_turn", true}});
            if (in_turn) options.assign = bracket_in_turn;
            take_kind(reader, options.kind);
        });
}

std::vector<std::string> names_in(const std::string& list) {
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < list.size();) {
        const std::size_t end = std::min(list.find(',', begin), list.size());
        std::string name = list.substr(begin, end - begin);
        std::erase(name, ' ');
        if (!name.empty()) out.push_back(std::move(name));
        begin = end + 1;
    }
    return out;
}

void add_combinations(StoppingPolicyRegistry& registry) {
    const auto members = [](OptionReader& reader) {
        std::string list;
        reader.take("policies", list);
        std::vector<AnyStoppingPolicy> policies;
        for (const std::string& name : names_in(list))
            policies.push_back(
                StoppingPolicyRegistry::standard().make(name, reader.take_prefixed(name + ".")));
        return policies;
    };
    add(registry, "any_of",
        [members](OptionReader& reader) { return AnyStoppingPolicy(AnyOfPolicies(members(reader))); });
    add(registry, "all_of",
        [members](OptionReader& reader) { return AnyStoppingPolicy(AllOfPolicies(members(reader))); });
    add(registry, "patient", [](OptionReader& reader) {
        PatientOptions options;
        reader.take("patience", options.patience);
        reader.take("minimum_change", options.minimum_change);
        reader.take("metric", options.metric);
        reader.take("direction", options.direction);
        std::string name;
        reader.take("policy", name);
        if (name.empty()) return AnyStoppingPolicy(Patient(options));
        return AnyStoppingPolicy(Patient(
            options, StoppingPolicyRegistry::standard().make(name, reader.take_prefixed(name + "."))));
    });
}

}  // namespace

StoppingPolicyRegistry StoppingPolicyRegistry::standard() {
    StoppingPolicyRegistry registry;
    registry.add("off", [](const Options& options) {
        OptionReader("off", options).finish();
        return AnyStoppingPolicy(NeverStop{});
    });
    add_rules(registry);
    add_halving(registry);
    add_combinations(registry);
    return registry;
}

AnyStoppingPolicy StoppingPolicyRegistry::make(const std::string& name, const Options& options) const {
    const auto found = makers_.find(name);
    if (found != makers_.end()) return found->second(options);
    std::string known;
    for (const std::string& other : names()) known += (known.empty() ? "" : ", ") + other;
    throw UnknownName(fmt::format("stopping policy '{}' is unknown; known: {}{}", name, known,
                                  detail::suggestion(name, names())));
}

std::vector<std::string> StoppingPolicyRegistry::names() const {
    std::vector<std::string> out;
    for (const auto& [name, make] : makers_) out.push_back(name);
    return out;
}

}  // namespace attune

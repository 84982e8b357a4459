#include "attune/stopping/by_name.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/patience.hpp"
#include "option_reader.hpp"

namespace attune {

StoppingPolicyRegistry StoppingPolicyRegistry::standard() {
    using detail::OptionReader;
    StoppingPolicyRegistry registry;
    registry.add("off", [](const Options& options) {
        OptionReader("off", options).finish();
        return AnyStoppingPolicy(NeverStop{});
    });
    registry.add("median", [](const Options& options) {
        OptionReader reader("median", options);
        MedianRuleOptions median;
        reader.take("metric", median.metric);
        reader.take("warmup_steps", median.warmup_steps);
        reader.take("minimum_trials", median.minimum_trials);
        reader.take<TrialPool>(
            "pool", median.pool,
            {{"completed", TrialPool::completed}, {"all_earlier", TrialPool::all_earlier}});
        reader.finish();
        return AnyStoppingPolicy(MedianRule(median));
    });
    registry.add("patience", [](const Options& options) {
        OptionReader reader("patience", options);
        PatienceOptions patience;
        reader.take("patience", patience.patience);
        reader.take("minimum_change", patience.minimum_change);
        reader.take("metric", patience.metric);
        reader.finish();
        return AnyStoppingPolicy(Patience(patience));
    });
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

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "attune/study/space_change.hpp"
#include "attune/tune/tuner.hpp"
#include "study_setup.hpp"

// What `attune tune` and `attune ask-tell` make of a study that exists already: settings that were given must
// be its own, and those that were not are taken from it.

namespace attune::program {
namespace {

/// The setting, or nothing where the study was made by a program that does not keep it.
std::string setting(const Study& study, const std::string& name) {
    const auto found = study.settings().find(name);
    return found == study.settings().end() ? std::string{} : found->second;
}

/// Of a strategy that is called otherwise by now, its present name.
std::string present_name(const Study& study, const std::string& kind) {
    const std::string name = setting(study, kind);
    return kind == "strategy" ? StrategyRegistry::standard().present_name(name) : name;
}

std::string named_text(const std::string& name, const std::string& options) {
    return options.empty() || options == "{}" ? name : name + " " + options;
}

std::string options_text(const Named& named) {
    return values_to_json({named.options.begin(), named.options.end()}).dump();
}

/// In the order of the names, so that the order in which they were given makes no difference.
std::string fixed_text(event::Values values) {
    if (values.empty()) return "nothing";
    std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return values_to_json(values).dump();
}

event::Values stored_fixed(const Study& study) {
    const std::string text = setting(study, "fixed");
    return text.empty() ? event::Values{} : values_from_json(parse_json(text, "fixed"), "fixed");
}

std::vector<Parent> stored_parents(const Study& study) {
    const std::string text = setting(study, "parents");
    return text.empty() ? std::vector<Parent>{} : parents_from_json(parse_json(text, "parents"), "parents");
}

/// Without how many events of each count, which is settled when the study is made.
std::string parents_text(std::vector<Parent> parents) {
    for (Parent& parent : parents) parent.events.reset();
    return parents.empty() ? "none" : parents_to_json(parents).dump();
}

std::string duplicates_text(Duplicates duplicates) {
    const Json json = duplicates_to_json(duplicates);
    return json.is_string() ? json.get<std::string>() : "replicate:" + std::to_string(duplicates.replicates);
}

Duplicates stored_duplicates(const Study& study) {
    const std::string text = setting(study, "duplicates");
    return text.empty() ? Duplicates::forbid() : duplicates_from_json(parse_json(text, "duplicates"));
}

/// Of the kind ("strategy" or "stopping"); the name alone where it has no options.
std::string stored_named(const Study& study, const std::string& kind) {
    return named_text(present_name(study, kind), setting(study, kind + "_options"));
}

/// Takes the name from the study, and its options but for those that were given.
void adopt_named(const Study& study, const std::string& kind, const std::vector<std::string>& known,
                 bool options_given, Named& named) {
    const std::string name = present_name(study, kind);
    if (std::find(known.begin(), known.end(), name) == known.end()) return;  // of a host's own making
    const auto asked_for = options_given ? named.options : std::map<std::string, Value>{};
    named = {name, asked_for};
    const std::string options = setting(study, kind + "_options");
    if (options.empty()) return;
    for (auto& [option, value] : values_from_json(parse_json(options, kind), kind))
        named.options.emplace(option, value);
}

}  // namespace

void StudySetup::adopt(const Study& study) {
    if (!given.contains("strategy"))
        adopt_named(study, "strategy", StrategyRegistry::standard().names(),
                    given.contains("strategy_options"), strategy);
    if (!given.contains("stopping"))
        adopt_named(study, "stopping", StoppingPolicyRegistry::standard().names(),
                    given.contains("stopping_options"), stopping);
    if (!given.contains("outcome_constraints")) outcome_constraints = study.outcome_constraints();
    if (!given.contains("fixed")) fixed = stored_fixed(study);
    if (!given.contains("parents") || parents == stored_parents(study)) parents = stored_parents(study);
    if (!given.contains("duplicates")) duplicates = stored_duplicates(study);
    if (!given.contains("seed")) seed = study.seed();
    if (!given.contains("name")) name = study.name();
    // A misspelt name is to be called unknown, not another one than the study's.
    (void)StrategyRegistry::standard().make(strategy.name, strategy.options);
    (void)StoppingPolicyRegistry::standard().make(stopping.name, stopping.options);
    if (!change_space) return;
    check_fixed(space, fixed);
    check_space_change(study, {space, old_trials});
}

std::vector<std::string> StudySetup::differences(const Study& study) const {
    std::vector<std::string> lines;
    if (!change_space) lines = study.space().differences(space);
    const auto compare = [&](const std::string& what, const std::string& there, const std::string& here) {
        if (there != here) lines.push_back(what + ": " + there + " there, " + here + " asked for");
    };
    const auto compare_given = [&](const std::string& what, const std::string& there,
                                   const std::string& here) {
        if (given.contains(what) || given.contains(what + "_options")) compare(what, there, here);
    };
    compare("objectives", objectives_text(study.objectives()), objectives_text(objectives));
    compare_given("outcome_constraints", outcome_constraints_text(study.outcome_constraints()),
                  outcome_constraints_text(outcome_constraints));
    compare_given("name", study.name(), name);
    compare_given("seed", std::to_string(study.seed()), std::to_string(seed));
    compare_given("strategy", stored_named(study, "strategy"),
                  named_text(strategy.name, options_text(strategy)));
    compare_given("stopping", stored_named(study, "stopping"),
                  named_text(stopping.name, options_text(stopping)));
    compare_given("fixed", fixed_text(stored_fixed(study)), fixed_text(fixed));
    compare_given("parents", parents_text(stored_parents(study)), parents_text(parents));
    compare_given("duplicates", duplicates_text(stored_duplicates(study)), duplicates_text(duplicates));
    return lines;
}

}  // namespace attune::program

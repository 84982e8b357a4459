#include "study_setup.hpp"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "attune/analyse/environment.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "attune/storage/open.hpp"
#include "attune/tune/tuner.hpp"
#include "open_journal.hpp"

namespace attune::program {
namespace {

using detail::JsonObject;

Named named_from_json(const Json& json, const std::string& what) {
    if (json.is_string()) return {json.get<std::string>()};
    const JsonObject object(json, what, {"name", "options"});
    Named named{object.text("name")};
    if (!object.has("options")) return named;
    for (auto& [name, value] : values_from_json(object.at("options"), object.path("options")))
        named.options[name] = value;
    return named;
}

std::vector<Objective> objectives_from_json(const Json& list) {
    std::vector<Objective> objectives;
    for (const Json& json : list) {
        const JsonObject object(json, "objective", {"metric", "direction"});
        objectives.push_back({object.text("metric"), direction_from(object.text("direction"))});
    }
    if (objectives.empty()) throw InvalidOption("objectives: the list is empty; a study needs at least one");
    return objectives;
}

std::vector<OutcomeConstraint> outcome_constraints_from_json(const Json& list) {
    std::vector<OutcomeConstraint> constraints;
    for (const Json& json : list) {
        if (!json.is_string())
            throw InvalidOption("outcome_constraints: " + JsonObject::shown(json) +
                                R"( must be a text such as "latency_ms <= 20")");
        constraints.push_back(outcome_constraint_from(json.get<std::string>()));
    }
    return constraints;
}

std::string options_text(const std::map<std::string, Value>& options) {
    return values_to_json({options.begin(), options.end()}).dump();
}

}  // namespace

StudySetup setup_from_json(const Json& json, const std::string& what, StudySetup otherwise) {
    const JsonObject object(
        json, what,
        {"space", "constraints", "objectives", "outcome_constraints", "strategy", "stopping", "fixed",
         "parents", "seed", "storage", "durability", "heartbeat_seconds", "worker_name", "duplicates",
         "resumable", "name", "change_space", "old_trials"});
    StudySetup setup = std::move(otherwise);
    for (const char* name :
         {"strategy", "stopping", "fixed", "parents", "seed", "duplicates", "name", "outcome_constraints"})
        if (object.has(name)) setup.given.insert(name);
    Json space{{"space", object.at("space")}};
    if (object.has("constraints")) space["constraints"] = object.at("constraints");
    setup.space = space_from_json(space);
    setup.space.validate();
    if (object.has("objectives")) setup.objectives = objectives_from_json(object.list("objectives"));
    if (object.has("outcome_constraints"))
        setup.outcome_constraints = outcome_constraints_from_json(object.list("outcome_constraints"));
    if (object.has("strategy"))
        setup.strategy = named_from_json(object.at("strategy"), object.path("strategy"));
    if (object.has("stopping"))
        setup.stopping = named_from_json(object.at("stopping"), object.path("stopping"));
    if (object.has("fixed")) setup.fixed = values_from_json(object.at("fixed"), object.path("fixed"));
    check_fixed(setup.space, setup.fixed);
    if (object.has("parents"))
        setup.parents = parents_from_json(object.list("parents"), object.path("parents"));
    setup.seed = object.integer<std::uint64_t>("seed", setup.seed);
    setup.storage = object.text("storage", setup.storage);
    if (object.has("durability")) setup.durability = durability_from(object.text("durability"));
    if (object.has("heartbeat_seconds")) setup.heartbeat_seconds = object.number("heartbeat_seconds");
    if (!(setup.heartbeat_seconds > 0) || !std::isfinite(setup.heartbeat_seconds))
        throw InvalidOption(object.path("heartbeat_seconds") + " (" + to_string(setup.heartbeat_seconds) +
                            ") must be above 0");
    setup.worker_name = object.text("worker_name", setup.worker_name);
    if (object.has("duplicates")) setup.duplicates = duplicates_from_json(object.at("duplicates"));
    setup.resumable = object.flag("resumable", setup.resumable);
    setup.name = object.text("name", setup.name);
    setup.change_space = object.flag("change_space", setup.change_space);
    if (object.has("old_trials"))
        setup.old_trials = values_from_json(object.at("old_trials"), object.path("old_trials"));
    return setup;
}

std::optional<Suggestion> WithFixed::suggest(const Study& study, SuggestionRequest request) {
    const SearchSpace& space = study.space();
    if (request.fixed.empty()) request.fixed.assign(space.size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : fixed_) {
        const std::size_t i = space.schema().index(name);
        if (!request.is_fixed(i)) request.fixed[i] = space[i].to_native(value);
    }
    return strategy_.suggest(study, request);
}

AnyStrategy make_strategy(const Named& strategy, const event::Values& fixed,
                          const std::vector<Parent>& parents) {
    AnyStrategy made = StrategyRegistry::standard().make(strategy.name, strategy.options);
    if (!parents.empty()) made = WarmStart(read_parents(parents), std::move(made));
    if (fixed.empty()) return made;
    return WithFixed(std::move(made), fixed);
}

std::optional<Configuration> StudySetup::sample() const {
    TunerOptions options;
    options.seed = seed;
    options.resumable = true;
    Tuner tuner{space, objectives, outcome_constraints, make_strategy(), std::move(options)};
    const std::optional<Trial> trial = tuner.ask();
    return trial ? std::optional(trial->configuration()) : std::nullopt;
}

TunerOptions StudySetup::tuner_options() const {
    TunerOptions options;
    options.name = name;
    options.seed = seed;
    options.duplicates = duplicates;
    options.resumable = resumable;
    options.heartbeat_seconds = heartbeat_seconds;
    options.worker_name = worker_name;
    options.checkpoint_folder = checkpoints;
    options.checkpoint_quota_bytes = checkpoint_quota_bytes;
    options.change_space = change_space;
    options.old_trials = old_trials;
    options.settings = {{"strategy", strategy.name},
                        {"strategy_options", options_text(strategy.options)},
                        {"stopping", stopping.name},
                        {"stopping_options", options_text(stopping.options)},
                        {"duplicates", duplicates_to_json(duplicates).dump()}};
    if (!parents.empty()) options.settings["parents"] = parents_to_json(parents).dump();
    if (!fixed.empty()) options.settings["fixed"] = values_to_json(fixed).dump();
    options.settings.insert(notes.begin(), notes.end());
    options.environment = describe_environment();
    return options;
}

Duplicates duplicates_from_json(const Json& json) {
    if (json == "forbid") return Duplicates::forbid();
    if (json == "allow") return Duplicates::allow();
    if (json == "replicate") return Duplicates::replicate(2);
    if (json.is_object())
        return Duplicates::replicate(JsonObject(json, "duplicates", {"replicate"}).integer<int>("replicate"));
    throw InvalidOption("duplicates (" + JsonObject::shown(json) +
                        R"() must be "forbid", "allow", "replicate" or {"replicate": times})");
}

Json duplicates_to_json(Duplicates duplicates) {
    if (duplicates.kind == Duplicates::Kind::replicate) return Json{{"replicate", duplicates.replicates}};
    return duplicates.kind == Duplicates::Kind::allow ? "allow" : "forbid";
}

void StudySetup::fill_in(const std::string& address) {
    if (const std::string here = default_name(StorageAddress::parse(address)); !given.contains("name"))
        name = here.empty() ? name : here;
    if (given.contains("stopping") || given.contains("stopping_options")) return;
    if (objectives.size() > 1)
        stopping = {"dominated"};
    else
        stopping = {"median", {{"warmup_share", 0.1}}};
}

void check_fixed(const SearchSpace& space, const event::Values& fixed) {
    for (const auto& [name, value] : fixed) (void)space[space.schema().index(name)].to_native(value);
}

event::Values with_fixed_values(const SearchSpace& space, event::Values values, const event::Values& fixed) {
    std::vector<double> native(space.size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : values) {
        const std::size_t i = space.schema().index(name);
        native[i] = space[i].to_native(value);
    }
    event::Values left_out;
    for (const auto& [name, value] : fixed) {
        const std::size_t i = space.schema().index(name);
        if (!std::isnan(native[i])) continue;
        left_out.emplace_back(name, value);
        native[i] = space[i].to_native(value);
    }
    space.schema().deactivate(native);
    for (auto& [name, value] : left_out)
        if (!std::isnan(native[space.schema().index(name)])) values.emplace_back(name, std::move(value));
    return values;
}

std::string read_text_file(const std::string& path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw FileError(path + ": is a folder, a file is needed");
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    if (!file) throw FileError(path + ": cannot be read: " + std::generic_category().message(errno));
    return text.str();
}

}  // namespace attune::program

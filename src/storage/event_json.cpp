#include <array>
#include <type_traits>
#include <utility>

#include "attune/storage/detail/json_object.hpp"

namespace attune {
namespace {

using detail::JsonObject;

Json objective_json(const Objective& objective) {
    Json out{{"metric", JsonObject::text_json(objective.metric)},
             {"direction", to_string(objective.direction)}};
    if (const auto& second = objective.tie_break)
        out["then"] = Json{{"metric", JsonObject::text_json(second->metric)},
                           {"direction", to_string(second->direction)}};
    return out;
}

Objective objective_from(const Json& json) {
    const JsonObject o(json, "objective", {"metric", "direction", "then"});
    Objective objective{o.text("metric"), direction_from(o.text("direction"))};
    if (!o.has("then")) return objective;
    const JsonObject second(o.at("then"), "objective.then", {"metric", "direction"});
    return objective.then({second.text("metric"), direction_from(second.text("direction"))});
}

Json outcome_constraint_json(const OutcomeConstraint& constraint) {
    const bool most = constraint.side == OutcomeConstraint::Side::at_most;
    return Json{{"metric", JsonObject::text_json(constraint.metric)},
                {most ? "at_most" : "at_least", number_to_json(constraint.bound)}};
}

OutcomeConstraint outcome_constraint_from(const Json& json) {
    const JsonObject o(json, "outcome constraint", {"metric", "at_most", "at_least"});
    if (o.has("at_most") == o.has("at_least"))
        throw InvalidJson("outcome constraint: needs one of 'at_most' and 'at_least'");
    const bool most = o.has("at_most");
    const double bound = number_from_json(o.at(most ? "at_most" : "at_least"), "outcome constraint: bound");
    if (!std::isfinite(bound))
        throw InvalidJson("outcome constraint: bound of " + o.text("metric") + " must be finite");
    return most ? at_most(o.text("metric"), bound) : at_least(o.text("metric"), bound);
}

/// The words of the kinds, in the order of EventBody: part of the file format.
constexpr std::array<std::string_view, std::variant_size_v<EventBody>> kinds{
    "created", "enqueued", "suggested", "reported", "decided",      "interrupted",
    "resumed", "finished", "attribute", "ended",    "space_changed"};

// ---------------------------------------------------------------- writing

Json texts_json(const std::map<std::string, std::string>& texts) {
    Json out = Json::object();
    for (const auto& [key, text] : texts) out[key] = JsonObject::text_json(text);
    return out;
}

void put(Json& out, const char* key, const std::string& text) {
    if (!text.empty()) out[key] = JsonObject::text_json(text);
}
void put(Json& out, const char* key, const event::Values& values) {
    if (!values.empty()) out[key] = values_to_json(values);
}
void put(Json& out, const char* key, const std::optional<double>& number) {
    if (number) out[key] = number_to_json(*number);
}

void put_claim(Json& out, const std::optional<std::uint32_t>& claim) {
    if (claim) out["claim"] = *claim;
}
void put_worker(Json& out, std::uint64_t worker) {
    if (worker != 0) out["worker"] = worker;
}

void put_space(Json& out, const SearchSpace& space) {
    Json json = space_to_json(space);
    out["space"] = std::move(json["space"]);
    out["constraints"] = std::move(json["constraints"]);
}

void write(Json& out, const event::Created& e) {
    out["name"] = JsonObject::text_json(e.name);
    out["seed"] = e.seed;
    put_space(out, e.space);
    Json objectives = Json::array();
    for (const Objective& objective : e.objectives) objectives.push_back(objective_json(objective));
    out["objectives"] = std::move(objectives);
    out["final_value"] = e.final_value == event::FinalValue::best_report ? "best_report" : "last_report";
    out["settings"] = texts_json(e.settings);
    out["environment"] = texts_json(e.environment);
    Json constraints = Json::array();
    for (const OutcomeConstraint& constraint : e.outcome_constraints)
        constraints.push_back(outcome_constraint_json(constraint));
    if (!constraints.empty()) out["outcome_constraints"] = std::move(constraints);
}
void write(Json& out, const event::Enqueued& e) { out["configuration"] = values_to_json(e.configuration); }
void write(Json& out, const event::Suggested& e) {
    out["trial"] = e.trial;
    out["configuration"] = values_to_json(e.configuration);
    put(out, "fixed", e.fixed);
    out["view"] = e.view;
    if (e.attempt != 0) out["attempt"] = e.attempt;
    if (e.group != -1) out["group"] = e.group;
    if (e.resumable) out["resumable"] = true;
    if (e.enqueued) out["enqueued"] = *e.enqueued;
    put(out, "reason", e.reason);
    put(out, "role", e.role);
    put(out, "fit", e.fit);
    put_worker(out, e.worker);
    put(out, "until", e.until);
}
void write(Json& out, const event::Reported& e) {
    out["trial"] = e.trial;
    out["step"] = number_to_json(e.step);
    out["metrics"] = metrics_to_json(e.metrics);
    put_claim(out, e.claim);
}
void write(Json& out, const event::Decided& e) {
    out["trial"] = e.trial;
    out["step"] = number_to_json(e.step);
    out["decision"] = to_string(e.decision);
    put(out, "reason", e.reason);
    put_claim(out, e.claim);
    if (!e.numbers.empty()) out["numbers"] = metrics_to_json(e.numbers);
}
void write(Json& out, const event::Interrupted& e) {
    out["trial"] = e.trial;
    put_claim(out, e.claim);
}
void write(Json& out, const event::Resumed& e) {
    out["trial"] = e.trial;
    if (!e.from_start) out["from_start"] = false;
    put_worker(out, e.worker);
    put(out, "until", e.until);
    if (e.view != 0) out["view"] = e.view;
    if (e.attempt != 0) out["attempt"] = e.attempt;
    if (e.only_resume) out["only_resume"] = true;
    put(out, "reason", e.reason);
    put(out, "role", e.role);
    put(out, "fit", e.fit);
}
void write(Json& out, const event::Finished& e) {
    out["trial"] = e.trial;
    out["state"] = to_string(e.state);
    out["metrics"] = metrics_to_json(e.metrics);
    if (e.failure) out["failure"] = to_string(*e.failure);
    put(out, "reason", e.reason);
    put(out, "cost", e.cost);
    put(out, "duration_seconds", e.duration_seconds);
    if (e.configuration) out["configuration"] = values_to_json(*e.configuration);
    put_claim(out, e.claim);
}
void write(Json& out, const event::Attribute& e) {
    if (e.trial != -1) out["trial"] = e.trial;
    out["key"] = JsonObject::text_json(e.key);
    out["value"] = JsonObject::text_json(e.value);
}
void write(Json& out, const event::Ended& e) { out["reason"] = JsonObject::text_json(e.reason); }
void write(Json& out, const event::SpaceChanged& e) {
    put_space(out, e.space);
    put(out, "old_trials", e.old_trials);
}

// ---------------------------------------------------------------- reading

/// The enumerator whose word stands under `key`.
template <class E, std::size_t n>
E word(const JsonObject& object, std::string_view key,
       const std::array<std::pair<E, std::string_view>, n>& known) {
    const std::string text = object.text(key);
    std::string list;
    for (const auto& [value, name] : known) {
        if (name == text) return value;
        list += (list.empty() ? "" : ", ") + std::string(name);
    }
    throw InvalidJson(object.path(key) + ": '" + text + "' is unknown; known: " + list);
}

template <class E, class... Es>
auto words_of(Es... values) {
    return std::array<std::pair<E, std::string_view>, sizeof...(Es)>{{{values, to_string(values)}...}};
}

std::map<std::string, std::string> texts(const JsonObject& object, std::string_view key) {
    std::map<std::string, std::string> out;
    const Json& json = object.at(key);
    if (!json.is_object()) throw InvalidJson(object.path(key) + ": must be an object of strings");
    for (const auto& [name, text] : json.items())
        out[name] = JsonObject::text_of(text, object.path(key) + "." + name);
    return out;
}

event::Values values(const JsonObject& object, std::string_view key) {
    return values_from_json(object.at(key), object.path(key));
}

/// An event's members: its own and the three that all have.
JsonObject members(const Json& json, const char* kind, std::vector<std::string_view> own) {
    own.insert(own.end(), {"v", "kind", "time"});
    return {json, std::string("event ") + kind, own};
}

std::optional<std::uint32_t> claim_of(const JsonObject& object) {
    if (!object.has("claim")) return std::nullopt;
    return object.integer<std::uint32_t>("claim");
}

SearchSpace space_of(const JsonObject& object) {
    return space_from_json(Json{{"space", object.at("space")}, {"constraints", object.at("constraints")}});
}

event::Created read_created(const Json& json) {
    const JsonObject o = members(json, "created",
                                 {"name", "seed", "space", "constraints", "objectives", "final_value",
                                  "settings", "environment", "outcome_constraints"});
    event::Created e;
    e.name = o.text("name");
    e.seed = o.integer<std::uint64_t>("seed");
    e.space = space_of(o);
    for (const Json& element : o.list("objectives")) {
        e.objectives.push_back(objective_from(element));
    }
    using event::FinalValue;
    e.final_value =
        word(o, "final_value",
             std::array<std::pair<FinalValue, std::string_view>, 2>{
                 {{FinalValue::best_report, "best_report"}, {FinalValue::last_report, "last_report"}}});
    e.settings = texts(o, "settings");
    e.environment = texts(o, "environment");
    if (o.has("outcome_constraints"))
        for (const Json& element : o.list("outcome_constraints"))
            e.outcome_constraints.push_back(outcome_constraint_from(element));
    return e;
}

event::Suggested read_suggested(const Json& json) {
    const JsonObject o = members(json, "suggested",
                                 {"trial", "configuration", "fixed", "view", "attempt", "group", "resumable",
                                  "enqueued", "reason", "role", "fit", "worker", "until"});
    event::Suggested e;
    e.trial = o.integer("trial");
    e.configuration = values(o, "configuration");
    if (o.has("fixed")) e.fixed = values(o, "fixed");
    e.view = o.integer<std::uint64_t>("view");
    e.attempt = o.integer<std::uint32_t>("attempt", 0);
    e.group = o.integer("group", -1);
    e.resumable = o.flag("resumable", false);
    if (o.has("enqueued")) e.enqueued = o.integer<std::uint64_t>("enqueued");
    e.reason = o.text("reason", "");
    e.role = o.text("role", "");
    e.fit = o.text("fit", "");
    e.worker = o.integer<std::uint64_t>("worker", 0);
    e.until = o.optional_number("until");
    return e;
}

event::Reported read_reported(const Json& json) {
    const JsonObject o = members(json, "reported", {"trial", "step", "metrics", "claim"});
    return {o.integer("trial"), o.number("step"), metrics_from_json(o.at("metrics"), o.path("metrics")),
            claim_of(o)};
}

event::Decided read_decided(const Json& json) {
    const JsonObject o =
        members(json, "decided", {"trial", "step", "decision", "reason", "claim", "numbers"});
    const auto known = words_of<Decision>(Decision::proceed, Decision::pause, Decision::stop);
    return {o.integer("trial"),
            o.number("step"),
            word(o, "decision", known),
            o.text("reason", ""),
            claim_of(o),
            o.has("numbers") ? metrics_from_json(o.at("numbers"), o.path("numbers")) : Metrics{}};
}

event::Resumed read_resumed(const Json& json) {
    const JsonObject o = members(json, "resumed",
                                 {"trial", "from_start", "worker", "until", "view", "attempt", "only_resume",
                                  "reason", "role", "fit"});
    return {o.integer("trial"),
            o.flag("from_start", true),
            o.integer<std::uint64_t>("worker", 0),
            o.optional_number("until"),
            o.integer<std::uint64_t>("view", 0),
            o.integer<std::uint32_t>("attempt", 0),
            o.flag("only_resume", false),
            o.text("reason", ""),
            o.text("role", ""),
            o.text("fit", "")};
}

event::Finished read_finished(const Json& json) {
    const JsonObject o = members(json, "finished",
                                 {"trial", "state", "metrics", "failure", "reason", "cost",
                                  "duration_seconds", "configuration", "claim"});
    event::Finished e;
    e.trial = o.integer("trial");
    using S = TrialState;
    e.state = word(
        o, "state",
        words_of<S>(S::waiting, S::running, S::paused, S::interrupted, S::completed, S::stopped, S::failed));
    e.metrics = metrics_from_json(o.at("metrics"), o.path("metrics"));
    if (o.has("failure"))
        e.failure =
            word(o, "failure", words_of<FailureKind>(FailureKind::configuration, FailureKind::environment));
    e.reason = o.text("reason", "");
    e.cost = o.optional_number("cost");
    e.duration_seconds = o.optional_number("duration_seconds");
    if (o.has("configuration")) e.configuration = values(o, "configuration");
    e.claim = claim_of(o);
    return e;
}

EventBody read_body(const std::string& kind, const Json& json) {
    if (kind == "created") return read_created(json);
    if (kind == "enqueued") {
        const JsonObject o = members(json, "enqueued", {"configuration"});
        return event::Enqueued{values(o, "configuration")};
    }
    if (kind == "suggested") return read_suggested(json);
    if (kind == "reported") return read_reported(json);
    if (kind == "decided") return read_decided(json);
    if (kind == "interrupted") {
        const JsonObject o = members(json, "interrupted", {"trial", "claim"});
        return event::Interrupted{o.integer("trial"), claim_of(o)};
    }
    if (kind == "resumed") return read_resumed(json);
    if (kind == "finished") return read_finished(json);
    if (kind == "attribute") {
        const JsonObject o = members(json, "attribute", {"trial", "key", "value"});
        return event::Attribute{o.integer("trial", -1), o.text("key"), o.text("value")};
    }
    if (kind == "ended") return event::Ended{members(json, "ended", {"reason"}).text("reason")};
    if (kind == "space_changed") {
        const JsonObject o = members(json, "space_changed", {"space", "constraints", "old_trials"});
        return event::SpaceChanged{space_of(o),
                                   o.has("old_trials") ? values(o, "old_trials") : event::Values{}};
    }
    std::string known;
    for (const std::string_view name : kinds) known += (known.empty() ? "" : ", ") + std::string(name);
    throw InvalidJson("event: kind '" + kind + "' is unknown to format version " +
                      std::to_string(event_format_version) + ", which knows: " + known);
}

}  // namespace

Json to_json(const Event& event) {
    Json out{{"v", event_format_version},
             {"kind", kinds[event.body.index()]},
             {"time", number_to_json(event.time_seconds)}};
    std::visit([&](const auto& body) { write(out, body); }, event.body);
    return out;
}

Event event_from_json(const Json& json) {
    if (!json.is_object() || !json.contains("v") || !json.at("v").is_number_integer())
        throw InvalidJson("event: " + JsonObject::shown(json) +
                          " must be an object with the format version as 'v'");
    const auto version = json.at("v").get<std::int64_t>();
    const std::string kind = json.contains("kind") ? JsonObject::text_of(json.at("kind"), "event.kind") : "";
    if (version > event_format_version || version < 1)
        throw InvalidJson("event '" + kind + "': has format version " + std::to_string(version) +
                          ", but this program reads versions 1 to " + std::to_string(event_format_version) +
                          "; a later version of Attune wrote it");
    if (!json.contains("time")) throw InvalidJson("event '" + kind + "': 'time' is missing");
    return {number_from_json(json.at("time"), "event.time"), read_body(kind, json)};
}

}  // namespace attune

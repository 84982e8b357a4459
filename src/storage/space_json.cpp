#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "attune/storage/detail/json_object.hpp"

namespace attune {
namespace {

using detail::JsonObject;
using Kind = Condition::Kind;

constexpr std::array<std::pair<Kind, std::string_view>, 9> words{{{Kind::in, "in"},
                                                                  {Kind::not_in, "not in"},
                                                                  {Kind::less, "<"},
                                                                  {Kind::less_equal, "<="},
                                                                  {Kind::greater, ">"},
                                                                  {Kind::greater_equal, ">="},
                                                                  {Kind::all_of, "all"},
                                                                  {Kind::any_of, "any"},
                                                                  {Kind::negation, "not"}}};

// ---------------------------------------------------------------- writing

std::string_view word_of(Kind kind) {
    for (const auto& [known, word] : words)
        if (known == kind) return word;
    throw InvalidSpace("a condition of an unknown kind cannot be written");
}

Json list_of(const std::vector<Value>& values) {
    Json out = Json::array();
    for (const Value& value : values) out.push_back(value_to_json(value));
    return out;
}

/// Fills `out` with the simple form, or returns false where it cannot say the condition or would read back as
/// another tree.
bool simple_form(const SearchSpace& space, const Condition& condition, Json& out) {
    const Condition::Node& node = condition.node();
    if (node.kind == Kind::all_of)
        return node.parts.size() == 2 && node.parts[1].node().kind == Kind::in &&
               simple_form(space, node.parts[0], out) && simple_form(space, node.parts[1], out);
    if (node.kind != Kind::in || node.values.empty()) return false;
    const std::string& name = space[node.parameter].name;
    if (out.contains(name)) return false;
    out[name] = list_of(node.values);
    return true;
}

Json tree_form(const SearchSpace& space, const Condition& condition) {
    const Condition::Node& node = condition.node();
    Json out = Json::array({word_of(node.kind)});
    for (const Condition& part : node.parts) out.push_back(tree_form(space, part));
    if (!node.parts.empty()) return out;
    out.push_back(space[node.parameter].name);
    const bool membership = node.kind == Kind::in || node.kind == Kind::not_in;
    out.push_back(membership ? list_of(node.values) : value_to_json(node.values.front()));
    return out;
}

Json condition_json(const SearchSpace& space, const Condition& condition) {
    Json simple = Json::object();
    if (simple_form(space, condition, simple)) return simple;
    return tree_form(space, condition);
}

Json bound_json(const Parameter& p, double bound) {
    if (p.kind == ParameterKind::integer) return static_cast<std::int64_t>(bound);
    return bound;
}

Json parameter_json(const SearchSpace& space, const Parameter& p) {
    Json out{{"name", JsonObject::text_json(p.name)}, {"type", to_string(p.kind)}};
    if (p.kind == ParameterKind::categorical) {
        out["choices"] = list_of(p.choices);
    } else {
        out["low"] = bound_json(p, p.low);
        out["high"] = bound_json(p, p.high);
        if (p.scale != Scale::linear) out["scale"] = to_string(p.scale);
        if (p.step) out["step"] = bound_json(p, *p.step);
    }
    if (!p.condition.is_always()) out["when"] = condition_json(space, p.condition);
    return out;
}

// ---------------------------------------------------------------- reading

std::vector<Value> values_of(const Json& json, const std::string& what) {
    if (!json.is_array()) return {value_from_json(json, what)};
    std::vector<Value> out;
    for (const Json& element : json) out.push_back(value_from_json(element, what));
    if (out.empty()) throw InvalidJson(what + ": is an empty list; it needs at least one value");
    return out;
}

/// 0.1, 0.5, 1 in JSON are numbers, not a mix of numbers and integers.
std::vector<Value> choices_of(const Json& json, const std::string& what) {
    std::vector<Value> choices;
    bool numbers = true, fraction = false;
    for (const Json& element : json) {
        choices.push_back(value_from_json(element, what));
        const Value& choice = choices.back();
        fraction |= std::holds_alternative<double>(choice);
        numbers &= std::holds_alternative<double>(choice) || std::holds_alternative<std::int64_t>(choice);
    }
    if (numbers && fraction)
        for (Value& choice : choices)
            if (const auto* integer = std::get_if<std::int64_t>(&choice))
                choice = static_cast<double>(*integer);
    return choices;
}

ParameterKind kind_of(const std::string& word, const std::string& what) {
    for (const ParameterKind kind :
         {ParameterKind::continuous, ParameterKind::integer, ParameterKind::categorical})
        if (to_string(kind) == word) return kind;
    throw InvalidJson(what + ": type '" + word + "' is unknown; known: continuous, integer, categorical");
}

Scale scale_of(const std::string& word, const std::string& what) {
    try {
        return scale_from(word);
    } catch (const UnknownName& error) {
        throw InvalidSpace(what + ": " + error.what());
    }
}

double bound_of(const JsonObject& object, std::string_view key, ParameterKind kind) {
    const double bound = object.number(key);
    if (kind == ParameterKind::integer && std::isfinite(bound) && bound != std::floor(bound))
        throw InvalidJson(object.what() + ": " + std::string(key) + " (" + to_string(bound) +
                          ") of an integer must be a whole number");
    return bound;
}

struct Draft {
    Parameter parameter;
    const Json* when = nullptr;
};

Draft draft_of(const Json& json) {
    std::string what = "parameter";
    if (json.is_object() && json.contains("name") && json.at("name").is_string())
        what += " " + json.at("name").get<std::string>();
    const JsonObject any(json, what, {"name", "type", "low", "high", "scale", "step", "choices", "when"});
    Draft draft;
    Parameter& p = draft.parameter;
    p.name = any.text("name");
    p.kind = kind_of(any.text("type"), what);
    if (p.kind == ParameterKind::categorical) {
        const JsonObject object(json, what + " (categorical)", {"name", "type", "choices", "when"});
        p.choices = choices_of(object.list("choices"), what + ".choices");
    } else {
        const JsonObject object(json, what + " (" + std::string(to_string(p.kind)) + ")",
                                {"name", "type", "low", "high", "scale", "step", "when"});
        p.low = bound_of(object, "low", p.kind);
        p.high = bound_of(object, "high", p.kind);
        p.scale = scale_of(object.text("scale", "linear"), what);
        p.step = object.optional_number("step");
    }
    if (any.has("when")) draft.when = &any.at("when");
    return draft;
}

/// The space in the making: declares the drafts, those that a condition speaks of before the one that has it.
class SpaceReader {
  public:
    explicit SpaceReader(const Json& list) {
        if (!list.is_array())
            throw InvalidJson("space: " + JsonObject::shown(list) + " must be a list of parameters");
        for (const Json& json : list) {
            Draft draft = draft_of(json);
            const std::string name = draft.parameter.name;
            if (!places_.emplace(name, drafts_.size()).second)
                throw InvalidSpace("parameter " + name + ": is declared twice; names must differ");
            drafts_.push_back(std::move(draft));
        }
        marks_.resize(drafts_.size(), Mark::untouched);
        for (std::size_t i = 0; i < drafts_.size(); ++i) declare(i);
    }

    SearchSpace space;

  private:
    enum class Mark { untouched, under_way, declared };

    std::size_t declare(std::size_t i) {
        if (marks_[i] == Mark::under_way) refuse_circle(i);
        if (marks_[i] == Mark::declared) return *space.schema().find(drafts_[i].parameter.name);
        marks_[i] = Mark::under_way;
        path_.push_back(i);
        Parameter parameter = drafts_[i].parameter;
        if (drafts_[i].when != nullptr)
            parameter.condition = condition(*drafts_[i].when, "parameter " + parameter.name + ".when", 0);
        path_.pop_back();
        marks_[i] = Mark::declared;
        return space.declare(std::move(parameter));
    }

    [[noreturn]] void refuse_circle(std::size_t first) const {
        std::string names;
        bool inside = false;
        for (const std::size_t i : path_) {
            inside |= i == first;
            if (inside) names += drafts_[i].parameter.name + " -> ";
        }
        throw InvalidSpace("conditions go in a circle: " + names + drafts_[first].parameter.name);
    }

    std::size_t parent(const std::string& name, const std::string& what) {
        const auto found = places_.find(name);
        if (found == places_.end()) throw InvalidSpace(what + ": names the unknown parameter '" + name + "'");
        return declare(found->second);
    }

    Condition condition(const Json& json, const std::string& what, int depth) {
        if (depth > 50) throw InvalidSpace(what + ": is nested deeper than 50");
        if (json.is_array()) return tree(json, what, depth);
        if (!json.is_object() || json.empty())
            throw InvalidJson(what + ": " + JsonObject::shown(json) +
                              R"( must be as {"parameter": [values]} or ["any", ...])");
        Condition all;
        for (const auto& [name, values] : json.items())
            all = all && Condition::one_of(parent(name, what), values_of(values, what + "." + name));
        return all;
    }

    Condition tree(const Json& json, const std::string& what, int depth) {
        const Kind kind = word(json, what);
        if (kind == Kind::all_of || kind == Kind::any_of || kind == Kind::negation) {
            Condition::Node node{kind, 0, {}, {}};
            for (std::size_t i = 1; i < json.size(); ++i)
                node.parts.push_back(condition(json[i], what, depth + 1));
            if (node.parts.empty() || (kind == Kind::negation && node.parts.size() != 1))
                throw InvalidJson(what + ": " + JsonObject::shown(json) + " has the wrong number of parts");
            return Condition::make(std::move(node));
        }
        if (json.size() != 3 || !json[1].is_string())
            throw InvalidJson(what + ": " + JsonObject::shown(json) +
                              R"( must be as ["<", "parameter", value])");
        const std::size_t index = parent(json[1].get<std::string>(), what);
        if (kind == Kind::in || kind == Kind::not_in)
            return Condition::make({kind, index, values_of(json[2], what), {}});
        Value bound = value_from_json(json[2], what);
        if (!std::holds_alternative<double>(bound) && !std::holds_alternative<std::int64_t>(bound))
            throw InvalidJson(what + ": " + JsonObject::shown(json[2]) + " must be a number to compare with");
        return Condition::compare(kind, index, std::move(bound));
    }

    static Kind word(const Json& json, const std::string& what) {
        std::string known;
        for (const auto& [kind, text] : words) {
            if (!json.empty() && json[0].is_string() && json[0].get_ref<const std::string&>() == text)
                return kind;
            known += (known.empty() ? "" : ", ") + std::string(text);
        }
        throw InvalidJson(what + ": " + JsonObject::shown(json) + " must begin with one of: " + known);
    }

    std::vector<Draft> drafts_;
    std::map<std::string, std::size_t> places_;
    std::vector<Mark> marks_;
    std::vector<std::size_t> path_;
};

SearchSpace read_space(const Json& json) {
    if (json.is_array()) return SpaceReader(json).space;
    const JsonObject object(json, "space", {"space", "constraints"});
    SearchSpace space = SpaceReader(object.at("space")).space;
    if (!object.has("constraints")) return space;
    for (const Json& constraint : object.list("constraints"))
        space.constrain(JsonObject::text_of(constraint, "constraints"));
    return space;
}

}  // namespace

Json space_to_json(const SearchSpace& space) {
    Json parameters = Json::array(), constraints = Json::array();
    for (const Parameter& p : space.parameters()) parameters.push_back(parameter_json(space, p));
    for (const Expression& constraint : space.schema().constraints)
        constraints.push_back(JsonObject::text_json(constraint.text()));
    return Json{{"space", std::move(parameters)}, {"constraints", std::move(constraints)}};
}

SearchSpace space_from_json(const Json& json) {
    try {
        return read_space(json);
    } catch (const InvalidJson& error) {
        throw InvalidSpace(error.what());
    } catch (const UnknownName& error) {
        throw InvalidSpace(error.what());
    }
}

}  // namespace attune

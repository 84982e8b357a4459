#include "trial_table.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace attune::detail {
namespace {

/// What a parameter's presence says of another one: its values in the trials that have it, and in those that
/// are known to lack it.
struct Evidence {
    std::vector<Value> with, without;
    bool usable = true;  ///< some trial with the parameter lacks the other one: it explains nothing
};

bool contains(const std::vector<Value>& values, const Value& value) {
    return std::any_of(values.begin(), values.end(), [&](const Value& v) { return same_value(v, value); });
}

void add(std::vector<Value>& values, const Value& value) {
    if (!contains(values, value)) values.push_back(value);
}

Evidence evidence(const TrialTable& table, const std::string& name, const Parameter& parent) {
    Evidence out;
    for (const TableTrial& trial : table.trials) {
        if (trial.state == TrialState::waiting) continue;
        const bool has = trial.find(name) != nullptr;
        const Value* value = trial.find(parent.name);
        if (has && value == nullptr) out.usable = false;
        if (value == nullptr || (!has && !trial.whole())) continue;
        if (parent.kind == ParameterKind::categorical && contains(has ? out.without : out.with, *value))
            out.usable = false;
        if (!out.usable) break;
        add(has ? out.with : out.without, *value);
    }
    return out;
}

std::int64_t least(const std::vector<Value>& values) {
    std::int64_t out = std::get<std::int64_t>(values.front());
    for (const Value& value : values) out = std::min(out, std::get<std::int64_t>(value));
    return out;
}

std::int64_t greatest(const std::vector<Value>& values) {
    std::int64_t out = std::get<std::int64_t>(values.front());
    for (const Value& value : values) out = std::max(out, std::get<std::int64_t>(value));
    return out;
}

/// The condition on the parent with this index, or nothing where it does not tell the trials apart.
std::optional<Condition> explanation(const TrialTable& table, const std::string& name,
                                     const Parameter& parent, std::size_t index) {
    if (parent.kind == ParameterKind::continuous) return std::nullopt;
    const Evidence seen = evidence(table, name, parent);
    if (!seen.usable || seen.with.empty()) return std::nullopt;
    if (parent.kind == ParameterKind::categorical) {
        std::vector<Value> values;  // in the order of the choices
        for (const Value& choice : parent.choices)
            if (contains(seen.with, choice)) values.push_back(choice);
        return Condition::one_of(index, std::move(values), parent.name);
    }
    using Kind = Condition::Kind;
    if (seen.without.empty() || least(seen.with) > greatest(seen.without))
        return Condition::compare(Kind::greater_equal, index, least(seen.with), parent.name);
    if (greatest(seen.with) < least(seen.without))
        return Condition::compare(Kind::less_equal, index, greatest(seen.with), parent.name);
    return std::nullopt;
}

bool lacked_by_some(const TrialTable& table, const std::string& name) {
    return std::any_of(table.trials.begin(), table.trials.end(),
                       [&](const TableTrial& trial) { return trial.whole() && trial.find(name) == nullptr; });
}

/// Adds the boolean that says which trials have the parameter, and gives its condition.
Condition add_companion(TrialTable& table, const std::string& name, std::vector<Parameter>& placed) {
    std::string companion = name + " is set";
    const auto taken = [&](const std::string& word) {
        return std::any_of(table.parameters.begin(), table.parameters.end(),
                           [&](const Parameter& p) { return p.name == word; });
    };
    while (taken(companion)) companion += "!";
    for (TableTrial& trial : table.trials)
        if (trial.state != TrialState::waiting || trial.find(name) != nullptr)
            trial.values.emplace_back(companion, trial.find(name) != nullptr);
    Parameter parameter;
    parameter.name = companion;
    parameter.kind = ParameterKind::categorical;
    parameter.choices = {Value{false}, Value{true}};
    placed.push_back(std::move(parameter));
    table.notes.push_back("parameter " + name + ": no other one tells which trials have it; added '" +
                          companion + "', which says so");
    return Condition::one_of(placed.size() - 1, {Value{true}}, companion);
}

}  // namespace

const Value* TableTrial::find(const std::string& name) const {
    for (const auto& [key, value] : values)
        if (key == name) return &value;
    return nullptr;
}

void infer_conditions(TrialTable& table) {
    std::vector<Parameter> placed, sometimes;
    for (const Parameter& parameter : table.parameters)
        (lacked_by_some(table, parameter.name) ? sometimes : placed).push_back(parameter);
    for (Parameter& parameter : sometimes) {
        std::optional<Condition> condition;
        for (std::size_t i = 0; i < placed.size() && !condition; ++i)
            condition = explanation(table, parameter.name, placed[i], i);
        if (!condition) condition = add_companion(table, parameter.name, placed);
        parameter.condition = *condition;
        placed.push_back(std::move(parameter));
    }
    table.parameters = std::move(placed);
}

Parameter parameter_from_values(const std::string& name, const std::vector<Value>& values) {
    Parameter out;
    out.name = name;
    const auto all = [&](auto holds) { return std::all_of(values.begin(), values.end(), holds); };
    const auto whole = [](const Value& v) { return std::holds_alternative<std::int64_t>(v); };
    const auto number = [&](const Value& v) {
        return whole(v) || (std::holds_alternative<double>(v) && std::isfinite(std::get<double>(v)));
    };
    if (!all(number)) {
        out.kind = ParameterKind::categorical;
        const bool one_type = all([&](const Value& v) { return v.index() == values.front().index(); }) &&
                              !std::holds_alternative<double>(values.front());
        std::set<std::string> seen;
        for (const Value& value : values)
            if (seen.insert(to_string(value)).second)
                out.choices.push_back(one_type ? value : Value{to_string(value)});
        return out;
    }
    out.kind = all(whole) ? ParameterKind::integer : ParameterKind::continuous;
    const auto real = [&](const Value& v) {
        return whole(v) ? static_cast<double>(std::get<std::int64_t>(v)) : std::get<double>(v);
    };
    out.low = out.high = real(values.front());
    for (const Value& value : values) {
        out.low = std::min(out.low, real(value));
        out.high = std::max(out.high, real(value));
    }
    return out;
}

std::optional<TrialState> state_from_word(std::string word) {
    for (char& c : word)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    for (const TrialState state :
         {TrialState::waiting, TrialState::running, TrialState::paused, TrialState::interrupted,
          TrialState::completed, TrialState::stopped, TrialState::failed})
        if (word == to_string(state)) return state;
    if (word == "complete") return TrialState::completed;
    if (word == "pruned") return TrialState::stopped;
    if (word == "fail") return TrialState::failed;
    return std::nullopt;
}

}  // namespace attune::detail

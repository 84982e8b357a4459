#include "trial_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace attune::detail {
namespace {

/// The values of a parameter in all trials; null where a trial lacks it. What waits says nothing.
using Column = std::vector<const Value*>;

class Columns {
  public:
    explicit Columns(const TrialTable& table) : table_(table) {
        for (std::size_t i = 0; i < table.trials.size(); ++i) add(i);
    }

    [[nodiscard]] const Column& of(const std::string& name) {
        Column& column = columns_[name];
        column.resize(table_.trials.size());
        return column;
    }
    /// Takes the trial's values in, also after some were added.
    void add(std::size_t trial) {
        if (table_.trials[trial].state == TrialState::waiting) return;
        for (const auto& [name, value] : table_.trials[trial].values) {
            Column& column = columns_[name];
            column.resize(table_.trials.size());
            column[trial] = &value;
        }
    }

  private:
    const TrialTable& table_;
    std::map<std::string, Column> columns_;
};

/// Calls `visit` with each trial's value of the parent and whether it has the parameter, for all that are
/// known to have it or to lack it, until it says no. Gives false then, and where a trial with the parameter
/// lacks the parent, which so explains nothing.
template <class Visit>
bool every_trial(const TrialTable& table, const Column& own, const Column& parent, Visit visit) {
    for (std::size_t i = 0; i < table.trials.size(); ++i) {
        const bool has = own[i] != nullptr;
        if (has && parent[i] == nullptr) return false;
        if (parent[i] == nullptr || (!has && !table.trials[i].whole())) continue;
        if (!visit(*parent[i], has)) return false;
    }
    return true;
}

/// The choices of the trials that have the parameter, where no trial without it has one of them.
std::optional<Condition> explained_by_choice(const TrialTable& table, const Column& own, const Column& values,
                                             const Parameter& parent, std::size_t index) {
    enum Seen : char { nowhere, with, without };
    std::map<std::string, Seen> seen;  // by text, which tells choices of one type apart
    const bool told = every_trial(table, own, values, [&](const Value& value, bool has) {
        Seen& now = seen[to_string(value)];
        const Seen here = has ? with : without;
        const bool agrees = now == nowhere || now == here;
        now = here;
        return agrees;
    });
    std::vector<Value> active;  // in the order of the choices
    for (const Value& choice : parent.choices)
        if (const auto found = seen.find(to_string(choice)); found != seen.end() && found->second == with)
            active.push_back(choice);
    if (!told || active.empty()) return std::nullopt;
    return Condition::one_of(index, std::move(active), parent.name);
}

/// A bound that divides the trials that have the parameter from those without it.
std::optional<Condition> explained_by_bound(const TrialTable& table, const Column& own, const Column& values,
                                            const Parameter& parent, std::size_t index) {
    struct Range {
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        std::int64_t greatest = std::numeric_limits<std::int64_t>::min();
    } with, without;
    const bool told = every_trial(table, own, values, [&](const Value& value, bool has) {
        const auto* number = std::get_if<std::int64_t>(&value);
        if (number == nullptr) return false;
        Range& range = has ? with : without;
        range.least = std::min(range.least, *number);
        range.greatest = std::max(range.greatest, *number);
        return with.least > without.greatest || with.greatest < without.least;
    });
    using Kind = Condition::Kind;
    if (!told || with.least > with.greatest) return std::nullopt;
    if (with.least > without.greatest)
        return Condition::compare(Kind::greater_equal, index, with.least, parent.name);
    return Condition::compare(Kind::less_equal, index, with.greatest, parent.name);
}

/// The condition on the parent with this index, or nothing where it does not tell the trials apart.
std::optional<Condition> explanation(const TrialTable& table, Columns& columns, const std::string& name,
                                     const Parameter& parent, std::size_t index) {
    const Column& own = columns.of(name);
    const Column& values = columns.of(parent.name);
    if (parent.kind == ParameterKind::categorical)
        return explained_by_choice(table, own, values, parent, index);
    if (parent.kind == ParameterKind::integer) return explained_by_bound(table, own, values, parent, index);
    return std::nullopt;
}

bool lacked_by_some(const TrialTable& table, const Column& column) {
    for (std::size_t i = 0; i < table.trials.size(); ++i)
        if (table.trials[i].whole() && column[i] == nullptr) return true;
    return false;
}

/// Adds the boolean that says which trials have the parameter, and gives its condition.
Condition add_companion(TrialTable& table, Columns& columns, const std::string& name,
                        std::vector<Parameter>& placed) {
    std::string companion = name + " is set";
    const auto taken = [&](const std::string& word) {
        return std::any_of(table.parameters.begin(), table.parameters.end(),
                           [&](const Parameter& p) { return p.name == word; });
    };
    while (taken(companion)) companion += "!";
    for (std::size_t i = 0; i < table.trials.size(); ++i) {
        TableTrial& trial = table.trials[i];
        const bool has = trial.find(name) != nullptr;
        if (trial.state == TrialState::waiting && !has) continue;
        trial.values.emplace_back(companion, has);
        columns.add(i);
    }
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
    Columns columns(table);
    std::vector<Parameter> placed, sometimes;
    for (const Parameter& parameter : table.parameters)
        (lacked_by_some(table, columns.of(parameter.name)) ? sometimes : placed).push_back(parameter);
    for (Parameter& parameter : sometimes) {
        std::optional<Condition> condition;
        for (std::size_t i = 0; i < placed.size() && !condition; ++i)
            condition = explanation(table, columns, parameter.name, placed[i], i);
        if (!condition) condition = add_companion(table, columns, parameter.name, placed);
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

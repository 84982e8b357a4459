#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune::detail {
namespace {

struct Distribution {
    ParameterKind kind = ParameterKind::continuous;
    double low = 0, high = 0;
    bool log = false;
    std::optional<double> step;
    Json choices = Json::array();
};

/// Names up to version 5; those without "Float", "Int" or "Categorical" in front are of versions before 3.
Distribution distribution_from(const std::string& text, const std::string& what) {
    const Json json = parse_python_json(text, what);
    const auto member = [&](const Json& object, const char* key) -> const Json& {
        const auto found = object.is_object() ? object.find(key) : object.end();
        if (!object.is_object() || found == object.end())
            throw InvalidJson(what + ": '" + key + "' is missing in " + JsonObject::shown(json));
        return *found;
    };
    const Json& name_json = member(json, "name");
    const std::string name = name_json.is_string() ? name_json.get<std::string>() : "";
    const Json& attributes = member(json, "attributes");
    Distribution out;
    if (name == "CategoricalDistribution") {
        out.kind = ParameterKind::categorical;
        out.choices = member(attributes, "choices");
        if (!out.choices.is_array() || out.choices.empty())
            throw InvalidJson(what + ": choices " + JsonObject::shown(out.choices) +
                              " must be a list of at least one");
        return out;
    }
    static const std::set<std::string> integers{"IntDistribution", "IntUniformDistribution",
                                                "IntLogUniformDistribution"};
    static const std::set<std::string> floats{"FloatDistribution", "UniformDistribution",
                                              "LogUniformDistribution", "DiscreteUniformDistribution"};
    if (!integers.contains(name) && !floats.contains(name))
        throw InvalidJson(what + ": the distribution '" + name + "' is unknown");
    out.kind = integers.contains(name) ? ParameterKind::integer : ParameterKind::continuous;
    out.low = number_of(member(attributes, "low"), what + ".low");
    out.high = number_of(member(attributes, "high"), what + ".high");
    out.log = name.find("LogUniform") != std::string::npos ||
              (attributes.contains("log") && attributes["log"] == true);
    for (const char* key : {"step", "q"})
        if (attributes.contains(key) && !attributes[key].is_null())
            out.step = number_of(attributes[key], what + "." + key);
    if (out.kind == ParameterKind::integer && out.step == 1) out.step.reset();
    return out;
}

/// All of a parameter's distributions joined.
struct Joined {
    Parameter parameter;
    Json choices;
    std::vector<Value> values;  ///< of the choices, one for each index
    bool same_grid = true;
};

class Conversion {
  public:
    Conversion(const OptunaStudy& study, const std::string& file, const ImportOptions& options)
        : study_(study) {
        table_.file = file;
        table_.name = study.name;
        table_.objectives = objectives(options);
    }

    TrialTable run() {
        for (const auto& [key, value] : study_.user) table_.attributes[key] = text_or_json(value);
        for (const auto& [key, value] : study_.system)
            if (key != "study:metric_names")
                table_.attributes[std::string(system_attribute) + key] = text_or_json(value);
        for (const OptunaTrial& trial : study_.trials)
            for (const OptunaParameter& parameter : trial.parameters) join(trial, parameter);
        for (const std::string& name : order_) finish(joined_.at(name));
        for (const OptunaTrial& trial : study_.trials) table_.trials.push_back(converted(trial));
        // To Optuna too a trial that breaks one is not the best.
        for (std::size_t i = 0; i < constraints_; ++i)
            table_.outcome_constraints.push_back(at_most(constraint_name(i), 0));
        return std::move(table_);
    }

  private:
    static std::string constraint_name(std::size_t i) { return fmt::format("constraint_{}", i); }

    [[nodiscard]] std::string where(const OptunaTrial& trial) const {
        return "trial " + std::to_string(trial.number);
    }

    std::vector<Objective> objectives(const ImportOptions& options) const {
        const std::size_t count = study_.directions.size();
        if (!options.objectives.empty() && options.objectives.size() != count)
            throw InvalidOption(fmt::format("objectives: {} are named, but the study in {} has {}",
                                            options.objectives.size(), table_.file, count));
        std::vector<std::string> names;
        const auto stored = study_.system.find("study:metric_names");
        if (stored != study_.system.end() && stored->second.is_array() && stored->second.size() == count)
            for (const Json& name : stored->second) names.push_back(text_or_json(name));
        std::vector<Objective> out;
        for (std::size_t i = 0; i < count; ++i) {
            std::string name = !names.empty() ? names[i] : count == 1 ? "value" : fmt::format("value_{}", i);
            if (!options.objectives.empty()) {
                name = options.objectives[i].metric;
                if (options.objectives[i].direction != study_.directions[i])
                    throw InvalidOption(fmt::format("objectives: {} is to {}, but {} says {}", name,
                                                    to_string(options.objectives[i].direction), table_.file,
                                                    to_string(study_.directions[i])));
            }
            out.push_back({std::move(name), study_.directions[i]});
        }
        return out;
    }

    void join(const OptunaTrial& trial, const OptunaParameter& given) {
        const std::string what = table_.file + ": " + where(trial) + ": parameter " + given.name;
        auto known = distributions_.find(given.distribution);
        if (known == distributions_.end())
            known =
                distributions_.emplace(given.distribution, distribution_from(given.distribution, what)).first;
        const Distribution& here = known->second;
        const auto [place, is_new] = joined_.try_emplace(given.name);
        Joined& joined = place->second;
        Parameter& all = joined.parameter;
        if (is_new) {
            order_.push_back(given.name);
            all.name = given.name;
            all.kind = here.kind;
            all.low = here.low;
            all.high = here.high;
            all.step = here.step;
            all.scale = here.log ? Scale::log : Scale::linear;
            joined.choices = here.choices;
            if (here.kind == ParameterKind::categorical) joined.values = values_of_choices(here.choices);
        }
        if (all.kind != here.kind || joined.choices != here.choices || (all.scale == Scale::log) != here.log)
            throw FileError(
                what + ": its distribution is of another kind than in earlier trials: " + given.distribution);
        check(joined, given, what);
        if (all.kind == ParameterKind::categorical) return;
        const double lattice = here.step.value_or(all.kind == ParameterKind::integer ? 1 : 0);
        const double shift = lattice > 0 ? std::remainder(here.low - all.low, lattice) : 0;
        joined.same_grid = joined.same_grid && all.step == here.step &&
                           std::abs(shift) <= 1e-9 * std::max(lattice, std::abs(here.low)) &&
                           on_grid(given.value, here);
        all.low = std::min({all.low, here.low, given.value});
        all.high = std::max({all.high, here.high, given.value});
    }

    static bool on_grid(double value, const Distribution& here) {
        if (!here.step) return true;
        return std::abs(std::remainder(value - here.low, *here.step)) <=
               1e-9 * *here.step + 1e-12 * std::abs(value);
    }

    static void check(const Joined& joined, const OptunaParameter& given, const std::string& what) {
        const bool index = joined.parameter.kind == ParameterKind::categorical;
        const bool whole = given.value == std::floor(given.value);
        const double top = static_cast<double>(joined.choices.size());
        if (index && !(whole && given.value >= 0 && given.value < top))
            throw FileError(fmt::format("{}: {} is no index of its {}", what, given.value,
                                        detail::counted(joined.choices.size(), "choice")));
        if (!std::isfinite(given.value))
            throw FileError(fmt::format("{}: {} must be a finite number", what, given.value));
        if (joined.parameter.kind == ParameterKind::integer && (!whole || std::abs(given.value) > 0x1p53))
            throw FileError(fmt::format("{}: {} must be a whole number within +-2^53", what, given.value));
    }

    void finish(Joined& joined) {
        Parameter& parameter = joined.parameter;
        if (parameter.kind == ParameterKind::categorical) {
            for (const Value& value : joined.values)
                if (std::none_of(parameter.choices.begin(), parameter.choices.end(),
                                 [&](const Value& v) { return equivalent(v, value); }))
                    parameter.choices.push_back(value);
            const bool became_text = std::holds_alternative<std::string>(joined.values.front()) &&
                                     !std::all_of(joined.choices.begin(), joined.choices.end(),
                                                  [](const Json& choice) { return choice.is_string(); });
            if (became_text)
                table_.attributes[std::string(choices_attribute) + parameter.name] =
                    python_json(joined.choices);
        } else if (!joined.same_grid && parameter.step) {
            parameter.step.reset();
            table_.notes.push_back("parameter " + parameter.name +
                                   ": its steps differ between trials or values lie between them; it has "
                                   "none any more");
        }
        table_.parameters.push_back(parameter);
    }

    [[nodiscard]] Value value_of(const OptunaParameter& given) const {
        const Joined& joined = joined_.at(given.name);
        if (joined.parameter.kind == ParameterKind::categorical)
            return joined.values[static_cast<std::size_t>(given.value)];
        return joined.parameter.to_value(given.value);
    }

    TableTrial converted(const OptunaTrial& trial) {
        TableTrial out;
        out.where = where(trial);
        out.number = trial.number;
        constexpr TrialState states[] = {TrialState::running, TrialState::completed, TrialState::stopped,
                                         TrialState::failed, TrialState::waiting};
        out.state = states[static_cast<int>(trial.state)];
        out.started = trial.started;
        out.finished = trial.finished;
        for (const OptunaParameter& given : trial.parameters)
            out.values.emplace_back(given.name, value_of(given));
        if (trial.state == OptunaState::waiting) add_fixed(trial, out);
        for (const auto& [step, value] : trial.intermediate)
            out.reports.push_back(
                {static_cast<double>(step), {{table_.objectives.front().metric, value}}, 0});
        if (!trial.values.empty() && trial.values.size() != table_.objectives.size())
            throw FileError(fmt::format("{}: {}: has {}, but the study {}", table_.file, out.where,
                                        detail::counted(trial.values.size(), "value"),
                                        detail::counted(table_.objectives.size(), "direction")));
        for (std::size_t i = 0; i < trial.values.size(); ++i)
            out.metrics[table_.objectives[i].metric] = trial.values[i];
        if (trial.state == OptunaState::complete && trial.values.empty())
            throw FileError(table_.file + ": " + out.where + ": is complete, but has no value");
        add_attributes(trial, out);
        return out;
    }

    /// What waits has no parameters yet, but the values that the user asked for.
    void add_fixed(const OptunaTrial& trial, TableTrial& out) {
        const auto fixed = trial.system.find("fixed_params");
        if (fixed == trial.system.end() || !fixed->second.is_object()) return;
        for (const auto& [name, json] : fixed->second.items()) {
            if (out.find(name) != nullptr) continue;
            const auto known = joined_.find(name);
            if (known == joined_.end()) {
                table_.notes.push_back(out.where + ": parameter " + name +
                                       " waits, but no trial has it; it is left out");
                continue;
            }
            const std::string what = table_.file + ": " + out.where + ": fixed_params." + name;
            const Joined& joined = known->second;
            if (joined.parameter.kind != ParameterKind::categorical) {
                out.values.emplace_back(name, number_of(json, what));
                continue;
            }
            const auto found = std::find(joined.choices.begin(), joined.choices.end(), json);
            if (found == joined.choices.end())
                throw FileError(what + ": " + JsonObject::shown(json) + " is none of its choices " +
                                JsonObject::shown(joined.choices));
            out.values.emplace_back(name,
                                    joined.values[static_cast<std::size_t>(found - joined.choices.begin())]);
        }
    }

    /// An export of ours is taken back: it puts the reason and the metrics that are no objective among the
    /// user's attributes.
    void add_attributes(const OptunaTrial& trial, TableTrial& out) {
        for (const auto& [key, value] : trial.user) {
            const bool numbers = value.is_object() && std::all_of(value.begin(), value.end(), is_number);
            if (key == "reason" && value.is_string() &&
                (out.state == TrialState::stopped || out.state == TrialState::failed))
                out.reason = text_or_json(value);
            else if (key == "metrics" && numbers)
                for (const auto& [name, number] : value.items())
                    out.metrics.emplace(name, number_of(number, key));
            else
                out.attributes[key] = text_or_json(value);
        }
        for (const auto& [key, value] : trial.system) {
            if (trial.state == OptunaState::waiting) continue;
            out.attributes[std::string(system_attribute) + key] = text_or_json(value);
            if (key == "constraints" && value.is_array())
                for (std::size_t i = 0; i < value.size(); ++i)
                    if (is_number(value[i])) {
                        out.metrics[constraint_name(i)] = number_of(value[i], key);
                        constraints_ = std::max(constraints_, i + 1);
                    }
        }
    }

    static bool is_number(const Json& json) {
        if (json.is_number()) return true;
        if (!json.is_string()) return false;
        try {
            (void)number_of(json, "");
            return true;
        } catch (const InvalidJson&) {
            return false;  // a text, not a marked number
        }
    }

    const OptunaStudy& study_;
    TrialTable table_;
    std::size_t constraints_ = 0;  ///< the most that a trial has
    std::map<std::string, Distribution> distributions_;
    std::map<std::string, Joined> joined_;
    std::vector<std::string> order_;
};

}  // namespace

std::vector<Value> values_of_choices(const Json& choices) {
    const auto all = [&](auto holds) { return std::all_of(choices.begin(), choices.end(), holds); };
    const auto exact = [](const Json& c) {
        return c.is_number_float() || (c.is_number_integer() && std::abs(c.get<double>()) <= 0x1p53);
    };
    std::vector<Value> out;
    const auto integer = [](const Json& c) {
        return c.is_number_integer() && std::holds_alternative<std::int64_t>(value_from_json(c, "choice"));
    };
    const bool same = all([](const Json& c) { return c.is_boolean(); }) || all(integer);
    const bool numbers = !same && all(exact);
    for (const Json& choice : choices) {
        if (same) out.push_back(value_from_json(choice, "choice"));
        if (numbers) out.emplace_back(choice.get<double>());
    }
    const auto differ = [&] {
        for (std::size_t i = 0; i < out.size(); ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (choices[i] != choices[j] && equivalent(out[i], out[j])) return false;
        return true;
    };
    // 1 and 1.0 are two choices to Optuna and one value here.
    const auto integer_beside = [&] {
        for (std::size_t i = 0; i < out.size(); ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (choices[i].type() != choices[j].type() && equivalent(out[i], out[j])) return true;
        return false;
    };
    if (!out.empty() && differ() && !(numbers && integer_beside())) return out;
    out.clear();
    for (const Json& choice : choices) out.emplace_back(text_or_json(choice));
    if (differ()) return out;
    out.clear();
    for (const Json& choice : choices) out.emplace_back(python_json(choice));
    return out;
}

std::size_t chosen_study(const std::vector<std::string>& names, const std::string& wanted,
                         const std::string& file) {
    if (names.empty()) throw FileError(file + ": holds no study");
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "'" : ", '") + name + "'";
    if (wanted.empty() && names.size() == 1) return 0;
    if (wanted.empty())
        throw FileError(fmt::format("{}: holds {} studies; name one of them: {}", file, names.size(), list));
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) throw FileError(file + ": holds no study '" + wanted + "'; it has " + list);
    return static_cast<std::size_t>(found - names.begin());
}

TrialTable table_from_optuna(const OptunaStudy& study, const std::string& file,
                             const ImportOptions& options) {
    if (study.directions.empty()) throw FileError(file + ": study '" + study.name + "' has no direction");
    return Conversion(study, file, options).run();
}

}  // namespace attune::detail

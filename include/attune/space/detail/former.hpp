#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "attune/space/space.hpp"

// What a space knows of the configurations of its earlier forms.

namespace attune {

inline void SearchSpace::remember_choices(const SearchSpace& before,
                                          const std::map<std::string, Value>& assumed) {
    for (std::size_t i = 0; i < size(); ++i) {
        std::vector<Value> former;
        const std::vector<Value>& present = (*this)[i].choices;
        const auto add = [&](const Value& choice) {
            const auto known = [&](const std::vector<Value>& list) {
                return std::any_of(list.begin(), list.end(),
                                   [&](const Value& v) { return equivalent(v, choice); });
            };
            if (choice.index() == present.front().index() && !known(present) && !known(former))
                former.push_back(choice);
        };
        if ((*this)[i].kind == ParameterKind::categorical) {
            if (const auto there = before.schema().find((*this)[i].name)) {
                for (const Value& choice : before[*there].choices) add(choice);
                for (const Value& choice : before[*there].former_choices) add(choice);
            }
            if (const auto stated = assumed.find((*this)[i].name); stated != assumed.end())
                add(stated->second);
        }
        if (!former.empty() || !(*this)[i].former_choices.empty())
            own().parameters[i].former_choices = std::move(former);
    }
}

inline Configuration SearchSpace::reading(const Configuration& asked,
                                          const std::map<std::string, Value>& assumed) const {
    std::vector<double> native(size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < size(); ++i) {
        const Parameter& p = (*this)[i];
        std::optional<double> value;
        if (const auto there = asked.schema().find(p.name); there && asked.active(*there))
            value = p.former_native(asked.schema().parameters[*there].to_value(asked.native()[*there]));
        if (const auto stated = assumed.find(p.name); !value && stated != assumed.end())
            value = p.former_native(stated->second);
        if (!value && p.cardinality() == 1) value = p.decode(0.5);  // a static value goes without saying
        if (value) native[i] = *value;
    }
    return from_native(std::move(native));
}

inline std::optional<std::size_t> SearchSpace::first_missing(const Configuration& configuration) const {
    for (std::size_t i = 0; i < size(); ++i)
        if (!configuration.active(i) && schema_->holds((*this)[i].condition, configuration.native()))
            return i;
    return std::nullopt;
}

inline bool SearchSpace::contains(const Configuration& configuration) const {
    for (std::size_t i = 0; i < size(); ++i)
        if (configuration.active(i) && !(*this)[i].contains(configuration.native()[i])) return false;
    return !first_missing(configuration) && satisfies(configuration);
}

}  // namespace attune

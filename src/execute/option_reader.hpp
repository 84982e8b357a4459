#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/detail/nearest_name.hpp"
#include "attune/space/value.hpp"
#include "attune/study/objective.hpp"

namespace attune::detail {

/// Fills the fields of an options struct from named values. What `take` is called for is what is known;
/// `finish` refuses the rest.
class OptionReader {
  public:
    OptionReader(std::string owner, const std::map<std::string, Value>& values)
        : owner_(std::move(owner)), values_(values) {}

    /// Throws InvalidOption where an option that has no default is not given.
    void require(const std::string& name, const std::string& meaning) const {
        if (!values_.contains(name))
            throw InvalidOption(fmt::format("{}: needs the option '{}', {}", owner_, name, meaning));
    }
    void take(const std::string& name, int& field) {
        const Value* value = find(name);
        if (value == nullptr) return;
        const double number = number_of(name, *value);
        if (number != std::floor(number) || std::abs(number) > 2e9) refuse(name, *value, "a whole number");
        field = static_cast<int>(number);
    }
    void take(const std::string& name, double& field) {
        if (const Value* value = find(name)) field = number_of(name, *value);
    }
    void take(const std::string& name, bool& field) {
        const Value* value = find(name);
        if (value == nullptr) return;
        if (!std::holds_alternative<bool>(*value)) refuse_text(name, *value, "true or false");
        field = std::get<bool>(*value);
    }
    void take(const std::string& name, std::string& field) {
        const Value* value = find(name);
        if (value == nullptr) return;
        if (!std::holds_alternative<std::string>(*value)) refuse(name, *value, "a string");
        field = std::get<std::string>(*value);
    }
    void take(const std::string& name, std::optional<Direction>& field) {
        Direction direction = Direction::minimize;
        if (find(name) == nullptr) return;
        take<Direction>(name, direction,
                        {{"minimize", Direction::minimize}, {"maximize", Direction::maximize}});
        field = direction;
    }
    /// One of the words that `known` maps to enumerators.
    template <class E>
    void take(const std::string& name, E& field, const std::map<std::string, E>& known) {
        const Value* value = find(name);
        if (value == nullptr) return;
        const auto found = known.find(to_string(*value));
        std::string list;
        std::vector<std::string> words;
        for (const auto& [word, enumerator] : known) {
            list += (list.empty() ? "" : ", ") + word;
            words.push_back(word);
        }
        if (found == known.end())
            refuse(name, *value, "one of: " + list + suggestion(to_string(*value), words));
        field = found->second;
    }
    /// All that begin with `prefix`, by the rest of their names.
    void take_all(const std::string& prefix, const std::string& shown, std::map<std::string, int>& field) {
        known_.insert(shown);
        for (const auto& [name, value] : values_) {
            if (name.rfind(prefix, 0) != 0) continue;
            take(name, field[name.substr(prefix.size())]);
            known_.erase(name);
            taken_.insert(name);
        }
    }

    /// All that begin with `prefix`, by the rest of their names, for which `shown` stands in errors.
    [[nodiscard]] std::map<std::string, Value> take_prefixed(const std::string& prefix,
                                                             const std::string& shown = "<option>") {
        known_.insert(prefix + shown);
        std::map<std::string, Value> out;
        for (const auto& [name, value] : values_) {
            if (name.rfind(prefix, 0) != 0) continue;
            out[name.substr(prefix.size())] = value;
            taken_.insert(name);
        }
        return out;
    }

    /// Throws InvalidOption for a value that nothing took.
    void finish() const {
        std::string list;
        for (const std::string& name : known_) list += (list.empty() ? "" : ", ") + name;
        for (const auto& [name, value] : values_)
            if (!taken_.contains(name))
                throw InvalidOption(fmt::format("{}: option '{}' is unknown; known: {}{}", owner_, name,
                                                list.empty() ? "none" : list,
                                                suggestion(name, {known_.begin(), known_.end()})));
    }

  private:
    const Value* find(const std::string& name) {
        known_.insert(name);
        taken_.insert(name);
        const auto found = values_.find(name);
        return found == values_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] double number_of(const std::string& name, const Value& value) const {
        if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
        if (const auto* number = std::get_if<double>(&value)) return *number;
        refuse_text(name, value, "a number");
    }
    /// Says of "5" where 5 is wanted that the quotation marks are what is wrong.
    [[noreturn]] void refuse_text(const std::string& name, const Value& value,
                                  const std::string& rule) const {
        if (!std::holds_alternative<std::string>(value)) refuse(name, value, rule);
        throw InvalidOption(fmt::format("{}: {} is the text \"{}\"; it must be {}, without quotation marks",
                                        owner_, name, to_string(value), rule));
    }
    [[noreturn]] void refuse(const std::string& name, const Value& value, const std::string& rule) const {
        throw InvalidOption(fmt::format("{}: {} ({}) must be {}", owner_, name, to_string(value), rule));
    }

    std::string owner_;
    const std::map<std::string, Value>& values_;
    std::set<std::string> known_, taken_;
};

/// The rungs that trials climb.
template <class HalvingOptions>
void take_ladder(OptionReader& reader, HalvingOptions& options) {
    reader.take("minimum_resource", options.minimum_resource);
    reader.take("maximum_resource", options.maximum_resource);
    reader.take("factor", options.factor);
}

}  // namespace attune::detail

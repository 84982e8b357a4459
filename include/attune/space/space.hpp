#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/space/configuration.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/space/schema.hpp"

namespace attune {

class SearchSpace;

/// What SearchSpace's functions return: a handle that can still be refined in the same statement.
template <class T>
class NewParameter : public Handle<T> {
  public:
    NewParameter(SearchSpace& space, Handle<T> handle) : Handle<T>(std::move(handle)), space_(&space) {}

    /// Active only where `condition` holds. Conditions speak of parameters declared before.
    NewParameter when(const Condition& condition) &&;

    /// Only low + k * step (k = 0, 1 ...), numbers only.
    NewParameter step(double step) &&;

  private:
    SearchSpace* space_;  // used in the declaring statement only: both members need a temporary
};

/// What may vary: named parameters with ranges, scales, conditions and constraints.
///
/// A value type: copies are independent (they share storage until changed) and handles are good for all of
/// them. Declaring throws InvalidSpace that names the parameter, the value and the rule. Reading from several
/// threads is safe, declaring not.
class SearchSpace {
  public:
    SearchSpace() : schema_(std::make_shared<Schema>()) {}

    /// Any double in [low, high].
    NewParameter<double> continuous(std::string name, double low, double high, Scale scale = Scale::linear) {
        return declare<double>(numeric(std::move(name), ParameterKind::continuous, low, high, scale));
    }

    /// Any integer in [low, high]; the ends lie within +-2^53.
    NewParameter<std::int64_t> integer(std::string name, std::int64_t low, std::int64_t high,
                                       Scale scale = Scale::linear) {
        constexpr std::int64_t largest = std::int64_t{1} << 53;
        if (low < -largest || high > largest)
            throw InvalidSpace(
                fmt::format("parameter {}: integer range [{}, {}] must lie within +-2^53", name, low, high));
        return declare<std::int64_t>(numeric(std::move(name), ParameterKind::integer,
                                             static_cast<double>(low), static_cast<double>(high), scale));
    }

    /// One of the listed values, which have no order.
    NewParameter<std::string> categorical(std::string name, std::initializer_list<const char*> choices) {
        return choose<std::string>(std::move(name), {choices.begin(), choices.end()});
    }
    NewParameter<std::string> categorical(std::string name, const std::vector<std::string>& choices) {
        return choose<std::string>(std::move(name), {choices.begin(), choices.end()});
    }
    NewParameter<bool> categorical(std::string name, std::initializer_list<bool> choices) {
        return choose<bool>(std::move(name), {choices.begin(), choices.end()});
    }
    NewParameter<std::int64_t> categorical(std::string name, std::initializer_list<int> choices) {
        std::vector<Value> values;
        for (const int choice : choices) values.emplace_back(std::int64_t{choice});
        return choose<std::int64_t>(std::move(name), std::move(values));
    }
    NewParameter<double> categorical(std::string name, std::initializer_list<double> choices) {
        return choose<double>(std::move(name), {choices.begin(), choices.end()});
    }

    /// A static value that every configuration carries.
    NewParameter<double> constant(std::string name, double value) {
        return choose<double>(std::move(name), {value});
    }
    NewParameter<std::int64_t> constant(std::string name, int value) {
        return choose<std::int64_t>(std::move(name), {std::int64_t{value}});
    }
    NewParameter<std::int64_t> constant(std::string name, std::int64_t value) {
        return choose<std::int64_t>(std::move(name), {value});
    }
    NewParameter<bool> constant(std::string name, bool value) {
        return choose<bool>(std::move(name), {value});
    }
    NewParameter<std::string> constant(std::string name, const char* value) {
        return choose<std::string>(std::move(name), {std::string(value)});
    }
    NewParameter<std::string> constant(std::string name, std::string value) {
        return choose<std::string>(std::move(name), {std::move(value)});
    }

    /// A comparison that every configuration must satisfy, such as "batch * accumulation <= 512" (see
    /// Expression); it holds where it names an inactive parameter. Throws InvalidSpace for unknown names and
    /// for parameters that are no numbers.
    SearchSpace& constrain(const std::string& text) {
        Expression expression(text, [&](const std::string& name) { return numeric_index(text, name); });
        own().constraints.push_back(std::move(expression));
        return *this;
    }

    /// For readers of space files: declares a parameter whose type is known only at run time.
    std::size_t declare(Parameter parameter);
    void set_condition(std::size_t index, const Condition& condition);
    void set_step(std::size_t index, double step);

    /// A typed handle by name; throws where there is no such parameter or it holds another type.
    template <class T>
    [[nodiscard]] Handle<T> handle(const std::string& name) const {
        Handle<T> handle{schema_->index(name), name};
        schema_->check(handle);
        return handle;
    }

    [[nodiscard]] std::size_t size() const { return schema_->size(); }
    [[nodiscard]] const std::vector<Parameter>& parameters() const { return schema_->parameters; }
    [[nodiscard]] const Parameter& operator[](std::size_t index) const {
        return schema_->parameters.at(index);
    }
    [[nodiscard]] const Schema& schema() const { return *schema_; }
    [[nodiscard]] std::shared_ptr<const Schema> shared_schema() const { return schema_; }

    /// Checks the whole: throws InvalidSpace where there is no parameter and when no configuration satisfies
    /// the constraints.
    void validate() const;

    /// From names and values: every active parameter once, no inactive one, inside the range and the
    /// constraints. Throws InvalidConfiguration.
    [[nodiscard]] Configuration configuration(const std::vector<std::pair<std::string, Value>>& values) const;

    /// From native values in the order of the space (values of inactive parameters are ignored).
    [[nodiscard]] Configuration from_native(std::vector<double> native) const {
        check_size(native.size());
        schema_->deactivate(native);
        return {schema_, std::move(native)};
    }

    /// From a point of the unit cube; coordinates of inactive parameters are ignored. Constraints are not
    /// looked at.
    [[nodiscard]] Configuration decode(const std::vector<double>& unit) const {
        check_size(unit.size());
        std::vector<double> native(unit.size());
        for (std::size_t i = 0; i < unit.size(); ++i)
            native[i] = schema_->parameters[i].decode(std::isnan(unit[i]) ? 0.5 : unit[i]);
        return from_native(std::move(native));
    }

    [[nodiscard]] bool satisfies(const Configuration& configuration) const {
        return schema_->satisfies(configuration.native());
    }

    /// Number of combinations when conditions and constraints are left aside: an upper bound of the number of
    /// configurations, infinity where a parameter is continuous.
    [[nodiscard]] double cardinality() const {
        double product = 1;
        for (const Parameter& p : schema_->parameters) product *= p.cardinality();
        return product;
    }

    /// What differs between this space and another one, a line each as "parameter n: integer [1, 5], linear
    /// -> integer [1, 8], linear"; empty where they are equal.
    [[nodiscard]] std::vector<std::string> differences(const SearchSpace& other) const;

    /// For spaces that change (see Study): keeps as former choices what `before` had and what `assumed`
    /// states, so that trials that have them can be read. Values of another type than the present choices are
    /// not.
    void remember_choices(const SearchSpace& before, const std::map<std::string, Value>& assumed);

    /// A configuration of an earlier form of the space in terms of this one, by name. What it lacks is taken
    /// from `assumed`. Values may lie outside the range, off the grid or be former choices, and constraints
    /// are not looked at; what has no value at all stays NaN (see first_missing).
    [[nodiscard]] Configuration reading(const Configuration& asked,
                                        const std::map<std::string, Value>& assumed) const;

    /// The first parameter that should be active in a reading() and has no value. Precondition, here and
    /// below: the configuration is of this space or read in it.
    [[nodiscard]] std::optional<std::size_t> first_missing(const Configuration& configuration) const;

    /// Whether a reading() could be asked anew: no value is missing, outside the range, off the grid or a
    /// former choice, and the constraints hold.
    [[nodiscard]] bool contains(const Configuration& configuration) const;

  private:
    void check_size(std::size_t values) const {
        if (values != size())
            throw InvalidConfiguration(fmt::format("{} for a space of {}: it needs one for each",
                                                   detail::counted(values, "value"),
                                                   detail::counted(size(), "parameter")));
    }

    static Parameter numeric(std::string name, ParameterKind kind, double low, double high, Scale scale) {
        Parameter p;
        p.name = std::move(name);
        p.kind = kind;
        p.low = low;
        p.high = high;
        p.scale = scale;
        return p;
    }

    template <class T>
    NewParameter<T> declare(Parameter parameter) {
        std::string name = parameter.name;
        const std::size_t index = declare(std::move(parameter));
        return {*this, Handle<T>{index, std::move(name)}};
    }

    template <class T>
    NewParameter<T> choose(std::string name, std::vector<Value> choices) {
        Parameter p;
        p.name = std::move(name);
        p.kind = ParameterKind::categorical;
        p.choices = std::move(choices);
        return declare<T>(std::move(p));
    }

    std::size_t numeric_index(const std::string& text, const std::string& name) const;

    /// The schema for writing: configurations and copies of the space that share it keep the old one.
    Schema& own() {
        if (schema_.use_count() > 1) schema_ = std::make_shared<Schema>(*schema_);
        return *schema_;
    }

    std::shared_ptr<Schema> schema_;
};

}  // namespace attune

#include "attune/space/detail/differences.hpp"
#include "attune/space/detail/feasibility.hpp"
#include "attune/space/detail/former.hpp"
#include "attune/space/detail/space_impl.hpp"

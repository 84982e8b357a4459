#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/space/schema.hpp"

namespace attune {

/// One value for each active parameter of a space: a flat array over a shared schema.
///
/// Native values (see Parameter) in the order of the space; NaN marks an inactive parameter. A cheap value
/// type; reading is thread-safe. Made by SearchSpace, which sees to it that values lie in range and on their
/// grid.
class Configuration {
  public:
    Configuration() : schema_(std::make_shared<const Schema>()) {}

    /// Precondition: `native` fits the schema and inactive values are NaN (SearchSpace::from_native sees to
    /// both).
    Configuration(std::shared_ptr<const Schema> schema, std::vector<double> native)
        : schema_(std::move(schema)), native_(std::move(native)) {}

    [[nodiscard]] std::size_t size() const { return native_.size(); }
    [[nodiscard]] bool active(std::size_t i) const { return !std::isnan(native_[i]); }
    [[nodiscard]] const std::vector<double>& native() const { return native_; }
    [[nodiscard]] const Schema& schema() const { return *schema_; }

    /// The value of an active parameter. Throws InvalidConfiguration where it is inactive or the handle is of
    /// another space.
    template <class T>
    [[nodiscard]] T operator[](const Handle<T>& handle) const {
        auto value = find(handle);
        if (!value)
            throw InvalidConfiguration("parameter " + handle.name +
                                       ": is inactive in this configuration; read it with find()");
        return *std::move(value);
    }

    /// The value, or nothing where the parameter is inactive.
    template <class T>
    [[nodiscard]] std::optional<T> find(const Handle<T>& handle) const {
        schema_->check(handle);
        if (!active(handle.index)) return std::nullopt;
        return std::get<T>(schema_->parameters[handle.index].to_value(native_[handle.index]));
    }

    /// The value by name, or nothing where it is inactive; throws InvalidConfiguration for an unknown name.
    [[nodiscard]] std::optional<Value> find(std::string_view name) const {
        const std::size_t i = schema_->index(name);
        if (!active(i)) return std::nullopt;
        return schema_->parameters[i].to_value(native_[i]);
    }

    /// Names and values of the active parameters, in the order of the space.
    [[nodiscard]] std::vector<std::pair<std::string, Value>> values() const {
        std::vector<std::pair<std::string, Value>> out;
        out.reserve(native_.size());
        for (std::size_t i = 0; i < native_.size(); ++i)
            if (active(i))
                out.emplace_back(schema_->parameters[i].name, schema_->parameters[i].to_value(native_[i]));
        return out;
    }

    /// Coordinates in the unit cube, in the order of the space; NaN where inactive.
    [[nodiscard]] std::vector<double> encoded() const {
        std::vector<double> unit(native_);
        for (std::size_t i = 0; i < unit.size(); ++i)
            if (active(i)) unit[i] = schema_->parameters[i].encode(unit[i]);
        return unit;
    }

    /// Equal for configurations that count as the same point: values compared on their grid, continuous ones
    /// after rounding to 1e-9 of the scaled range (users meet 0.1 and 0.1 + 1e-17 as one value), but for
    /// those outside of it, which only old trials have.
    [[nodiscard]] std::string duplicate_key() const {
        std::string key;
        key.reserve(native_.size() * sizeof(double));
        for (std::size_t i = 0; i < native_.size(); ++i) {
            const Parameter& p = schema_->parameters[i];
            const bool outside = active(i) && !p.is_grid() && !p.contains(native_[i]);
            double x = !active(i)               ? std::numeric_limits<double>::quiet_NaN()
                       : p.is_grid() || outside ? native_[i]
                                                : std::round(p.encode(native_[i]) * 1e9);
            if (outside) key += 'o';  // never the key of what is inside
            if (x == 0) x = 0;        // -0.0 and 0.0 are one value
            key.append(reinterpret_cast<const char*>(&x), sizeof x);
        }
        return key;
    }

    /// `lr=0.1 batch=64 optimizer=sgd`, active parameters only.
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const auto& [name, value] : values())
            out += (out.empty() ? "" : " ") + name + "=" + to_string(value);
        return out;
    }

    /// Same parameters active with the same native values.
    friend bool operator==(const Configuration& a, const Configuration& b) {
        if (a.size() != b.size()) return false;
        for (std::size_t i = 0; i < a.size(); ++i)
            if (a.active(i) != b.active(i) || (a.active(i) && a.native_[i] != b.native_[i])) return false;
        return true;
    }

  private:
    std::shared_ptr<const Schema> schema_;
    std::vector<double> native_;
};

}  // namespace attune

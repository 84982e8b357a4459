#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/storage/json_codec.hpp"

namespace attune::detail {

/// A JSON object whose members are known by name. Throws InvalidJson that begins with `what`: for a value
/// that is no object, and for a member that is not `known`, which it lists. Refers to the JSON that it reads.
class JsonObject {
  public:
    JsonObject(const Json& json, std::string what, const std::vector<std::string_view>& known)
        : json_(json), what_(std::move(what)) {
        if (!json_.is_object()) throw InvalidJson(what_ + ": " + shown(json_) + " must be an object {...}");
        for (const auto& [key, value] : json_.items())
            if (std::find(known.begin(), known.end(), key) == known.end()) refuse(key, known);
    }

    [[nodiscard]] const std::string& what() const { return what_; }
    [[nodiscard]] bool has(std::string_view key) const { return json_.contains(key); }
    [[nodiscard]] std::string path(std::string_view key) const { return what_ + "." + std::string(key); }

    /// Throws where it is missing.
    [[nodiscard]] const Json& at(std::string_view key) const {
        const auto found = json_.find(key);
        if (found == json_.end()) throw InvalidJson(what_ + ": '" + std::string(key) + "' is missing");
        return *found;
    }

    [[nodiscard]] std::string text(std::string_view key) const { return text_of(at(key), path(key)); }
    [[nodiscard]] std::string text(std::string_view key, std::string otherwise) const {
        return has(key) ? text(key) : std::move(otherwise);
    }
    [[nodiscard]] double number(std::string_view key) const { return number_from_json(at(key), path(key)); }
    [[nodiscard]] std::optional<double> optional_number(std::string_view key) const {
        if (!has(key)) return std::nullopt;
        return number(key);
    }

    /// A whole number that T can hold; `1e3` counts as one.
    template <class T = std::int64_t>
    [[nodiscard]] T integer(std::string_view key) const {
        const Json& json = at(key);
        if (json.is_number_unsigned() && std::in_range<T>(json.get<std::uint64_t>()))
            return static_cast<T>(json.get<std::uint64_t>());
        if (json.is_number_integer() && !json.is_number_unsigned() &&
            std::in_range<T>(json.get<std::int64_t>()))
            return static_cast<T>(json.get<std::int64_t>());
        if (json.is_number_float() && std::abs(json.get<double>()) <= 0x1p53 &&
            json.get<double>() == std::floor(json.get<double>()) &&
            std::in_range<T>(static_cast<std::int64_t>(json.get<double>())))
            return static_cast<T>(json.get<double>());
        throw InvalidJson(path(key) + ": " + shown(json) + " must be a whole number" +
                          (std::is_unsigned_v<T> ? ", not negative" : ""));
    }
    template <class T = std::int64_t>
    [[nodiscard]] T integer(std::string_view key, T otherwise) const {
        return has(key) ? integer<T>(key) : otherwise;
    }

    [[nodiscard]] bool flag(std::string_view key, bool otherwise) const {
        if (!has(key)) return otherwise;
        const Json& json = at(key);
        if (!json.is_boolean()) throw InvalidJson(path(key) + ": " + shown(json) + " must be true or false");
        return json.get<bool>();
    }

    /// The elements of a list; throws where the member is no list.
    [[nodiscard]] const Json& list(std::string_view key) const {
        const Json& json = at(key);
        if (!json.is_array()) throw InvalidJson(path(key) + ": " + shown(json) + " must be a list [...]");
        return json;
    }

    /// Text is a JSON string, or `{"bytes": "hex"}` where it is not UTF-8.
    [[nodiscard]] static std::string text_of(const Json& json, const std::string& what);
    [[nodiscard]] static Json text_json(const std::string& text);
    /// JSON for messages, cut to a readable length.
    [[nodiscard]] static std::string shown(const Json& json);

  private:
    [[noreturn]] void refuse(const std::string& key, const std::vector<std::string_view>& known) const {
        std::string list;
        for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
        throw InvalidJson(what_ + ": '" + key +
                          "' is unknown; known: " + (list.empty() ? "no members" : list));
    }

    const Json& json_;
    std::string what_;
};

}  // namespace attune::detail

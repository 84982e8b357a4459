#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "attune/storage/json_codec.hpp"

/// JSON as Python's module writes it: with the bare words NaN, Infinity and -Infinity, which are no JSON.
///
/// In memory such a number is a text between two marks (U+0001), which no file can hold by accident: control
/// characters are escaped there, and texts of ours are freed of them by plain_text.
namespace attune::detail {

/// Throws InvalidJson that begins with `what`, as parse_json does.
[[nodiscard]] Json parse_python_json(std::string_view text, const std::string& what);
/// In one line.
[[nodiscard]] std::string python_json(const Json& json);

[[nodiscard]] Json python_number(double number);
/// Throws InvalidJson that begins with `what` for what is no number.
[[nodiscard]] double number_of(const Json& json, const std::string& what);

/// A string without marks.
[[nodiscard]] std::string plain_text(std::string text);
/// A string as it is, anything else as JSON.
[[nodiscard]] std::string text_or_json(const Json& json);

}  // namespace attune::detail

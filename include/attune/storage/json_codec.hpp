#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "attune/error.hpp"
#include "attune/space/space.hpp"
#include "attune/study/event.hpp"

/// Events and spaces as JSON: the payload of journals and databases, the lines of `attune export`, and space
/// files.
///
/// Doubles read back bit by bit; non-finite ones are the strings "nan", "inf" and "-inf" where a number must
/// stand. Values keep their type: `true`, `3`, `3.0` and `"3"` are four different ones. All functions may be
/// called from any thread.
namespace attune {

/// JSON whose objects keep the order in which their members were written.
using Json = nlohmann::ordered_json;

/// JSON that is malformed, or a member that is missing, unknown or of a wrong type.
struct InvalidJson : Error {
    explicit InvalidJson(const std::string& message) : Error("invalid_json", message) {}
};

/// Version of the events' form that is written here. All versions up to it are read: 2 has workers and
/// claims, 3 changes of the space, 4 trials that pause at a step and numbers of decisions,
/// 5 outcome constraints.
inline constexpr int event_format_version = 5;

/// Parses strictly: one value, no member twice, nothing deeper than 100. Throws InvalidJson that begins with
/// `what`.
[[nodiscard]] Json parse_json(std::string_view text, const std::string& what);

/// `{"v": 5, "kind": "reported", "time": 1700000000.5, ...}`; members that have their default value are left
/// out.
[[nodiscard]] Json to_json(const Event& event);

/// Throws InvalidJson for anything that to_json does not write; events of a later version are named as such.
[[nodiscard]] Event event_from_json(const Json& json);

/// A space as `{"space": [parameter, ...], "constraints": ["batch * accumulation <= 512", ...]}`.
///
/// A parameter is `{"name", "type", "low", "high", "scale", "step"}` or `{"name", "type": "categorical",
/// "choices"}`, both with an optional `"when"`: `{"optimizer": ["sgd", "nag"], "nesterov": true}` (all of
/// them hold), or a tree of lists for what that cannot say: `["any", c, ...]`, `["all", c, ...]`, `["not",
/// c]`, `["in", name, [value, ...]]`, `["not in", name, [...]]`,
/// `["<", name, number]` and likewise `<=`, `>`, `>=`.
[[nodiscard]] Json space_to_json(const SearchSpace& space);

/// Reads that form, or the list of parameters alone. A condition may speak of a parameter that is listed
/// later: that one is then declared before it. Choices that mix integers with other numbers are numbers.
/// Throws InvalidSpace: for unknown members (listing the known ones), for conditions in a circle (naming its
/// parameters) and for all that SearchSpace refuses.
[[nodiscard]] SearchSpace space_from_json(const Json& json);

/// A finite number as itself, another one as "nan", "inf" or "-inf".
[[nodiscard]] Json number_to_json(double number);
/// Throws InvalidJson that begins with `what`.
[[nodiscard]] double number_from_json(const Json& json, const std::string& what);

[[nodiscard]] Json value_to_json(const Value& value);
/// Throws InvalidJson that begins with `what`.
[[nodiscard]] Value value_from_json(const Json& json, const std::string& what);

[[nodiscard]] Json metrics_to_json(const Metrics& metrics);
[[nodiscard]] Metrics metrics_from_json(const Json& json, const std::string& what);

[[nodiscard]] Json values_to_json(const event::Values& values);
[[nodiscard]] event::Values values_from_json(const Json& json, const std::string& what);

}  // namespace attune

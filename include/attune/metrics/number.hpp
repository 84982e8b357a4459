#pragma once

#include <optional>
#include <string_view>

namespace attune {

/// The number that `text` writes, whatever the process's locale; nothing where it is no number.
///
/// Accepted are an optional sign and decimal digits with an optional point and exponent (`3`, `.5`, `1.`,
/// `-2.5e-3`), `nan`, `inf` and `infinity` in any case; white space around them is ignored. A value beyond
/// the range of double is an infinity or zero. With `commas`, `1,234,567.5` is read as well: groups of three
/// digits before the point. Anything else, such as `0.5,` or `97%`, is no number. Linear time; may be called
/// from any thread.
[[nodiscard]] std::optional<double> parse_number(std::string_view text, bool commas = false);

}  // namespace attune

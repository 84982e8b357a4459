#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "attune/space/value.hpp"

/// Text of studies made fit for terminals and tables.
namespace attune::detail {

/// Valid UTF-8 without control and direction-changing characters: each of those and each bad byte becomes
/// U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

/// Valid UTF-8: each bad byte becomes U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// Columns that printable text takes: two for wide East Asian characters and emoji, none for combining marks.
[[nodiscard]] std::size_t columns(std::string_view text);

/// At most `width` columns of printable text, ending with "..." where something was cut.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width);

/// With spaces up to `width` columns, behind the text or before it.
[[nodiscard]] std::string pad_right(std::string text, std::size_t width);
[[nodiscard]] std::string pad_left(std::string text, std::size_t width);

/// A number for people: up to `digits` significant ones.
[[nodiscard]] std::string short_number(double number, int digits = 6);

/// A value for people: numbers short, others whole.
[[nodiscard]] std::string short_value(const Value& value);

/// A name as HTML that may be broken behind _ . - and /.
[[nodiscard]] std::string breakable_html(const std::string& name);

/// "2026-11-21 05:51", in UTC; empty for times that no calendar of people holds (a simulated clock).
[[nodiscard]] std::string date_and_time(double seconds_since_1970);

/// "0.4s", "59s", "2m 05s", "3h 07m", "2d 04h".
[[nodiscard]] std::string short_duration(double seconds);

}  // namespace attune::detail

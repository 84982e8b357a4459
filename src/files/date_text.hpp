#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace attune::detail {

/// What a date without an offset means.
enum class Clock { utc, local };

/// "2026-11-21T00:41:29.055373": seconds since the epoch as UTC, to the microsecond, `between` the two parts.
[[nodiscard]] std::string date_text(double seconds, char between);

/// Seconds since the epoch of such a text, with or without fraction and offset ("Z", "+01:00"); a blank or a
/// "T" between date and time. Nothing for any other text.
[[nodiscard]] std::optional<double> seconds_of_date(std::string_view text, Clock clock);

}  // namespace attune::detail

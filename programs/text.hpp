#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attune/space/detail/counted.hpp"
#include "attune/study/event.hpp"

/// Text for people, as all subcommands write it.
namespace attune::program {

using attune::detail::counted;

/// Up to six significant digits.
[[nodiscard]] std::string short_number(double number);
/// "accuracy=0.5 loss=1".
[[nodiscard]] std::string metrics_text(const Metrics& metrics);
/// "lr=0.1 optimizer=adam", numbers as in short_number.
[[nodiscard]] std::string values_text(const event::Values& values);
/// "0.4 s", "75 s", "12 min", "3.1 h".
[[nodiscard]] std::string duration_text(double seconds);

/// The first line of a text, its control characters replaced: what a program printed must not steer a
/// terminal.
[[nodiscard]] std::string first_line(std::string_view text);
/// All lines, in the same way.
[[nodiscard]] std::vector<std::string> printable_lines(std::string_view text);

/// The text in lines of at most `width` bytes, broken at spaces where there are some; those after the first
/// begin with `indent` spaces. No width (0) is one line. Ends with a newline.
[[nodiscard]] std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);

/// Columns to wrap at: those of a terminal, 0 where `descriptor` is none.
[[nodiscard]] std::size_t wrap_width(int descriptor);

/// Arguments as they would be typed.
[[nodiscard]] std::string command_text(const std::vector<std::string>& arguments);

}  // namespace attune::program

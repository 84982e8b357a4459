#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

/// Checks of options whose messages name the option, the value and the rule.
namespace attune::program {

/// A whole number in [least, most]; without `most` there is no upper end to name.
[[nodiscard]] CLI::Validator whole_number(std::int64_t least,
                                          std::int64_t most = std::numeric_limits<std::int64_t>::max());

/// A number that is not NaN or infinite.
[[nodiscard]] CLI::Validator finite_number();

/// One of the words; the nearest is suggested where one is near.
[[nodiscard]] CLI::Validator one_of(std::vector<std::string> words);

/// What may have been meant by options and subcommands that are unknown: "; did you mean '--trials'?" or
/// nothing.
[[nodiscard]] std::string suggestion_for(const CLI::App& app, const std::string& unknown);

}  // namespace attune::program

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::detail {

/// Texts by placeholder name; nothing for parameters that are not active.
using Substitutions = std::map<std::string, std::optional<std::string>>;

/// The names of all placeholders of a command, in order, repeated as they are.
[[nodiscard]] std::vector<std::string> placeholders(const std::vector<std::string>& command);

/// The command with its placeholders replaced, and arguments of inactive parameters left out.
/// Throws InvalidOption for a placeholder without a substitution.
[[nodiscard]] std::vector<std::string> substitute(const std::vector<std::string>& command,
                                                  const Substitutions& substitutions);

/// Arguments as one line for people, quoted where a shell would need it, cut to about 400 characters.
[[nodiscard]] std::string command_text(const std::vector<std::string>& arguments);

}  // namespace attune::detail

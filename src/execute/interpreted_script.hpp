#pragma once

#include <optional>
#include <string>
#include <vector>

namespace attune::detail {

/// The file that a command hands to an interpreter to run, as in `python -u train.py`; nothing where the
/// program is none of those known, or where options stand before the file that may take values themselves.
[[nodiscard]] std::optional<std::string> interpreted_script(const std::vector<std::string>& command);

/// Whether the program of a command is a shell, which looks for its script in PATH too.
[[nodiscard]] bool is_shell(const std::string& program);

}  // namespace attune::detail

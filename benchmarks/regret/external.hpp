#pragma once

#include <filesystem>
#include <string>

#include "problem.hpp"

namespace attune::regret {

/// A problem whose values come from a program: one JSON object of parameters a line on its standard input,
/// one number a line on its standard output ("nan" where it failed). Every thread that evaluates it has a
/// program of its own.
///
/// `file` holds `{"name", "command", "space": [as in ask-tell], "constraints", "optimum", "noise"}`, the last
/// three optional. Inactive parameters are sent with the middle of their range: such programs take all.
[[nodiscard]] Problem external_problem(const std::filesystem::path& file);

/// The support-vector machine on noisy digits of the peers' problems, served by `command`.
[[nodiscard]] Problem svc_digits(const std::string& command);

}  // namespace attune::regret

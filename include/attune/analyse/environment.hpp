#pragma once

#include <map>
#include <string>

namespace attune {

/// What a study should remember of where it ran, for TunerOptions::environment: "attune" (version),
/// "compiler", "build" (optimised or debug), "system", "processor", "cores" (that this process may use),
/// "memory_gib". What cannot be told is left out. Nothing that names a machine or a person. Thread-safe.
[[nodiscard]] std::map<std::string, std::string> describe_environment();

}  // namespace attune

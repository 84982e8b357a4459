#pragma once

#include <re2/re2.h>

#include <cstddef>
#include <memory>
#include <string>

#include "attune/metrics/regex_metrics.hpp"

namespace attune::detail {

/// A definition made ready for use.
struct CompiledRegex {
    std::shared_ptr<const RE2> re;
    int group = 1;
    std::size_t definition = 0;
};

/// Why a definition cannot be used, and the lint rule that this breaks.
struct DefinitionFault {
    std::string rule;
    std::string message;
    std::string suggestion;
};

/// Compiles without throwing: either `compiled.re` is set, or `fault` says why not.
void try_compile(const MetricDefinition& definition, CompiledRegex& compiled, DefinitionFault& fault);

/// Throws InvalidOption, naming metric, expression and rule.
[[nodiscard]] CompiledRegex compile(const MetricDefinition& definition);

}  // namespace attune::detail

#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Stopping policies by name, for programs that read them from a command line or a file. A value, not a
/// global: take the standard ones and add your own. Thread-safe to read.
///
/// The standard ones but "off" also take `after` (a step), `at_least` (completed trials), which keep them
/// silent until then, and, where they look at one metric, `objectives`: "any" or "all" for a policy for each
/// of the study's objectives. "any_of" and "all_of" take `policies`, their names with commas between, and
/// `<name>.<option>` for the options of each; "patient" takes `policy` and its options in the same way.
class StoppingPolicyRegistry {
  public:
    using Options = std::map<std::string, Value>;
    /// Makes one from options; throws InvalidOption for a name or value that it does not take.
    using Make = std::function<AnyStoppingPolicy(const Options&)>;

    /// Those of this library.
    [[nodiscard]] static StoppingPolicyRegistry standard();

    /// Adds one; another of the same name makes way.
    void add(const std::string& name, Make make) { makers_[name] = std::move(make); }

    /// Throws UnknownName that lists the known ones, and InvalidOption.
    [[nodiscard]] AnyStoppingPolicy make(const std::string& name, const Options& options = {}) const;

    /// In alphabetical order.
    [[nodiscard]] std::vector<std::string> names() const;

  private:
    std::map<std::string, Make> makers_;
};

}  // namespace attune

#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "attune/strategy/strategy.hpp"

namespace attune {

/// Strategies by name, for programs that read them from a command line or a file. A value, not a global: take
/// the standard ones and add your own. Thread-safe to read.
class StrategyRegistry {
  public:
    using Options = std::map<std::string, Value>;
    /// Makes one from options; throws InvalidOption for a name or value that it does not take.
    using Make = std::function<AnyStrategy(const Options&)>;

    /// Those of this library.
    [[nodiscard]] static StrategyRegistry standard();

    /// Adds one; another of the same name makes way.
    void add(const std::string& name, Make make) { makers_[name] = std::move(make); }

    /// Lets one answer to an older name too, which is not listed.
    void add_former_name(const std::string& former, const std::string& name) { former_names_[former] = name; }

    /// The name by which one that may be called otherwise is listed.
    [[nodiscard]] std::string present_name(const std::string& name) const {
        const auto found = former_names_.find(name);
        return found == former_names_.end() ? name : found->second;
    }

    /// Throws UnknownName that lists the known ones, and InvalidOption.
    [[nodiscard]] AnyStrategy make(const std::string& name, const Options& options = {}) const;

    /// In alphabetical order.
    [[nodiscard]] std::vector<std::string> names() const;

  private:
    std::map<std::string, Make> makers_;
    std::map<std::string, std::string> former_names_;
};

}  // namespace attune

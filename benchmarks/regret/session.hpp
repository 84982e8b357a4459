#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "problem.hpp"

namespace attune::regret {

/// A running optimiser of one problem.
class Session {
  public:
    struct Asked {
        std::int64_t id = 0;
        Configuration configuration;
    };

    virtual ~Session() = default;
    /// The next configuration, or nothing where the space is spent.
    [[nodiscard]] virtual std::optional<Asked> ask() = 0;
    /// The loss that was observed and the metrics of the problem's constraints, or nothing where the
    /// evaluation failed.
    virtual void tell(std::int64_t id, const std::optional<Metrics>& observed) = 0;
};

/// An optimiser that can be begun on any problem.
class Method {
  public:
    virtual ~Method() = default;
    [[nodiscard]] virtual const std::string& label() const = 0;
    [[nodiscard]] virtual std::unique_ptr<Session> begin(const Problem& problem,
                                                         std::uint64_t seed) const = 0;
};

/// A strategy of this library, in this process: `[LABEL=][flat ]STRATEGY[:OPTION=VALUE,...]`; `flat` hides
/// all conditions from it: parameters are always active. Throws InvalidOption, UnknownName.
[[nodiscard]] std::unique_ptr<Method> make_method(const std::string& text);

/// A program that speaks ask-tell over its standard streams, started anew for every run: `[LABEL=]COMMAND`.
/// `strategy` is what it is asked to create a study with (`NAME[:OPTION=VALUE,...]`).
[[nodiscard]] std::unique_ptr<Method> drive_method(const std::string& text, const std::string& strategy);

/// The space without conditions, so that every parameter is always there.
[[nodiscard]] SearchSpace flattened(const SearchSpace& space);

}  // namespace attune::regret

#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace attune {

/// Base of every exception that Attune throws.
///
/// The message names the thing, its value and the rule that it breaks. `kind()` is a short stable word for
/// programs (the `ask-tell` protocol prints it); messages may be reworded, kinds are not.
class Error : public std::runtime_error {
  public:
    Error(std::string kind, const std::string& message)
        : std::runtime_error(message), kind_(std::move(kind)) {}

    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }

  private:
    std::string kind_;
};

/// A search space, condition or constraint that cannot be used.
struct InvalidSpace : Error {
    explicit InvalidSpace(const std::string& message) : Error("invalid_space", message) {}
};

/// A configuration or value that does not belong to the search space.
struct InvalidConfiguration : Error {
    explicit InvalidConfiguration(const std::string& message) : Error("invalid_configuration", message) {}
};

/// An option of a strategy, policy, limit, recipe or program outside its range.
struct InvalidOption : Error {
    explicit InvalidOption(const std::string& message) : Error("invalid_option", message) {}
};

/// A call that does not fit the state of a study or trial, such as telling a finished trial.
struct InvalidState : Error {
    explicit InvalidState(const std::string& message) : Error("invalid_state", message) {}
};

/// A name that nothing answers to; the message lists the known ones.
struct UnknownName : Error {
    explicit UnknownName(const std::string& message) : Error("unknown_name", message) {}
};

/// A study's storage could not be opened, read or written.
struct StorageError : Error {
    explicit StorageError(const std::string& message) : Error("storage", message) {}
};

/// A file that is missing, unreadable, damaged or of another format; the message begins with its path.
struct FileError : Error {
    explicit FileError(const std::string& message) : Error("file", message) {}
};

}  // namespace attune

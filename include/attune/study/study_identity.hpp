#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace attune {

/// Tells one study that grows from every other one in this process, so that whoever read it up to some event
/// may go on from there. Copies are studies of their own; what is moved takes its identity along.
class StudyIdentity {
  public:
    StudyIdentity() = default;
    StudyIdentity(const StudyIdentity&) : number_(next()) {}
    StudyIdentity(StudyIdentity&& other) noexcept : number_(std::exchange(other.number_, next())) {}
    StudyIdentity& operator=(const StudyIdentity& other) {
        if (this != &other) number_ = next();
        return *this;
    }
    StudyIdentity& operator=(StudyIdentity&& other) noexcept {
        if (this != &other) number_ = std::exchange(other.number_, next());
        return *this;
    }
    ~StudyIdentity() = default;

    [[nodiscard]] std::uint64_t number() const { return number_; }

  private:
    static std::uint64_t next() {
        static std::atomic<std::uint64_t> latest{0};
        return ++latest;
    }
    std::uint64_t number_ = next();
};

}  // namespace attune

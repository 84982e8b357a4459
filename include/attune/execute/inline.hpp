#pragma once

#include <functional>

namespace attune {

/// Trials run one after the other on the calling thread.
class Inline {
  public:
    static void run(const std::function<bool()>& work) {
        while (work()) {
        }
    }
    [[nodiscard]] static constexpr int slots() { return 1; }
};

}  // namespace attune

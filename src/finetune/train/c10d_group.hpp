#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attune/finetune/train/process_group.hpp"

namespace attune::detail {

/// A file, or else a host's port.
struct MeetingPlace {
    std::string file{};
    std::string host{};
    std::uint16_t port = 0;
};

[[nodiscard]] std::vector<std::string> c10d_backends();

/// A group of libtorch's own; the backend is one of those.
[[nodiscard]] std::shared_ptr<ProcessGroup> make_c10d_group(const ProcessGroupOptions& options,
                                                            const MeetingPlace& place);

}  // namespace attune::detail

#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "attune/space/detail/counted.hpp"

/// What a fit says of its end, whether it trains one head or several.
namespace attune::detail {

inline std::string all_epochs_run(std::int64_t epochs) {
    return epochs == 1 ? std::string("the only epoch was run")
                       : fmt::format("all {} epochs were run", epochs);
}

inline std::string out_of_patience(std::int64_t patience, std::int64_t improved_in) {
    return fmt::format("no improvement for {}, the last one in epoch {}", counted(patience, "epoch"),
                       improved_in);
}

}  // namespace attune::detail

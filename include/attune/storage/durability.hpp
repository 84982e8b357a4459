#pragma once

#include <string_view>

#include "attune/error.hpp"

namespace attune {

/// What an acknowledged append has survived when append() returns.
enum class Durability {
    none,           ///< nothing is promised (files and databases still keep what the system was given)
    process_crash,  ///< the death of the process, even by SIGKILL; a power loss may take the latest seconds
    power_loss,     ///< everything but reports survives a power loss; reports follow with the next flush
    power_loss_with_reports,  ///< every append survives a power loss
};

/// The level that is used where none is named.
inline constexpr Durability default_durability = Durability::power_loss;

[[nodiscard]] constexpr std::string_view to_string(Durability durability) {
    constexpr std::string_view names[] = {"none", "process_crash", "power_loss", "power_loss_with_reports"};
    return names[static_cast<int>(durability)];
}

/// Throws UnknownName that lists the names.
[[nodiscard]] inline Durability durability_from(std::string_view name) {
    for (const Durability level : {Durability::none, Durability::process_crash, Durability::power_loss,
                                   Durability::power_loss_with_reports})
        if (to_string(level) == name) return level;
    throw UnknownName("durability '" + std::string(name) +
                      "' is unknown; known: none, process_crash, power_loss, power_loss_with_reports");
}

}  // namespace attune

#include "attune/storage/open.hpp"

#include <algorithm>

#include "attune/error.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/memory.hpp"

namespace attune {

AnyStorage storage_from(const std::string& address) {
    const auto colon = address.find(':');
    const std::string scheme = colon == std::string::npos ? "" : address.substr(0, colon);
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const bool path_alone = scheme.empty() || !std::all_of(scheme.begin(), scheme.end(), letter);
    if (path_alone) return Journal(address);
    const std::string rest = address.substr(colon + 1);
    if (scheme == "memory" && rest.empty()) return Memory{};
    if (scheme == "journal") return Journal(rest);
    throw UnknownName("storage '" + address + "': scheme '" + scheme +
                      "' is unknown; known: memory: (nothing after it), journal:path, or a path alone");
}

}  // namespace attune

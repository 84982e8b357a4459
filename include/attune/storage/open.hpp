#pragma once

#include <string>

#include "attune/storage/storage.hpp"

namespace attune {

/// A storage by its address: "memory:", "journal:path/study.attune", or a path alone, which is a journal's.
/// Throws UnknownName for another scheme (a word of letters before a colon), StorageError as the storage
/// does.
[[nodiscard]] AnyStorage storage_from(const std::string& address);

}  // namespace attune

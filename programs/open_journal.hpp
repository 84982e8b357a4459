#pragma once

#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/storage.hpp"
#include "attune/study/study.hpp"

namespace attune::program {

/// The storage at `address` (see storage_from), open for writing; what recovery cut goes to `notice`.
[[nodiscard]] AnyStorage open_storage(const StorageAddress& address, Durability durability,
                                      std::string& notice);

/// The address without passwords, for people.
[[nodiscard]] std::string shown(StorageAddress address);
[[nodiscard]] std::string shown(const std::string& address);

/// A study looked at without a lock.
struct StoredStudy {
    std::vector<Event> events;
    Study study;
};

/// Reads the study at an address (see StorageAddress). Throws StorageError, InvalidState where it holds no
/// study yet.
[[nodiscard]] StoredStudy read_study(const std::string& path);

}  // namespace attune::program

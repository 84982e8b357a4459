#pragma once

#include <string>
#include <vector>

#include "attune/storage/storage.hpp"
#include "attune/study/study.hpp"

namespace attune::program {

/// The storage at `address` (see storage_from), open for writing; what recovery cut goes to `notice`.
[[nodiscard]] AnyStorage open_storage(const std::string& address, std::string& notice);

/// All events of the study at an address. What stands behind them and cannot be read is told on standard
/// error. Throws StorageError.
[[nodiscard]] std::vector<Event> read_events(const std::string& address);

/// A line on standard error, where there is a notice (see AnyStorage).
void tell(const std::string& notice);

/// A study looked at without a lock.
struct StoredStudy {
    std::vector<Event> events;
    Study study;
};

/// Reads the study at an address (see StorageAddress) as read_events() does. Throws StorageError,
/// InvalidState where it holds no study yet.
[[nodiscard]] StoredStudy read_study(const std::string& path);

}  // namespace attune::program

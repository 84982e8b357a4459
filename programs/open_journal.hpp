#pragma once

#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/storage.hpp"
#include "attune/study/study.hpp"

namespace attune::program {

/// The storage at an address, open for writing; what people should hear of how it was found goes to `notice`.
[[nodiscard]] AnyStorage open_storage(const StorageAddress& address, Durability durability,
                                      std::string& notice);

/// The address without passwords, for people.
[[nodiscard]] std::string shown(StorageAddress address);
[[nodiscard]] std::string shown(const std::string& address);

/// What a study is called where nobody says: a journal as its file, one of a database as it is called there;
/// empty in memory.
[[nodiscard]] std::string default_name(const StorageAddress& address);

/// The study's name; where it lies under another one, as a copy does, with that behind it.
[[nodiscard]] std::string title_of(const Study& study, const StorageAddress& address);

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

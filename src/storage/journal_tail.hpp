#pragma once

#include <filesystem>
#include <string>

#include "attune/storage/file.hpp"
#include "attune/storage/journal.hpp"
#include "journal_format.hpp"

/// What stands behind the last whole append of a journal.
namespace attune::journal {

/// Copies everything from the damage on into a new file beside the journal, and flushes it. Gives its path.
/// Throws std::system_error, and leaves no file then.
[[nodiscard]] std::filesystem::path keep_tail(File& file, const Damage& damage,
                                              const std::filesystem::path& path, FileSystem& files);

/// The finding as a sentence for people.
[[nodiscard]] std::string text_of(const JournalRecovery& recovery);

}  // namespace attune::journal

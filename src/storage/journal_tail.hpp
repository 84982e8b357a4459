#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
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

/// What people should hear of the journal at `location`: of its tail, and that the file once had
/// `lost_bytes` more. Empty where there is nothing.
[[nodiscard]] std::string notice_of(const std::string& location,
                                    const std::optional<JournalRecovery>& recovery, std::uint64_t lost_bytes);

}  // namespace attune::journal

#include "journal_tail.hpp"

#include <memory>
#include <system_error>

#include "attune/space/detail/counted.hpp"

namespace attune::journal {
namespace {

std::string text_of(const JournalRecovery& recovery) {
    const std::string place = detail::counted(recovery.bytes, "byte") + " behind event " +
                              std::to_string(recovery.position) + (recovery.bytes == 1 ? " was " : " were ");
    return recovery.kept_in.empty()
               ? place + "left out (" + recovery.reason + "); the next writer cuts what is there"
               : place + "cut off (" + recovery.reason + "); what was cut is kept in " +
                     recovery.kept_in.string();
}

}  // namespace

std::filesystem::path keep_tail(File& file, const Damage& damage, const std::filesystem::path& path,
                                FileSystem& files) {
    std::string tail(file.size() - damage.offset, '\0');
    tail.resize(file.read_at(damage.offset, tail));
    std::filesystem::path kept;
    std::unique_ptr<File> copy;
    for (int n = 1; copy == nullptr; ++n) {
        kept = path;
        kept += ".cut-" + std::to_string(n);
        try {
            copy = files.open(kept, FileMode::create);
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::file_exists) throw;
        }
    }
    try {
        copy->write_all(0, tail);
        copy->sync();
    } catch (const std::system_error&) {
        files.remove(kept);  // or every try on a full disk would leave one
        throw;
    }
    files.sync_folder(path.parent_path());
    return kept;
}

std::string notice_of(const std::string& location, const std::optional<JournalRecovery>& recovery,
                      std::uint64_t lost_bytes) {
    std::string text = recovery ? location + ": " + text_of(*recovery) : "";
    if (lost_bytes > 0)
        text += (text.empty() ? "" : "; ") + location + ": ends " + detail::counted(lost_bytes, "byte") +
                " before what was on the disk once, as an older copy that was put back does";
    return text;
}

}  // namespace attune::journal

#include "open_journal.hpp"

#include "attune/storage/journal.hpp"
#include "attune/storage/open.hpp"
#include "text.hpp"

namespace attune::program {

AnyStorage open_storage(const std::string& address, std::string& notice) {
    constexpr std::string_view scheme = "journal:";
    const bool named = address.rfind(scheme, 0) == 0;
    if (!named && address.find(':') != std::string::npos) return storage_from(address);
    Journal journal(named ? address.substr(scheme.size()) : address);
    if (const auto& recovery = journal.recovery())
        notice = journal.location() + ": " + count_of(recovery->bytes, "byte") + " behind event " +
                 std::to_string(recovery->position) + (recovery->bytes == 1 ? " was" : " were") +
                 " cut off (" + recovery->reason + "); what was cut is kept in " + recovery->kept_in.string();
    return journal;
}

StoredStudy read_study(const std::string& path) {
    StoredStudy stored;
    stored.events = Journal::read_only(path).read(0);
    for (const Event& event : stored.events) stored.study.apply(event);
    if (!stored.study.is_created()) throw InvalidState(path + ": holds no study yet");
    return stored;
}

}  // namespace attune::program

#include "open_journal.hpp"

#include "attune/storage/journal.hpp"
#include "attune/storage/open.hpp"
#include "text.hpp"

namespace attune::program {

AnyStorage open_storage(const std::string& address, std::string& notice) {
    const StorageAddress parsed = StorageAddress::parse(address);
    if (parsed.kind != StorageAddress::Kind::journal) return attune::open_storage(parsed);
    Journal journal(parsed.place);
    if (const auto& recovery = journal.recovery())
        notice = journal.location() + ": " + counted(recovery->bytes, "byte") + " behind event " +
                 std::to_string(recovery->position) + (recovery->bytes == 1 ? " was" : " were") +
                 " cut off (" + recovery->reason + "); what was cut is kept in " + recovery->kept_in.string();
    return journal;
}

StoredStudy read_study(const std::string& path) {
    StoredStudy stored;
    stored.events = attune::open_storage(path, {.read_only = true}).read(0);
    for (const Event& event : stored.events) stored.study.apply(event);
    if (!stored.study.is_created()) throw InvalidState(path + ": holds no study yet");
    return stored;
}

}  // namespace attune::program

#include "open_journal.hpp"

#include "attune/storage/journal.hpp"
#include "attune/storage/postgresql.hpp"
#include "text.hpp"

namespace attune::program {

AnyStorage open_storage(const StorageAddress& address, Durability durability, std::string& notice) {
    if (address.kind != StorageAddress::Kind::journal)
        return attune::open_storage(address, {.durability = durability});
    Journal journal(address.place, {.durability = durability});
    if (const auto& recovery = journal.recovery())
        notice = journal.location() + ": " + counted(recovery->bytes, "byte") + " behind event " +
                 std::to_string(recovery->position) + (recovery->bytes == 1 ? " was" : " were") +
                 " cut off (" + recovery->reason + "); what was cut is kept in " + recovery->kept_in.string();
    return journal;
}

std::string shown(StorageAddress address) {
    if (address.kind == StorageAddress::Kind::journal) return address.place;
    if (address.kind == StorageAddress::Kind::postgresql)
        address.place = Postgresql::without_passwords(address.place);
    return address.text();
}

std::string shown(const std::string& address) { return shown(StorageAddress::parse(address)); }

StoredStudy read_study(const std::string& path) {
    StoredStudy stored;
    stored.events = attune::open_storage(path, {.read_only = true}).read(0);
    for (const Event& event : stored.events) stored.study.apply(event);
    if (!stored.study.is_created()) throw InvalidState(shown(path) + ": holds no study yet");
    return stored;
}

}  // namespace attune::program

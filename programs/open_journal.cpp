#include "open_journal.hpp"

#include <filesystem>
#include <iostream>

#include "attune/storage/open.hpp"
#include "attune/storage/postgresql.hpp"
#include "text.hpp"

namespace attune::program {

AnyStorage open_storage(const StorageAddress& address, Durability durability, std::string& notice) {
    AnyStorage storage = attune::open_storage(address, {.durability = durability});
    notice = storage.notice();
    return storage;
}

std::vector<Event> read_events(const std::string& address) {
    AnyStorage storage = attune::open_storage(address, {.read_only = true});
    std::vector<Event> events = storage.read(0);
    tell(storage.notice());
    return events;
}

void tell(const std::string& notice) {
    if (!notice.empty()) std::cerr << "attune: " << first_line(notice) << '\n';
}

std::string shown(StorageAddress address) {
    if (address.kind == StorageAddress::Kind::journal) return address.place;
    if (address.kind == StorageAddress::Kind::postgresql)
        address.place = Postgresql::without_passwords(address.place);
    return address.text();
}

std::string shown(const std::string& address) { return shown(StorageAddress::parse(address)); }

std::string default_name(const StorageAddress& address) {
    if (address.kind == StorageAddress::Kind::memory) return {};
    if (address.kind != StorageAddress::Kind::journal) return address.study;
    return std::filesystem::path(address.place).stem().string();
}

std::string title_of(const Study& study, const StorageAddress& address) {
    const std::string here = default_name(address);
    return here.empty() || here == study.name() ? study.name() : study.name() + " (" + here + ")";
}

StoredStudy read_study(const std::string& path) {
    StoredStudy stored;
    stored.events = read_events(path);
    for (const Event& event : stored.events) stored.study.apply(event);
    if (!stored.study.is_created()) throw InvalidState(shown(path) + ": holds no study yet");
    return stored;
}

}  // namespace attune::program

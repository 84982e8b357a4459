#include "attune/storage/open.hpp"

#include <algorithm>
#include <filesystem>

#include "attune/error.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/memory.hpp"
#include "attune/storage/postgresql.hpp"
#include "attune/storage/sqlite.hpp"

namespace attune {
namespace {

/// Takes `study=name` out of what stands behind the question mark; the rest is libpq's.
std::string take_study(std::string& place) {
    const auto question = place.find('?');
    std::string study = "study";
    if (question == std::string::npos) return study;
    std::string kept;
    for (std::size_t begin = question + 1; begin <= place.size();) {
        const auto end = std::min(place.find('&', begin), place.size());
        const std::string part = place.substr(begin, end - begin);
        if (part.rfind("study=", 0) == 0)
            study = part.substr(6);
        else if (!part.empty())
            kept += (kept.empty() ? "?" : "&") + part;
        begin = end + 1;
    }
    place = place.substr(0, question) + kept;
    return study;
}

bool names_database(const std::string& path) {
    const std::string ending = std::filesystem::path(path.substr(0, path.find('?'))).extension().string();
    return ending == ".db" || ending == ".sqlite" || ending == ".sqlite3";
}

}  // namespace

StorageAddress StorageAddress::parse(const std::string& address) {
    const auto colon = address.find(':');
    const std::string scheme = colon == std::string::npos ? "" : address.substr(0, colon);
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    StorageAddress out;
    out.place = address;
    if (scheme.empty() || !std::all_of(scheme.begin(), scheme.end(), letter)) {  // a path alone
        if (!names_database(address)) return out;
        out.kind = Kind::sqlite;
        out.study = take_study(out.place);
        return out;
    }
    out.place = address.substr(colon + 1);
    if (scheme == "memory" && out.place.empty()) {
        out.kind = Kind::memory;
    } else if (scheme == "journal") {
        out.kind = Kind::journal;
    } else if (scheme == "sqlite") {
        out.kind = Kind::sqlite;
        if (out.place.rfind("//", 0) == 0) out.place = out.place.substr(2);  // of "sqlite:///path"
        out.study = take_study(out.place);
        if (out.place.empty()) throw UnknownName("storage '" + address + "': names no file");
    } else if (scheme == "postgresql" || scheme == "postgres") {
        out.kind = Kind::postgresql;
        out.place = address;
        out.study = take_study(out.place);
    } else {
        throw UnknownName(
            "storage '" + address + "': scheme '" + scheme +
            "' is unknown; known: memory: (nothing after it), journal:path, sqlite:///path?study=name, "
            "postgresql://user@host/database?study=name, or a path alone");
    }
    return out;
}

std::string StorageAddress::text() const {
    switch (kind) {
        case Kind::memory:
            return "memory:";
        case Kind::sqlite:
            return "sqlite:" + std::string(place.rfind('/', 0) == 0 ? "//" : "") + place + "?study=" + study;
        case Kind::postgresql:
            return place + (place.find('?') == std::string::npos ? "?" : "&") + "study=" + study;
        case Kind::journal:
            break;
    }
    return place.find(':') == std::string::npos ? place : "journal:" + place;
}

AnyStorage open_storage(const StorageAddress& address, const OpenOptions& options) {
    switch (address.kind) {
        case StorageAddress::Kind::memory:
            return Memory{};
        case StorageAddress::Kind::sqlite: {
            SqliteOptions sqlite{.study = address.study, .durability = options.durability};
            if (options.read_only) return Sqlite::read_only(address.place, std::move(sqlite));
            return Sqlite(address.place, std::move(sqlite));
        }
        case StorageAddress::Kind::postgresql:
            return Postgresql(
                address.place,
                {.study = address.study, .durability = options.durability, .read_only = options.read_only});
        case StorageAddress::Kind::journal:
            break;
    }
    if (options.read_only) return Journal::read_only(address.place);
    return Journal(address.place, {.durability = options.durability});
}

AnyStorage open_storage(const std::string& address, const OpenOptions& options) {
    return open_storage(StorageAddress::parse(address), options);
}

AnyStorage storage_from(const std::string& address) { return open_storage(address); }

bool storage_exists(const StorageAddress& address) {
    std::error_code ignored;
    const auto has = [&](const std::vector<std::string>& studies) {
        return std::find(studies.begin(), studies.end(), address.study) != studies.end();
    };
    switch (address.kind) {
        case StorageAddress::Kind::memory:
            return false;
        case StorageAddress::Kind::sqlite:
            return std::filesystem::exists(address.place, ignored) &&
                   std::filesystem::file_size(address.place, ignored) > 0 &&
                   has(Sqlite::studies(address.place));
        case StorageAddress::Kind::postgresql:
            return has(Postgresql::studies(address.place));
        case StorageAddress::Kind::journal:
            break;
    }
    return std::filesystem::exists(address.place, ignored) &&
           std::filesystem::file_size(address.place, ignored) > 0;
}

}  // namespace attune

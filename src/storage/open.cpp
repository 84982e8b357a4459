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

/// What stands behind "sqlite:". Three slashes and a relative path, four and an absolute one, as SQLAlchemy
/// has it; a path without them is taken as it is.
std::string sqlite_place(const std::string& address, const std::string& place) {
    if (place.rfind("///", 0) == 0) return place.substr(3);
    if (place.rfind("//", 0) == 0)
        throw UnknownName(
            "storage '" + address +
            "': two slashes would name a host, which SQLite has none of; write sqlite:///file.db "
            "for a path relative to the working folder, sqlite:////folder/file.db for an absolute "
            "one");
    return place;
}

/// Whoever wrote three slashes before an absolute path is told of the fourth. Throws StorageError.
void refuse_missing_slash(const StorageAddress& address) {
    namespace fs = std::filesystem;
    const fs::path path = address.place;
    std::error_code ignored;
    if (path.is_absolute() || !path.has_parent_path() || fs::exists(path.parent_path(), ignored)) return;
    if (fs::is_directory("/" / path.parent_path(), ignored))
        throw StorageError(address.text() + ": there is no folder '" + path.parent_path().string() +
                           "' in the working folder; the absolute path takes four slashes: sqlite:////" +
                           address.place);
}

/// "; it has: a, b (...)" for a database that lacks the study of the address, else nothing.
std::string other_studies(const StorageAddress& address) {
    std::vector<std::string> names;
    try {
        names = studies_in(address);
    } catch (const Error&) {
        return {};  // what is wrong with the place was said already
    }
    if (names.empty() || std::find(names.begin(), names.end(), address.study) != names.end()) return {};
    constexpr std::size_t shown = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, names.size()); ++i)
        text += (text.empty() ? "; it has: " : ", ") + names[i];
    if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
    return text + " (name one by study=" + names.front() + " in the address)";
}

AnyStorage opened(const StorageAddress& address, const OpenOptions& options) {
    switch (address.kind) {
        case StorageAddress::Kind::memory:
            return Memory{};
        case StorageAddress::Kind::sqlite: {
            refuse_missing_slash(address);
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

}  // namespace

StorageAddress StorageAddress::parse(const std::string& address) {
    const auto colon = address.find(':');
    const std::string scheme = colon == std::string::npos ? "" : address.substr(0, colon);
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    StorageAddress out;
    out.place = address;
    if (scheme.empty() || !std::all_of(scheme.begin(), scheme.end(), letter)) {  // a path alone
        if (address.empty()) throw UnknownName("storage '': names no file");
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
        if (out.place.empty()) throw UnknownName("storage '" + address + "': names no file");
    } else if (scheme == "sqlite") {
        out.kind = Kind::sqlite;
        out.place = sqlite_place(address, out.place);
        out.study = take_study(out.place);
        if (out.place.empty()) throw UnknownName("storage '" + address + "': names no file");
    } else if (scheme == "postgresql" || scheme == "postgres") {
        out.kind = Kind::postgresql;
        out.place = address;
        out.study = take_study(out.place);
    } else {
        // The rest of it may hold a password.
        throw UnknownName(
            "storage '" + scheme + ":...': scheme '" + scheme +
            "' is unknown; known: memory: (nothing after it), journal:path, sqlite:///file.db?study=name, "
            "postgresql://user@host/database?study=name, or a path alone");
    }
    return out;
}

std::string StorageAddress::text() const {
    switch (kind) {
        case Kind::memory:
            return "memory:";
        case Kind::sqlite:
            return "sqlite:///" + place + "?study=" + study;
        case Kind::postgresql:
            return place + (place.find('?') == std::string::npos ? "?" : "&") + "study=" + study;
        case Kind::journal:
            break;
    }
    return place.find(':') == std::string::npos ? place : "journal:" + place;
}

AnyStorage open_storage(const StorageAddress& address, const OpenOptions& options) try {
    return opened(address, options);
} catch (const StorageError& error) {
    if (const std::string others = options.read_only ? other_studies(address) : ""; !others.empty())
        throw StorageError(error.what() + others);
    throw;
}

AnyStorage open_storage(const std::string& address, const OpenOptions& options) {
    return open_storage(StorageAddress::parse(address), options);
}

AnyStorage storage_from(const std::string& address) { return open_storage(address); }

std::vector<std::string> studies_in(const StorageAddress& address) {
    if (address.kind == StorageAddress::Kind::postgresql) return Postgresql::studies(address.place);
    if (address.kind != StorageAddress::Kind::sqlite) return {};
    refuse_missing_slash(address);
    return Sqlite::studies(address.place);
}

bool storage_exists(const StorageAddress& address) {
    if (address.kind == StorageAddress::Kind::memory) return false;
    const bool in_file = address.kind != StorageAddress::Kind::postgresql;
    if (address.kind == StorageAddress::Kind::sqlite) refuse_missing_slash(address);
    std::error_code ignored;
    if (in_file && (!std::filesystem::exists(address.place, ignored) ||
                    std::filesystem::file_size(address.place, ignored) == 0))
        return false;
    if (address.kind == StorageAddress::Kind::journal) return true;
    const std::vector<std::string> names = studies_in(address);
    return std::find(names.begin(), names.end(), address.study) != names.end();
}

}  // namespace attune

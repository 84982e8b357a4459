#include "attune/storage/studies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "attune/error.hpp"
#include "attune/storage/detail/process_identity.hpp"
#include "attune/storage/journal.hpp"
#include "attune/storage/postgresql.hpp"
#include "attune/storage/sqlite.hpp"
#include "attune/study/study.hpp"
#include "merge_events.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Kind = StorageAddress::Kind;

Study folded(const std::vector<Event>& events) {
    Study study;
    for (const Event& event : events) study.apply(event);
    return study;
}

std::vector<Event> read_all(const StorageAddress& address, std::string& notices) {
    AnyStorage storage = open_storage(address, {.read_only = true});
    std::vector<Event> events = storage.read(0);
    if (const std::string notice = storage.notice(); !notice.empty())
        notices += (notices.empty() ? "" : "; ") + notice;
    return events;
}

StudySummary summary_of(const StorageAddress& address) {
    StudySummary out;
    out.address = address.text();
    try {
        const auto events = read_all(address, out.notice);
        const Study study = folded(events);
        out.events = events.size();
        if (!study.is_created()) return out;
        out.name = study.name();
        out.trials = study.trials().size();
        out.finished = study.trials().size() - study.unfinished().size();
    } catch (const Error& error) {
        out.problem = error.what();
    }
    return out;
}

/// The address as it was written, but for passwords.
std::string shown(const std::string& text) {
    StorageAddress address = StorageAddress::parse(text);
    if (address.kind != Kind::postgresql) return text;
    address.place = Postgresql::without_passwords(address.place);
    return address.text();
}

StorageAddress existing(const std::string& text) {
    StorageAddress address = StorageAddress::parse(text);
    if (storage_exists(address)) return address;
    std::string names;
    std::error_code ignored;
    if (address.kind != Kind::sqlite || fs::exists(address.place, ignored))
        for (const std::string& name : studies_in(address)) names += (names.empty() ? "" : ", ") + name;
    throw InvalidState(shown(text) + ": no study is stored there" +
                       (names.empty() ? "" : "; the database has: " + names));
}

/// However their paths are written.
bool same_study(const StorageAddress& a, const StorageAddress& b) {
    if (a.kind != b.kind || a.study != b.study) return false;
    std::error_code ignored;
    return a.place == b.place || (a.kind != Kind::postgresql && fs::equivalent(a.place, b.place, ignored));
}

/// The places of studies that are there, each named once. Throws InvalidState, InvalidOption.
std::vector<StorageAddress> existing_once(const std::vector<std::string>& texts, const std::string& action) {
    std::vector<StorageAddress> out;
    for (const std::string& text : texts) {
        StorageAddress address = existing(text);
        for (std::size_t i = 0; i < out.size(); ++i)
            if (same_study(out[i], address))
                throw InvalidOption(fmt::format("{}: {} is named twice{}", action, shown(text),
                                                texts[i] == text ? "" : ", first as " + shown(texts[i])));
        out.push_back(std::move(address));
    }
    return out;
}

/// In PostgreSQL a study is made before its events are appended, in one step: one without any is what a copy
/// that was cut off left.
bool holds_nothing(const StorageAddress& address) {
    return address.kind == Kind::postgresql && open_storage(address, {.read_only = true}).read(0).empty();
}

StorageAddress free_place(const std::string& text, const StorageAddress& address) {
    if (storage_exists(address) && !holds_nothing(address))
        throw InvalidState(shown(text) + ": a study is stored there already");
    return address;
}

StorageAddress free_place(const std::string& text) { return free_place(text, StorageAddress::parse(text)); }

/// An address, or in the source's database a name alone.
StorageAddress renamed(const StorageAddress& source, const std::string& to) {
    const bool in_database = source.kind == Kind::sqlite || source.kind == Kind::postgresql;
    StorageAddress address = StorageAddress::parse(to);
    if (!in_database || address.kind != Kind::journal || to.find_first_of(":/") != std::string::npos)
        return address;
    address = source;
    address.study = to;
    return address;
}

/// Throws InvalidState for workers but those whose process has ended on this machine: clocks are not
/// compared, and whether those elsewhere live only their heartbeats tell, in time.
void refuse_where_workers_are(const StorageAddress& address) {
    const auto table = open_storage(address).workers();
    if (table == nullptr) return;
    for (const WorkerRow& row : table->rows()) {
        const detail::ProcessState process = detail::process_state(row.process);
        if (process == detail::ProcessState::gone) continue;
        const std::string worker = fmt::format("{}: worker {}{} ", shown(address.text()), row.number,
                                               row.name.empty() ? "" : " (" + row.name + ")");
        if (process == detail::ProcessState::alive)
            throw InvalidState(worker + "is at it, a process of this machine; end it first, or force it");
        throw InvalidState(
            worker +
            "joined from elsewhere and has not left: whether it lives is not known here; end it "
            "first, or force it where it is known to be gone");
    }
}

void remove(const StorageAddress& address) {
    if (address.kind == Kind::sqlite) return Sqlite::remove_study(address.place, address.study);
    if (address.kind == Kind::postgresql) return Postgresql::remove_study(address.place, address.study);
    std::error_code error, ignored;
    const fs::path file = resolved_path(address.place);
    fs::remove(file, error);
    if (error) throw StorageError(address.place + ": cannot be deleted: " + error.message());
    fs::remove(file.string() + "-workers", ignored);
    fs::remove(address.place, ignored);  // where it is a link
}

/// All of the study or nothing, whatever happens meanwhile.
void store(std::span<const Event> events, const StorageAddress& address) {
    if (address.kind == Kind::journal) return Journal::store(address.place, events);
    if (address.kind == Kind::sqlite) return Sqlite::store(address.place, {.study = address.study}, events);
    if (!open_storage(address).append(events, 0))
        throw InvalidState(shown(address.text()) + ": somebody else writes there");
}

void check_mergeable(const Study& first, const Study& other, const std::string& source) {
    std::string text;
    for (const std::string& line : first.space().differences(other.space())) text += "; " + line;
    if (first.objectives() != other.objectives()) text += "; the objectives";
    if (first.outcome_constraints() != other.outcome_constraints()) text += "; the outcome constraints";
    if (!text.empty())
        throw InvalidState(source +
                           ": is another study than the first one; these differ (the first's -> its)" + text);
}

std::vector<StudySummary> studies_of_database(StorageAddress address) {
    std::vector<StudySummary> out;
    for (std::string& name : studies_in(address)) {
        address.study = std::move(name);
        out.push_back(summary_of(address));
    }
    return out;
}

/// Journals by their ending, and databases that hold studies: others have databases too.
std::vector<StudySummary> studies_of_folder(const std::string& folder) {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_regular_file()) paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    std::vector<StudySummary> out;
    for (const std::string& path : paths) {
        if (fs::path(path).extension() == ".attune")
            out.push_back(summary_of({Kind::journal, path, ""}));
        else if (StorageAddress address = StorageAddress::parse(path); address.kind == Kind::sqlite)
            try {
                std::ranges::move(studies_of_database(std::move(address)), std::back_inserter(out));
            } catch (const StorageError&) {  // NOLINT(bugprone-empty-catch): is another program's
            }
    }
    return out;
}

}  // namespace

std::vector<StudySummary> list_studies(const std::string& place) {
    std::error_code ignored;
    if (fs::is_directory(place, ignored)) return studies_of_folder(place);
    const StorageAddress address = StorageAddress::parse(place);
    if (address.kind == Kind::journal) return {summary_of(existing(place))};
    return studies_of_database(address);
}

std::string copy_study(const std::string& from, const std::string& to) {
    std::string notices;
    const auto events = read_all(existing(from), notices);
    store(events, free_place(to));
    return notices;
}

void store_study(std::span<const Event> events, const std::string& to) { store(events, free_place(to)); }

void rename_study(const std::string& from, const std::string& to, WithWorkers workers) {
    const StorageAddress source = existing(from), target = free_place(to, renamed(source, to));
    const bool same_place =
        source.kind == target.kind && (source.kind == Kind::journal || source.place == target.place);
    if (!same_place)
        throw InvalidState(shown(from) + " and " + shown(to) +
                           ": are not in the same place; copy the study, then delete it");
    if (workers == WithWorkers::refuse) refuse_where_workers_are(source);
    if (source.kind == Kind::sqlite) return Sqlite::rename_study(source.place, source.study, target.study);
    if (source.kind == Kind::postgresql)
        return Postgresql::rename_study(source.place, source.study, target.study);
    std::error_code ignored;
    fs::remove(source.place + "-workers", ignored);
    std::error_code error;
    fs::rename(source.place, target.place, error);
    if (error)
        throw StorageError(source.place + ": cannot be renamed to " + target.place + ": " + error.message());
    operating_system_files()->sync_folder(fs::absolute(target.place).parent_path());
}

std::string merge_studies(const std::vector<std::string>& from, const std::string& to) {
    if (from.empty()) throw InvalidOption("merge: names no study to merge");
    const StorageAddress target = free_place(to);
    std::string notices;
    std::vector<parts::MergeSource> sources;
    const std::vector<StorageAddress> addresses = existing_once(from, "merge");
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::vector<Event> events = read_all(addresses[i], notices);
        Study study = folded(events);
        if (!study.is_created()) throw InvalidState(shown(from[i]) + ": holds no study yet");
        if (i > 0) check_mergeable(sources.front().study, study, shown(from[i]));
        sources.push_back({shown(from[i]), std::move(events), std::move(study)});
    }
    const parts::MergedEvents merged = parts::merge_events(sources);
    (void)folded(merged.events);  // it must be a study before it is stored
    store(merged.events, target);
    if (merged.held_twice > 0)
        notices += fmt::format(
            "{}{} in more than one of the studies, as where one was copied from another: "
            "taken once",
            notices.empty() ? "" : "; ",
            merged.held_twice == 1 ? "1 trial is" : fmt::format("{} trials are", merged.held_twice));
    return notices;
}

std::string compact_study(const std::string& text) {
    const StorageAddress address = existing(text);
    if (address.kind == Kind::sqlite) {
        Sqlite(address.place, {.study = address.study}).compact();
    } else if (address.kind == Kind::journal) {
        Journal journal(address.place);
        journal.compact();
        return journal.notice();
    } else {
        Postgresql(address.place, {.study = address.study}).compact();
    }
    return {};
}

void delete_study(const std::string& text, WithWorkers workers) { delete_studies({text}, workers); }

void delete_studies(const std::vector<std::string>& texts, WithWorkers workers) {
    const std::vector<StorageAddress> addresses = existing_once(texts, "delete");
    for (const StorageAddress& address : addresses)
        if (workers == WithWorkers::refuse) refuse_where_workers_are(address);
    std::string gone;
    for (std::size_t i = 0; i < addresses.size(); ++i) try {
            remove(addresses[i]);
            gone += (gone.empty() ? "" : ", ") + shown(texts[i]);
        } catch (const StorageError& error) {
            throw StorageError(error.what() + (gone.empty() ? "" : "; deleted before: " + gone));
        }
}

}  // namespace attune

#pragma once

#include <span>
#include <string>
#include <vector>

#include "attune/storage/open.hpp"
#include "attune/storage/workers.hpp"

/// What can be done with whole studies, wherever they are. Addresses are those of StorageAddress::parse; all
/// functions throw StorageError as the storages do. Those that make a study make all of it or nothing,
/// whenever the process dies. Those that read studies to do so give what people should hear of how these were
/// found (AnyStorage::notice()); mostly nothing.
namespace attune {

/// One line of a list of studies.
struct StudySummary {
    std::string address;
    std::string name;  ///< the one that the study was created with; empty where it is not created yet
    std::uint64_t events = 0;
    std::size_t trials = 0;
    std::size_t finished = 0;
    std::string notice;   ///< what people should hear of how it was found (AnyStorage::notice())
    std::string problem;  ///< why it could not be read; empty where it could
};

/// The studies at an address: those of a database, all journals (*.attune) in a folder, or the one journal.
[[nodiscard]] std::vector<StudySummary> list_studies(const std::string& place);

/// Stores events as a new study, such as those that an importer gives (attune/files/study_import.hpp). Throws
/// InvalidState where something is stored at `to` already.
void store_study(std::span<const Event> events, const std::string& to);

/// Copies all events, workers not. Throws InvalidState where something is stored at `to` already.
std::string copy_study(const std::string& from, const std::string& to);

/// What is done where a study that is to be renamed or deleted has workers. Those whose process has ended on
/// this machine are none; of one elsewhere nobody knows at once whether it lives.
enum class WithWorkers {
    refuse,  ///< throws InvalidState, naming one
    force,   ///< goes ahead; the next call of a worker that lives throws StorageError
};

/// Gives a study another address in the same place: another file name, another name in the same database,
/// where the name alone will do.
/// Throws InvalidState where workers are at it, where `to` is taken, and for addresses in two places.
void rename_study(const std::string& from, const std::string& to, WithWorkers workers = WithWorkers::refuse);

/// Makes a new study at `to` of the trials of several, none of them named twice (InvalidOption). Present
/// spaces and objectives must be the same (InvalidState lists the differences); changes of the spaces stay,
/// and what a later study states for old trials holds for those of all. Trials keep values, reports, results
/// and times and get new numbers; their role becomes "merged", and a replay passes over them. What was not
/// finished becomes interrupted. The queues of enqueued configurations come one behind the other; name,
/// settings and notes of the study itself are those of the first one. A trial that several of the studies
/// hold, as a study and its copy do, is one piece of evidence: it is taken once, from the one that has more
/// of it, and what is given back says how many these were.
std::string merge_studies(const std::vector<std::string>& from, const std::string& to);

/// Rewrites a study so that it takes less room and loads faster, also while others work on it; events and
/// their positions stay the same.
std::string compact_study(const std::string& address);

/// Deletes a study. Throws InvalidState where workers are at it.
void delete_study(const std::string& address, WithWorkers workers = WithWorkers::refuse);

/// Deletes several studies: all are checked before the first is deleted, so that one that is refused (as by
/// delete_study, or named twice: InvalidOption) keeps all. Where deleting fails midway, the StorageError says
/// which ones are gone.
void delete_studies(const std::vector<std::string>& addresses, WithWorkers workers = WithWorkers::refuse);

}  // namespace attune

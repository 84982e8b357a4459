#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "attune/storage/open.hpp"

/// Keeps what is written from taking the place of what is read.
namespace attune::program {

/// A file or folder and the words that name it in messages.
struct NamedPath {
    std::string what;
    std::filesystem::path path;
};

/// Throws InvalidOption where `target` is one of the others, however their paths are written.
void refuse_same(const NamedPath& target, const std::vector<NamedPath>& others);

/// The file of a study, for comparing with what is written: none of one that no file holds.
[[nodiscard]] std::filesystem::path file_of(const StorageAddress& study);

/// Where the report of a study goes when nobody says: beside its file, with .html instead of a journal's
/// extension or with the study's name added to a database's; in the working folder under the study's name for
/// one on a server.
[[nodiscard]] std::filesystem::path report_beside(const StorageAddress& study);

/// For a file that may be made: its folder must exist. Throws InvalidOption.
void check_folder_of(const NamedPath& target);

/// For a page that is to be written: its folder must exist too, and where there is a file already it must be
/// a report of Attune's. Throws InvalidOption.
void check_report_target(const NamedPath& target);

/// For a folder that is to be made or filled. Throws InvalidOption where a file stands there.
void check_folder_target(const NamedPath& target);

}  // namespace attune::program

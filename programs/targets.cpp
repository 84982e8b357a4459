#include "targets.hpp"

#include <string>
#include <system_error>

#include "attune/analyse/report.hpp"
#include "attune/error.hpp"

namespace attune::program {
namespace {

namespace fs = std::filesystem;

bool same_place(const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    if (fs::equivalent(a, b, ignored)) return true;
    return fs::weakly_canonical(a, ignored) == fs::weakly_canonical(b, ignored);
}

/// A study may be called anything; a file's name has no slashes and nothing that steers a terminal.
std::string file_name_of(std::string study) {
    for (char& c : study)
        if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
    return study;
}

}  // namespace

void refuse_same(const NamedPath& target, const std::vector<NamedPath>& others) {
    for (const NamedPath& other : others)
        if (!other.path.empty() && same_place(target.path, other.path))
            throw InvalidOption(target.what + " '" + target.path.string() + "' is " + other.what +
                                ", which would be overwritten; name another file");
}

fs::path file_of(const StorageAddress& study) {
    const bool in_file =
        study.kind == StorageAddress::Kind::journal || study.kind == StorageAddress::Kind::sqlite;
    return in_file ? fs::path(study.place) : fs::path();
}

fs::path report_beside(const StorageAddress& study) {
    fs::path file = file_of(study);
    if (study.kind == StorageAddress::Kind::journal) return file.replace_extension(".html");
    const std::string before = file.empty() ? "" : file.stem().string() + "-";
    return file.replace_filename(before + file_name_of(study.study) + ".html");
}

void check_folder_of(const NamedPath& target) {
    std::error_code ignored;
    const fs::path folder = target.path.parent_path();
    if (!folder.empty() && !fs::is_directory(folder, ignored))
        throw InvalidOption(target.what + " '" + target.path.string() +
                            "' cannot be written: there is no folder '" + folder.string() + "'");
}

void check_report_target(const NamedPath& target) {
    check_folder_of(target);
    try {
        check_report_path(target.path);
    } catch (const FileError& error) {
        throw InvalidOption(target.what + ": " + error.what() + "; name another file");
    }
}

void check_folder_target(const NamedPath& target) {
    std::error_code ignored;
    if (!target.path.empty() && fs::exists(target.path, ignored) && !fs::is_directory(target.path, ignored))
        throw InvalidOption(target.what + " '" + target.path.string() +
                            "' is a file; it must be a folder or nothing");
}

}  // namespace attune::program

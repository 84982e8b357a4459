#include <algorithm>
#include <map>
#include <set>

#include "attune/error.hpp"
#include "attune/files/image_dataset.hpp"
#include "image_listing_checks.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& message) {
    throw FileError(path.string() + ": " + message);
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool is_image_name(const fs::path& path) {
    const std::string extension = detail::lower_case(path.extension().string());
    return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

struct Content {
    std::vector<fs::path> folders;
    std::vector<fs::path> files;
};

bool by_name(const fs::path& a, const fs::path& b) { return a.filename().native() < b.filename().native(); }

// Links to folders count as folders only where `follow` says so: inside a class they could lead around in
// circles.
Content content_of(const fs::path& folder, bool follow) {
    Content content;
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const fs::directory_entry& entry = *entries;
        if (is_hidden(entry.path())) continue;
        std::error_code status;
        if (!entry.is_directory(status))
            content.files.push_back(entry.path());
        else if (follow || !entry.is_symlink(status))
            content.folders.push_back(entry.path());
    }
    if (error) fail(folder, "cannot be listed: " + error.message());
    std::sort(content.folders.begin(), content.folders.end(), by_name);
    std::sort(content.files.begin(), content.files.end(), by_name);
    return content;
}

void skip(ImageListing& listing, const fs::path& file, const std::string& reason) {
    listing.skipped.push_back({file, reason});
}

// Pictures of one class, with those of sub-folders after them.
std::size_t add_pictures(ImageListing& listing, const fs::path& folder, std::int64_t label, Split split) {
    const Content content = content_of(folder, false);
    std::size_t added = 0;
    for (const fs::path& file : content.files) {
        std::error_code error;
        if (!is_image_name(file)) {
            skip(listing, file, "its name does not end in .jpg, .jpeg or .png");
        } else if (!fs::is_regular_file(file, error)) {
            skip(listing, file, "it is not a regular file");
        } else {
            listing.samples.push_back({file, label, split});
            ++added;
        }
    }
    for (const fs::path& inner : content.folders) added += add_pictures(listing, inner, label, split);
    return added;
}

// What one folder of class folders holds: class name to folder. Files beside the class folders are skipped.
std::map<std::string, fs::path> class_folders(ImageListing& listing, const fs::path& folder) {
    const Content content = content_of(folder, true);
    for (const fs::path& file : content.files) skip(listing, file, "it is in no class folder");
    std::map<std::string, fs::path> classes;
    for (const fs::path& inner : content.folders) classes.emplace(inner.filename().string(), inner);
    return classes;
}

void add_classes(ImageListing& listing, const std::map<std::string, fs::path>& folders, Split split) {
    for (const auto& [name, folder] : folders) {
        const auto place = std::lower_bound(listing.classes.begin(), listing.classes.end(), name);
        if (add_pictures(listing, folder, place - listing.classes.begin(), split) == 0)
            fail(folder, "is a class folder without pictures (.jpg, .jpeg or .png)");
    }
}

// The folders of a data set that comes split, or nothing where the folders are classes.
std::map<Split, fs::path> split_folders(const fs::path& path, const Content& content) {
    std::map<Split, fs::path> splits;
    std::vector<std::string> others;
    for (const fs::path& folder : content.folders) {
        const auto split = split_of_name(folder.filename().string());
        if (!split)
            others.push_back(folder.filename().string());
        else if (!splits.emplace(*split, folder).second)
            fail(path, "has two folders for the " + to_string(*split) + " part: " +
                           splits[*split].filename().string() + " and " + folder.filename().string());
    }
    if (!splits.contains(Split::train)) {
        if (!splits.empty() && others.empty())
            fail(path, "has a " + to_string(splits.begin()->first) + " folder but no train folder");
        return {};
    }
    if (!others.empty())
        fail(path, "has a train folder and, beside it, folders that are no part of a split: " +
                       detail::first_few(others));
    return splits;
}

ImageListing list_split(ImageListing listing, const std::map<Split, fs::path>& splits) {
    std::map<Split, std::map<std::string, fs::path>> folders;
    std::set<std::string> classes;
    for (const auto& [split, folder] : splits) {
        folders[split] = class_folders(listing, folder);
        for (const auto& [name, inner] : folders[split]) classes.insert(name);
    }
    listing.classes.assign(classes.begin(), classes.end());
    for (const auto& [split, inner] : folders) add_classes(listing, inner, split);
    return listing;
}

}  // namespace

ImageListing list_image_folder(const fs::path& path) {
    std::error_code error;
    if (!fs::exists(path, error)) fail(path, "does not exist; a folder of class folders is needed");
    if (!fs::is_directory(path, error)) fail(path, "is not a folder");
    const Content content = content_of(path, true);
    if (content.folders.empty()) fail(path, "has no class folders");
    ImageListing listing;
    listing.root = path;
    const std::map<Split, fs::path> splits = split_folders(path, content);
    if (splits.empty()) {
        const std::map<std::string, fs::path> folders = class_folders(listing, path);
        for (const auto& [name, folder] : folders) listing.classes.push_back(name);
        add_classes(listing, folders, Split::none);
    } else {
        for (const fs::path& file : content.files) skip(listing, file, "it is in no class folder");
        listing = list_split(std::move(listing), splits);
    }
    detail::check_classes(listing, path);
    return listing;
}

}  // namespace attune

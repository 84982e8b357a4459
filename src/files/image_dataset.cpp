#include "attune/files/image_dataset.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "attune/error.hpp"
#include "attune/files/image.hpp"
#include "each_in_threads.hpp"
#include "image_listing_checks.hpp"

namespace attune {
namespace detail {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& letter : lower)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return lower;
}

std::string first_few(const std::vector<std::string>& names) {
    constexpr std::size_t shown = 5;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < shown; ++i) text += (i == 0 ? "" : ", ") + names[i];
    return names.size() > shown ? text + " and " + std::to_string(names.size() - shown) + " more" : text;
}

void check_classes(const ImageListing& listing, const std::filesystem::path& source) {
    std::vector<std::int64_t> all(listing.classes.size(), 0);
    std::vector<std::int64_t> training(listing.classes.size(), 0);
    bool is_split = false;
    for (const ImageSample& sample : listing.samples) {
        const auto label = static_cast<std::size_t>(sample.label);
        ++all.at(label);
        is_split |= sample.split != Split::none;
        training.at(label) += sample.split == Split::train ? 1 : 0;
    }
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < all.size(); ++i)
        if ((is_split ? training[i] : all[i]) == 0) missing.push_back(listing.classes[i]);
    if (!missing.empty())
        throw FileError(source.string() + ": every class needs " +
                        (is_split ? "training pictures" : "pictures") +
                        ", these have none: " + first_few(missing));
    if (listing.classes.size() < 2)
        throw FileError(source.string() + ": has " + std::to_string(listing.classes.size()) +
                        (listing.classes.size() == 1 ? " class" : " classes") + ", at least 2 are needed");
}

}  // namespace detail

namespace {

// Why a picture cannot be decoded, or nothing.
std::optional<std::string> damage_of(const std::filesystem::path& path) {
    try {
        (void)read_image(path);
        return std::nullopt;
    } catch (const Error& error) {
        return skipped_for(path, error).reason;
    }
}

}  // namespace

std::string to_string(Split split) {
    switch (split) {
        case Split::none:
            return "none";
        case Split::train:
            return "train";
        case Split::validation:
            return "validation";
        case Split::test:
            return "test";
    }
    throw InvalidOption("Split " + std::to_string(static_cast<int>(split)) +
                        " is not one of the enumeration");
}

std::optional<Split> split_of_name(std::string_view name) {
    const std::string lower = detail::lower_case(name);
    if (lower == "train" || lower == "training") return Split::train;
    if (lower == "val" || lower == "valid" || lower == "validation") return Split::validation;
    if (lower == "test" || lower == "testing") return Split::test;
    return std::nullopt;
}

std::int64_t ImageListing::count(Split split) const {
    return std::count_if(samples.begin(), samples.end(),
                         [&](const ImageSample& sample) { return sample.split == split; });
}

ImageListing list_images(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return list_image_folder(path);
    if (!std::filesystem::exists(path, error))
        throw FileError(path.string() + ": does not exist; a folder of pictures or a CSV manifest is needed");
    return list_image_manifest(path);
}

SkippedFile skipped_for(std::filesystem::path path, const std::exception& error) {
    std::string reason = error.what();
    const std::string prefix = path.string() + ": ";
    if (reason.starts_with(prefix)) reason.erase(0, prefix.size());
    return {std::move(path), std::move(reason)};
}

std::vector<SkippedFile> check_images(const ImageListing& listing, int threads,
                                      const CheckProgress& progress) {
    if (threads < 0)
        throw InvalidOption("threads is " + std::to_string(threads) + ", it must be 0 (all cores) or more");
    std::vector<std::optional<std::string>> reasons(listing.samples.size());
    detail::each_in_threads(std::ssize(reasons), threads, progress, [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        reasons[at] = damage_of(listing.samples[at].path);
    });
    std::vector<SkippedFile> files;
    for (std::size_t i = 0; i < reasons.size(); ++i)
        if (reasons[i]) files.push_back({listing.samples[i].path, *reasons[i]});
    return files;
}

namespace {

/// A line for each of the first few.
std::string first_of(const std::vector<SkippedFile>& files) {
    constexpr std::size_t shown = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, files.size()); ++i)
        text += "\n  " + files[i].path.string() + ": " + files[i].reason;
    if (files.size() > shown) text += "\n  and " + std::to_string(files.size() - shown) + " more";
    return text;
}

}  // namespace

ImageListing without_files(ImageListing listing, const std::vector<SkippedFile>& damaged) {
    std::set<std::filesystem::path> paths;
    for (const SkippedFile& file : damaged) paths.insert(file.path);
    std::erase_if(listing.samples, [&](const ImageSample& sample) { return paths.contains(sample.path); });
    listing.skipped.insert(listing.skipped.end(), damaged.begin(), damaged.end());
    if (damaged.empty()) return listing;
    try {
        detail::check_classes(listing, listing.root);
    } catch (const FileError& error) {
        throw FileError(std::string(error.what()) + "; left out as damaged:" + first_of(damaged));
    }
    return listing;
}

}  // namespace attune

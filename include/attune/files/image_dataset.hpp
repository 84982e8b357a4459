#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// The part of a data set that a sample belongs to; `none` where no split was given.
enum class Split { none, train, validation, test };

/// "none", "train", "validation" or "test".
[[nodiscard]] std::string to_string(Split split);

/// The split of a folder or cell called train or training; val, valid or validation; test or testing (in any
/// case), or nothing.
[[nodiscard]] std::optional<Split> split_of_name(std::string_view name);

/// One labelled picture.
struct ImageSample {
    std::filesystem::path
        path;  ///< as opened: absolute or relative to the working folder, like the listing's source
    std::int64_t label = 0;  ///< index into ImageListing::classes
    Split split = Split::none;
    std::string group{};  ///< what it must not be parted from (a patient, a scene); empty: nothing
};

/// A file that was left out, and why.
struct SkippedFile {
    std::filesystem::path path;
    std::string reason;  ///< without the path
};

/// A labelled image set as listed, nothing decoded. Either every sample has a split or none has.
struct ImageListing {
    std::filesystem::path
        root;  ///< the folder, or the folder of the manifest: fingerprints are relative to it
    std::vector<std::string> classes;  ///< class names in label order
    std::vector<ImageSample> samples;  ///< by split, class and path for folders; in file order for manifests
    std::vector<SkippedFile> skipped;  ///< files that are no JPEG or PNG by their name

    /// Number of samples in `split`.
    [[nodiscard]] std::int64_t count(Split split) const;
};

/// Lists a folder of class folders, or of train, validation and test folders of class folders (spellings: see
/// `split_of_name`; a train folder is what makes it the second kind). Classes are the folder names in byte
/// order (the union over the splits); pictures are found in sub-folders too (links to folders are not
/// followed), hidden files are ignored, files without a JPEG or PNG extension are listed as skipped. The
/// order does not depend on the file system. Throws FileError for a missing folder, fewer than two classes, a
/// class folder without pictures (named), a class that is missing in train, two folders for one split and
/// folders that are neither a split nor inside one. Thread-safe.
[[nodiscard]] ImageListing list_image_folder(const std::filesystem::path& path);

/// Lists a manifest with the columns `path`, `label` and, optionally, `split` and `group`, in any order: CSV
/// with a header, or, where the name ends in .jsonl or .ndjson, one JSON object a line with these members
/// (labels and groups may be whole numbers). Paths are
/// relative to the manifest; labels are class names, sorted (as numbers if all are integers); splits as in
/// `split_of_name`, for every row or for none. Throws FileError that names the manifest, the line and the
/// rule: unknown or missing columns, lines that are no JSON objects, rows of another length, empty cells,
/// unknown splits, a path listed twice, classes missing in train, fewer than two classes; files that do not
/// exist are collected first (their count and the first few are named). Thread-safe.
[[nodiscard]] ImageListing list_image_manifest(const std::filesystem::path& path);

/// `list_image_manifest` for a file, `list_image_folder` for a folder.
[[nodiscard]] ImageListing list_images(const std::filesystem::path& path);

/// Called with the number of pictures done and their total, from one thread at a time.
using CheckProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// The file as left out for what reading it threw, whose message may begin with the path.
[[nodiscard]] SkippedFile skipped_for(std::filesystem::path path, const std::exception& error);

/// Decodes every picture and returns the damaged ones, in the listing's order. `threads` 0 means one for each
/// core. Exceptions of `progress` end the check and are passed on. Throws InvalidOption for negative
/// `threads`.
[[nodiscard]] std::vector<SkippedFile> check_images(const ImageListing& listing, int threads = 0,
                                                    const CheckProgress& progress = {});

/// `listing` without the samples whose paths are in `damaged`, which are added to its skipped files. Throws
/// FileError where a class loses all its samples, or all its training samples.
[[nodiscard]] ImageListing without_files(ImageListing listing, const std::vector<SkippedFile>& damaged);

}  // namespace attune

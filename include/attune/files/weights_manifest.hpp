#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// How images were prepared for the weights of a file.
struct WeightsPreprocessing {
    std::int64_t image_size = 224;   ///< side of the central crop, in pixels
    std::int64_t resize_size = 256;  ///< shorter side before it
    std::string interpolation = "bilinear";
    std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< of RGB scaled to [0, 1]
    std::array<double, 3> std{0.229, 0.224, 0.225};
};

/// One of the files that the index of a sharded weights file names.
struct WeightsShard {
    std::string name;    ///< in the folder of the index
    std::string sha256;  ///< 64 hexadecimal digits
    std::uint64_t bytes = 0;
};

/// What is known of one weights file.
struct WeightsRecord {
    std::string path;    ///< relative to the manifest's folder
    std::string sha256;  ///< 64 hexadecimal digits
    std::uint64_t bytes = 0;
    std::string licence;  ///< such as "BSD-3-Clause"
    std::string source;   ///< where it came from
    std::string model{};  ///< the network's name in the zoo; may be empty
    std::string names{};  ///< of the entries, where they are not the network's own: a name map such as "timm"
    std::optional<WeightsPreprocessing> preprocessing{};  ///< where it is known
    std::vector<WeightsShard> shards{};  ///< where the file is an index (see read_sharded_safetensors)
};

/// A list of weights files with what is known of them, and the only door to them: every load verifies size
/// and SHA-256 first, of an index with those of the files that it names. Nothing is downloaded. Thread-safe
/// but for the assignment.
class WeightsManifest {
  public:
    /// Reads a manifest: a JSON object with `attune_weights` (the format's version, 1) and `files`, a list of
    /// objects with path, sha256, bytes, licence and source, perhaps model, names, preprocessing (with
    /// image_size, resize_size, interpolation, mean and std) and shards (a list of objects with name, sha256
    /// and bytes). Throws FileError that begins with the path and
    /// names the entry and the rule: keys missing, unknown or of another type, paths that leave the folder or
    /// occur twice, hashes of another form, files above 16 MiB.
    [[nodiscard]] static WeightsManifest read(const std::filesystem::path& path);

    /// Of records that a host made (see `describe_weights`) for files below `folder`. Throws FileError for
    /// records that `read` would refuse.
    WeightsManifest(std::filesystem::path folder, std::vector<WeightsRecord> records);

    [[nodiscard]] const std::vector<WeightsRecord>& records() const noexcept { return records_; }

    /// The record of a path as it stands in the manifest, or else the only one of that network. Throws
    /// UnknownName, with the list of both, where there is none or several.
    [[nodiscard]] const WeightsRecord& record(std::string_view path_or_model) const;

    /// Where the file of a record lies.
    [[nodiscard]] std::filesystem::path file_of(const WeightsRecord& record) const;

    /// Throws FileError where the file, or one that it names as an index, is missing, its size or hash is not
    /// the recorded one, or the record lacks it.
    void verify(const WeightsRecord& record) const;

    /// `verify`, then `state_dict_of(read_weights(...))`, with the zoo's names where the record says whose
    /// names the entries have (WeightsRecord::names). Throws FileError also where there is no such map for
    /// the record's model, or it does not fit all entries.
    [[nodiscard]] TensorFile load(std::string_view path_or_model) const;

    /// Writes it into its folder under `name`, atomically. Throws FileError.
    void write(const std::string& name) const;

  private:
    std::filesystem::path folder_;
    std::vector<WeightsRecord> records_;
};

/// A record for `path` below `folder`, with size and hash, of an index also those of the files that it names;
/// the rest is for the caller to fill in. Throws FileError.
[[nodiscard]] WeightsRecord describe_weights(const std::filesystem::path& folder, const std::string& path);

}  // namespace attune

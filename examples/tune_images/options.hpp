#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"

/// What the command line of tune_images says.
struct Options {
    std::filesystem::path data;  ///< empty: surfaces drawn by formula
    std::filesystem::path
        weights;        ///< empty: with own data a backbone trained here; with real data random weights
    std::string model;  ///< empty: told by the weights
    std::filesystem::path out = "tune_images-out";
    std::int64_t trials = 12;
    std::optional<std::int64_t> epochs;  ///< by the number of training images
    std::int64_t seed = 1;
    std::string strategy = "gaussian_process";
    std::string stopping = "median";
    std::vector<std::string> stopping_options;  ///< name=value
    std::string unfreeze = "auto";
    std::string views = "auto";
    std::string resize = "squash";
    std::string orientation = "apply";
    std::optional<std::int64_t> shots;       ///< all training images
    std::optional<std::int64_t> image_size;  ///< by the pictures and the network
    std::int64_t batch_size = 32;
    std::int64_t patience = 0;
    double validation_share = 0.2;
    double test_share = 0.2;
    std::optional<double> time_limit_seconds;
    double memory_gib = 4;
    double picture_memory_gib = 8;
    std::filesystem::path scratch;  ///< empty: features that pass the memory are computed anew
    std::int64_t parallel = 1;
    std::string device = "auto";
    bool check_only = false;
    bool quiet = false;

    /// The stopping policy for trials of so many epochs. Throws InvalidOption and UnknownName.
    [[nodiscard]] attune::AnyStoppingPolicy stopping_policy(std::int64_t epochs_of_a_trial) const;

    /// The device that networks compute on: "cpu", "cuda" or "cuda:<number>".
    [[nodiscard]] std::string compute_device() const;

    [[nodiscard]] bool draws_its_data() const { return data.empty(); }

    /// Throws InvalidOption or UnknownName that names the option, its value and the rule: all that can be
    /// told without looking at a file.
    void validate() const;
};

[[nodiscard]] inline std::uint64_t seed_of(const Options& options) {
    return static_cast<std::uint64_t>(options.seed);
}

/// Reads the command line; for --help or a line that cannot be read prints what is to be said and gives the
/// exit code. Values are not checked (see Options::validate).
std::optional<int> parse_options(int argc, char** argv, Options& options);

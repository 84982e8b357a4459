#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

/// What the command line of tune_images says.
struct Options {
    std::filesystem::path data;  ///< empty: surfaces drawn by formula
    std::filesystem::path
        weights;        ///< empty: with own data a backbone trained here; with real data random weights
    std::string model;  ///< empty: told by the weights
    std::filesystem::path out = "tune_images-out";
    std::int64_t trials = 12;
    std::int64_t epochs = 0;  ///< 0: by the number of training images
    std::uint64_t seed = 1;
    std::string strategy = "gaussian_process";
    std::string stopping = "median";
    std::string unfreeze = "auto";
    std::string views = "auto";
    std::string resize = "squash";
    std::int64_t shots = 0;       ///< 0: all training images
    std::int64_t image_size = 0;  ///< 0: by the pictures and the network
    std::int64_t batch_size = 32;
    std::int64_t patience = 0;
    double validation_share = 0.2;
    double test_share = 0.2;
    double time_limit_seconds = 0;  ///< 0: none
    double memory_gib = 4;
    int parallel = 1;
    bool check_only = false;
    bool quiet = false;
};

/// Reads the command line. On --help or a mistake prints what CLI11 says and gives the exit code instead.
std::optional<int> parse_options(int argc, char** argv, Options& options);

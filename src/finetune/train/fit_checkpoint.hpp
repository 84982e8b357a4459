#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "judging.hpp"

namespace attune::detail {

/// Where a fit stands between two updates: all that it knows beside its tensors.
struct FitProgress {
    std::int64_t epoch = 1;       ///< the running one
    std::int64_t update = 0;      ///< of the running epoch that is next
    double loss_sum = 0;          ///< of the running epoch, over samples
    double samples_left_out = 0;  ///< of the running epoch: those of losses that were not finite
    bool ended = false;           ///< the last epoch is behind it
    Patience patience;
    double learning_rate = 0;  ///< of the last update
    double gradient_scale = 1;
    std::int64_t good_updates = 0;
    std::uint64_t dropout_position = 0;
    std::int64_t average_updates = 0;
    std::vector<double> validation_losses;
    FitResult result;
};

/// What a checkpoint belongs to.
struct FitIdentity {
    std::map<std::string, std::string> recipe;
    std::string data;
    std::string weights;  ///< at the start of the fit
    std::string teacher;  ///< its weights; empty where there is none
    std::string groups;   ///< of the optimizer: what it moves, how fast; known once there is one
};

/// All but the groups.
[[nodiscard]] FitIdentity identify(const Network& network, const TrainingSet& set, const Recipe& recipe);

/// Which rule moves which parameters, with which rates and decays.
[[nodiscard]] std::string groups_identity(const Optimizer& optimizer);

struct FitCheckpoint {
    FitProgress progress;
    NamedTensors
        tensors;  ///< names begin with what they belong to: "live.", "best.", "average.", "optimizer."

    /// Those that begin with `prefix`, without it, in the order of the file.
    [[nodiscard]] NamedTensors part(const std::string& prefix) const;
};

/// Whole or not at all. Throws FileError.
void write_checkpoint(const std::filesystem::path& path, const FitIdentity& identity,
                      const FitCheckpoint& checkpoint);

/// Nothing where there is no file. Throws FileError for one that is no checkpoint or of a newer format,
/// InvalidState where it belongs to another recipe, data or weights, naming what differs.
[[nodiscard]] std::optional<FitCheckpoint> read_checkpoint(const std::filesystem::path& path,
                                                           const FitIdentity& identity);

}  // namespace attune::detail

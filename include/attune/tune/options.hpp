#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "attune/strategy/strategy.hpp"
#include "attune/study/event.hpp"

namespace attune {

/// Seconds since the Unix epoch by the system's clock.
[[nodiscard]] inline double system_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Options of a Tuner; all have defaults.
struct TunerOptions {
    std::string name = "study";
    std::uint64_t seed = 0;
    Duplicates duplicates = Duplicates::forbid();
    event::FinalValue final_value = event::FinalValue::best_report;
    bool resumable = false;  ///< trials can be paused and gone on with (see Tuner)
    int group_size = 1;      ///< trials that an objective of a span takes at once; at least 1
    std::map<std::string, std::string>
        settings{};  ///< kept with the study: how strategy and policy were made
    std::map<std::string, std::string> environment{};  ///< kept with the study: versions, processor, data
    std::function<double()> clock = system_seconds;    ///< seconds; tests put a simulated one here
    double heartbeat_seconds = 10;  ///< between the signs of life for other workers; above 0
    std::string worker_name{};      ///< of this worker, for people; such as host and purpose
    /// Holds a folder `trial-<number>` for each trial's checkpoint (Trial::checkpoint); none where empty.
    /// Workers on several machines need one that all reach under the same path.
    std::filesystem::path checkpoint_folder{};
    /// Room for the folders that this or other tuners made in `checkpoint_folder`; 0: no limit. Looked at
    /// whenever a trial pauses: those of ended trials go first, then those of the paused trials that are
    /// least worth keeping (see choose_evictions), never that of the best trial nor of one that is running. A
    /// paused trial whose checkpoint went is gone on with from its beginning.
    std::uint64_t checkpoint_quota_bytes = 0;
    /// Opening a study with another space than its own changes the study's (Tuner::change_space) instead of
    /// being refused; with the values of `old_trials`.
    bool change_space = false;
    event::Values old_trials{};

    /// Throws InvalidOption.
    void validate() const {
        if (group_size < 1)
            throw InvalidOption(fmt::format("tuner: group_size ({}) must be at least 1", group_size));
        if (!(heartbeat_seconds > 0) || !std::isfinite(heartbeat_seconds))
            throw InvalidOption(
                fmt::format("tuner: heartbeat_seconds ({}) must be above 0", heartbeat_seconds));
        if (!clock) throw InvalidOption("tuner: clock is empty; it must give seconds");
    }
};

/// Is told every event right after it was stored, in order, while the tuner is locked: be quick, and do not
/// call the tuner.
struct Observer {
    std::function<void(const Study&, const Event&)> on_event;
};

}  // namespace attune

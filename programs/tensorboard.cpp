#include "tensorboard.hpp"

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "attune/error.hpp"
#include "attune/files/study_export.hpp"
#include "attune/storage/detail/process_identity.hpp"

namespace attune::program {
namespace {

namespace fs = std::filesystem;

/// The trial that an event is about; -1 where it is about none.
std::int64_t trial_of(const Event& event) {
    return std::visit(
        [](const auto& body) -> std::int64_t {
            if constexpr (requires { body.trial; })
                return body.trial;
            else
                return -1;
        },
        event.body);
}

/// Tells which workers are this process.
class OwnWorkers {
  public:
    explicit OwnWorkers(std::shared_ptr<WorkerTable> table) : table_(std::move(table)) {}

    /// Without a table, or where the system tells no process from another, all are.
    bool contains(std::uint64_t worker) {
        if (table_ == nullptr || process_.empty()) return true;
        const auto known = known_.find(worker);
        if (known != known_.end()) return known->second;
        for (const WorkerRow& row : table_->rows())
            if (row.number == worker) return known_[worker] = row.process == process_;
        return false;
    }

  private:
    std::shared_ptr<WorkerTable> table_;
    std::string process_ = detail::process_identity();
    std::map<std::uint64_t, bool> known_;
};

}  // namespace

bool holds_runs(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) return false;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_directory() && entry.path().filename().string().starts_with("trial-")) return true;
    return false;
}

void make_runs_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error || !fs::is_directory(folder))
        throw FileError("--tensorboard " + folder.string() +
                        ": cannot be made: " + (error ? error.message() : "it is no folder"));
}

Observer tensorboard_runs(const fs::path& folder, double now_seconds, std::shared_ptr<WorkerTable> workers) {
    struct State {
        TensorBoardFiles files;
        OwnWorkers own;
        double since_seconds, now_seconds;
        bool failed = false;
    };
    const auto state = std::make_shared<State>(State{TensorBoardFiles(folder), OwnWorkers(std::move(workers)),
                                                     holds_runs(folder) ? now_seconds : 0, now_seconds});
    return Observer{[state](const Study& study, const Event& event) {
        const std::int64_t trial = trial_of(event);
        if (state->failed || trial < 0 || event.time_seconds < state->since_seconds) return;
        try {
            if (event.time_seconds >= state->now_seconds && !state->own.contains(study.trial(trial).worker))
                return;
            state->files(study, event);
        } catch (const Error& failure) {
            state->failed = true;
            std::cerr << "attune: " << failure.what() << "; TensorBoard gets nothing more of this run\n";
        }
    }};
}

}  // namespace attune::program

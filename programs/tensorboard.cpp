#include "tensorboard.hpp"

#include <iostream>
#include <memory>
#include <system_error>

#include "attune/error.hpp"
#include "attune/files/study_export.hpp"

namespace attune::program {
namespace {

namespace fs = std::filesystem;

}  // namespace

bool holds_runs(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) return false;
    for (const auto& entry : fs::directory_iterator(folder))
        if (entry.is_directory() && entry.path().filename().string().starts_with("trial-")) return true;
    return false;
}

Observer tensorboard_runs(const fs::path& folder, double now_seconds) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error || !fs::is_directory(folder))
        throw FileError("--tensorboard " + folder.string() +
                        ": cannot be made: " + (error ? error.message() : "it is no folder"));
    struct State {
        TensorBoardFiles files;
        double since_seconds;
        bool failed = false;
    };
    const auto state =
        std::make_shared<State>(State{TensorBoardFiles(folder), holds_runs(folder) ? now_seconds : 0});
    return Observer{[state](const Study& study, const Event& event) {
        if (state->failed || event.time_seconds < state->since_seconds) return;
        try {
            state->files(study, event);
        } catch (const FileError& failure) {
            state->failed = true;
            std::cerr << "attune: " << failure.what() << "; TensorBoard gets nothing more of this run\n";
        }
    }};
}

}  // namespace attune::program

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/files/study_export.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;

/// FNV-1a, for ids that are the same whenever the study is exported.
std::uint64_t hash_of(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325U) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

/// A name as MLflow takes keys: others than letters, digits and "_-. /" become "_".
std::string key_of(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        out += plain || std::string_view("_-. /").find(c) != std::string_view::npos ? c : '_';
    }
    // No way out of the folder, and no name that is a folder's.
    for (auto at = out.find(".."); at != std::string::npos; at = out.find("..")) out.replace(at, 2, "__");
    while (!out.empty() && (out.front() == '/' || out.front() == '.')) out.front() = '_';
    if (out.empty() || out.back() == '/') out += '_';
    return out;
}

/// Text as a YAML string in quotes.
std::string yaml_text(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "''" : c == '\n' ? " " : std::string(1, c);
    return out + "'";
}

void put(const fs::path& path, const std::string& text) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) throw FileError(path.string() + ": its folder cannot be made: " + error.message());
    write_file_atomically(path, text);
}

std::int64_t milliseconds(double seconds) { return std::llround(seconds * 1000); }

void write_run(const Study& study, const TrialRecord& trial, const fs::path& experiment,
               const std::string& id, const std::string& run_id) {
    const fs::path run = experiment / run_id;
    const int status = !trial.finished()                    ? 1
                       : trial.state == TrialState::failed  ? 4
                       : trial.state == TrialState::stopped ? 5
                                                            : 3;
    put(run / "meta.yaml",
        fmt::format(
            "artifact_uri: {}\nend_time: {}\nentry_point_name: ''\nexperiment_id: '{}'\nlifecycle_stage: "
            "active\nrun_id: {}\nrun_name: trial-{}\nrun_uuid: {}\nsource_name: ''\nsource_type: "
            "4\nsource_version: ''\nstart_time: {}\nstatus: {}\ntags: []\nuser_id: attune\n",
            yaml_text("file://" + fs::absolute(run / "artifacts").string()),
            trial.finished() ? std::to_string(milliseconds(trial.finished_seconds)) : "null", id, run_id,
            trial.number, run_id, milliseconds(trial.started_seconds), status));
    std::error_code ignored;
    fs::create_directories(run / "artifacts", ignored);
    for (const auto& [name, value] : trial.configuration.values())
        put(run / "params" / key_of(name), to_string(value));
    std::map<std::string, std::string> metrics;
    for (const Report& report : trial.reports)
        for (const auto& [name, value] : report.metrics)
            metrics[key_of(name)] += fmt::format("{} {} {}\n", milliseconds(report.time_seconds),
                                                 to_string(value), std::llround(report.step));
    if (trial.finished() && trial.state != TrialState::failed)
        for (const auto& [name, value] : trial.metrics)
            metrics["final " + key_of(name)] =
                fmt::format("{} {} 0\n", milliseconds(trial.finished_seconds), to_string(value));
    for (const auto& [key, lines] : metrics) put(run / "metrics" / key, lines);
    put(run / "tags" / "mlflow.runName", fmt::format("trial-{}", trial.number));
    put(run / "tags" / "attune.state", std::string(to_string(trial.state)));
    if (!trial.reason.empty()) put(run / "tags" / "attune.reason", trial.reason);
    put(run / "tags" / "attune.study", study.name());
}

}  // namespace

std::string write_mlflow_experiment(const Study& study, const std::filesystem::path& folder) {
    const std::string what = fmt::format("{} {} {}", study.name(), study.seed(), study.created_seconds());
    const std::string id =
        std::to_string(hash_of(what) % 900'000'000'000'000'000U + 100'000'000'000'000'000U);
    const fs::path experiment = folder / id;
    if (fs::exists(experiment)) throw FileError(experiment.string() + ": is there already");
    for (const TrialRecord& trial : study.trials()) {
        const std::string number = std::to_string(trial.number);
        const std::string run_id =
            fmt::format("{:016x}{:016x}", hash_of(number, hash_of(what)), hash_of(what, hash_of(number)));
        write_run(study, trial, experiment, id, run_id);
    }
    // Last: an experiment without its description is none.
    put(experiment / "meta.yaml",
        fmt::format("artifact_location: {}\ncreation_time: {}\nexperiment_id: '{}'\nlast_update_time: "
                    "{}\nlifecycle_stage: active\nname: {}\n",
                    yaml_text("file://" + fs::absolute(experiment).string()),
                    milliseconds(study.created_seconds()), id, milliseconds(study.latest_seconds()),
                    yaml_text(study.name())));
    return id;
}

}  // namespace attune

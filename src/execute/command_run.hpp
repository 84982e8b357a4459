#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "attune/execute/command.hpp"

namespace attune::detail {

/// A file with hyperparameters as a JSON object, in their order, that goes with the object. Throws FileError.
class JsonFile {
  public:
    explicit JsonFile(const std::vector<std::pair<std::string, Value>>& values);
    JsonFile(const JsonFile&) = delete;
    JsonFile& operator=(const JsonFile&) = delete;
    ~JsonFile();
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// Makes a folder and those above it; nothing for an empty path. Throws FileError.
void make_folder(const std::filesystem::path& folder);

/// One evaluation with all its attempts.
class CommandRun {
  public:
    CommandRun(const CommandOptions& options, const CommandContext& context,
               const CommandCallbacks& callbacks, std::stop_token cancel)
        : options_(options), context_(context), callbacks_(callbacks), cancel_(std::move(cancel)) {}

    /// `process_for` says how the attempt of a number is started.
    [[nodiscard]] CommandResult all_attempts(const std::function<ProcessOptions(int)>& process_for);

  private:
    std::optional<AttemptFailure> attempt(int number, const ProcessOptions& process);
    std::optional<AttemptFailure> start_and_read(int number, const ProcessOptions& process);
    void take_line(const LogLine& line, AnyMetricExtractor& extractor, MetricCollector& collector);
    void deliver(const MetricReport& report);
    void note_problems(const AnyMetricExtractor& extractor, const MetricCollector& collector,
                       const LineSplitter& splitter);
    [[nodiscard]] std::optional<AttemptFailure> judge(int number, const ProcessOptions& process) const;
    [[nodiscard]] std::vector<std::string> missing_metrics() const;
    bool pause_before(int next_attempt, const AttemptFailure& failure);
    void conclude();

    const CommandOptions& options_;
    const CommandContext& context_;
    const CommandCallbacks& callbacks_;
    std::stop_token cancel_;
    CommandResult result_;
    std::optional<std::int64_t> last_step_;
    bool stopped_ = false;
    int kills_ = 0;  ///< attempts that signal 9 ended
};

}  // namespace attune::detail

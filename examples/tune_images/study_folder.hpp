#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "attune/study/study.hpp"
#include "folder_claim.hpp"
#include "messages.hpp"

using Settings = std::map<std::string, std::string>;

/// "learning_rate 0.001368, head_dropout 0.2": four digits, for people.
[[nodiscard]] std::string short_text(const attune::Configuration& configuration);

/// The folder that a run writes to: study, models, model, report and predictions. Looked at first, made only
/// when everything else was checked.
class StudyFolder {
  public:
    /// Throws FileError, naming the path and the rule, where no folder can be made there or nothing written
    /// into it, where the report would replace a file of something else, or for a journal that cannot be
    /// read.
    explicit StudyFolder(std::filesystem::path path);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path journal() const { return path_ / "study.attune"; }
    [[nodiscard]] std::filesystem::path report() const { return path_ / "report.html"; }
    [[nodiscard]] std::filesystem::path model() const { return path_ / "model.safetensors"; }
    [[nodiscard]] std::filesystem::path models() const { return path_ / "models"; }
    /// Of trials that were begun, to be gone on with after an interruption.
    [[nodiscard]] std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
    [[nodiscard]] std::filesystem::path predictions() const { return path_ / "predictions.csv"; }
    [[nodiscard]] std::filesystem::path backbone() const { return path_ / "backbone.safetensors"; }

    /// The study that an earlier run left here, as it stood when this was made.
    [[nodiscard]] const std::optional<attune::Study>& stored() const { return stored_; }

    /// Throws InvalidState that lists the settings in which the stored study differs from those asked for: a
    /// study of other data or with other settings must not be gone on with in silence.
    void require_same(const Settings& asked) const;

    /// Keeps the folder for this process, where it is there already. Throws InvalidState where another one
    /// works in it.
    void claim() const;

    /// Makes the folder and keeps it for this process. Throws FileError, and as claim().
    void make() const;

    /// After an interruption: makes report and model agree with the study as it stands on the disk, prints
    /// its best trials, and says in one sentence how to go on.
    void conclude_interrupted(Messages& messages) const;

  private:
    std::filesystem::path path_;
    std::optional<attune::Study> stored_;
    mutable std::unique_ptr<FolderClaim> claim_{};
};

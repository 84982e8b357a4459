#include "study_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "attune/analyse/report.hpp"
#include "attune/analyse/table.hpp"
#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "attune/storage/journal.hpp"

namespace fs = std::filesystem;
using namespace attune;

namespace {

std::optional<Study> read_stored(const fs::path& journal) {
    std::error_code error;
    if (!fs::exists(journal, error)) return std::nullopt;
    Study study;
    for (const Event& event : Journal::read_only(journal).read(0)) study.apply(event);
    return study.is_created() ? std::optional(std::move(study)) : std::nullopt;
}

/// The folder itself or, where it is not there yet, the nearest one above it must take new files.
void check_writable(const fs::path& path) {
    std::error_code error;
    fs::path there = fs::absolute(path, error).lexically_normal();
    while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
    const std::string what = there == fs::absolute(path, error).lexically_normal()
                                 ? path.string()
                                 : path.string() + ": cannot be made: " + there.string();
    if (!fs::is_directory(there, error))
        throw FileError(what + ": is a file; --out must name a folder, or a place where one can be made");
    if (::access(there.c_str(), W_OK | X_OK) != 0)
        throw FileError(what + ": may not be written to; --out must name a folder that takes new files");
    // Only trying tells of file systems that take no folders.
    const fs::path trial = there / fmt::format(".attune-{}", ::getpid());
    if (!fs::create_directory(trial, error))
        throw FileError(what + ": takes no new files: " + error.message() +
                        "; --out must name a folder that does");
    fs::remove(trial, error);
}

/// Whether a model can be read there: one that is cut off must not take the place of a whole one.
bool is_model(const fs::path& path) try {
    return fs::exists(path) && load_model(path).network != nullptr;
} catch (const Error&) {
    return false;
}

std::string told(const Settings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? "nothing" : found->second;
}

/// A fingerprint alone tells nobody anything: what changed is said in words.
std::string images_difference(const Settings& stored, const Settings& asked) {
    const std::string before = told(stored, "images"), now = told(asked, "images");
    return fmt::format("\n  the images changed: {} ({} there, {} now)",
                       before != now
                           ? fmt::format("{} there, {} now", before, now)
                           : "there are as many as before, but names, contents, labels or parts differ",
                       told(stored, "data"), told(asked, "data"));
}

}  // namespace

std::string short_text(const Configuration& configuration) {
    std::string text;
    for (const auto& [name, value] : configuration.values()) {
        const auto* number = std::get_if<double>(&value);
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                            number != nullptr ? fmt::format("{:.4g}", *number) : to_string(value));
    }
    return text;
}

StudyFolder::StudyFolder(fs::path path) : path_(std::move(path)) {
    check_writable(path_);
    std::error_code error;
    if (fs::exists(models(), error) && !fs::is_directory(models(), error))
        throw FileError(models().string() + ": is a file; the models of trials are kept in a folder there");
    check_report_path(report());
    stored_ = read_stored(journal());
    if (stored_) return;
    for (const fs::path& result : {model(), predictions(), models()})
        if (fs::exists(result, error))
            throw FileError(result.string() +
                            ": exists, but the folder holds no study that it belongs to; take another --out, "
                            "or move it away");
}

void StudyFolder::require_same(const Settings& asked) const {
    if (!stored_) return;
    const Settings& there = stored_->settings();
    std::string text;
    for (const auto& [name, value] : asked) {
        if (name == "images" || told(there, name) == value) continue;
        text += name == "data"
                    ? images_difference(there, asked)
                    : fmt::format("\n  {}: {} there, {} asked for", name, told(there, name), value);
    }
    if (!text.empty())
        throw InvalidState(
            journal().string() +
            ": holds a study of other data or settings; take another --out, or the same again:" + text);
}

void StudyFolder::claim() const {
    std::error_code error;
    if (!claim_ && fs::is_directory(path_, error)) claim_ = std::make_unique<FolderClaim>(path_);
}

void StudyFolder::make() const {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw FileError(path_.string() + ": the folder cannot be made: " + error.message());
    claim();
}

void StudyFolder::conclude_interrupted(Messages& messages) const {
    const std::optional<Study> study = read_stored(journal());
    if (!study || study->trials().empty()) {
        messages.say("interrupted before the first trial; run the same command again to begin");
        return;
    }
    write_report(*study, report());
    if (const TrialRecord* best = study->best()) {
        const fs::path kept = models() / fmt::format("trial-{}.safetensors", best->number);
        std::error_code error;
        const bool is_new = is_model(kept) && (!fs::exists(model(), error) ||
                                               fingerprint_file(kept) != fingerprint_file(model()));
        if (is_new) {
            std::ifstream stream(kept, std::ios::binary);
            const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
            write_file_atomically(model(), std::string_view(bytes));
            fs::remove(predictions(), error);  // of another model
        }
        messages.result(best_trials_table(*study, {.footer = false}));
        messages.result(
            fmt::format("best so far: trial {}, {}", best->number, short_text(best->configuration)));
    }
    const std::size_t done = study->count(TrialState::completed) + study->count(TrialState::stopped) +
                             study->count(TrialState::failed);
    const std::size_t begun = study->unfinished().size();
    messages.say(fmt::format("interrupted after {}{}, kept in {}; the same command goes on from there",
                             counted(static_cast<std::int64_t>(done), "finished trial"),
                             begun == 0 ? "" : fmt::format(" and {} begun", begun), path_.string()));
}

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "attune/storage/file.hpp"
#include "attune/storage/workers.hpp"

namespace attune::journal {

/// How far a journal is on the disk.
struct FlushNote {
    std::uint64_t bytes = 0;
    /// A flush failed: the system may have dropped what stands behind `bytes` and report success the next
    /// time, so that has to be written again before a flush counts.
    bool has_failed = false;
};

/// The small file beside a journal ("study.attune-workers") that is changed in place: how far the journal is
/// known to be flushed, and the rows of its workers. It is flushed only where it claims less than before, and
/// it may be lost at any time: then some flushes are made twice, workers put their rows back, and a last
/// record that is damaged may be taken for one that was cut off.
///
/// It is made of slots of 256 bytes with a checksum each; one that is damaged or half written counts as
/// empty. Thread-safe.
class SideFile final : public WorkerTable {
  public:
    /// `journal` is the path of the journal; the file is made at first use.
    SideFile(std::filesystem::path journal, std::shared_ptr<FileSystem> files);

    /// Of the journal with this identity; nothing where nobody knows.
    [[nodiscard]] FlushNote flushed(std::uint64_t identity);
    /// Goes to the file that flushed() looked at: one that was put in its place meanwhile knows less.
    void note_flushed(std::uint64_t identity, const FlushNote& note);
    /// The same, on the disk when it returns: a higher claim must not come back after a power loss.
    void note_less_flushed(std::uint64_t identity, const FlushNote& note);
    /// For those that must not make the file; nothing also where it cannot be read.
    [[nodiscard]] static FlushNote look_at_flushed(const std::filesystem::path& journal, FileSystem& files,
                                                   std::uint64_t identity);

    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override;
    bool beat(std::uint64_t number, double now_seconds) override;
    void put_back(const WorkerRow& row) override;
    void remove(std::uint64_t number) override;
    std::vector<WorkerRow> rows() override;
    bool is_shared_by_processes() const override { return true; }

  private:
    template <class Call>
    auto guarded(Call&& call);
    File& file();
    std::optional<std::string> slot(std::uint64_t index);
    void put_slot(std::uint64_t index, const std::string& content);
    std::uint64_t given_number();
    void put_row(const WorkerRow& row);
    std::optional<std::uint64_t> slot_of(std::uint64_t number);

    std::mutex mutex_;
    std::filesystem::path path_;
    std::shared_ptr<FileSystem> files_;
    std::unique_ptr<File> file_;
};

}  // namespace attune::journal

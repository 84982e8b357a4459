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

/// The small file beside a journal ("study.attune-workers") that is changed in place: how far the journal is
/// known to be flushed, and the rows of its workers. Nothing in it is flushed, and it may be lost at any
/// time: then some flushes are made twice, and workers put their rows back.
///
/// It is made of slots of 256 bytes with a checksum each; one that is damaged or half written counts as
/// empty. Thread-safe.
class SideFile final : public WorkerTable {
  public:
    /// `journal` is the path of the journal; the file is made at first use.
    SideFile(std::filesystem::path journal, std::shared_ptr<FileSystem> files);

    /// How many bytes of the journal with this identity are on the disk; 0 where nobody knows.
    [[nodiscard]] std::uint64_t flushed(std::uint64_t identity);
    void note_flushed(std::uint64_t identity, std::uint64_t bytes);

    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override;
    bool beat(std::uint64_t number, double now_seconds) override;
    void put_back(const WorkerRow& row) override;
    void remove(std::uint64_t number) override;
    std::vector<WorkerRow> rows() override;
    bool is_shared_by_processes() const override { return true; }

  private:
    static constexpr std::size_t slot_size = 256;

    template <class Call>
    auto guarded(Call&& call);
    File& file();
    std::optional<std::string> slot(std::uint64_t index);
    void put_slot(std::uint64_t index, std::string content);
    std::uint64_t given_number();
    void put_row(const WorkerRow& row);
    std::optional<std::uint64_t> slot_of(std::uint64_t number);

    std::mutex mutex_;
    std::filesystem::path path_;
    std::shared_ptr<FileSystem> files_;
    std::unique_ptr<File> file_;
};

}  // namespace attune::journal

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "byte_source.hpp"

namespace attune::detail {

struct ZipEntry {
    std::uint64_t local_header = 0;
    std::uint64_t compressed_size = 0;
    std::uint64_t size = 0;
    std::uint32_t crc32 = 0;
    std::uint16_t method = 0;  ///< 0 stored, 8 deflated
};

/// The entries of a zip archive (also zip64), found through its central directory. Entries that are
/// encrypted, spread over disks or named twice, and ranges outside the file, are refused. The source must
/// outlive the archive.
class ZipArchive {
  public:
    explicit ZipArchive(const ByteSource& source);

    [[nodiscard]] const std::map<std::string, ZipEntry>& entries() const noexcept { return entries_; }
    [[nodiscard]] const ZipEntry* find(const std::string& name) const;

    /// The content of an entry, inflated where needed, its length and checksum verified. The caller bounds
    /// `entry.size`.
    [[nodiscard]] std::vector<std::byte> read(const std::string& name, const ZipEntry& entry) const;

  private:
    struct Directory {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
        std::uint64_t count = 0;
    };
    [[nodiscard]] Directory find_directory() const;
    [[nodiscard]] Directory find_directory64(std::uint64_t end_record) const;
    std::size_t add_entry(const std::string& directory, std::size_t at);
    void take_zip64_sizes(const std::string& extra, ZipEntry& entry, const std::string& name) const;
    [[nodiscard]] std::uint64_t data_offset(const std::string& name, const ZipEntry& entry) const;

    const ByteSource& source_;
    std::map<std::string, ZipEntry> entries_;
};

}  // namespace attune::detail

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attune/files/atomic_file.hpp"

namespace attune::detail {

/// Writes a zip archive of stored entries, each of whose content begins at a multiple of 64 bytes (so that it
/// can be mapped). Entries and archives beyond 4 GiB take the zip64 form.
class ZipWriter {
  public:
    /// `file` must outlive the writer.
    explicit ZipWriter(AtomicFile& file) : file_(file) {}

    void add(const std::string& name, std::span<const std::byte> content);

    /// Writes the directory; nothing may be added after it.
    void finish();

  private:
    struct Entry {
        std::string name;
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
        std::uint32_t crc32 = 0;
    };
    void write(const std::string& text);

    AtomicFile& file_;
    std::uint64_t position_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace attune::detail

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace attune::fuzz {

/// Bytes under a path, for readers that take one; nothing reaches a disk.
class MemoryFile {
  public:
    MemoryFile(const std::uint8_t* data, std::size_t size)
        : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        while (size > 0) {
            const ssize_t written = ::write(descriptor_, data, size);
            if (written <= 0) {
                std::perror("memfd");
                std::exit(1);
            }
            data += written;
            size -= static_cast<std::size_t>(written);
        }
    }
    ~MemoryFile() { ::close(descriptor_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    [[nodiscard]] std::filesystem::path path() const {
        return "/proc/self/fd/" + std::to_string(descriptor_);
    }

    /// A link to it of that name, for readers that go by names: in a folder of this process alone, which is
    /// gone with it.
    [[nodiscard]] std::filesystem::path path_named(const std::string& name) const {
        static const Folder folder;
        auto link = folder.path / name;
        std::error_code ignored;
        std::filesystem::remove(link, ignored);
        std::filesystem::create_symlink(path(), link);
        return link;
    }

  private:
    struct Folder {
        Folder() {
            std::string pattern = (std::filesystem::temp_directory_path() / "attune-fuzz-XXXXXX").string();
            if (::mkdtemp(pattern.data()) == nullptr) {
                std::perror("mkdtemp");
                std::exit(1);
            }
            path = pattern;
        }
        ~Folder() {
            std::error_code ignored;
            std::filesystem::remove_all(path, ignored);
        }
        Folder(const Folder&) = delete;
        Folder& operator=(const Folder&) = delete;
        std::filesystem::path path;
    };

    int descriptor_;
};

}  // namespace attune::fuzz

#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

#include "support/shared_data.hpp"

namespace attune::test {

/// A real file system in memory (tmpfs) of a given size, to be filled and freed. Mounting takes rights that
/// not everybody has: `make()` then counts a visible skip and gives nothing.
class SmallDisk {
  public:
    [[nodiscard]] static std::optional<SmallDisk> make(const std::string& size) {
        std::string pattern = (std::filesystem::temp_directory_path() / "attune disk µ XXXXXX").string();
        const std::string folder = ::mkdtemp(pattern.data());
        if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0)
            return SmallDisk(folder);
        count_skip("full disk", "tmpfs cannot be mounted here: " + std::generic_category().message(errno));
        std::filesystem::remove(folder);
        return std::nullopt;
    }

    SmallDisk(SmallDisk&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
    SmallDisk& operator=(SmallDisk&&) = delete;
    ~SmallDisk() {
        if (folder_.empty()) return;
        (void)::umount2(folder_.c_str(), MNT_DETACH);
        std::error_code ignored;
        std::filesystem::remove(folder_, ignored);
    }

    [[nodiscard]] std::filesystem::path path() const { return folder_; }
    /// Takes all the space that is left.
    void fill() const {
        std::ofstream ballast(folder_ + "/ballast", std::ios::binary | std::ios::app);
        for (const std::string block(512, 'x'); ballast.write(block.data(), 512).flush();) {
        }
    }
    void free() const { std::filesystem::remove(folder_ + "/ballast"); }
    /// Whether it took.
    [[nodiscard]] bool make_read_only() const {
        return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
    }

  private:
    explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {}
    std::string folder_;
};

}  // namespace attune::test

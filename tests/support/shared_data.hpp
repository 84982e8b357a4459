#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "support/folders.hpp"

/// Where tests find the data that the repository does not carry: the folder that the environment variable
/// ATTUNE_SHARED names, or `../shared` beside the source tree. Without it such tests skip, visibly.
namespace attune::test {

struct CaseCounts {
    long run = 0;
    long skipped = 0;
};

inline CaseCounts& case_counts() {
    static CaseCounts counts;
    return counts;
}

inline void count_run(long n = 1) { case_counts().run += n; }

inline void count_skip(const std::string& what, const std::string& why) {
    ++case_counts().skipped;
    std::printf("[attune] skipped: %s: %s\n", what.c_str(), why.c_str());
}

/// The path of `relative` in the shared folder, or nothing (counted and printed as a skip) where it is
/// missing.
inline std::optional<std::filesystem::path> shared(const std::string& relative) {
    namespace fs = std::filesystem;
    const char* named = std::getenv("ATTUNE_SHARED");
    const fs::path root = named != nullptr ? fs::path(named) : source_folder() / ".." / "shared";
    if (fs::exists(root / relative)) return fs::canonical(root / relative);
    count_skip(relative, "not found under " + root.string() + " (set ATTUNE_SHARED)");
    return std::nullopt;
}

/// The bytes of a file; of one that cannot be read, none.
inline std::string contents(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

/// A fresh folder that goes with the object.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "attune-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace attune::test

#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "attune/error.hpp"

/// Keeps a folder for one process at a time: a second run would judge a search that the first one has not
/// ended, and whichever wrote last would win. The system lets go of it with the process, however that ends.
/// Where a file system knows no such locks nothing is kept.
class FolderClaim {
  public:
    /// Of an existing folder. Throws InvalidState where another process has it.
    explicit FolderClaim(const std::filesystem::path& folder)
        : file_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (file_ < 0 || ::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
        ::close(file_);
        throw attune::InvalidState(folder.string() +
                                   ": another run works in this folder; wait until it has ended, or take "
                                   "another --out");
    }
    ~FolderClaim() {
        if (file_ >= 0) ::close(file_);
    }
    FolderClaim(const FolderClaim&) = delete;
    FolderClaim& operator=(const FolderClaim&) = delete;

  private:
    int file_;
};

#include "mapped_tensor.hpp"

#include <ATen/ops/from_file.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "attune/error.hpp"

namespace attune::detail {
namespace {

/// A file that is removed when this goes.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::filesystem::path& folder)
        : path_((folder / "attune-features-XXXXXX").string()), file_(mkstemp(path_.data())) {
        if (file_ < 0) fail("a file of features cannot be made", errno);
    }
    ~TemporaryFile() {
        close(file_);
        unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    void reserve(std::int64_t bytes) const {
        if (const int error = posix_fallocate(file_, 0, bytes); error != 0)
            fail(fmt::format("{} MiB of features find no room", bytes >> 20), error);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    [[noreturn]] void fail(const std::string& what, int error) const {
        throw FileError(fmt::format("{}: {}: {}", path_, what, std::generic_category().message(error)));
    }

    std::string path_;
    int file_;
};

}  // namespace

torch::Tensor mapped_tensor(const std::filesystem::path& folder, const std::vector<std::int64_t>& sizes,
                            torch::ScalarType type) {
    std::int64_t count = 1;
    for (const auto size : sizes) count *= size;
    if (count == 0) return torch::empty(sizes, type);
    const TemporaryFile file(folder);
    file.reserve(count * static_cast<std::int64_t>(c10::elementSize(type)));
    return at::from_file(file.path(), /*shared=*/true, count, torch::TensorOptions(type)).view(sizes);
}

}  // namespace attune::detail

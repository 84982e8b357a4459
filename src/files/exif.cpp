#include "exif.hpp"

#include <cstddef>
#include <cstdint>

namespace attune::detail {
namespace {

/// Whole numbers of a TIFF file, 0 beyond its end.
class TiffReader {
  public:
    explicit TiffReader(std::span<const unsigned char> bytes) : bytes_(bytes) {
        is_little_ = bytes.size() >= 2 && bytes[0] == 'I' && bytes[1] == 'I';
        is_tiff_ = bytes.size() >= 8 && (is_little_ || (bytes[0] == 'M' && bytes[1] == 'M')) && u16(2) == 42;
    }

    [[nodiscard]] bool is_tiff() const { return is_tiff_; }
    [[nodiscard]] std::uint32_t u16(std::size_t at) const { return number(at, 2); }
    [[nodiscard]] std::uint32_t u32(std::size_t at) const { return number(at, 4); }

  private:
    [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t size) const {
        if (at > bytes_.size() || bytes_.size() - at < size) return 0;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value = (value << 8) | bytes_[at + (is_little_ ? size - 1 - i : i)];
        return value;
    }

    std::span<const unsigned char> bytes_;
    bool is_little_ = false;
    bool is_tiff_ = false;
};

}  // namespace

int exif_orientation(std::span<const unsigned char> tiff) {
    constexpr std::uint32_t orientation_tag = 0x0112;
    constexpr std::uint32_t short_type = 3;
    const TiffReader reader(tiff);
    if (!reader.is_tiff()) return 1;
    const std::size_t directory = reader.u32(4);
    const std::size_t count = reader.u16(directory);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t entry = directory + 2 + 12 * i;
        if (entry >= tiff.size()) return 1;
        if (reader.u16(entry) != orientation_tag || reader.u16(entry + 2) != short_type) continue;
        const auto value = reader.u16(entry + 8);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

}  // namespace attune::detail

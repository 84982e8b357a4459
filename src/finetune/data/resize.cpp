#include "resize.hpp"

#include <algorithm>
#include <cmath>

namespace attune::detail {
namespace {

constexpr int fraction_bits = 22;

/// What one output pixel takes from the input: `count` weights from `first` on, in fixed point.
struct Taps {
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::size_t offset = 0;  ///< into the weights
};

struct Filter {
    std::vector<Taps> taps;
    std::vector<std::int32_t> weights;
};

Filter triangle_filter(std::int64_t from, std::int64_t to) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double width = std::max(scale, 1.0);
    Filter filter;
    std::vector<double> row;
    for (std::int64_t i = 0; i < to; ++i) {
        const double centre = (static_cast<double>(i) + 0.5) * scale;
        const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - width + 0.5), 0);
        const auto last = std::min<std::int64_t>(static_cast<std::int64_t>(centre + width + 0.5), from);
        row.clear();
        double sum = 0;
        for (std::int64_t x = first; x < last; ++x) {
            const double distance = std::abs((static_cast<double>(x) - centre + 0.5) / width);
            row.push_back(std::max(0.0, 1 - distance));
            sum += row.back();
        }
        filter.taps.push_back({first, last - first, filter.weights.size()});
        for (const double weight : row)
            filter.weights.push_back(
                static_cast<std::int32_t>(std::floor(weight / sum * (1 << fraction_bits) + 0.5)));
    }
    return filter;
}

std::uint8_t to_byte(std::int64_t fixed) {
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(fixed >> fraction_bits, 0, 255));
}

constexpr std::int64_t half = std::int64_t{1} << (fraction_bits - 1);

std::vector<std::uint8_t> resize_rows(const std::uint8_t* pixels, std::int64_t rows, std::int64_t width,
                                      std::int64_t new_width) {
    const Filter filter = triangle_filter(width, new_width);
    std::vector<std::uint8_t> result(static_cast<std::size_t>(rows * new_width));
    auto* out = result.data();
    for (std::int64_t row = 0; row < rows; ++row, pixels += width)
        for (const auto& taps : filter.taps) {
            const auto* weight = filter.weights.data() + taps.offset;
            std::int64_t sum = half;
            for (std::int64_t k = 0; k < taps.count; ++k)
                sum += std::int64_t{pixels[taps.first + k]} * weight[k];
            *out++ = to_byte(sum);
        }
    return result;
}

void resize_columns(const std::uint8_t* plane, std::int64_t width, const Filter& filter, std::uint8_t* out) {
    std::vector<std::int32_t> sums(static_cast<std::size_t>(width));
    for (const auto& taps : filter.taps) {
        std::fill(sums.begin(), sums.end(), static_cast<std::int32_t>(half));
        for (std::int64_t k = 0; k < taps.count; ++k) {
            const auto* row = plane + (taps.first + k) * width;
            const std::int32_t weight = filter.weights[taps.offset + static_cast<std::size_t>(k)];
            for (std::int64_t x = 0; x < width; ++x) sums[static_cast<std::size_t>(x)] += row[x] * weight;
        }
        for (const auto sum : sums) *out++ = to_byte(sum);
    }
}

}  // namespace

std::vector<std::uint8_t> resize_planes(const std::uint8_t* pixels, std::int64_t planes, std::int64_t height,
                                        std::int64_t width, std::int64_t new_height, std::int64_t new_width) {
    std::vector<std::uint8_t> rows(pixels, pixels + planes * height * width);
    if (new_width != width) rows = resize_rows(rows.data(), planes * height, width, new_width);
    if (new_height == height) return rows;
    const Filter filter = triangle_filter(height, new_height);
    std::vector<std::uint8_t> result(static_cast<std::size_t>(planes * new_height * new_width));
    for (std::int64_t plane = 0; plane < planes; ++plane)
        resize_columns(rows.data() + plane * height * new_width, new_width, filter,
                       result.data() + plane * new_height * new_width);
    return result;
}

}  // namespace attune::detail

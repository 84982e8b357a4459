#include "resize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace attune::detail {
namespace {

constexpr int fraction_bits = 22;
constexpr std::int32_t half = std::int32_t{1} << (fraction_bits - 1);

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

/// Of the output pixels from `begin` to `end`.
Filter triangle_filter(std::int64_t from, std::int64_t to, std::int64_t begin, std::int64_t end) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double width = std::max(scale, 1.0);
    Filter filter;
    filter.taps.reserve(static_cast<std::size_t>(end - begin));
    std::vector<double> row;
    for (std::int64_t i = begin; i < end; ++i) {
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

/// Sums of bytes whose weights add up to one in fixed point stay below 2^31.
std::uint8_t to_byte(std::int32_t fixed) {
    return static_cast<std::uint8_t>(std::min(fixed >> fraction_bits, 255));
}

/// Three planes of rows x width.
struct Planes {
    std::int64_t rows = 0;
    std::int64_t width = 0;
    std::vector<std::uint8_t> values;

    Planes(std::int64_t row_count, std::int64_t row_width)
        : rows(row_count), width(row_width), values(static_cast<std::size_t>(3 * row_count * row_width)) {}
    [[nodiscard]] std::uint8_t* row(std::int64_t channel, std::int64_t y) {
        return values.data() + (channel * rows + y) * width;
    }
};

/// The first pass over the rows that the second one needs; the three colours of a pixel share their taps.
Planes resize_rows(const std::uint8_t* pixels, std::int64_t rows, std::int64_t width, std::int64_t new_width,
                   const Window& window) {
    const Filter filter = triangle_filter(width, new_width, window.left, window.left + window.width);
    Planes result(rows, window.width);
    for (std::int64_t y = 0; y < rows; ++y, pixels += 3 * width) {
        const std::array<std::uint8_t*, 3> out{result.row(0, y), result.row(1, y), result.row(2, y)};
        std::size_t x = 0;
        for (const auto& taps : filter.taps) {
            const auto* weight = filter.weights.data() + taps.offset;
            const auto* pixel = pixels + 3 * taps.first;
            std::array<std::int32_t, 3> sum{half, half, half};
            for (std::int64_t k = 0; k < taps.count; ++k, pixel += 3)
                for (std::size_t channel = 0; channel < 3; ++channel)
                    sum[channel] += pixel[channel] * weight[k];
            for (std::size_t channel = 0; channel < 3; ++channel) out[channel][x] = to_byte(sum[channel]);
            ++x;
        }
    }
    return result;
}

Planes take_columns(const std::uint8_t* pixels, std::int64_t rows, std::int64_t width, const Window& window) {
    Planes result(rows, window.width);
    for (std::int64_t y = 0; y < rows; ++y, pixels += 3 * width)
        for (std::int64_t channel = 0; channel < 3; ++channel) {
            const auto* from = pixels + 3 * window.left + channel;
            auto* out = result.row(channel, y);
            for (std::int64_t x = 0; x < window.width; ++x) out[x] = from[3 * x];
        }
    return result;
}

/// One output row of the second pass, in strips that stay in registers.
[[gnu::always_inline]] inline void blend(const std::uint8_t* rows, std::int64_t width,
                                         const std::int32_t* weights, std::int64_t count, std::uint8_t* out) {
    constexpr std::int64_t strip = 32;
    std::array<std::int32_t, strip> sums{};
    for (std::int64_t x = 0; x < width; x += strip) {
        const auto length = std::min(strip, width - x);
        sums.fill(half);
        for (std::int64_t k = 0; k < count; ++k) {
            const auto* row = rows + k * width + x;
            const std::int32_t weight = weights[k];
            if (length == strip)
                for (std::size_t i = 0; i < strip; ++i) sums[i] += row[i] * weight;
            else
                for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i) sums[i] += row[i] * weight;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(length); ++i)
            out[static_cast<std::size_t>(x) + i] = to_byte(sums[i]);
    }
}

using Blend = void (*)(const std::uint8_t*, std::int64_t, const std::int32_t*, std::int64_t, std::uint8_t*);

void blend_anywhere(const std::uint8_t* rows, std::int64_t width, const std::int32_t* weights,
                    std::int64_t count, std::uint8_t* out) {
    blend(rows, width, weights, count, out);
}

#if defined(__x86_64__)
// Products of 32 bits are what the oldest of these processors lack.
[[gnu::target("avx2")]] void blend_avx2(const std::uint8_t* rows, std::int64_t width,
                                        const std::int32_t* weights, std::int64_t count, std::uint8_t* out) {
    blend(rows, width, weights, count, out);
}

Blend fastest_blend() { return __builtin_cpu_supports("avx2") != 0 ? blend_avx2 : blend_anywhere; }
#else
Blend fastest_blend() { return blend_anywhere; }
#endif

}  // namespace

std::vector<std::uint8_t> resize_window(const std::uint8_t* pixels, std::int64_t height, std::int64_t width,
                                        std::int64_t new_height, std::int64_t new_width,
                                        const Window& window) {
    const bool keeps_rows = new_height == height;
    const Filter filter =
        keeps_rows ? Filter{} : triangle_filter(height, new_height, window.top, window.top + window.height);
    const auto first = keeps_rows ? window.top : filter.taps.front().first;
    const auto end =
        keeps_rows ? window.top + window.height : filter.taps.back().first + filter.taps.back().count;
    const auto* rows = pixels + 3 * first * width;
    Planes narrow = new_width == width ? take_columns(rows, end - first, width, window)
                                       : resize_rows(rows, end - first, width, new_width, window);
    if (keeps_rows) return std::move(narrow.values);
    static const Blend blend_row = fastest_blend();
    Planes result(window.height, window.width);
    for (std::int64_t channel = 0; channel < 3; ++channel)
        for (std::int64_t y = 0; y < window.height; ++y) {
            const auto& taps = filter.taps[static_cast<std::size_t>(y)];
            blend_row(narrow.row(channel, taps.first - first), window.width,
                      filter.weights.data() + taps.offset, taps.count, result.row(channel, y));
        }
    return std::move(result.values);
}

std::vector<std::uint8_t> interleaved(const std::uint8_t* planes, std::int64_t plane_height,
                                      std::int64_t plane_width, const Window& window) {
    std::vector<std::uint8_t> result(static_cast<std::size_t>(3 * window.height * window.width));
    for (std::int64_t channel = 0; channel < 3; ++channel)
        for (std::int64_t y = 0; y < window.height; ++y) {
            const auto* from = planes + (channel * plane_height + window.top + y) * plane_width + window.left;
            auto* out = result.data() + 3 * y * window.width + channel;
            for (std::int64_t x = 0; x < window.width; ++x) out[3 * x] = from[x];
        }
    return result;
}

}  // namespace attune::detail

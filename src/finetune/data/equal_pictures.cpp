#include "attune/finetune/data/equal_pictures.hpp"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <unordered_map>

#include "attune/files/fingerprint.hpp"

namespace attune {
namespace {

bool is_same(const ImageData& data, std::int64_t a, std::int64_t b) {
    if (a == b) return true;
    const std::array rows{a, b};
    const auto pixels = data.pixels_of(rows);
    return torch::equal(pixels[0], pixels[1]);
}

/// The first of `rows` with the picture of `row`, or -1.
std::int64_t first_same(const ImageData& data, const std::vector<std::int64_t>& rows, std::int64_t row) {
    for (const auto candidate : rows)
        if (is_same(data, candidate, row)) return candidate;
    return -1;
}

}  // namespace

PictureDigests::PictureDigests(const ImageData& data) : values_(static_cast<std::size_t>(data.size())) {
    std::vector<std::int64_t> rows;
    for (const auto part : {Split::train, Split::validation, Split::test})
        rows.insert(rows.end(), data.split().of(part).begin(), data.split().of(part).end());
    std::ranges::sort(rows);
    const auto repeated = std::ranges::unique(rows);
    rows.erase(repeated.begin(), repeated.end());
    constexpr std::size_t batch = 64;  // a few pictures in memory at a time
    for (std::size_t done = 0; done < rows.size(); done += batch) {
        const auto now = std::span(rows).subspan(done, std::min(batch, rows.size() - done));
        const auto pixels = data.pixels_of(now);
        const auto length = static_cast<std::size_t>(pixels.numel() / pixels.size(0));
        const auto* bytes = static_cast<const char*>(pixels.data_ptr());
        for (std::size_t i = 0; i < now.size(); ++i)
            values_[static_cast<std::size_t>(now[i])] = fnv1a64({bytes + i * length, length});
    }
}

std::vector<std::pair<std::int64_t, std::int64_t>> equal_pictures(const ImageData& data, Split a, Split b,
                                                                  const PictureDigests& digests) {
    std::unordered_map<std::uint64_t, std::vector<std::int64_t>> firsts;  // hashes find, bytes decide
    for (const auto row : data.split().of(a)) {
        auto& alike = firsts[digests.of(row)];
        if (first_same(data, alike, row) < 0) alike.push_back(row);
    }
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
    for (const auto row : data.split().of(b)) {
        const auto found = firsts.find(digests.of(row));
        if (found == firsts.end()) continue;
        const auto first = first_same(data, found->second, row);
        if (first >= 0 && first != row) pairs.emplace_back(first, row);
    }
    return pairs;
}

ImageData with_equal_pictures_grouped(const ImageData& data, const PictureDigests& digests) {
    const auto pairs = equal_pictures(data, Split::train, Split::train, digests);
    if (pairs.empty()) return data;
    auto groups = data.groups();
    groups.resize(static_cast<std::size_t>(data.size()));
    for (const auto& [first, row] : pairs) {
        auto& whole = groups[static_cast<std::size_t>(first)];
        const std::string other = groups[static_cast<std::size_t>(row)];
        if (whole.empty()) whole = other.empty() ? fmt::format("pictures equal to row {}", first) : other;
        if (other.empty())
            groups[static_cast<std::size_t>(row)] = whole;
        else if (other != whole)  // what is equal joins whole groups
            std::ranges::replace(groups, other, std::string(whole));
    }
    return data.with_groups(std::move(groups));
}

}  // namespace attune

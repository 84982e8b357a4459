#include "attune/finetune/data/remarks.hpp"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>
#include <unordered_map>

#include "attune/files/fingerprint.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {
namespace {

using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

constexpr std::size_t shown = 3;

/// Hashes of the pictures by row, 0 for those in no part: one pass over the pictures, a few at a time.
class Digests {
  public:
    Digests(const ImageData& data, std::initializer_list<Split> parts)
        : data_(data), values_(static_cast<std::size_t>(data.size())) {
        std::vector<std::int64_t> rows;
        for (const auto part : parts)
            rows.insert(rows.end(), data.split().of(part).begin(), data.split().of(part).end());
        std::ranges::sort(rows);
        const auto repeated = std::ranges::unique(rows);
        rows.erase(repeated.begin(), repeated.end());
        constexpr std::size_t batch = 64;
        for (std::size_t done = 0; done < rows.size(); done += batch)
            add(std::span(rows).subspan(done, std::min(batch, rows.size() - done)));
    }

    /// Rows of `b` whose picture is one of `a`, each behind the first such row of `a`.
    [[nodiscard]] Pairs equal(Split a, Split b) const {
        std::unordered_map<std::uint64_t, std::vector<std::int64_t>> firsts;  // hashes find, bytes decide
        for (const std::int64_t row : data_.split().of(a)) {
            auto& alike = firsts[of(row)];
            if (first_same(alike, row) < 0) alike.push_back(row);
        }
        Pairs pairs;
        for (const std::int64_t row : data_.split().of(b)) {
            const auto found = firsts.find(of(row));
            if (found == firsts.end()) continue;
            const auto first = first_same(found->second, row);
            if (first >= 0 && first != row) pairs.emplace_back(first, row);
        }
        return pairs;
    }

  private:
    [[nodiscard]] std::uint64_t of(std::int64_t row) const { return values_[static_cast<std::size_t>(row)]; }

    [[nodiscard]] std::int64_t first_same(const std::vector<std::int64_t>& rows, std::int64_t row) const {
        for (const auto candidate : rows)
            if (same(candidate, row)) return candidate;
        return -1;
    }

    [[nodiscard]] bool same(std::int64_t a, std::int64_t b) const {
        if (a == b) return true;
        const std::array rows{a, b};
        const auto pixels = data_.pixels_of(rows);
        return torch::equal(pixels[0], pixels[1]);
    }

    void add(std::span<const std::int64_t> rows) {
        const auto pixels = data_.pixels_of(rows);
        const auto length = static_cast<std::size_t>(pixels.numel() / pixels.size(0));
        const auto* bytes = static_cast<const char*>(pixels.data_ptr());
        for (std::size_t i = 0; i < rows.size(); ++i)
            values_[static_cast<std::size_t>(rows[i])] = fnv1a64({bytes + i * length, length});
    }

    const ImageData& data_;
    std::vector<std::uint64_t> values_;
};

std::string first_few(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

std::string pairs_text(const ImageData& data, const Pairs& pairs) {
    std::vector<std::string> names;
    for (const auto& [a, b] : pairs) names.push_back(data.name(b) + " (as " + data.name(a) + ")");
    return first_few(names);
}

/// A part that is empty is left out on purpose.
void add_missing_classes(const ImageData& data, Split part, std::vector<std::string>& remarks) {
    if (data.split().of(part).empty()) return;
    const std::vector<std::int64_t> counts = data.class_counts(part);
    std::vector<std::string> without;
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] == 0) without.push_back(data.classes()[i]);
    if (without.empty()) return;
    remarks.push_back(fmt::format("{} of {} without {} pictures, so nothing is measured on {}: {}",
                                  without.size(), detail::counted(data.class_count(), "class", "classes"),
                                  to_string(part), without.size() == 1 ? "it" : "them", first_few(without)));
}

void add_shared_pictures(const ImageData& data, const Digests& digests, Split a, Split b,
                         std::vector<std::string>& remarks) {
    const Pairs pairs = digests.equal(a, b);
    if (pairs.empty()) return;
    remarks.push_back(fmt::format("{} of the {} part {} in the {} part too, so accuracy there flatters: {}",
                                  detail::counted(pairs.size(), "picture"), to_string(b),
                                  pairs.size() == 1 ? "is" : "are", to_string(a), pairs_text(data, pairs)));
}

void add_contradictions(const ImageData& data, const Digests& digests, std::vector<std::string>& remarks) {
    Pairs pairs = digests.equal(Split::train, Split::train);
    std::erase_if(pairs, [&](const auto& pair) {
        return data.labels()[static_cast<std::size_t>(pair.first)] ==
               data.labels()[static_cast<std::size_t>(pair.second)];
    });
    if (pairs.empty()) return;
    remarks.push_back(fmt::format("{} of the train part {} there with another label too: {}",
                                  detail::counted(pairs.size(), "picture"), pairs.size() == 1 ? "is" : "are",
                                  pairs_text(data, pairs)));
}

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> equal_pictures(const ImageData& data, Split a, Split b) {
    return Digests(data, {a, b}).equal(a, b);
}

std::vector<std::string> remarks_on(const ImageData& data) {
    std::vector<std::string> remarks;
    const Digests digests(data, {Split::train, Split::validation, Split::test});
    for (const Split part : {Split::validation, Split::test}) {
        add_missing_classes(data, part, remarks);
        add_shared_pictures(data, digests, Split::train, part, remarks);
    }
    add_shared_pictures(data, digests, Split::validation, Split::test, remarks);
    add_contradictions(data, digests, remarks);
    return remarks;
}

}  // namespace attune

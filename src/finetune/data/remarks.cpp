#include "attune/finetune/data/remarks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "attune/space/detail/counted.hpp"

namespace attune {
namespace {

using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

constexpr std::size_t shown = 3;

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

void add_shared_pictures(const ImageData& data, const PictureDigests& digests, Split a, Split b,
                         std::vector<std::string>& remarks) {
    const Pairs pairs = equal_pictures(data, a, b, digests);
    if (pairs.empty()) return;
    remarks.push_back(fmt::format("{} of the {} part {} in the {} part too, so accuracy there flatters: {}",
                                  detail::counted(pairs.size(), "picture"), to_string(b),
                                  pairs.size() == 1 ? "is" : "are", to_string(a), pairs_text(data, pairs)));
}

/// Of a split that was given: one that is drawn keeps groups together.
void add_shared_groups(const ImageData& data, Split a, Split b, std::vector<std::string>& remarks) {
    if (data.groups().empty()) return;
    const auto names_in = [&](Split part) {
        std::set<std::string> names;
        for (const auto row : data.split().of(part))
            names.insert(data.groups()[static_cast<std::size_t>(row)]);
        names.erase("");  // a picture of its own
        return names;
    };
    const auto first = names_in(a), second = names_in(b);
    std::vector<std::string> both;
    std::ranges::set_intersection(first, second, std::back_inserter(both));
    if (both.empty()) return;
    remarks.push_back(
        fmt::format("{} of the {} part {} pictures in the {} part too, so accuracy there flatters: {}",
                    detail::counted(both.size(), "group"), to_string(b), both.size() == 1 ? "has" : "have",
                    to_string(a), first_few(both)));
}

void add_contradictions(const ImageData& data, const PictureDigests& digests,
                        std::vector<std::string>& remarks) {
    Pairs pairs = equal_pictures(data, Split::train, Split::train, digests);
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

std::vector<std::string> remarks_on(const ImageData& data, const PictureDigests& digests) {
    std::vector<std::string> remarks;
    for (const Split part : {Split::validation, Split::test}) {
        add_missing_classes(data, part, remarks);
        add_shared_pictures(data, digests, Split::train, part, remarks);
        add_shared_groups(data, Split::train, part, remarks);
    }
    add_shared_pictures(data, digests, Split::validation, Split::test, remarks);
    add_shared_groups(data, Split::validation, Split::test, remarks);
    add_contradictions(data, digests, remarks);
    return remarks;
}

}  // namespace attune

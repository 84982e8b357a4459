#include "picture_remarks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>

#include "messages.hpp"

namespace {

using namespace attune;

constexpr std::size_t shown = 3;
constexpr double lopsided = 10;

template <typename List, typename Write>
void add(std::vector<std::string>& remarks, const char* what, const List& list, const Write& write) {
    if (list.empty()) return;
    std::string text = fmt::format("{} ({}): ", what, list.size());
    for (std::size_t i = 0; i < std::min(shown, list.size()); ++i)
        text += (i == 0 ? "" : "; ") + write(list[i]);
    if (list.size() > shown) text += fmt::format("; and {} more", list.size() - shown);
    remarks.push_back(std::move(text));
}

std::string name_of(const ImageRemark& entry) {
    return fmt::format("{} ({})", entry.path.string(), entry.remark);
}

}  // namespace

std::vector<std::string> remarks_of(const ImageSetReport& report) {
    std::vector<std::string> remarks;
    add(remarks, "pictures named like another class than the one they are listed in", report.misplaced,
        name_of);
    add(remarks, "pairs of class names that are alike", report.alike_classes,
        [](const std::string& sentence) { return sentence; });
    add(remarks, "tiny pictures", report.tiny, name_of);
    add(remarks, "unusual pictures", report.unusual, name_of);
    if (report.imbalance >= lopsided)
        remarks.push_back(fmt::format(
            "the largest class has {:.0f} times the training pictures of the smallest", report.imbalance));
    return remarks;
}

std::vector<std::string> remarks_on_nested_folders(const ImageListing& listing) {
    std::map<std::int64_t, std::set<std::string>> inner;  ///< by class; "" for pictures beside the folders
    for (const ImageSample& sample : listing.samples) {
        const auto path = sample.path.lexically_relative(listing.root);
        // The class, behind the part where there is one.
        const auto at = std::next(path.begin(), sample.split == Split::none ? 1 : 2);
        inner[sample.label].insert(std::next(at) == path.end() ? std::string{} : at->string());
    }
    std::vector<std::string> nested;
    for (const auto& [label, folders] : inner)
        if (folders.size() > 1 && !folders.contains({}))
            nested.push_back(fmt::format("{} has {}", listing.classes[static_cast<std::size_t>(label)],
                                         fmt::join(folders, ", ")));
    std::vector<std::string> remarks;
    add(remarks, "classes whose pictures all lie in folders inside, which may be the classes that are meant",
        nested, [](const std::string& sentence) { return sentence; });
    return remarks;
}

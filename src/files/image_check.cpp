#include "attune/files/image_check.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/files/image.hpp"
#include "each_in_threads.hpp"
#include "image_listing_checks.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;

/// What one picture shows when it is decoded.
struct Look {
    std::string damage;  ///< empty: none
    ImageInfo info;
    std::uint64_t hash = 0;  ///< of sides and pixels
};

Look look_at(const fs::path& path) {
    Look look;
    try {
        look.info = read_image_info(path);
        const Image image = read_image(path);
        const std::string sides = fmt::format("{}x{}", image.width, image.height);
        look.hash = fnv1a64({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()},
                            fnv1a64(sides));
    } catch (const Error& error) {
        look.damage = skipped_for(path, error).reason;
    }
    return look;
}

std::vector<Look> look_at_all(const ImageListing& listing, const ImageSetCheckOptions& options) {
    std::vector<Look> looks(listing.samples.size());
    detail::each_in_threads(std::ssize(looks), options.threads, options.progress, [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        looks[at] = look_at(listing.samples[at].path);
    });
    return looks;
}

std::string unusual_in(const ImageInfo& info) {
    std::vector<std::string> words;
    if (info.is_cmyk)
        words.emplace_back("four inks (CMYK)");
    else if (info.channels == 1 && !info.has_palette)
        words.emplace_back("grey");
    else if (info.channels == 2 || info.channels == 4)
        words.emplace_back("transparency, which is dropped");
    if (info.bits == 16) words.emplace_back("16 bits a channel, of which 8 are read");
    if (info.orientation != 1)
        words.push_back(fmt::format("turned by EXIF (orientation {})", info.orientation));
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// Letters and digits in lower case, without an s at the end: what people mix up is equal.
std::string bare(std::string_view name) {
    std::string result;
    for (const char letter : detail::lower_case(name)) {
        const bool is_ascii_word = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
        if (is_ascii_word || static_cast<unsigned char>(letter) >= 0x80) result += letter;
    }
    if (result.size() > 3 && result.ends_with('s')) result.pop_back();
    return result;
}

void compare_class_names(ImageSetReport& report) {
    std::map<std::string, std::string> known;
    for (const auto& name : report.classes) {
        const auto [first, is_new] = known.emplace(bare(name), name);
        if (!is_new)
            report.alike_classes.push_back(
                fmt::format("the classes '{}' and '{}' may be one", first->second, name));
    }
}

/// The other class that a file's name begins with, or nothing.
std::optional<std::string> other_class_in(const fs::path& path, std::size_t label,
                                          const std::vector<std::string>& names) {
    constexpr std::size_t shortest = 3;  // shorter names are the beginnings of too many words
    const std::string stem = bare(path.stem().string());
    const auto is_named = [&](std::size_t k) {
        const std::string name = bare(names[k]);
        return name.size() >= shortest && stem.starts_with(name);
    };
    if (is_named(label)) return std::nullopt;
    for (std::size_t k = 0; k < names.size(); ++k)
        if (k != label && is_named(k)) return names[k];
    return std::nullopt;
}

void find_duplicates(ImageSetReport& report, const ImageListing& listing, const std::vector<Look>& looks) {
    std::map<std::uint64_t, std::vector<std::size_t>> by_hash;
    for (std::size_t i = 0; i < looks.size(); ++i)
        if (looks[i].damage.empty()) by_hash[looks[i].hash].push_back(i);
    for (auto& [hash, samples] : by_hash) {
        if (samples.size() < 2) continue;
        DuplicateImages found{std::move(samples), {}, false, false};
        const auto& first = listing.samples[found.samples[0]];
        for (const auto i : found.samples) {
            found.paths.push_back(listing.samples[i].path);
            found.across_splits = found.across_splits || listing.samples[i].split != first.split;
            found.across_classes = found.across_classes || listing.samples[i].label != first.label;
        }
        report.duplicates.push_back(std::move(found));
    }
    std::ranges::sort(report.duplicates, {}, [](const DuplicateImages& d) { return d.samples[0]; });
}

void count_classes(ImageSetReport& report, const ImageListing& listing) {
    report.counts.resize(listing.classes.size());
    bool is_split = false;
    for (const auto& sample : listing.samples) {
        ++report.counts[static_cast<std::size_t>(sample.label)][static_cast<std::size_t>(sample.split)];
        is_split = is_split || sample.split != Split::none;
    }
    const auto part = static_cast<std::size_t>(is_split ? Split::train : Split::none);
    std::int64_t least = 0;
    std::int64_t most = 0;
    for (const auto& counts : report.counts) {
        least = least == 0 ? counts[part] : std::min(least, counts[part]);
        most = std::max(most, counts[part]);
    }
    report.imbalance = least == 0 ? 1 : static_cast<double>(most) / static_cast<double>(least);
}

template <typename List, typename Write>
void add_lines(std::string& text, const std::string& title, const List& list, std::size_t most,
               const Write& write) {
    if (list.empty()) return;
    text += fmt::format("{}: {}\n", title, list.size());
    for (std::size_t i = 0; i < list.size() && i < most; ++i) text += "  " + write(list[i]) + "\n";
    if (list.size() > most) text += fmt::format("  and {} more\n", list.size() - most);
}

}  // namespace

void ImageSetCheckOptions::validate() const {
    if (threads < 0) throw InvalidOption(fmt::format("threads {} must be at least 0", threads));
    if (smallest_side < 0)
        throw InvalidOption(fmt::format("smallest_side {} must be at least 0", smallest_side));
}

ImageSetReport check_image_set(const ImageListing& listing, const ImageSetCheckOptions& options) {
    options.validate();
    const auto looks = look_at_all(listing, options);
    ImageSetReport report;
    report.classes = listing.classes;
    for (std::size_t i = 0; i < looks.size(); ++i) {
        const auto& sample = listing.samples[i];
        const auto& info = looks[i].info;
        if (!looks[i].damage.empty()) {
            report.damaged.push_back({sample.path, looks[i].damage});
            continue;
        }
        if (std::min(info.width, info.height) < options.smallest_side)
            report.tiny.push_back({sample.path, fmt::format("{} x {} pixels", info.width, info.height)});
        if (const auto words = unusual_in(info); !words.empty())
            report.unusual.push_back({sample.path, words});
        if (const auto other =
                other_class_in(sample.path, static_cast<std::size_t>(sample.label), listing.classes))
            report.misplaced.push_back(
                {sample.path, fmt::format("named like the class '{}', listed as '{}'", *other,
                                          listing.classes[static_cast<std::size_t>(sample.label)])});
    }
    find_duplicates(report, listing, looks);
    compare_class_names(report);
    count_classes(report, listing);
    return report;
}

bool ImageSetReport::is_clean() const {
    return damaged.empty() && duplicates.empty() && tiny.empty() && misplaced.empty() &&
           alike_classes.empty();
}

std::string ImageSetReport::text(std::size_t most) const {
    std::string text;
    const auto remark = [](const ImageRemark& entry) { return entry.path.string() + ": " + entry.remark; };
    add_lines(text, "pictures that cannot be read", damaged, most,
              [](const SkippedFile& file) { return file.path.string() + ": " + file.reason; });
    add_lines(text, "groups of equal pictures", duplicates, most, [](const DuplicateImages& found) {
        std::vector<std::string> names;
        for (const auto& path : found.paths) names.push_back(path.string());
        return fmt::format("{}{}{}", detail::first_few(names),
                           found.across_splits ? " (in different parts)" : "",
                           found.across_classes ? " (with different labels)" : "");
    });
    add_lines(text, "tiny pictures", tiny, most, remark);
    add_lines(text, "pictures in a class that their name does not say", misplaced, most, remark);
    add_lines(text, "class names that are alike", alike_classes, most,
              [](const std::string& sentence) { return sentence; });
    add_lines(text, "unusual pictures", unusual, most, remark);
    for (std::size_t k = 0; k < classes.size(); ++k)
        text += fmt::format("class {}: {} training, {} validation, {} test, {} in no part\n", classes[k],
                            counts[k][static_cast<std::size_t>(Split::train)],
                            counts[k][static_cast<std::size_t>(Split::validation)],
                            counts[k][static_cast<std::size_t>(Split::test)],
                            counts[k][static_cast<std::size_t>(Split::none)]);
    return text;
}

}  // namespace attune

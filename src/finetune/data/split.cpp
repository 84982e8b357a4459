#include "attune/finetune/data/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/data/random.hpp"

namespace attune {
namespace {

using Rows = std::vector<std::int64_t>;

enum Purpose : std::uint64_t {
    split_purpose = 0x73706c6974,
    shots_purpose = 0x73686f7473,
    folds_purpose = 0x666f6c6473
};

/// Rows by class, each class in an order drawn from (seed, purpose, class) alone: other classes have no
/// influence.
std::map<std::int64_t, Rows> shuffled_classes(std::span<const std::int64_t> labels,
                                              std::span<const std::int64_t> rows, std::uint64_t seed,
                                              Purpose purpose) {
    std::map<std::int64_t, Rows> classes;
    for (const auto row : rows) {
        if (row < 0 || static_cast<std::size_t>(row) >= labels.size())
            throw InvalidOption("row " + std::to_string(row) + " is outside [0, " +
                                std::to_string(labels.size()) + ")");
        classes[labels[static_cast<std::size_t>(row)]].push_back(row);
    }
    for (auto& [label, members] : classes) {
        std::ranges::sort(members);
        detail::RandomStream stream{seed, purpose, static_cast<std::uint64_t>(label)};
        stream.shuffle(members);
    }
    return classes;
}

void append(Rows& to, Rows::const_iterator first, Rows::const_iterator last) {
    to.insert(to.end(), first, last);
}

void sort_parts(SplitRows& split) {
    std::ranges::sort(split.train);
    std::ranges::sort(split.validation);
    std::ranges::sort(split.test);
}

/// Images that a class gives to a part. `owed` carries the rounding from class to class, so that totals are
/// met.
std::ptrdiff_t quota(double share, std::size_t count, double& owed) {
    owed += share * static_cast<double>(count);
    const double whole = std::floor(owed + 0.5);
    const double low = std::floor(share * static_cast<double>(count));
    const double given = std::clamp(whole, low, low + 1);
    owed -= given;
    return static_cast<std::ptrdiff_t>(share > 0 ? std::max(given, 1.0) : 0.0);
}

std::string class_text(std::int64_t label, std::span<const std::string> classes) {
    if (static_cast<std::size_t>(label) >= classes.size()) return "class " + std::to_string(label);
    return "class '" + classes[static_cast<std::size_t>(label)] + "'";
}

std::string images_text(std::size_t count, const std::string& kind = "") {
    return std::to_string(count) + " " + kind + (count == 1 ? "image" : "images");
}

}  // namespace

void SplitShares::validate() const {
    const auto refuse = [](const char* name, double value, const char* rule) {
        throw InvalidOption(fmt::format("split share {} {} must be {}", name, value, rule));
    };
    if (!(validation >= 0 && validation < 1)) refuse("validation", validation, "in [0, 1)");
    if (!(test >= 0 && test < 1)) refuse("test", test, "in [0, 1)");
    if (validation + test >= 1) refuse("validation + test", validation + test, "below 1");
}

SplitRows stratified_split(std::span<const std::int64_t> labels, std::span<const std::int64_t> rows,
                           const SplitShares& shares, std::uint64_t seed,
                           std::span<const std::string> classes) {
    shares.validate();
    SplitRows split;
    double validation_owed = 0;
    double test_owed = 0;
    for (const auto& [label, members] : shuffled_classes(labels, rows, seed, split_purpose)) {
        const auto validation = quota(shares.validation, members.size(), validation_owed);
        const auto test = quota(shares.test, members.size(), test_owed);
        if (validation + test >= std::ssize(members))
            throw InvalidOption(class_text(label, classes) + " has " + images_text(members.size()) +
                                "; a split needs at least one for each part and one to train on");
        const auto begin = members.begin();
        append(split.test, begin, begin + test);
        append(split.validation, begin + test, begin + test + validation);
        append(split.train, begin + test + validation, members.end());
    }
    sort_parts(split);
    return split;
}

ImageData complete_split(const ImageData& data, const SplitShares& shares, std::uint64_t seed) {
    SplitRows split = data.split();
    SplitShares missing = shares;
    if (!split.validation.empty()) missing.validation = 0;
    if (!split.test.empty()) missing.test = 0;
    if (missing.validation == 0 && missing.test == 0) return data;
    SplitRows made = stratified_split(data.labels(), split.train, missing, seed, data.classes());
    split.train = std::move(made.train);
    if (!made.validation.empty()) split.validation = std::move(made.validation);
    if (!made.test.empty()) split.test = std::move(made.test);
    return data.with_split(std::move(split));
}

ImageData few_shot(const ImageData& data, std::int64_t count, std::uint64_t seed) {
    if (count < 1)
        throw InvalidOption("shots " + std::to_string(count) + " must be at least 1 image a class");
    const auto classes = shuffled_classes(data.labels(), data.split().train, seed, shots_purpose);
    SplitRows split = data.split();
    split.train.clear();
    for (std::int64_t label = 0; label < data.class_count(); ++label) {
        const auto found = classes.find(label);
        const std::int64_t present = found == classes.end() ? 0 : std::ssize(found->second);
        if (present < count)
            throw InvalidOption(class_text(label, data.classes()) + " has " +
                                images_text(static_cast<std::size_t>(present), "training ") +
                                ", fewer than the " + std::to_string(count) + " shots asked for");
        append(split.train, found->second.begin(), found->second.begin() + count);
    }
    return data.with_split(std::move(split));
}

std::vector<ImageData> cross_validation(const ImageData& data, std::int64_t folds, std::uint64_t seed) {
    if (folds < 2) throw InvalidOption("folds " + std::to_string(folds) + " must be at least 2");
    Rows rows = data.split().train;
    append(rows, data.split().validation.begin(), data.split().validation.end());
    std::vector<SplitRows> splits(static_cast<std::size_t>(folds));
    std::size_t next = 0;  // goes on from class to class, so that fold sizes differ by one at most
    for (const auto& [label, members] : shuffled_classes(data.labels(), rows, seed, folds_purpose)) {
        if (std::ssize(members) < folds)
            throw InvalidOption(class_text(label, data.classes()) + " has " + images_text(members.size()) +
                                ", fewer than the " + std::to_string(folds) + " folds");
        for (const auto row : members) {
            for (std::size_t fold = 0; fold < splits.size(); ++fold)
                (fold == next ? splits[fold].validation : splits[fold].train).push_back(row);
            next = (next + 1) % splits.size();
        }
    }
    std::vector<ImageData> copies;
    for (auto& split : splits) {
        split.test = data.split().test;
        sort_parts(split);
        copies.push_back(data.with_split(std::move(split)));
    }
    return copies;
}

}  // namespace attune

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

/// Rows that stay together, and how many of each class they are.
struct Group {
    Rows rows;
    std::vector<double> counts;
};

std::vector<Group> groups_of(std::span<const std::int64_t> labels, std::span<const std::string> names,
                             std::span<const std::int64_t> rows, std::uint64_t seed, Purpose purpose) {
    if (names.size() != labels.size())
        throw InvalidOption(std::to_string(names.size()) + " groups for " + std::to_string(labels.size()) +
                            " labels; one each is needed");
    const auto classes = labels.empty() ? 0 : *std::ranges::max_element(labels) + 1;
    std::map<std::string, std::size_t> known;
    std::vector<Group> groups;
    for (const auto row : rows) {
        if (row < 0 || static_cast<std::size_t>(row) >= labels.size())
            throw InvalidOption("row " + std::to_string(row) + " is outside [0, " +
                                std::to_string(labels.size()) + ")");
        const auto& name = names[static_cast<std::size_t>(row)];
        const auto [place, is_new] =
            known.emplace(name.empty() ? fmt::format("#{}", row) : fmt::format("={}", name), groups.size());
        if (is_new) groups.push_back({{}, std::vector<double>(static_cast<std::size_t>(classes))});
        groups[place->second].rows.push_back(row);
        ++groups[place->second].counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(row)])];
    }
    detail::RandomStream stream{seed, purpose};
    stream.shuffle(groups);
    // Large ones first: small ones then even out what these could not meet.
    std::ranges::stable_sort(groups, std::ranges::greater{}, [](const Group& g) { return g.rows.size(); });
    return groups;
}

/// Deals groups to parts of these shares (their sum is 1), each to the part that lacks most of its classes
/// and among equals to the one that lacks most images; a class with as many groups as there are parts is in
/// all of them.
class Dealing {
  public:
    Dealing(const std::vector<Group>& groups, const std::vector<double>& shares)
        : groups_(groups),
          shares_(shares),
          totals_(groups.empty() ? 0 : groups[0].counts.size()),
          held_(shares.size(), std::vector<double>(totals_.size())),
          filled_(shares.size()) {
        for (const auto& group : groups)
            for (std::size_t k = 0; k < totals_.size(); ++k) totals_[k] += group.counts[k];
    }

    std::vector<Rows> run() {
        for (const auto& group : groups_) {
            std::size_t best = shares_.size();
            for (std::size_t part = 0; part < shares_.size(); ++part)
                if (shares_[part] > 0 && (best == shares_.size() || is_better(group, part, best)))
                    best = part;
            place_.push_back(best);
            put(group, best, 1);
        }
        for (bool moved = true; moved;) moved = even_out();
        for (std::size_t k = 0; k < totals_.size(); ++k)
            for (std::size_t part = 0; part < shares_.size(); ++part)
                if (shares_[part] > 0 && held_[part][k] == 0) fill(part, k);
        std::vector<Rows> parts(shares_.size());
        for (std::size_t i = 0; i < groups_.size(); ++i)
            append(parts[place_[i]], groups_[i].rows.begin(), groups_[i].rows.end());
        return parts;
    }

  private:
    /// How much nearer to (or farther from) its share of each class a part comes with the group.
    [[nodiscard]] double cost(const Group& group, std::size_t part) const {
        double change = 0;
        for (std::size_t k = 0; k < totals_.size(); ++k) {
            if (group.counts[k] == 0) continue;
            const double wanted = shares_[part] * totals_[k];
            const double before = (held_[part][k] - wanted) / wanted;
            const double after = (held_[part][k] + group.counts[k] - wanted) / wanted;
            change += (after * after - before * before) * shares_[part];
        }
        return change;
    }

    /// Counts a group in (sign 1) or out (-1) of a part.
    void put(const Group& group, std::size_t part, double sign) {
        for (std::size_t k = 0; k < totals_.size(); ++k) held_[part][k] += sign * group.counts[k];
        filled_[part] += sign * static_cast<double>(group.rows.size()) / shares_[part];
    }

    /// Classes decide; where they do not, a part that would otherwise stay small or empty takes the group.
    [[nodiscard]] bool is_better(const Group& group, std::size_t part, std::size_t best) const {
        const double difference = cost(group, part) - cost(group, best);
        if (std::abs(difference) > rounding) return difference < 0;
        return filled_[part] < filled_[best];
    }

    /// Moves groups from large to smaller parts of the same share where that changes nothing for the classes;
    /// whether any moved.
    bool even_out() {
        bool moved = false;
        for (std::size_t i = 0; i < groups_.size(); ++i)
            for (std::size_t part = 0; part < shares_.size(); ++part) {
                const auto& group = groups_[i];
                const auto from = place_[i];
                const double size = static_cast<double>(group.rows.size()) / shares_[from];
                if (shares_[part] != shares_[from] || filled_[part] + size > filled_[from] - rounding)
                    continue;
                put(group, from, -1);
                const bool goes = cost(group, part) <= cost(group, from) + rounding;
                if (goes) place_[i] = part;
                put(group, place_[i], 1);
                moved |= goes;
            }
        return moved;
    }

    /// Moves a group of class k to the part, from the part that has most of the class, where that leaves it
    /// some of each class; the smallest such group.
    void fill(std::size_t part, std::size_t k) {
        std::size_t found = groups_.size();
        const auto is_better = [&](std::size_t i) {
            if (found == groups_.size()) return true;
            const double here = held_[place_[i]][k], there = held_[place_[found]][k];
            return here != there ? here > there : groups_[i].rows.size() < groups_[found].rows.size();
        };
        for (std::size_t i = 0; i < groups_.size(); ++i)
            if (groups_[i].counts[k] > 0 && can_leave(i) && is_better(i)) found = i;
        if (found == groups_.size()) return;
        put(groups_[found], place_[found], -1);
        put(groups_[found], part, 1);
        place_[found] = part;
    }

    [[nodiscard]] bool can_leave(std::size_t group) const {
        for (std::size_t k = 0; k < totals_.size(); ++k)
            if (groups_[group].counts[k] > 0 && held_[place_[group]][k] == groups_[group].counts[k])
                return false;
        return true;
    }

    static constexpr double rounding = 1e-9;

    const std::vector<Group>& groups_;
    const std::vector<double>& shares_;
    std::vector<double> totals_;             ///< by class
    std::vector<std::vector<double>> held_;  ///< by part, then by class
    std::vector<double> filled_;             ///< by part: its images, over its share
    std::vector<std::size_t> place_;         ///< by group: its part
};

std::vector<Rows> deal(const std::vector<Group>& groups, const std::vector<double>& shares) {
    return Dealing(groups, shares).run();
}

/// Whole groups may leave a small class nothing to be learnt from.
void require_classes(const ImageData& data, const Rows& before, const Rows& after, const char* what) {
    std::vector<bool> was(data.classes().size()), is(data.classes().size());
    const auto label_of = [&](std::int64_t row) {
        return static_cast<std::size_t>(data.labels()[static_cast<std::size_t>(row)]);
    };
    for (const auto row : before) was[label_of(row)] = true;
    for (const auto row : after) is[label_of(row)] = true;
    for (std::size_t label = 0; label < was.size(); ++label)
        if (was[label] && !is[label])
            throw InvalidOption(
                fmt::format("{} has too few groups of images for {}: none is left to train on",
                            class_text(static_cast<std::int64_t>(label), data.classes()), what));
}

std::vector<SplitRows> grouped_folds(const ImageData& data, const Rows& rows, std::int64_t folds,
                                     std::uint64_t seed) {
    const auto groups = groups_of(data.labels(), data.groups(), rows, seed, folds_purpose);
    if (std::ssize(groups) < folds)
        throw InvalidOption("the data has " + std::to_string(groups.size()) + " groups, fewer than the " +
                            std::to_string(folds) + " folds");
    const auto parts =
        deal(groups, std::vector<double>(static_cast<std::size_t>(folds), 1 / static_cast<double>(folds)));
    std::vector<SplitRows> splits(parts.size());
    for (std::size_t fold = 0; fold < parts.size(); ++fold)
        for (std::size_t part = 0; part < parts.size(); ++part)
            append(part == fold ? splits[fold].validation : splits[fold].train, parts[part].begin(),
                   parts[part].end());
    for (const auto& split : splits) require_classes(data, rows, split.train, "folds");
    return splits;
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
            throw InvalidOption(
                class_text(label, classes) + " has " + images_text(members.size()) +
                "; a split needs at least one for each part and one to train on: add images, leave the class "
                "out, or say which image is for which part");
        const auto begin = members.begin();
        append(split.test, begin, begin + test);
        append(split.validation, begin + test, begin + test + validation);
        append(split.train, begin + test + validation, members.end());
    }
    sort_parts(split);
    return split;
}

SplitRows grouped_split(std::span<const std::int64_t> labels, std::span<const std::string> groups,
                        std::span<const std::int64_t> rows, const SplitShares& shares, std::uint64_t seed) {
    shares.validate();
    auto parts = deal(groups_of(labels, groups, rows, seed, split_purpose),
                      {1 - shares.validation - shares.test, shares.validation, shares.test});
    SplitRows split{std::move(parts[0]), std::move(parts[1]), std::move(parts[2])};
    if (split.train.empty() || (shares.validation > 0 && split.validation.empty()) ||
        (shares.test > 0 && split.test.empty()))
        throw InvalidOption("the rows have too few groups for a split into " +
                            std::string(shares.test > 0 ? "three parts" : "two parts"));
    sort_parts(split);
    return split;
}

ImageData complete_split(const ImageData& data, const SplitShares& shares, std::uint64_t seed) {
    SplitRows split = data.split();
    SplitShares missing = shares;
    if (!split.validation.empty()) missing.validation = 0;
    if (!split.test.empty()) missing.test = 0;
    if (missing.validation == 0 && missing.test == 0) return data;
    SplitRows made = data.groups().empty()
                         ? stratified_split(data.labels(), split.train, missing, seed, data.classes())
                         : grouped_split(data.labels(), data.groups(), split.train, missing, seed);
    require_classes(data, split.train, made.train, "a split");
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
    if (!data.groups().empty()) splits = grouped_folds(data, rows, folds, seed);
    std::size_t next = 0;  // goes on from class to class, so that fold sizes differ by one at most
    for (const auto& [label, members] : data.groups().empty()
                                            ? shuffled_classes(data.labels(), rows, seed, folds_purpose)
                                            : std::map<std::int64_t, Rows>{}) {
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

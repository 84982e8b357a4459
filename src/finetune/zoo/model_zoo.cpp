#include "attune/finetune/zoo/model_zoo.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "initialise.hpp"

namespace attune {
namespace {

/// Levenshtein's distance: insertions, deletions and replacements that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
        }
    }
    return row.back();
}

/// Case and separators are what people get wrong; they do not count.
std::string simplified(std::string_view name) {
    std::string result;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z')
            result += static_cast<char>(c - 'A' + 'a');
        else if (c != '_' && c != '-' && c != '.' && c != ' ')
            result += c;
    }
    return result;
}

bool meets(const ZooEntry& entry, const ZooQuery& query) {
    const auto wanted = simplified(query.text);
    if (simplified(entry.name).find(wanted) == std::string::npos &&
        simplified(entry.family).find(wanted) == std::string::npos)
        return false;
    if (!query.family.empty() && entry.family != query.family) return false;
    if (entry.parameters < query.minimum_parameters.value_or(0)) return false;
    if (query.maximum_parameters && entry.parameters > *query.maximum_parameters) return false;
    if (query.image_size) {
        const auto side = *query.image_size;
        const bool resizable = entry.input.fixed_size && side % entry.input.multiple == 0 && side > 0;
        if (!resizable && !entry.input.accepts(side, side)) return false;
    }
    if (!query.minimum_top1_percent && !query.maximum_gflops) return true;
    const auto* weights = entry.usual_weights();
    if (weights == nullptr) return false;
    // Negated, so that unknown (NaN) meets nothing.
    if (query.minimum_top1_percent && !(weights->top1_percent >= *query.minimum_top1_percent)) return false;
    return !query.maximum_gflops || weights->gflops <= *query.maximum_gflops;
}

/// A line for each family.
std::string names_by_family(const std::vector<ZooEntry>& entries) {
    std::vector<std::pair<std::string, std::vector<std::string>>> families;
    for (const auto& entry : entries) {
        auto found = std::ranges::find(families, entry.family, [](const auto& pair) { return pair.first; });
        if (found == families.end()) found = families.insert(found, {entry.family, {}});
        found->second.push_back(entry.name);
    }
    std::string text;
    for (const auto& [family, names] : families)
        text += fmt::format("\n  {}: {}", family, fmt::join(names, ", "));
    return text;
}

}  // namespace

const PublishedWeights* ZooEntry::usual_weights() const noexcept {
    for (const auto& weights : published)
        if (weights.is_default) return &weights;
    return published.empty() ? nullptr : &published.front();
}

void ZooQuery::validate() const {
    const auto check = [](const char* name, double value) {
        if (!(value >= 0)) throw InvalidOption(fmt::format("{} is {}; it must be at least 0", name, value));
    };
    check("minimum_parameters", static_cast<double>(minimum_parameters.value_or(0)));
    check("maximum_parameters", static_cast<double>(maximum_parameters.value_or(0)));
    check("image_size", static_cast<double>(image_size.value_or(0)));
    check("minimum_top1_percent", minimum_top1_percent.value_or(0));
    check("maximum_gflops", maximum_gflops.value_or(0));
    if (minimum_parameters && maximum_parameters && *minimum_parameters > *maximum_parameters)
        throw InvalidOption(
            fmt::format("minimum_parameters is {} and maximum_parameters {}; no network lies between",
                        *minimum_parameters, *maximum_parameters));
}

void ModelZoo::add(ZooEntry entry) {
    if (entry.name.empty()) throw InvalidOption("the name of a zoo entry is empty; it must not be");
    if (contains(entry.name))
        throw InvalidOption(
            fmt::format("the zoo already has a network called '{}'; names are unique", entry.name));
    if (!entry.build)
        throw InvalidOption(
            fmt::format("build of the zoo entry '{}' is empty; it must make the network", entry.name));
    if (entry.classes < 1 || entry.parameters < 1)
        throw InvalidOption(
            fmt::format("the zoo entry '{}' has {} classes and {} parameters; both must be at least 1",
                        entry.name, entry.classes, entry.parameters));
    entries_.push_back(std::move(entry));
}

std::vector<std::string> ModelZoo::names() const {
    std::vector<std::string> result;
    for (const auto& entry : entries_) result.push_back(entry.name);
    return result;
}

bool ModelZoo::contains(const std::string& name) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const ZooEntry& entry) { return entry.name == name; });
}

const ZooEntry& ModelZoo::entry(const std::string& name) const {
    for (const auto& entry : entries_)
        if (entry.name == name) return entry;
    if (entries_.empty()) throw UnknownName(fmt::format("no network is called '{}': the zoo is empty", name));
    const auto wanted = simplified(name);
    const auto distance = [&](const ZooEntry& e) { return edit_distance(wanted, simplified(e.name)); };
    const auto nearest =
        std::min_element(entries_.begin(), entries_.end(),
                         [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
    // A name that shares little with every other is no slip of the pen: a guess would be noise.
    const bool near = 3 * distance(*nearest) <= std::max(wanted.size(), simplified(nearest->name).size());
    throw UnknownName(fmt::format("no network is called '{}'; {}known are{}", name,
                                  near ? fmt::format("the nearest is '{}'; ", nearest->name) : "",
                                  names_by_family(entries_)));
}

std::vector<const ZooEntry*> ModelZoo::find(const ZooQuery& query) const {
    query.validate();
    std::vector<const ZooEntry*> result;
    for (const auto& entry : entries_)
        if (meets(entry, query)) result.push_back(&entry);
    return result;
}

NetworkPtr ModelZoo::make(const std::string& name) const { return make(name, entry(name).classes); }

NetworkPtr ModelZoo::make(const std::string& name, std::int64_t classes) const {
    const auto& known = entry(name);
    auto network = known.build(classes);
    network->input = known.input;
    return network;
}

NetworkPtr ModelZoo::make_unset(const std::string& name, std::int64_t classes) const {
    const detail::WithoutInitialisation unset;
    return make(name, classes);
}

}  // namespace attune

#include "attune/files/name_map.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "attune/error.hpp"
#include "name_maps.hpp"

namespace attune {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

using Numbers = std::array<std::optional<long>, 26>;

/// The numbers and the rest that make `pattern` the name; nothing where it does not fit.
struct Match {
    Numbers numbers;
    std::string_view rest;
};

/// Names come from files that may be anyone's; no network has so many layers, and sums and products of
/// smaller numbers fit a long.
constexpr long largest_number = 1'000'000;

std::optional<Match> match(std::string_view pattern, std::string_view name) {
    Match result;
    while (!pattern.empty()) {
        if (pattern == "*") {
            result.rest = name;
            return result;
        }
        if (pattern.front() == '{') {
            const auto digits = std::find_if_not(name.begin(), name.end(), is_digit) - name.begin();
            long value = 0;
            const auto [end, error] = std::from_chars(name.data(), name.data() + digits, value);
            if (digits == 0 || error != std::errc{} || value > largest_number) return std::nullopt;
            result.numbers[static_cast<std::size_t>(pattern[1] - 'a')] = value;
            name.remove_prefix(static_cast<std::size_t>(digits));
            pattern.remove_prefix(3);
            continue;
        }
        if (name.empty() || name.front() != pattern.front()) return std::nullopt;
        name.remove_prefix(1);
        pattern.remove_prefix(1);
    }
    return name.empty() ? std::optional(result) : std::nullopt;
}

/// "2s+1": a factor, a letter, an addend.
struct Term {
    long factor = 1;
    char letter = 0;
    long addend = 0;
};

std::optional<Term> term_of(std::string_view text) {
    Term term;
    const auto* at = text.data();
    const auto* end = at + text.size();
    if (at != end && is_digit(*at)) {
        const auto [stop, error] = std::from_chars(at, end, term.factor);
        if (error != std::errc{}) return std::nullopt;
        at = stop;
    }
    if (at == end || !is_letter(*at) || term.factor > largest_number) return std::nullopt;
    term.letter = *at++;
    if (at == end) return term;
    if (*at != '+' && *at != '-') return std::nullopt;
    const long sign = *at++ == '+' ? 1 : -1;
    if (at == end || !is_digit(*at)) return std::nullopt;
    const auto [stop, error] = std::from_chars(at, end, term.addend);
    if (error != std::errc{} || stop != end || term.addend > largest_number) return std::nullopt;
    term.addend *= sign;
    return term;
}

std::string fill(std::string_view to, const Match& found) {
    std::string result;
    for (std::size_t at = 0; at < to.size(); ++at) {
        if (to[at] == '*') {
            result += found.rest;
        } else if (to[at] == '{') {
            const auto end = to.find('}', at);
            const auto term = *term_of(to.substr(at + 1, end - at - 1));
            result += std::to_string(
                term.factor * *found.numbers[static_cast<std::size_t>(term.letter - 'a')] + term.addend);
            at = end;
        } else {
            result += to[at];
        }
    }
    return result;
}

void check(const NameMap::Rule& rule) {
    const auto refuse = [&](const char* why) {
        throw InvalidOption("the rule '" + rule.from + "' -> '" + rule.to + "' of a name map " + why);
    };
    std::array<bool, 26> known{};
    for (std::size_t at = 0; at < rule.from.size(); ++at) {
        if (rule.from[at] == '*' && at + 1 != rule.from.size()) refuse("has a * that is not at the end");
        if (rule.from[at] != '{') continue;
        if (at + 2 >= rule.from.size() || !is_letter(rule.from[at + 1]) || rule.from[at + 2] != '}')
            refuse("has a { that is not followed by a letter and }");
        known[static_cast<std::size_t>(rule.from[at + 1] - 'a')] = true;
    }
    if (rule.from.empty() || rule.to.empty()) refuse("has an empty side");
    if (rule.from.ends_with('*') != (rule.to.find('*') != std::string::npos))
        refuse("has a * on one side only");
    for (auto at = rule.to.find('{'); at != std::string::npos; at = rule.to.find('{', at + 1)) {
        const auto end = rule.to.find('}', at);
        const auto term = end == std::string::npos
                              ? std::nullopt
                              : term_of(std::string_view(rule.to).substr(at + 1, end - at - 1));
        if (!term || !known[static_cast<std::size_t>(term->letter - 'a')])
            refuse("has a number on the right that the left does not give");
    }
}

void change_shape(TensorData& tensor, int ones, const std::string& name) {
    for (; ones > 0; --ones) tensor.shape.push_back(1);
    for (; ones < 0; ++ones) {
        if (tensor.shape.empty() || tensor.shape.back() != 1)
            throw FileError("the entry '" + name.substr(0, 200) +
                            "' does not end in a size of one, which a name map takes off");
        tensor.shape.pop_back();
    }
}

}  // namespace

NameMap::NameMap(std::vector<Rule> rules) : rules_(std::move(rules)) {
    for (const auto& rule : rules_) check(rule);
}

std::optional<std::pair<std::string, int>> NameMap::apply(std::string_view name) const {
    for (const auto& rule : rules_)
        if (const auto found = match(rule.from, name)) return std::pair(fill(rule.to, *found), rule.ones);
    return std::nullopt;
}

bool NameMap::fits(const TensorFile& file) const {
    return std::all_of(file.tensors.begin(), file.tensors.end(),
                       [&](const auto& entry) { return apply(entry.first).has_value(); });
}

TensorFile NameMap::rename(TensorFile file) const {
    for (auto& [name, tensor] : file.tensors) {
        auto changed = apply(name);
        if (!changed) continue;
        change_shape(tensor, changed->second, name);
        name = std::move(changed->first);
    }
    return file;
}

std::optional<NameMap> name_map(std::string_view library, std::string_view model) {
    for (const auto& known : detail::known_name_maps()) {
        if (known.library != library) continue;
        if (std::any_of(known.models.begin(), known.models.end(),
                        [&](std::string_view prefix) { return model.starts_with(prefix); }))
            return NameMap(known.rules);
    }
    return std::nullopt;
}

TensorFile with_zoo_names(TensorFile file, std::string_view model) {
    for (const char* library : {"timm", "torchvision-legacy"})
        if (const auto map = name_map(library, model); map && map->fits(file))
            return map->rename(std::move(file));
    return file;
}

}  // namespace attune

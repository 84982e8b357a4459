#include "failures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "text.hpp"

namespace attune::program {
namespace {

constexpr std::size_t groups_shown = 5;
constexpr std::size_t numbers_shown = 8;

/// The line with each number as '#', so that values of hyperparameters in it do not keep like reasons apart.
std::string without_numbers(const std::string& line) {
    std::string out;
    bool in_number = false;
    for (const char c : line) {
        const bool digit = c >= '0' && c <= '9';
        if (digit && !in_number) out += '#';
        in_number = digit || (in_number && (c == '.' || c == 'e' || c == '-'));
        if (!in_number) out += c;
    }
    return out;
}

struct Group {
    std::vector<const TrialRecord*> trials;
};

std::vector<Group> groups_of(const Study& study) {
    std::vector<Group> groups;
    std::map<std::string, std::size_t> places;
    for (const TrialRecord& trial : study.trials()) {
        if (trial.state != TrialState::failed) continue;
        const std::string key = without_numbers(first_line(trial.reason)) +
                                (trial.failure == FailureKind::environment ? "\n" : "");
        const auto [place, is_new] = places.emplace(key, groups.size());
        if (is_new) groups.emplace_back();
        groups[place->second].trials.push_back(&trial);
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.trials.size() > b.trials.size(); });
    return groups;
}

std::string head_of(const Group& group) {
    std::string numbers;
    for (std::size_t i = 0; i < std::min(group.trials.size(), numbers_shown); ++i)
        numbers += fmt::format("{}{}", i == 0 ? "" : ", ", group.trials[i]->number);
    if (group.trials.size() > numbers_shown) numbers += " ...";
    const TrialRecord& last = *group.trials.back();
    const std::string reason = last.reason.empty() ? "no reason was given" : first_line(last.reason);
    const std::string fault =
        last.failure == FailureKind::environment ? ", not the configuration's fault" : "";
    return group.trials.size() == 1
               ? fmt::format("trial {}{}: {}", numbers, fault, reason)
               : fmt::format("{} times (trials {}){}: {}", group.trials.size(), numbers, fault, reason);
}

}  // namespace

std::string failures_text(const Study& study, const FailureListOptions& options) {
    const std::vector<Group> groups = groups_of(study);
    if (groups.empty()) return {};
    std::string text = counted(study.count(TrialState::failed), "trial") + " failed:\n";
    for (std::size_t i = 0; i < std::min(groups.size(), groups_shown); ++i) {
        text += wrapped("  " + head_of(groups[i]), options.width, 4);
        const std::vector<std::string> lines = printable_lines(groups[i].trials.back()->reason);
        for (std::size_t line = 1; options.whole_reasons && line < lines.size(); ++line)
            text += wrapped("  " + lines[line], options.width, 6);
    }
    if (groups.size() > groups_shown)
        text += fmt::format("  and for {} more\n", counted(groups.size() - groups_shown, "other reason"));
    return text;
}

}  // namespace attune::program

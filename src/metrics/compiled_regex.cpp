#include "compiled_regex.hpp"

#include <map>
#include <utility>

#include "attune/error.hpp"
#include "regex_syntax.hpp"

namespace attune::detail {
namespace {

constexpr const char* kNumberGroup = "([-+0-9.eE]+)";

// The group that holds the number, or 0 with the reason why there is none.
int chosen_group(const RE2& re, const MetricDefinition& definition, DefinitionFault& fault) {
    const int groups = re.NumberOfCapturingGroups();
    if (definition.group < 0 || definition.group > groups) {
        fault = {"several-groups",
                 "group " + std::to_string(definition.group) + " is chosen, but the expression has " +
                     std::to_string(groups),
                 "choose a group from 1 to " + std::to_string(groups) + ", or 0 for the only one"};
        return 0;
    }
    if (definition.group > 0) return definition.group;
    if (groups == 0) {
        fault = {"no-group", "the expression has no capture group; exactly one must hold the number",
                 std::string("put parentheses around the number, such as ") + kNumberGroup};
        return 0;
    }
    if (groups == 1) return 1;
    const std::map<std::string, int>& named = re.NamedCapturingGroups();
    if (named.size() == 1) return named.begin()->second;
    fault = {"several-groups",
             "the expression has " + std::to_string(groups) + " capture groups and " +
                 std::to_string(named.size()) + " of them named; exactly one must hold the number",
             "write (?:...) for groups that only group, name one group (?P<value>...), or choose its number"};
    return 0;
}

std::string hint_for(const std::string& construct) {
    if (construct.find("look-") != std::string::npos)
        return "match the surrounding text itself instead: only the group is read, as in '(?:^|[^_])loss: "
               "([-+0-9.eE]+)'";
    if (construct.find("possessive") != std::string::npos || construct.find("atomic") != std::string::npos)
        return "leave it out: in linear time there is no backtracking to prevent";
    return "rewrite the expression without it";
}

}  // namespace

void try_compile(const MetricDefinition& definition, CompiledRegex& compiled, DefinitionFault& fault) {
    if (definition.name.empty()) {
        fault = {"invalid", "the metric has no name", "give it a name"};
        return;
    }
    if (const auto construct = unsupported_construct(definition.regex)) {
        fault = {
            "unsupported",
            *construct + " cannot be matched in linear time or is not known to RE2, which reads the logs",
            hint_for(*construct)};
        return;
    }
    RE2::Options options;
    options.set_log_errors(false);
    auto re = std::make_shared<const RE2>(as_re2_writes(definition.regex), options);
    if (!re->ok()) {
        fault = {"invalid", "RE2 refuses the expression: " + re->error(), "correct the expression"};
        return;
    }
    compiled.group = chosen_group(*re, definition, fault);
    if (compiled.group > 0) compiled.re = std::move(re);
}

CompiledRegex compile(const MetricDefinition& definition) {
    CompiledRegex compiled;
    DefinitionFault fault;
    try_compile(definition, compiled, fault);
    if (!compiled.re)
        throw InvalidOption("metric '" + definition.name + "', regex '" + definition.regex +
                            "': " + fault.message + "; " + fault.suggestion);
    return compiled;
}

}  // namespace attune::detail

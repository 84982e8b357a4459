// Definitions of metrics and a log: the first line is the expression, the rest the log. A blank in front of
// the expression allows commas in numbers; the digit behind it is the group.
#include <cstdint>

#include "attune/metrics/dry_run.hpp"
#include "attune/metrics/json_lines_metrics.hpp"
#include "attune/metrics/regex_metrics.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto end = std::min(text.find('\n'), text.size());
    MetricDefinition definition{.name = "m", .regex = std::string(text.substr(0, end))};
    if (definition.regex.starts_with(' ')) {
        definition.thousands_commas = true;
        definition.regex.erase(0, 1);
        if (!definition.regex.empty() && definition.regex[0] >= '0' && definition.regex[0] <= '9') {
            definition.group = definition.regex[0] - '0';
            definition.regex.erase(0, 1);
        }
    }
    const std::string_view log = text.substr(std::min(end + 1, text.size()));
    fuzz::allow_errors([&] {
        (void)lint({definition});
        (void)literal_parts(definition.regex);
        RegexMetrics metrics({definition});
        const auto values = metrics.extract(log);
        for (const MetricValue& value : values)
            fuzz::require(value.name == "m", "values have their definition's name");
        (void)metrics.problems();
        const DryRun run = dry_run(log, {definition});
        fuzz::require(run.metrics.size() == 1, "one result for each definition");
        (void)to_string(run);
    });
    fuzz::allow_errors([&] { (void)JsonLinesMetrics().extract(log); });
    return 0;
}

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include "attune/metrics/dry_run.hpp"
#include "attune/metrics/line_splitter.hpp"
#include "attune/space/value.hpp"
#include "commands.hpp"
#include "metric_arguments.hpp"
#include "study_setup.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

/// What the JSON lines of a log hold, a metric a line; gives whether there was any.
bool show_json_metrics(const std::string& log, const MetricArguments& metrics) {
    struct Seen {
        std::int64_t count = 0;
        double first = 0, last = 0;
    };
    JsonLinesOptions options;
    options.prefix = metrics.json_prefix;
    JsonLinesMetrics extractor(options);
    std::map<std::string, Seen> seen;
    const auto take = [&](const LogLine& line) {
        for (const MetricValue& value : extractor.extract(line.text)) {
            Seen& entry = seen[value.name];
            if (entry.count++ == 0) entry.first = value.value;
            entry.last = value.value;
        }
    };
    LineSplitter lines;
    lines.feed(log, take);
    lines.finish(take);
    for (const auto& [name, entry] : seen) {
        std::cout << first_line(name) << ": " << counted(entry.count, "number");
        if (entry.count == 1)
            std::cout << ": " << to_string(entry.first) << '\n';
        else
            std::cout << ", first " << to_string(entry.first) << ", last " << to_string(entry.last) << '\n';
    }
    for (const std::string& problem : extractor.problems()) std::cout << first_line(problem) << '\n';
    if (seen.empty()) std::cout << "no line held a JSON object with numbers\n";
    return !seen.empty();
}

int extract(const MetricArguments& metrics, const std::string& log_path) {
    (void)metrics.extractor();  // refuses what cannot be read before the log is
    std::string log;
    if (log_path == "-")
        log.assign(std::istreambuf_iterator<char>(std::cin), {});
    else
        log = read_text_file(log_path);
    bool all_found = true;
    if (const auto definitions = metrics.regexes(); !definitions.empty()) {
        const DryRun run = dry_run(log, definitions);
        std::cout << to_string(run);
        all_found = std::all_of(run.metrics.begin(), run.metrics.end(),
                                [](const MetricDryRun& metric) { return metric.count > 0; });
    }
    if (metrics.json_lines || !metrics.json_prefix.empty()) all_found &= show_json_metrics(log, metrics);
    return all_found ? success : negative;
}

}  // namespace

void add_extract(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "extract", "Try metric definitions on a log: what they find, and where they nearly do");
    struct Arguments {
        std::string log;
        MetricArguments metrics;
    };
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("log", arguments->log, "The log file, or - for standard input")->required();
    arguments->metrics.add_to(*command);
    command->footer(
        "Exit codes:\n  0 every definition found numbers\n  1 one found nothing\n  2 wrong arguments or "
        "definitions, or a "
        "log that cannot be read");
    command->callback([arguments, &exit_code] { exit_code = extract(arguments->metrics, arguments->log); });
}

}  // namespace attune::program

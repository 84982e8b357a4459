#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "attune/analyse/report.hpp"
#include "commands.hpp"
#include "open_journal.hpp"
#include "targets.hpp"

namespace attune::program {

void add_report(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("report", "Draw a study as one HTML page, also while it runs");
    struct Arguments {
        std::string study, out;
    };
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, "The journal")->required();
    command->add_option("-o,--out", arguments->out, "The page (default: the journal's name with .html)");
    command->footer(
        "Exit codes:\n  0 done\n  2 wrong arguments, no study that can be read, or a page that cannot be "
        "written");
    command->callback([arguments, &exit_code] {
        const StoredStudy stored = read_study(arguments->study);
        const std::filesystem::path out =
            arguments->out.empty() ? std::filesystem::path(arguments->study).replace_extension(".html")
                                   : std::filesystem::path(arguments->out);
        refuse_same({"--out", out}, {{"the study", arguments->study}});
        check_report_target({"--out", out});
        write_report(stored.study, out);
        std::cout << out.string() << '\n';
        exit_code = success;
    });
}

}  // namespace attune::program

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
    command->add_option("study", arguments->study, study_help)->required();
    command->add_option(
        "-o,--out", arguments->out,
        "The page (default: the journal's name with .html; file-study.html beside a database file, "
        "study.html for one on a server)");
    command->footer(
        "Exit codes:\n  0 done\n  2 wrong arguments, no study that can be read, or a page that cannot be "
        "written");
    command->callback([arguments, &exit_code] {
        const StorageAddress address = StorageAddress::parse(arguments->study);
        const StoredStudy stored = read_study(arguments->study);
        const std::filesystem::path out =
            arguments->out.empty() ? report_beside(address) : std::filesystem::path(arguments->out);
        refuse_same({"--out", out}, {{"the study", file_of(address)}});
        check_report_target({"--out", out});
        write_report(stored.study, out, {.title = title_of(stored.study, address)});
        std::cout << out.string() << '\n';
        exit_code = success;
    });
}

}  // namespace attune::program

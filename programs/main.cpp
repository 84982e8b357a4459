#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/version.hpp"
#include "commands.hpp"
#include "option_checks.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

/// What CLI11 says of words that nobody takes, with what may have been meant.
int refuse_extras(const CLI::App& app, const CLI::ExtrasError& error) {
    const auto chosen = app.get_subcommands();
    const CLI::App& place = chosen.empty() ? app : *chosen.front();
    const std::vector<std::string> words = app.remaining(true);
    std::string suggestion;
    for (const std::string& word : words)
        if (suggestion.empty()) suggestion = suggestion_for(place, word);
    if (chosen.empty() && !words.empty() && words.front().front() != '-')
        std::cerr << "attune: there is no subcommand '" << words.front() << "'";
    else
        std::cerr << "attune: " << error.what();
    std::cerr << suggestion;
    if (suggestion.empty() && !chosen.empty() && place.get_name() == "tune")
        std::cerr << " (a program's words go after --)";
    std::cerr << "\nRun with --help for more information.\n";
    return refused;
}

int run(const std::vector<std::string>& words) {
    CLI::App app{"Attune tunes the hyperparameters of any program.", "attune"};
    app.set_version_flag("--version", std::string("attune ") + attune::version());
    app.require_subcommand(0, 1);  // none at all is refused below: first an unknown one shall be named
    app.footer(
        R"(Exit codes: 0 done; 1 done, but the answer is no (no trial succeeded, a replay differs, a definition found nothing);
2 wrong arguments or input, or a file that fails; 130 ended by Ctrl-C, with the study kept.)");
    int exit_code = success;
    auto own_end = words.end();
    if (!words.empty() && words.front() == "tune") own_end = std::find(words.begin(), words.end(), "--");
    const std::vector<std::string> after(own_end == words.end() ? own_end : own_end + 1, words.end());
    add_tune(app, after, exit_code);
    add_ask_tell(app, exit_code);
    add_extract(app, exit_code);
    add_status(app, exit_code);
    add_report(app, exit_code);
    add_importance(app, exit_code);
    add_replay(app, exit_code);
    add_export(app, exit_code);
    add_studies(app, exit_code);
    const std::vector<std::string> own(words.begin(), own_end);
    std::vector<std::string> reversed(own.rbegin(), own.rend());  // as CLI11 takes them
    try {
        app.parse(std::move(reversed));
        if (app.get_subcommands().empty()) {
            std::cerr << "attune: name a subcommand\n\n" << app.help();
            return refused;
        }
    } catch (const CLI::ExtrasError& error) {
        return refuse_extras(app, error);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // help and version
        std::cerr << "attune: " << error.what() << "\nRun with --help for more information.\n";
        return refused;
    }
    return exit_code;
}

/// Whether standard output is a pipe that nobody reads any more.
bool reader_went_away() {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

}  // namespace
}  // namespace attune::program

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of writing, not a death
    try {
        const int exit_code = attune::program::run({argv + 1, argv + argc});
        if (std::cout.flush()) return exit_code;
        if (attune::program::reader_went_away()) return exit_code;  // as `head` does when it has enough
        std::cerr << "attune: standard output cannot be written, so what was to be told is incomplete\n";
        return attune::program::refused;
    } catch (const std::exception& error) {
        std::string lead = "attune: ";
        for (const std::string& line : attune::program::printable_lines(error.what()))
            std::cerr << std::exchange(lead, "") << line << '\n';
        return attune::program::refused;
    }
}

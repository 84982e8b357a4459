#include <csignal>
#include <exception>
#include <iostream>

#include "attune/error.hpp"
#include "attune/version.hpp"
#include "commands.hpp"

int main(int argc, char** argv) {
    using namespace attune::program;
    std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of writing, not a death
    CLI::App app{"Attune tunes the hyperparameters of any program.", "attune"};
    app.set_version_flag("--version", std::string("attune ") + attune::version());
    app.require_subcommand(0, 1);  // none at all is refused below: first an unknown one shall be named
    app.footer(
        R"(Exit codes: 0 done; 1 done, but the answer is no (no trial succeeded, a replay differs, a definition found nothing);
2 wrong arguments or input, or a file that fails; 130 ended by Ctrl-C, with the study kept.)");
    int exit_code = success;
    add_tune(app, exit_code);
    add_ask_tell(app, exit_code);
    add_extract(app, exit_code);
    add_status(app, exit_code);
    add_report(app, exit_code);
    add_replay(app, exit_code);
    add_export(app, exit_code);
    try {
        app.parse(argc, argv);
        if (app.get_subcommands().empty()) {
            std::cerr << "attune: name a subcommand\n\n" << app.help();
            return refused;
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? success : refused;
    } catch (const attune::Error& error) {
        std::cerr << "attune: " << error.what() << '\n';
        return refused;
    } catch (const std::exception& error) {
        std::cerr << "attune: " << error.what() << '\n';
        return refused;
    }
    return exit_code;
}

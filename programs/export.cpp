#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/storage/journal.hpp"
#include "attune/storage/json_codec.hpp"
#include "commands.hpp"

namespace attune::program {

void add_export(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("export", "Print a study's events as JSON lines, also while it runs");
    const auto path = std::make_shared<std::string>();
    command->add_option("study", *path, "The journal")->required();
    command->footer("Exit codes:\n  0 done\n  2 wrong arguments, or no study that can be read");
    command->callback([path, &exit_code] {
        for (const Event& event : Journal::read_only(*path).read(0))
            std::cout << to_json(event).dump() << '\n';
        std::cout.flush();
        exit_code = std::cout ? success : refused;
    });
}

}  // namespace attune::program

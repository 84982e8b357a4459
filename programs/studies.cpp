#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "attune/storage/studies.hpp"
#include "commands.hpp"
#include "studies_import.hpp"

// `attune studies list|import|copy|rename|merge|compact|delete`: whole studies, wherever they are stored.

namespace attune::program {
namespace {

void print_list(const std::string& place) {
    for (const StudySummary& study : list_studies(place)) {
        if (!study.problem.empty())
            std::cout << study.address << ": " << study.problem << '\n';
        else if (study.name.empty())
            std::cout << study.address << ": holds no study yet\n";
        else
            std::cout << fmt::format("{}: study '{}', {} of {} trials finished, {} events\n", study.address,
                                     study.name, study.finished, study.trials, study.events);
    }
}

/// Declares `name`, which takes addresses and does `act` with them.
template <class Act>
void add(CLI::App& parent, int& exit_code, const std::string& name, const std::string& help,
         const std::string& what, std::size_t least, std::size_t most, Act act) {
    CLI::App* command = parent.add_subcommand(name, help);
    const auto addresses = std::make_shared<std::vector<std::string>>();
    command->add_option("addresses", *addresses, what)
        ->required()
        ->expected(static_cast<int>(least), static_cast<int>(most));
    command->callback([addresses, act, &exit_code] {
        act(*addresses);
        exit_code = success;
    });
}

}  // namespace

void add_studies(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("studies", "List, import, copy, rename, merge, compact and delete studies");
    command->require_subcommand(1);
    command->footer(R"(Addresses of studies:
  study.attune                                  a journal
  sqlite:///folder/file.db?study=name           one of the studies in an SQLite database
  postgresql://user@host/database?study=name    one of those in a PostgreSQL database)");
    using Addresses = std::vector<std::string>;
    constexpr std::size_t many = 1000;
    add(*command, exit_code, "list", "The studies in a folder or database",
        "A folder, a database or a journal", 1, 1, [](const Addresses& a) { print_list(a[0]); });
    add_studies_import(*command, exit_code);
    add(*command, exit_code, "copy", "Copy a study, also from one kind of storage to another", "From, to", 2,
        2, [](const Addresses& a) { copy_study(a[0], a[1]); });
    add(*command, exit_code, "rename", "Give a study another name in the same place", "From, to", 2, 2,
        [](const Addresses& a) { rename_study(a[0], a[1]); });
    add(*command, exit_code, "merge", "Make a new study of the trials of several with the same space",
        "The studies, then the new one", 2, many, [](const Addresses& a) {
            merge_studies({a.begin(), a.end() - 1}, a.back());
        });
    add(*command, exit_code, "compact", "Rewrite a study to take less room; nothing of it changes",
        "The studies", 1, many, [](const Addresses& a) {
            for (const std::string& address : a) compact_study(address);
        });
    add(*command, exit_code, "delete", "Delete studies that nobody works on", "The studies", 1, many,
        [](const Addresses& a) {
            for (const std::string& address : a) delete_study(address);
        });
}

}  // namespace attune::program

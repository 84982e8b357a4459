#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "attune/storage/studies.hpp"
#include "commands.hpp"
#include "open_journal.hpp"
#include "studies_import.hpp"
#include "targets.hpp"
#include "text.hpp"

// `attune studies list|import|copy|rename|merge|compact|delete`: whole studies, wherever they are stored.

namespace attune::program {
namespace {

/// Most messages name the place themselves.
std::string problem_line(const StudySummary& study) {
    std::string problem = first_line(study.problem);
    const std::string file = file_of(StorageAddress::parse(study.address)).string();
    for (const std::string& place : {shown(study.address), file, std::filesystem::absolute(file).string()})
        if (!place.empty() && problem.rfind(place + ": ", 0) == 0) problem.erase(0, place.size() + 2);
    return shown(study.address) + ": " + problem;
}

/// Of a copy or a renamed study, whose own name is the one that it was made with.
std::string made_elsewhere(const StudySummary& study) {
    const std::string here = default_name(StorageAddress::parse(study.address));
    return here == study.name ? "" : ", here called '" + first_line(here) + "'";
}

int print_list(const std::string& place) {
    std::size_t unreadable = 0;
    const std::vector<StudySummary> studies = list_studies(place);
    for (const StudySummary& study : studies) {
        tell(study.notice);
        if (!study.problem.empty())
            std::cout << problem_line(study) << '\n', ++unreadable;
        else if (study.name.empty())
            std::cout << shown(study.address) << ": holds no study yet\n";
        else
            std::cout << fmt::format("{}: study '{}'{}, {} of {} finished, {}\n", shown(study.address),
                                     first_line(study.name), made_elsewhere(study), study.finished,
                                     counted(study.trials, "trial"), counted(study.events, "event"));
    }
    if (studies.empty()) std::cerr << "attune: " << shown(place) << ": holds no studies\n";
    if (unreadable == 0) return success;
    std::cerr << "attune: " << unreadable << " of " << counted(studies.size(), "study", "studies")
              << " cannot be read\n";
    return refused;
}

/// What a command takes: how its usage says it, what that is, and how many.
struct Places {
    std::string usage, what;
    int least = 1, most = 1;
};

/// The usage as people would write it: CLI11 writes numbers of addresses.
class StudiesFormatter : public CLI::Formatter {
  public:
    explicit StudiesFormatter(std::string usage) : usage_(std::move(usage)) {}
    std::string make_usage(const CLI::App*, std::string name) const override {
        return "Usage: " + name + " [OPTIONS] " + usage_ + "\n";
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_positional() ? "" : CLI::Formatter::make_option_opts(option);
    }

  private:
    std::string usage_;
};

/// Declares `name`, which takes addresses and does `act` with them, which may give an exit code. An act that
/// also takes WithWorkers gets a flag for it.
template <class Act>
void add(CLI::App& parent, int& exit_code, const std::string& name, const std::string& help,
         const Places& places, Act act) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->formatter(std::make_shared<StudiesFormatter>(places.usage));
    const auto addresses = std::make_shared<std::vector<std::string>>();
    command->add_option("addresses", *addresses, places.what)
        ->required(places.least > 0)
        ->expected(places.least, places.most);
    const auto force = std::make_shared<bool>(false);
    constexpr bool may_be_forced = std::is_invocable_v<Act, const std::vector<std::string>&, WithWorkers>;
    if constexpr (may_be_forced)
        command->add_flag("--force", *force,
                          "In spite of workers, where those on other machines are known to be gone");
    command->callback([addresses, force, act, &exit_code] {
        exit_code = success;
        if constexpr (may_be_forced)
            act(*addresses, *force ? WithWorkers::force : WithWorkers::refuse);
        else if constexpr (std::is_void_v<decltype(act(*addresses))>)
            act(*addresses);
        else
            exit_code = act(*addresses);
    });
}

}  // namespace

void add_studies(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("studies", "List, import, copy, rename, merge, compact and delete studies");
    command->require_subcommand(1);
    command->footer(R"(Addresses of studies:
  study.attune                                  a journal
  sqlite:///file.db?study=name                  one of the studies in an SQLite database of the working folder
  sqlite:////folder/file.db?study=name          the same with an absolute path: four slashes
  postgresql://user@host/database?study=name    one of those in a PostgreSQL database
Without ?study= the study of the name "study" is meant.)");
    using Addresses = std::vector<std::string>;
    constexpr int many = 1000;
    add(*command, exit_code, "list", "The studies in a folder or database",
        {"[PLACE]", "A folder (by default the working folder), a database or a journal", 0, 1},
        [](const Addresses& a) { return print_list(a.empty() ? "." : a[0]); });
    add_studies_import(*command, exit_code);
    add(*command, exit_code, "copy", "Copy a study, also from one kind of storage to another",
        {"FROM TO", "From, to", 2, 2}, [](const Addresses& a) { tell(copy_study(a[0], a[1])); });
    add(*command, exit_code, "rename", "Give a study another name in the same place",
        {"FROM TO", "From, to (an address, or the new name alone in the same database)", 2, 2},
        [](const Addresses& a, WithWorkers workers) { rename_study(a[0], a[1], workers); });
    add(*command, exit_code, "merge", "Make a new study of the trials of several with the same space",
        {"STUDY... NEW", "The studies, then the new one", 2, many}, [](const Addresses& a) {
            tell(merge_studies({a.begin(), a.end() - 1}, a.back()));
        });
    add(*command, exit_code, "compact", "Rewrite a study to take less room; nothing of it changes",
        {"STUDY...", "The studies", 1, many}, [](const Addresses& a) {
            for (const std::string& address : a) tell(compact_study(address));
        });
    add(*command, exit_code, "delete", "Delete studies that nobody works on, all or none",
        {"STUDY...", "The studies", 1, many},
        [](const Addresses& a, WithWorkers workers) { delete_studies(a, workers); });
}

}  // namespace attune::program

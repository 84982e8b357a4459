#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/analyse/importance.hpp"
#include "commands.hpp"
#include "importance_json.hpp"
#include "open_journal.hpp"
#include "option_checks.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

struct Arguments {
    std::string study, method = "default", objective;
    bool json = false;
};

void print(const Importance& importance) {
    if (!importance.branch.empty()) std::cout << "\nwhere " << first_line(importance.branch) << ":\n";
    std::size_t width = 0;
    for (const ParameterImportance& p : importance.parameters)
        width = std::max(width, first_line(p.name).size());
    for (const ParameterImportance& p : importance.parameters) {
        const auto bar = static_cast<std::size_t>(std::lround(30 * p.share));
        std::cout << fmt::format("  {:<{}}  {:5.1f} %  ({:.1f} to {:.1f})  {}\n", first_line(p.name), width,
                                 100 * p.share, 100 * p.low, 100 * p.high, std::string(bar, '#'));
    }
    std::cout << wrapped(importance_verdict(importance), wrap_width(1), 2);
}

int print_importance(const Arguments& arguments) {
    const StoredStudy stored = read_study(arguments.study);
    if (arguments.json) {
        std::cout << importance_json(stored.study, arguments.method, arguments.objective, true).dump()
                  << '\n';
        return success;
    }
    const ImportanceOptions options{.method = importance_method_from(arguments.method),
                                    .objective = objective_index(stored.study, arguments.objective)};
    const Importance all = importance(stored.study, options);
    std::cout << fmt::format("importance for {} by {}:\n",
                             first_line(stored.study.objectives()[options.objective].metric),
                             to_string(options.method));
    print(all);
    for (const Importance& branch : branch_importances(stored.study, options)) print(branch);
    return success;
}

}  // namespace

void add_importance(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("importance", "Say which parameters of a study matter");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, "The journal")->required();
    command
        ->add_option("--method", arguments->method,
                     "fanova (default): share of the variance over the whole space; ped_anova: what the best "
                     "trials have in common; mean_decrease: what predicts the trials")
        ->check(one_of({"default", "fanova", "ped_anova", "mean_decrease"}));
    command->add_option("--objective", arguments->objective, "The metric, of several (default: the first)");
    command->add_flag("--json", arguments->json, "As JSON");
    command->footer(
        "Exit codes:\n  0 done\n  2 wrong arguments, no study that can be read, or too few trials with a "
        "value");
    command->callback([arguments, &exit_code] { exit_code = print_importance(*arguments); });
}

}  // namespace attune::program

#include "attune/tune/replay.hpp"

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "commands.hpp"
#include "open_journal.hpp"
#include "study_setup.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

/// The strategy that the study says it was asked with, or the one that the user names instead.
Named recorded_strategy(const Study& study, const std::string& named) {
    const auto& settings = study.settings();
    Named strategy{named};
    const auto name = settings.find("strategy");
    if (strategy.name.empty()) {
        if (name == settings.end())
            throw InvalidState("study '" + study.name() +
                               "': does not say its strategy; name it with --strategy");
        strategy.name = name->second;
    }
    const auto options = settings.find("strategy_options");
    const bool same = name != settings.end() && name->second == strategy.name;
    if (same && options != settings.end())
        for (auto& [option, value] :
             values_from_json(parse_json(options->second, "strategy_options"), "strategy_options"))
            strategy.options[option] = value;
    return strategy;
}

int replay_study(const std::string& path, const std::string& named) {
    const StoredStudy stored = read_study(path);
    const Named strategy = recorded_strategy(stored.study, named);
    const auto& settings = stored.study.settings();
    const auto recorded = settings.find("duplicates");
    const Duplicates duplicates = recorded == settings.end()
                                      ? Duplicates::forbid()
                                      : duplicates_from_json(parse_json(recorded->second, "duplicates"));
    const auto fixed = settings.find("fixed");
    const event::Values fixed_values = fixed == settings.end()
                                           ? event::Values{}
                                           : values_from_json(parse_json(fixed->second, "fixed"), "fixed");
    const auto learnt = settings.find("parents");
    const std::vector<Parent> parents =
        learnt == settings.end() ? std::vector<Parent>{}
                                 : parents_from_json(parse_json(learnt->second, "parents"), "parents");
    const Replay result = replay(stored.events, make_strategy(strategy, fixed_values, parents), duplicates);
    for (const ReplayDifference& difference : result.differences) {
        std::cout << "trial " << difference.trial << " (saw " << counted(difference.view, "event")
                  << "): recorded "
                  << (difference.resumption ? "going on with it" : difference.recorded.text());
        if (!difference.replayed)
            std::cout << ", replayed nothing\n";
        else if (difference.until_differs)
            std::cout << ": the same, until another step\n";
        else if (difference.replayed_resume && *difference.replayed_resume != difference.trial)
            std::cout << ", replayed going on with trial " << *difference.replayed_resume << '\n';
        else if (difference.resumption && !difference.replayed_resume)
            std::cout << ", replayed beginning " << difference.replayed->text() << '\n';
        else if (!(*difference.replayed == difference.recorded))
            std::cout << ", replayed " << difference.replayed->text() << '\n';
        else
            std::cout << ": the same, from another fit of the model\n";
    }
    const auto differ = result.differences.size();
    std::cout << counted(result.asked_again, "suggestion") << " of strategy '" << strategy.name
              << "' asked again, " << differ << (differ == 1 ? " differs" : " differ");
    if (result.passed_over == 1)
        std::cout << "; 1 trial was enqueued or repeated and is not the strategy's";
    else if (result.passed_over > 1)
        std::cout << "; " << result.passed_over
                  << " trials were enqueued or repeated and are not the strategy's";
    std::cout << '\n';
    return result.differences.empty() ? success : negative;
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "replay", "Ask a study's strategy for every suggestion again and print what differs");
    struct Arguments {
        std::string study, strategy;
    };
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, study_help)->required();
    command->add_option("--strategy", arguments->strategy, "Another strategy than the recorded one");
    command->footer(
        "Each is asked from the view that was recorded with it, so studies of several workers replay too. "
        "\n\nExit codes:\n  0 all came out the same\n  1 some differ\n  2 wrong arguments, or no study that "
        "can be read");
    command->callback(
        [arguments, &exit_code] { exit_code = replay_study(arguments->study, arguments->strategy); });
}

}  // namespace attune::program

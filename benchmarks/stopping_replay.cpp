// What stopping rules would have saved, replayed on recorded learning curves with a simulated clock:
//     stopping_replay ../shared/data/learning-curves --trials 30,100 --repeats 200
//     stopping_replay --study study.attune
// Reads every table of two formats in the folder (replay/table.hpp). Each repeat draws so many trainings, in
// an order that is the same for all rules, and runs them under every rule. Prints a table to the standard
// error and JSON to the standard output. Files that cannot be read and tables that a rule refuses are named
// in both, the others are replayed, and the exit code is 1.
#include <fmt/format.h>
#include <attune/stopping/curve_prediction.hpp>
#include <attune/stopping/hyperband_rule.hpp>
#include <attune/stopping/median_rule.hpp>
#include <attune/stopping/patience.hpp>
#include <attune/stopping/percentile_rule.hpp>
#include <attune/stopping/successive_halving.hpp>
#include <attune/strategy/freeze_thaw.hpp>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "replay/simulation.hpp"

namespace {

using namespace attune;
using namespace attune::replay_benchmark;

struct Settings {
    int trials = 30;
    int repeats = 200;
    int workers = 1;
    std::uint64_t seed = 1;
    double budget_share = 0;  ///< 0: a quarter for 30 trials, 12 % for 100
    double tolerance = 0.5;
    bool relative = false;
};

struct NamedRule {
    std::string name;
    std::function<Rule(double horizon, int trials)> make;
};

/// A quarter for 30 trials, 12 % for 100, and by the same law beyond.
double budget_share(const Settings& settings, int trials) {
    if (settings.budget_share > 0) return settings.budget_share;
    const double slope = std::log(0.12 / 0.25) / std::log(100.0 / 30.0);
    return std::clamp(0.25 * std::pow(trials / 30.0, slope), 0.02, 1.0);
}

Rule by_policy(AnyStoppingPolicy policy) { return {RecordedOrder{}, std::move(policy)}; }

/// All rules, with what they must be told of the trainings: how long they are and how many there will be.
std::vector<NamedRule> all_rules(const Settings& settings) {
    std::vector<NamedRule> rules;
    const auto policy = [&](const std::string& name, auto make) {
        rules.push_back({name, [make](double horizon, int) { return by_policy(make(horizon)); }});
    };
    policy("off", [](double) { return NeverStop{}; });
    policy("median", [](double) { return MedianRule{{.minimum_trials = 1}}; });
    policy("median after 10 %", [](double h) { return MedianRule{{.warmup_steps = 0.1 * h}}; });
    policy("percentile 25", [](double) { return PercentileRule{{.percentile = 25, .minimum_trials = 1}}; });
    policy("patience 5", [](double) { return Patience{}; });
    for (const bool pauses : {false, true}) {
        const HalvingKind kind = pauses ? HalvingKind::pause : HalvingKind::stop;
        const std::string suffix = pauses ? ", pausing" : ", stopping";
        policy("halving" + suffix, [kind](double h) {
            return SuccessiveHalving{
                {.minimum_resource = h / 52, .maximum_resource = h, .factor = 3, .kind = kind}};
        });
        policy("hyperband" + suffix, [kind](double h) {
            return HyperbandRule{
                {.minimum_resource = h / 52, .maximum_resource = h, .factor = 3, .kind = kind}};
        });
        policy("curve prediction" + suffix,
               [pauses](double h) { return CurvePrediction{{.horizon = h, .pauses = pauses}}; });
    }
    rules.push_back(
        {"freeze-thaw", [settings](double h, int trials) {
             return Rule{FreezeThaw{
                 RecordedOrder{},
                 {.horizon = h,
                  .budget_steps = std::max(h, std::floor(budget_share(settings, trials) * h * trials)),
                  .trials = trials,
                  .increment = std::max(h / 52, 1.0)}}};
         }});
    rules.push_back(
        {"freeze-thaw without budget", [](double h, int trials) {
             return Rule{FreezeThaw{RecordedOrder{},
                                    {.horizon = h, .trials = trials, .increment = std::max(h / 52, 1.0)}}};
         }});
    return rules;
}

/// Rows of the table in the order in which a repeat runs them.
std::vector<std::size_t> draw(const RecordedTable& table, int trials, std::uint64_t seed, int repeat) {
    std::vector<std::size_t> rows(table.trials.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    RandomStream stream(seed, static_cast<std::uint64_t>(repeat), Purpose::user);
    stream.shuffle(rows);
    rows.resize(std::min(rows.size(), static_cast<std::size_t>(trials)));
    return rows;
}

struct Mean {
    double value = 0, half_width = 0;
};

/// With a 95 % interval by the normal approximation.
Mean mean_of(const std::vector<double>& values) {
    if (values.empty()) return {std::nan(""), std::nan("")};
    const auto n = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double square = 0;
    for (const double v : values) square += (v - mean) * (v - mean);
    return {mean, n > 1 ? 1.96 * std::sqrt(square / (n - 1) / n) : 0};
}

/// Wilson's 95 % interval of a share.
std::pair<double, double> share_interval(double count, double n) {
    const double z = 1.96, p = count / n, middle = p + z * z / (2 * n);
    const double width = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return {(middle - width) / (1 + z * z / n), (middle + width) / (1 + z * z / n)};
}

nlohmann::json as_json(const Mean& mean) {
    return {
        {"mean", mean.value}, {"low", mean.value - mean.half_width}, {"high", mean.value + mean.half_width}};
}

/// All repeats of one rule on one table.
nlohmann::json replay(const RecordedTable& table, const NamedRule& rule, const Settings& settings) {
    std::vector<double> saved, lost, relative, reached, shorter;
    int bad = 0, unfinished = 0;
    for (int r = 0; r < settings.repeats; ++r) {
        const auto rows = draw(table, settings.trials, settings.seed, r);
        const Replayed run = simulate(table, rows, rule.make(table.horizon(), static_cast<int>(rows.size())),
                                      settings.workers);
        saved.push_back(1 - run.spent / run.full_spent);
        shorter.push_back(1 - run.duration / run.full_duration);
        if (!std::isnan(run.reached)) reached.push_back(run.reached / run.full_duration);
        if (std::isnan(run.found)) {
            ++unfinished;
            ++bad;
            continue;
        }
        const double loss = std::abs(run.best - run.found);
        lost.push_back(loss);
        relative.push_back(loss / std::max(1e-12, std::abs(run.best)));
        bad += (settings.relative ? relative.back() : loss) > settings.tolerance ? 1 : 0;
    }
    const auto [low, high] = share_interval(bad, settings.repeats);
    const Mean s = mean_of(saved), l = mean_of(lost), d = mean_of(relative), t = mean_of(reached);
    std::cerr << fmt::format(
        "{:28} {:4} {:27} saved {:5.1f} +- {:3.1f} %  loss {:9.4g} +- {:7.2g}  relative {:7.3f} %  above "
        "{:g}{}: "
        "{:5.1f} % [{:.1f}, {:.1f}]  99 % of best after {:5.1f} %{}\n",
        table.name.substr(0, 28), settings.trials, rule.name, 100 * s.value, 100 * s.half_width, l.value,
        l.half_width, 100 * d.value, settings.relative ? 100 * settings.tolerance : settings.tolerance,
        settings.relative ? " %" : "", 100.0 * bad / settings.repeats, 100 * low, 100 * high, 100 * t.value,
        unfinished > 0 ? fmt::format("  nothing finished in {}", unfinished) : "");
    return {{"table", table.name},
            {"metric", table.objective.metric},
            {"direction", std::string(to_string(table.objective.direction))},
            {"cost", table.cost_unit},
            {"trials", settings.trials},
            {"repeats", settings.repeats},
            {"workers", settings.workers},
            {"rule", rule.name},
            {"saved", as_json(s)},
            {"time_saved", as_json(mean_of(shorter))},
            {"loss_of_best", as_json(l)},
            {"relative_loss_of_best", as_json(d)},
            {"share_above_tolerance",
             {{"share", static_cast<double>(bad) / settings.repeats}, {"low", low}, {"high", high}}},
            {"tolerance", settings.tolerance},
            {"tolerance_is_relative", settings.relative},
            {"time_to_99_percent", as_json(t)},
            {"repeats_that_reached_99_percent", reached.size()},
            {"repeats_without_a_finished_trial", unfinished}};
}

/// All rules whose name holds `only` on one table.
std::vector<nlohmann::json> replay_all(const RecordedTable& table, int trials, const std::string& only,
                                       Settings settings) {
    settings.trials = trials;
    if (settings.tolerance == 0) {
        // Percentages and the like are told in points, everything else relative to the best.
        const bool points = table.cost_unit == "epochs" && table.objective.direction == Direction::maximize;
        settings.relative = !points;
        settings.tolerance = points ? 0.5 : 0.002;
    }
    std::vector<nlohmann::json> results;
    for (const NamedRule& rule : all_rules(settings))
        if (only.empty() || rule.name.find(only) != std::string::npos)
            results.push_back(replay(table, rule, settings));
    return results;
}

int run(const std::string& folder, const std::string& study, const TableOptions& options,
        std::vector<int> trial_counts, const std::string& only, const Settings& settings) {
    TableFolder found;
    if (!study.empty()) {
        found.tables.push_back(table_of_study(study));
        if (found.tables.front().trials.size() < 2)
            throw InvalidState(study + ": has fewer than 2 completed trials with reports to replay");
    } else {
        found = read_tables(folder, options);
        if (found.tables.empty() && found.broken.empty())
            throw InvalidOption(folder +
                                ": holds no table: neither <metric>_1, <metric>_2 ... columns nor pairs "
                                "of -trials.csv and -curves.csv");
    }
    for (const std::string& file : found.left_aside) std::cerr << "left aside: " << file << '\n';
    std::vector<std::string>& broken = found.broken;
    nlohmann::json results = nlohmann::json::array();
    for (const RecordedTable& table : found.tables) {
        std::cerr << fmt::format("{}: {} trainings, which differ in {}\n", table.name, table.trials.size(),
                                 table.space.schema().names_text());
        // The completed trials of a study are what they are: all of them.
        if (!study.empty()) trial_counts = {static_cast<int>(table.trials.size())};
        try {
            for (const int trials : trial_counts)
                for (auto& row : replay_all(table, trials, only, settings)) results.push_back(std::move(row));
        } catch (const Error& error) {
            broken.push_back(table.name + ": " + error.what());
        }
    }
    for (const std::string& what : broken) std::cerr << "stopping_replay: " << what << '\n';
    std::cout
        << nlohmann::json{{"left_aside", found.left_aside}, {"broken", broken}, {"results", results}}.dump(2)
        << '\n';
    return broken.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string folder, study, only, direction;
    TableOptions options;
    std::vector<std::string> columns;
    Settings settings;
    settings.tolerance = 0;
    std::vector<int> trials{30, 100};
    CLI::App app{"replays recorded learning curves under stopping rules"};
    auto* place = app.add_option("folder", folder, "folder of tables");
    app.add_option("--study", study, "replay the completed trials of a study instead")->excludes(place);
    app.add_option("--trials", trials, "trainings a repeat")->delimiter(',')->check(CLI::PositiveNumber);
    app.add_option("--repeats", settings.repeats)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--workers", settings.workers)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--seed", settings.seed)->capture_default_str();
    app.add_option("--metric", options.metric, "the column, or what stands before _1, _2 ...");
    app.add_option("--direction", direction)->check(CLI::IsMember({"minimize", "maximize"}));
    app.add_option("--step", options.step, "column of steps in pairs of files");
    app.add_option("--cost", options.cost, "column of costs in pairs of files");
    app.add_option(
           "--configuration", columns,
           "columns of what trainings were begun with; left out: all that are no identifiers or results")
        ->delimiter(',');
    app.add_option("--budget", settings.budget_share, "share of all steps that freeze-thaw may spend")
        ->check(CLI::Range(0.001, 1.0));
    app.add_option("--tolerance", settings.tolerance, "loss that counts as bad, in units of the metric")
        ->check(CLI::PositiveNumber);
    app.add_option("--only", only, "only rules whose name holds this");
    CLI11_PARSE(app, argc, argv);
    if (folder.empty() && study.empty()) {
        std::cerr << "stopping_replay: name a folder of tables, or a study with --study\n";
        return 2;
    }
    try {
        if (!columns.empty()) options.configuration = columns;
        if (!direction.empty()) options.direction = direction_from(direction);
        return run(folder, study, options, trials, only, settings);
    } catch (const Error& error) {
        std::cerr << "stopping_replay: " << error.what() << '\n';
        return 2;
    }
}

#include "attune/strategy/asynchronous_halving.hpp"
#include "attune/strategy/automatic.hpp"
#include "attune/strategy/by_name.hpp"
#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/strategy/freeze_thaw.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/grid.hpp"
#include "attune/strategy/halton.hpp"
#include "attune/strategy/hyperband.hpp"
#include "attune/strategy/latin_hypercube.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "option_reader.hpp"

namespace attune {
namespace {

TreeParzen tree_parzen(const StrategyRegistry::Options& options) {
    detail::OptionReader reader("tpe", options);
    TreeParzenOptions parzen;
    reader.take("initial_trials", parzen.initial_trials);
    reader.take("good_share", parzen.good_share);
    reader.take<GoodRule>("good_rule", parzen.good_rule,
                          {{"share", GoodRule::share}, {"root", GoodRule::root}});
    reader.take("most_good", parzen.most_good);
    reader.take("candidates", parzen.candidates);
    reader.take("uniform_weight", parzen.uniform_weight);
    reader.take("full_weight", parzen.full_weight);
    reader.take<ParzenKernels>(
        "kernels", parzen.kernels,
        {{"half_gap", ParzenKernels::half_gap}, {"full_gap", ParzenKernels::full_gap}});
    reader.finish();
    return TreeParzen(parzen);
}

/// The strategy that says where trials begin, with its options as `begins.<option>`.
AnyStrategy beginning(detail::OptionReader& reader, std::string name = "random") {
    reader.take("begins", name);
    return StrategyRegistry::standard().make(name, reader.take_prefixed("begins."));
}

}  // namespace

StrategyRegistry StrategyRegistry::standard() {
    using detail::OptionReader;
    StrategyRegistry registry;
    registry.add("random", [](const Options& options) {
        OptionReader("random", options).finish();
        return AnyStrategy(RandomSearch{});
    });
    registry.add("sobol", [](const Options& options) {
        OptionReader("sobol", options).finish();
        return AnyStrategy(Sobol{});
    });
    registry.add("halton", [](const Options& options) {
        OptionReader("halton", options).finish();
        return AnyStrategy(Halton{});
    });
    registry.add("latin_hypercube", [](const Options& options) {
        OptionReader reader("latin_hypercube", options);
        LatinHypercubeOptions design;
        reader.take("points", design.points);
        reader.take("designs", design.designs);
        reader.take("centered", design.centered);
        reader.finish();
        return AnyStrategy(LatinHypercube(design));
    });
    registry.add("grid", [](const Options& options) {
        OptionReader reader("grid", options);
        GridOptions grid;
        reader.take("levels", grid.levels);
        reader.take_all("levels_of.", "levels_of.<parameter>", grid.levels_of);
        reader.finish();
        return AnyStrategy(Grid(grid));
    });
    registry.add("gaussian_process", [](const Options& options) {
        OptionReader reader("gaussian_process", options);
        GaussianProcessOptions process;
        reader.take("initial_trials", process.initial_trials);
        reader.take<TargetWarping>("warping", process.warping,
                                   {{"automatic", TargetWarping::automatic},
                                    {"none", TargetWarping::none},
                                    {"half_rank", TargetWarping::half_rank},
                                    {"log_excess", TargetWarping::log_excess}});
        reader.take("most_observations", process.most_observations);
        reader.take("candidates", process.candidates);
        reader.take("starts", process.starts);
        reader.take("always_refit_below", process.always_refit_below);
        reader.take("refit_growth", process.refit_growth);
        reader.take<CostAwareness>("cost", process.cost,
                                   {{"ignored", CostAwareness::ignored},
                                    {"per_unit", CostAwareness::per_unit},
                                    {"cooling", CostAwareness::cooling}});
        reader.take("cost_budget", process.cost_budget);
        for (const auto& [parameter, value] : reader.take_prefixed("belief.", "<parameter>"))
            process.beliefs.push_back(belief_from(parameter, to_string(value)));
        reader.finish();
        return AnyStrategy(GaussianProcess(process));
    });
    registry.add("tpe", [](const Options& options) { return AnyStrategy(tree_parzen(options)); });
    registry.add_former_name("tree_parzen", "tpe");
    registry.add("auto", [](const Options& options) {
        OptionReader reader("auto", options);
        AutomaticOptions automatic;
        reader.take("model_trials", automatic.model_trials);
        reader.take("patience", automatic.patience);
        reader.take("parallel", automatic.parallel);
        reader.finish();
        return AnyStrategy(Automatic(automatic));
    });
    registry.add("cma_es", [](const Options& options) {
        OptionReader reader("cma_es", options);
        CmaEsOptions evolution;
        reader.take("population", evolution.population);
        reader.take("sigma", evolution.sigma);
        reader.take<CmaRestarts>("restarts", evolution.restarts,
                                 {{"none", CmaRestarts::none},
                                  {"doubling", CmaRestarts::doubling},
                                  {"two_populations", CmaRestarts::two_populations}});
        reader.finish();
        return AnyStrategy(CmaEs(evolution));
    });
    registry.add("asynchronous_halving", [](const Options& options) {
        OptionReader reader("asynchronous_halving", options);
        AsynchronousHalvingOptions halving;
        detail::take_ladder(reader, halving);
        const AnyStrategy begins = beginning(reader);
        reader.finish();
        return AnyStrategy(AsynchronousHalving(begins, halving));
    });
    registry.add("hyperband", [](const Options& options) {
        OptionReader reader("hyperband", options);
        HyperbandOptions hyperband;
        detail::take_ladder(reader, hyperband);
        const AnyStrategy begins = beginning(reader);
        reader.finish();
        return AnyStrategy(Hyperband(begins, hyperband));
    });
    registry.add("freeze_thaw", [](const Options& options) {
        OptionReader reader("freeze_thaw", options);
        FreezeThawOptions freeze;
        reader.require("horizon", "the step at which a trial is fully trained, such as horizon=50");
        reader.take("horizon", freeze.horizon);
        reader.take("budget_steps", freeze.budget_steps);
        reader.take("trials", freeze.trials);
        reader.take("first_steps", freeze.first_steps);
        reader.take("increment", freeze.increment);
        reader.take("look_share", freeze.look_share);
        reader.take("confidence", freeze.confidence);
        const AnyStrategy begins = beginning(reader);
        reader.finish();
        return AnyStrategy(FreezeThaw(begins, freeze));
    });
    registry.add("finalists", [](const Options& options) {
        OptionReader reader("finalists", options);
        FinalistsOptions last;
        int trials = 0;
        reader.take("trials", trials);
        last.trials = trials;
        reader.take("share", last.share);
        reader.take("candidates", last.candidates);
        const AnyStrategy begins = beginning(reader, "gaussian_process");
        reader.finish();
        return AnyStrategy(Finalists(begins, last));
    });
    return registry;
}

AnyStrategy StrategyRegistry::make(const std::string& name, const Options& options) const {
    const auto found = makers_.find(present_name(name));
    if (found != makers_.end()) return found->second(options);
    std::string known;
    for (const std::string& other : names()) known += (known.empty() ? "" : ", ") + other;
    throw UnknownName(
        fmt::format("strategy '{}' is unknown; known: {}{}", name, known, detail::suggestion(name, names())));
}

std::vector<std::string> StrategyRegistry::names() const {
    std::vector<std::string> out;
    for (const auto& [name, make] : makers_) out.push_back(name);
    return out;
}

}  // namespace attune

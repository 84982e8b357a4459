// A strategy and a stopping policy of one's own are plain classes with one member each; the tuner takes them
// like its own.
#include <attune/core.hpp>

#include <cstdio>
#include <optional>

namespace {

// Tries the neighbourhood of the best point so far: a (1+1) evolution strategy in a few lines.
class HillClimb {
  public:
    static const char* name() { return "hill_climb"; }

    std::optional<attune::Suggestion> suggest(const attune::Study& study,
                                              const attune::SuggestionRequest& request) const {
        auto random = request.stream(
            study, attune::Purpose::suggestion);  // the same for this trial whenever it is asked again
        const attune::TrialRecord* best = study.best();
        for (int tries = 0; tries < 100; ++tries) {
            std::vector<double> unit(study.space().size(), 0.5);
            if (best != nullptr) unit = best->configuration.encoded();
            for (double& u : unit) u = std::clamp(u + 0.15 * random.normal(), 0.0, 1.0);
            auto configuration = request.decode(study.space(), unit);
            if (request.admits(study, configuration))
                return attune::Suggestion{configuration, "a step from the best", "exploiting", ""};
        }
        return std::nullopt;
    }
};

// Stops whatever is above a bound after the second step.
struct GiveUpAbove {
    double bound;
    attune::Verdict decide(const attune::Study& study, const attune::TrialRecord& trial) const {
        const auto& report = trial.reports.back();
        const double value = report.metrics.at(study.objective().metric);
        if (report.step < 2 || value <= bound) return {};
        return {attune::Decision::stop, "above the bound"};
    }
};

}  // namespace

int main() {
    attune::SearchSpace space;
    auto x = space.continuous("x", -3.0, 3.0);
    attune::Tuner tuner{space, attune::minimize("error"), HillClimb{}, GiveUpAbove{4.0}};
    const auto outcome = tuner.run(attune::max_trials(60) || attune::target(1e-3), [&](attune::Trial& trial) {
        for (int step = 1; step <= 5; ++step)
            if (trial.report(step, (trial[x] - 1) * (trial[x] - 1) + 1.0 / step - 0.2) !=
                attune::Decision::proceed)
                break;
    });
    std::printf("%s: error %.4f at x = %.3f\n", outcome.reason().c_str(), outcome.best_value(),
                outcome.best().configuration[x]);
    return outcome.best_value() < 0.1 ? 0 : 1;
}

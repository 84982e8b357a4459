#include "attune/finetune/train/fit.hpp"

#include "fit_run.hpp"

namespace attune {

std::string to_string(FitEnd end) {
    switch (end) {
        case FitEnd::completed:
            return "completed";
        case FitEnd::patience:
            return "patience";
        case FitEnd::stopped:
            return "stopped";
        case FitEnd::paused:
            return "paused";
        case FitEnd::cancelled:
            return "cancelled";
        case FitEnd::not_finite:
            break;
    }
    return "not_finite";
}

FitResult fit(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options) {
    return detail::FitRun(network, set, recipe, options).run();
}

}  // namespace attune

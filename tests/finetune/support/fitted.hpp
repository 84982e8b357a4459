#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "attune/finetune/train/fit.hpp"
#include "finetune/support/quick_recipe.hpp"
#include "finetune/support/tiny_network.hpp"

/// What trainings of the tiny network come to.
namespace attune::test {

using Values = std::map<std::string, torch::Tensor>;

inline Values values_of(const Network& network) {
    Values values;
    for (const auto& item : network.named_parameters()) values[item.key()] = item.value().detach().clone();
    for (const auto& item : network.named_buffers()) values[item.key()] = item.value().clone();
    return values;
}

inline bool is_equal(const Values& a, const Values& b, const std::string& name) {
    return torch::equal(a.at(name), b.at(name));
}

inline double distance(const Values& a, const Values& b, const std::string& name) {
    return (a.at(name) - b.at(name)).norm().item<double>();
}

inline FitResult fitted(TinyNetwork& network, const TrainingSet& set, const Recipe& recipe,
                        const FitOptions& options = {}) {
    return fit(network, set, recipe, options);
}

inline Values fitted(const TrainingSet& set, const Recipe& recipe, const FitOptions& options = {}) {
    TinyNetwork network(3);
    (void)fit(network, set, recipe, options);
    return values_of(network);
}

inline double distance_between(const Values& a, const Values& b) {
    double largest = 0;
    for (const auto& [name, value] : a)
        largest =
            std::max(largest, largest_difference(value.to(torch::kFloat64), b.at(name).to(torch::kFloat64)));
    return largest;
}

}  // namespace attune::test

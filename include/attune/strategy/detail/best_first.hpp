#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "attune/study/pareto.hpp"

namespace attune::detail {

/// Indices of the `count` best points from the best on. With several objectives by fronts, and within one
/// those that stand most alone first; equals keep their order.
[[nodiscard]] inline std::vector<std::size_t> best_first(const std::vector<Losses>& losses,
                                                         std::size_t count) {
    std::vector<std::size_t> order(losses.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (losses.empty() || losses.front().size() == 1) {
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return losses[a] < losses[b]; });
    } else {
        order.clear();
        for (const std::vector<std::size_t>& front : nondominated_sort(losses).fronts) {
            const std::vector<double> alone = crowding_distances(losses, front);
            std::vector<std::size_t> places(front.size());
            std::iota(places.begin(), places.end(), std::size_t{0});
            std::stable_sort(places.begin(), places.end(),
                             [&](std::size_t a, std::size_t b) { return alone[a] > alone[b]; });
            for (const std::size_t place : places) order.push_back(front[place]);
            if (order.size() >= count) break;
        }
    }
    order.resize(std::min(count, order.size()));
    return order;
}

/// Indices into `seen.trials` of the `count` best trials: those that keep the outcome constraints as above,
/// then the others by how little they break them (Deb 2000).
[[nodiscard]] inline std::vector<std::size_t> best_first(const StudyLosses& seen, std::size_t count) {
    std::vector<std::size_t> keeping, breaking;
    std::vector<Losses> losses;
    for (std::size_t i = 0; i < seen.trials.size(); ++i) {
        (seen.violations[i] > 0 ? breaking : keeping).push_back(i);
        if (!(seen.violations[i] > 0)) losses.push_back(seen.losses[i]);
    }
    std::stable_sort(breaking.begin(), breaking.end(),
                     [&](std::size_t a, std::size_t b) { return seen.violations[a] < seen.violations[b]; });
    std::vector<std::size_t> out;
    for (const std::size_t i : best_first(losses, count)) out.push_back(keeping[i]);
    for (const std::size_t i : breaking)
        if (out.size() < count) out.push_back(i);
    return out;
}

}  // namespace attune::detail

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

}  // namespace attune::detail

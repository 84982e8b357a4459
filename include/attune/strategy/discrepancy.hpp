#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// How far points of the unit cube are from lying evenly: how their share in boxes differs from the boxes'
/// volumes, as a mean square over certain boxes. 0 would be even; less is better.
enum class Discrepancy {
    centered,    ///< boxes from each point to the nearest corner (Hickernell 1998); squared
    wraparound,  ///< boxes between any two points of a torus (Hickernell 1998); squared
    mixture,     ///< something of both (Zhou, Fang and Ning 2013); squared
    l2_star,     ///< boxes at the origin (Warnock 1972); the root
};

namespace detail {

/// The three parts that each of these is made of: a constant a dimension, and factors for one and for two
/// coordinates.
struct DiscrepancyParts {
    double constant;
    double (*one)(double x);
    double (*two)(double x, double y);
};

inline DiscrepancyParts discrepancy_parts(Discrepancy kind) {
    switch (kind) {
        case Discrepancy::centered:
            return {13.0 / 12.0,
                    [](double x) {
                        const double off = std::abs(x - 0.5);
                        return 1 + off / 2 - off * off / 2;
                    },
                    [](double x, double y) {
                        return 1 + (std::abs(x - 0.5) + std::abs(y - 0.5) - std::abs(x - y)) / 2;
                    }};
        case Discrepancy::wraparound:
            return {4.0 / 3.0, nullptr, [](double x, double y) {
                        const double apart = std::abs(x - y);
                        return 1.5 - apart * (1 - apart);
                    }};
        case Discrepancy::mixture:
            return {19.0 / 12.0,
                    [](double x) {
                        const double off = std::abs(x - 0.5);
                        return 5.0 / 3.0 - off / 4 - off * off / 4;
                    },
                    [](double x, double y) {
                        const double apart = std::abs(x - y);
                        return 15.0 / 8.0 - (std::abs(x - 0.5) + std::abs(y - 0.5)) / 4 - 0.75 * apart +
                               apart * apart / 2;
                    }};
        case Discrepancy::l2_star:
            break;
    }
    return {1.0 / 3.0, [](double x) { return (1 - x * x) / 2; },
            [](double x, double y) { return 1 - std::max(x, y); }};
}

}  // namespace detail

/// Of `points`, each with the same number of coordinates in [0, 1]. Costs O(points^2 * dimensions). Throws
/// InvalidOption where there are none, or where a coordinate is missing or outside. Thread-safe.
[[nodiscard]] inline double discrepancy(const std::vector<std::vector<double>>& points, Discrepancy kind) {
    if (points.empty() || points.front().empty())
        throw InvalidOption("discrepancy: needs at least one point of at least one dimension");
    const std::size_t dimensions = points.front().size();
    for (const std::vector<double>& point : points) {
        if (point.size() != dimensions)
            throw InvalidOption(fmt::format("discrepancy: a point has {} coordinates, the first has {}",
                                            point.size(), dimensions));
        for (const double x : point)
            if (!(x >= 0 && x <= 1))
                throw InvalidOption(fmt::format("discrepancy: coordinate {} is outside [0, 1]", x));
    }
    const detail::DiscrepancyParts parts = detail::discrepancy_parts(kind);
    const auto count = static_cast<double>(points.size());
    double singles = 0, pairs = 0;
    for (const std::vector<double>& a : points) {
        if (parts.one != nullptr)
            singles += std::transform_reduce(a.begin(), a.end(), 1.0, std::multiplies<>(), parts.one);
        for (const std::vector<double>& b : points)
            pairs +=
                std::transform_reduce(a.begin(), a.end(), b.begin(), 1.0, std::multiplies<>(), parts.two);
    }
    const double constant = std::pow(parts.constant, static_cast<double>(dimensions));
    const double square = kind == Discrepancy::wraparound
                              ? pairs / (count * count) - constant
                              : constant - 2 * singles / count + pairs / (count * count);
    return kind == Discrepancy::l2_star ? std::sqrt(std::max(square, 0.0)) : square;
}

}  // namespace attune

#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "attune/study/random_stream.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// The brackets of Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband", JMLR 2018):
/// bracket b begins at the resource `minimum * factor^b`, so that a study does not depend on how early the
/// good trials can be told from the others.
struct Brackets {
    double minimum = 1;
    double maximum = 81;
    double factor = 3;

    /// As many as steps by the factor fit between the resources, and one.
    [[nodiscard]] int count() const {
        int n = 1;
        // A step that ends a rounding error short of the maximum fits.
        for (double level = minimum * factor; level <= maximum * (1 + 1e-12); level *= factor) ++n;
        return n;
    }

    /// How many trials begin in each of `brackets` for one in the last: ceil(n factor^(n-1-b) / (n-b)).
    [[nodiscard]] std::vector<std::int64_t> budgets(int brackets) const {
        std::vector<std::int64_t> out;
        for (int b = 0; b < brackets; ++b)
            out.push_back(static_cast<std::int64_t>(
                std::ceil(brackets * std::pow(factor, brackets - 1 - b) / (brackets - b))));
        return out;
    }
};

/// Says to which bracket a trial belongs: an index into `budgets`, which are the brackets' shares of trials.
/// Must be a function of what it is given.
using BracketAssignment =
    std::function<int(const Study&, std::int64_t trial, const std::vector<std::int64_t>& budgets)>;

/// The bracket that holds place `place` where the budgets lie one after the other; place below their sum.
[[nodiscard]] inline int bracket_at(std::int64_t place, const std::vector<std::int64_t>& budgets) {
    int b = 0;
    for (; b + 1 < static_cast<int>(budgets.size()) && place >= budgets[static_cast<std::size_t>(b)]; ++b)
        place -= budgets[static_cast<std::size_t>(b)];
    return b;
}

[[nodiscard]] inline std::int64_t sum_of(const std::vector<std::int64_t>& budgets) {
    std::int64_t sum = 0;
    for (const std::int64_t budget : budgets) sum += budget;
    return sum;
}

/// Draws the bracket by a random stream of the study's seed and the trial's number: any mixture of trials,
/// whoever asks for them.
[[nodiscard]] inline int drawn_bracket(const Study& study, std::int64_t trial,
                                       const std::vector<std::int64_t>& budgets) {
    RandomStream stream(study.seed(), static_cast<std::uint64_t>(trial), Purpose::bracket);
    return bracket_at(static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(sum_of(budgets)))),
                      budgets);
}

/// Fills the brackets one after the other, again and again: the published order.
[[nodiscard]] inline int bracket_in_turn(const Study&, std::int64_t trial,
                                         const std::vector<std::int64_t>& budgets) {
    return bracket_at(trial % sum_of(budgets), budgets);
}

}  // namespace attune

#pragma once

#include <functional>
#include <map>
#include <string>

#include "support/test_functions.hpp"

/// Standard problems with several objectives, all to be minimised.
namespace attune::test {

using TestProblem = std::function<Vector(const Vector& x, std::size_t objectives)>;

/// Zitzler, Deb and Thiele, "Comparison of multiobjective evolutionary algorithms", 2000: numbers 1 to 3.
inline Vector zdt(int number, const Vector& x) {
    double g = 0;
    for (std::size_t i = 1; i < x.size(); ++i) g += x[i];
    g = 1 + 9 * g / static_cast<double>(x.size() - 1);
    const double share = x[0] / g;
    if (number == 1) return {x[0], g * (1 - std::sqrt(share))};
    if (number == 2) return {x[0], g * (1 - share * share)};
    // As BoTorch has it: without the factor g of the paper, which changes nothing on the front, where g is 1.
    return {x[0], 1 - std::sqrt(share) - share * std::sin(10 * std::numbers::pi * x[0])};
}

/// Deb, Thiele, Laumanns and Zitzler, "Scalable test problems for evolutionary multiobjective optimization",
/// 2005: numbers 1 to 4, 5 and 7.
inline Vector dtlz(int number, const Vector& x, std::size_t objectives) {
    constexpr double pi = std::numbers::pi;
    const std::size_t first = objectives - 1;  // of those that the distance from the front depends on
    double squares = 0, waves = 0, sum = 0;
    for (std::size_t i = first; i < x.size(); ++i) {
        squares += square(x[i] - 0.5);
        waves += std::cos(20 * pi * (x[i] - 0.5));
        sum += x[i];
    }
    const auto k = static_cast<double>(x.size() - first);
    const double g = number == 1 || number == 3 ? 100 * (k + squares - waves)
                     : number == 7              ? 1 + 9 * sum / k
                                                : squares;
    Vector f(objectives);
    if (number == 7) {
        double h = static_cast<double>(objectives);
        for (std::size_t i = 0; i < first; ++i) {
            f[i] = x[i];
            h -= f[i] / (1 + g) * (1 + std::sin(3 * pi * f[i]));
        }
        f[first] = (1 + g) * h;
        return f;
    }
    const auto angle = [&](std::size_t i) {
        if (number == 4) return std::pow(x[i], 100) * pi / 2;
        if (number == 5 && i > 0) return (1 + 2 * g * x[i]) / (2 * (1 + g)) * pi / 2;
        return x[i] * pi / 2;
    };
    for (std::size_t i = 0; i < objectives; ++i) {
        f[i] = number == 1 ? 0.5 * (1 + g) : 1 + g;
        for (std::size_t j = 0; j < first - i; ++j) f[i] *= number == 1 ? x[j] : std::cos(angle(j));
        if (i > 0) f[i] *= number == 1 ? 1 - x[first - i] : std::sin(angle(first - i));
    }
    return f;
}

/// Branin on the unit square and the exponential function of Currin et al. 1991.
inline Vector branin_currin(const Vector& x) {
    const double top = ((2300 * x[0] + 1900) * x[0] + 2092) * x[0] + 60;
    const double bottom = ((100 * x[0] + 500) * x[0] + 4) * x[0] + 20;
    const double damping = x[1] == 0 ? 1 : 1 - std::exp(-1 / (2 * x[1]));
    return {branin({15 * x[0] - 5, 15 * x[1]}), damping * top / bottom};
}

/// Mass, acceleration and intrusion of a car in a crash (Liao, Li, Yang, Zhang and Li 2008).
inline Vector vehicle_safety(const Vector& v) {
    const double a = v[0], b = v[1], c = v[2], d = v[3], e = v[4];
    return {1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e,
            6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e +
                0.3628 * b * d - 0.1106 * a * a - 0.3437 * c * c + 0.1764 * d * d,
            -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.0240 * b * c -
                0.0118 * b * d - 0.0204 * c * d - 0.0080 * c * e - 0.0241 * b * b + 0.0109 * d * d};
}

/// By name; empty where there is none.
inline TestProblem test_problem(const std::string& name) {
    for (const int number : {1, 2, 3})
        if (name == "ZDT" + std::to_string(number))
            return [number](const Vector& x, std::size_t) { return zdt(number, x); };
    for (const int number : {1, 2, 3, 4, 5, 7})
        if (name == "DTLZ" + std::to_string(number))
            return [number](const Vector& x, std::size_t m) { return dtlz(number, x, m); };
    if (name == "BraninCurrin") return [](const Vector& x, std::size_t) { return branin_currin(x); };
    if (name == "VehicleSafety") return [](const Vector& x, std::size_t) { return vehicle_safety(x); };
    return {};
}

}  // namespace attune::test

#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <numbers>
#include <string>
#include <vector>

/// Standard problems of the literature on optimisation, to be minimised unless said otherwise, on their usual
/// ranges (Surjanovic and Bingham, "Virtual library of simulation experiments", 2013).
namespace attune::test {

using Vector = std::vector<double>;
using TestFunction = std::function<double(const Vector&)>;

inline double square(double x) { return x * x; }

inline double branin(const Vector& x) {
    constexpr double pi = std::numbers::pi;
    return square(x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6) +
           10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

inline double rosenbrock(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i + 1 < x.size(); ++i)
        sum += 100 * square(x[i + 1] - x[i] * x[i]) + square(1 - x[i]);
    return sum;
}

inline double beale(const Vector& x) {
    return square(1.5 - x[0] + x[0] * x[1]) + square(2.25 - x[0] + x[0] * x[1] * x[1]) +
           square(2.625 - x[0] + x[0] * std::pow(x[1], 3));
}

inline double ackley(const Vector& x) {
    double squares = 0, waves = 0;
    for (const double v : x) squares += v * v, waves += std::cos(2 * std::numbers::pi * v);
    const auto n = static_cast<double>(x.size());
    return -20 * std::exp(-0.2 * std::sqrt(squares / n)) - std::exp(waves / n) + 20 + std::numbers::e;
}

inline double levy(const Vector& x) {
    constexpr double pi = std::numbers::pi;
    const auto w = [&](std::size_t i) { return 1 + (x[i] - 1) / 4; };
    const std::size_t last = x.size() - 1;
    double sum = square(std::sin(pi * w(0)));
    for (std::size_t i = 0; i < last; ++i)
        sum += square(w(i) - 1) * (1 + 10 * square(std::sin(pi * w(i) + 1)));
    return sum + square(w(last) - 1) * (1 + square(std::sin(2 * pi * w(last))));
}

inline double rastrigin(const Vector& x) {
    double sum = 10 * static_cast<double>(x.size());
    for (const double v : x) sum += v * v - 10 * std::cos(2 * std::numbers::pi * v);
    return sum;
}

inline double michalewicz(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        sum -= std::sin(x[i]) *
               std::pow(std::sin(static_cast<double>(i + 1) * x[i] * x[i] / std::numbers::pi), 20);
    return sum;
}

inline double griewank(const Vector& x) {
    double sum = 0, product = 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
        sum += x[i] * x[i] / 4000;
        product *= std::cos(x[i] / std::sqrt(static_cast<double>(i + 1)));
    }
    return sum - product + 1;
}

inline double styblinski_tang(const Vector& x) {
    double sum = 0;
    for (const double v : x) sum += std::pow(v, 4) - 16 * v * v + 5 * v;
    return sum / 2;
}

inline double dixon_price(const Vector& x) {
    double sum = square(x[0] - 1);
    for (std::size_t i = 1; i < x.size(); ++i)
        sum += static_cast<double>(i + 1) * square(2 * x[i] * x[i] - x[i - 1]);
    return sum;
}

inline double powell(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i + 3 < x.size(); i += 4)
        sum += square(x[i] + 10 * x[i + 1]) + 5 * square(x[i + 2] - x[i + 3]) +
               std::pow(x[i + 1] - 2 * x[i + 2], 4) + 10 * std::pow(x[i] - x[i + 3], 4);
    return sum;
}

/// To be maximised.
inline double cosine_mixture(const Vector& x) {
    double sum = 0;
    for (const double v : x) sum += 0.1 * std::cos(5 * std::numbers::pi * v) - v * v;
    return sum;
}

template <std::size_t Rows, std::size_t Columns>
double hartmann(const Vector& x, const std::array<std::array<double, Columns>, Rows>& sharpness,
                const std::array<std::array<double, Columns>, Rows>& places) {
    constexpr std::array<double, 4> heights{1.0, 1.2, 3.0, 3.2};
    double sum = 0;
    for (std::size_t i = 0; i < Rows; ++i) {
        double inner = 0;
        for (std::size_t j = 0; j < x.size(); ++j)
            inner += sharpness[i][j] * square(x[j] - places[i][j] * 1e-4);
        sum -= heights[i] * std::exp(-inner);
    }
    return sum;
}

inline double hartmann_3(const Vector& x) {
    return hartmann<4, 3>(x, {{{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}}},
                          {{{3689, 1170, 2673}, {4699, 4387, 7470}, {1091, 8732, 5547}, {381, 5743, 8828}}});
}

inline double hartmann_6(const Vector& x) {
    return hartmann<4, 6>(x,
                          {{{10, 3, 17, 3.5, 1.7, 8},
                            {0.05, 10, 17, 0.1, 8, 14},
                            {3, 3.5, 1.7, 10, 17, 8},
                            {17, 8, 0.05, 10, 0.1, 14}}},
                          {{{1312, 1696, 5569, 124, 8283, 5886},
                            {2329, 4135, 8307, 3736, 1004, 9991},
                            {2348, 1451, 3522, 2883, 3047, 6650},
                            {4047, 8828, 8732, 5743, 1091, 381}}});
}

inline double shekel(const Vector& x) {
    constexpr std::array<double, 10> beta{1, 2, 2, 4, 4, 6, 3, 7, 5, 5};
    constexpr std::array<std::array<double, 10>, 4> places{{{4, 1, 8, 6, 3, 2, 5, 8, 6, 7},
                                                            {4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6},
                                                            {4, 1, 8, 6, 3, 2, 5, 8, 6, 7},
                                                            {4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6}}};
    double sum = 0;
    for (std::size_t i = 0; i < beta.size(); ++i) {
        double inner = beta[i] / 10;
        for (std::size_t j = 0; j < places.size(); ++j) inner += square(x[j] - places[j][i]);
        sum -= 1 / inner;
    }
    return sum;
}

inline double six_hump_camel(const Vector& x) {
    return (4 - 2.1 * x[0] * x[0] + std::pow(x[0], 4) / 3) * x[0] * x[0] + x[0] * x[1] +
           4 * (x[1] * x[1] - 1) * x[1] * x[1];
}
inline double three_hump_camel(const Vector& x) {
    return 2 * x[0] * x[0] - 1.05 * std::pow(x[0], 4) + std::pow(x[0], 6) / 6 + x[0] * x[1] + x[1] * x[1];
}
inline double bukin(const Vector& x) {
    return 100 * std::sqrt(std::abs(x[1] - 0.01 * x[0] * x[0])) + 0.01 * std::abs(x[0] + 10);
}
inline double drop_wave(const Vector& x) {
    const double squares = x[0] * x[0] + x[1] * x[1];
    return -(1 + std::cos(12 * std::sqrt(squares))) / (0.5 * squares + 2);
}
inline double egg_holder(const Vector& x) {
    const double y = x[1] + 47;
    return -y * std::sin(std::sqrt(std::abs(x[0] / 2 + y))) - x[0] * std::sin(std::sqrt(std::abs(x[0] - y)));
}
inline double holder_table(const Vector& x) {
    const double far = std::sqrt(x[0] * x[0] + x[1] * x[1]);
    return -std::abs(std::sin(x[0]) * std::cos(x[1]) * std::exp(std::abs(1 - far / std::numbers::pi)));
}

/// By name, without the number of dimensions that some carry at their end.
inline const std::map<std::string, TestFunction>& test_functions() {
    static const std::map<std::string, TestFunction> all{{"ackley", ackley},
                                                         {"beale", beale},
                                                         {"branin", branin},
                                                         {"bukin", bukin},
                                                         {"cosine8", cosine_mixture},
                                                         {"dixonprice", dixon_price},
                                                         {"dropwave", drop_wave},
                                                         {"eggholder", egg_holder},
                                                         {"griewank", griewank},
                                                         {"hartmann3", hartmann_3},
                                                         {"hartmann6", hartmann_6},
                                                         {"holdertable", holder_table},
                                                         {"levy", levy},
                                                         {"michalewicz", michalewicz},
                                                         {"powell", powell},
                                                         {"rastrigin", rastrigin},
                                                         {"rosenbrock", rosenbrock},
                                                         {"shekel", shekel},
                                                         {"sixhumpcamel", six_hump_camel},
                                                         {"styblinskitang", styblinski_tang},
                                                         {"threehumpcamel", three_hump_camel}};
    return all;
}

/// One of them by a name as in "Ackley4", where the number may be part of the name or the dimension; empty
/// where there is none.
inline TestFunction test_function(std::string name) {
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (;; name.pop_back()) {
        if (const auto found = test_functions().find(name); found != test_functions().end())
            return found->second;
        if (name.empty() || std::isdigit(static_cast<unsigned char>(name.back())) == 0) return {};
    }
}

}  // namespace attune::test

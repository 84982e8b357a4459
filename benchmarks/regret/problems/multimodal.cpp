// Many basins, with and without a funnel.
#include "../problem.hpp"

namespace attune::regret {
namespace {

using Vector = std::vector<double>;
constexpr double pi = 3.14159265358979323846;

double levy(const Vector& x) {
    const auto w = [&](std::size_t i) { return 1 + (x[i] - 1) / 4; };
    const std::size_t d = x.size();
    double sum = std::pow(std::sin(pi * w(0)), 2) +
                 std::pow(w(d - 1) - 1, 2) * (1 + std::pow(std::sin(2 * pi * w(d - 1)), 2));
    for (std::size_t i = 0; i + 1 < d; ++i)
        sum += std::pow(w(i) - 1, 2) * (1 + 10 * std::pow(std::sin(pi * w(i) + 1), 2));
    return sum;
}

double rastrigin(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double z = x[i] - 0.7 + 0.9 * static_cast<double>(i);
        sum += z * z + 10 - 10 * std::cos(2 * pi * z);
    }
    return sum;
}

double griewank(const Vector& x) {
    double sum = 0, product = 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double z = x[i] - 20 + 11 * static_cast<double>(i);
        sum += z * z / 4000;
        product *= std::cos(z / std::sqrt(static_cast<double>(i + 1)));
    }
    return sum - product + 1;
}

double styblinski(const Vector& x) {
    double sum = 0;
    for (const double v : x) sum += 0.5 * (std::pow(v, 4) - 16 * v * v + 5 * v);
    return sum / static_cast<double>(x.size());
}

double michalewicz(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        sum -= std::sin(x[i]) * std::pow(std::sin(static_cast<double>(i + 1) * x[i] * x[i] / pi), 20);
    return sum;
}

double shekel(const Vector& x) {
    constexpr double beta[] = {1, 2, 2, 4, 4, 6, 3, 7, 5, 5};
    constexpr double c[4][10] = {{4, 1, 8, 6, 3, 2, 5, 8, 6, 7},
                                 {4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6},
                                 {4, 1, 8, 6, 3, 2, 5, 8, 6, 7},
                                 {4, 1, 8, 6, 7, 9, 3, 1, 2, 3.6}};
    double sum = 0;
    for (std::size_t i = 0; i < 10; ++i) {
        double inner = beta[i] / 10;
        for (std::size_t j = 0; j < 4; ++j) inner += std::pow(x[j] - c[j][i], 2);
        sum -= 1 / inner;
    }
    return sum;
}

double ackley(const Vector& x) {
    double squares = 0, waves = 0;
    const auto d = static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double z = x[i] + 3.3 - 1.7 * static_cast<double>(i % 4);
        squares += z * z;
        waves += std::cos(2 * pi * z);
    }
    return -20 * std::exp(-0.2 * std::sqrt(squares / d)) - std::exp(waves / d) + 20 + std::exp(1.0);
}

}  // namespace

void add_multimodal(std::vector<Problem>& problems) {
    problems.push_back({"levy4", "multimodal", box(4, -10, 10), of_numbers(levy), 0.0});
    problems.push_back({"rastrigin3", "multimodal", box(3, -5.12, 5.12), of_numbers(rastrigin), 0.0});
    problems.push_back({"griewank6", "multimodal", box(6, -100, 100), of_numbers(griewank), 0.0});
    problems.push_back(
        {"styblinski5", "multimodal", box(5, -5, 5), of_numbers(styblinski), -39.16616570377142});
    problems.push_back(
        {"michalewicz4", "multimodal", box(4, 0, pi), of_numbers(michalewicz), -3.69885709847});
    problems.push_back({"shekel4", "multimodal", box(4, 0, 10), of_numbers(shekel), -10.536443153483533});
    problems.push_back({"ackley10", "multimodal", box(10, -10, 10), of_numbers(ackley), 0.0});
}

}  // namespace attune::regret

// Many basins, with and without a funnel.
#include <numbers>

#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {
namespace {

using test::Vector;

/// A function whose coordinate i is moved by `off(i)`, so that nothing is found by its symmetry.
template <class Off>
auto moved(double (*f)(const Vector&), Off off) {
    return of_numbers([f, off](Vector x) {
        for (std::size_t i = 0; i < x.size(); ++i) x[i] += off(static_cast<double>(i));
        return f(x);
    });
}

double mean_styblinski(const Vector& x) { return test::styblinski_tang(x) / static_cast<double>(x.size()); }

}  // namespace

void add_multimodal(std::vector<Problem>& problems) {
    problems.push_back({"levy4", "multimodal", box(4, -10, 10), of_numbers(test::levy), 0.0});
    problems.push_back({"rastrigin3", "multimodal", box(3, -5.12, 5.12),
                        moved(test::rastrigin, [](double i) { return 0.9 * i - 0.7; }), 0.0});
    problems.push_back({"griewank6", "multimodal", box(6, -100, 100),
                        moved(test::griewank, [](double i) { return 11 * i - 20; }), 0.0});
    problems.push_back(
        {"styblinski5", "multimodal", box(5, -5, 5), of_numbers(mean_styblinski), -39.16616570377142});
    problems.push_back({"michalewicz4", "multimodal", box(4, 0, std::numbers::pi),
                        of_numbers(test::michalewicz), -3.69885709847});
    problems.push_back(
        {"shekel4", "multimodal", box(4, 0, 10), of_numbers(test::shekel), -10.536443153483533});
    problems.push_back({"ackley10", "multimodal", box(10, -10, 10),
                        moved(test::ackley, [](double i) { return 3.3 - 1.7 * std::fmod(i, 4); }), 0.0});
}

}  // namespace attune::regret

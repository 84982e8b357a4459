#pragma once

#include <limits>
#include <vector>

#include "attune/gp/kernel.hpp"
#include "attune/study/random_stream.hpp"

namespace attune::test {

inline constexpr double inactive = std::numeric_limits<double>::quiet_NaN();

inline Points uniform_points(Eigen::Index n, Eigen::Index d, RandomStream& stream) {
    Points x(n, d);
    for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index j = 0; j < d; ++j) x(i, j) = stream.uniform();
    return x;
}

inline Eigen::VectorXd normals(Eigen::Index n, RandomStream& stream) {
    Eigen::VectorXd y(n);
    for (Eigen::Index i = 0; i < n; ++i) y[i] = stream.normal();
    return y;
}

/// Numeric, categorical with 3 choices, and a numeric one that is active for choice 1.
inline InputMetric mixed_metric() {
    return InputMetric({{DimensionKind::numeric, false},
                        {DimensionKind::categorical, false},
                        {DimensionKind::numeric, true}});
}

inline Points mixed_points(Eigen::Index n, RandomStream& stream) {
    Points x = uniform_points(n, 3, stream);
    for (Eigen::Index i = 0; i < n; ++i) {
        x(i, 1) = static_cast<double>(stream.below(3));
        if (x(i, 1) != 1.0) x(i, 2) = inactive;
    }
    return x;
}

}  // namespace attune::test

#pragma once

/// Gaussian processes: the model, its acquisition functions and the strategy. Needs Eigen, Boost.Math and
/// LBFGS++.

#include "attune/strategy/gaussian_process.hpp"

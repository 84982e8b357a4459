#pragma once

/// What needs linear algebra: Gaussian processes, their acquisition functions and their strategy, and the
/// evolution strategy. Needs Eigen, Boost.Math and LBFGS++.

#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/gaussian_process.hpp"

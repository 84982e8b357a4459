#pragma once

/// What needs linear algebra: Gaussian processes, their acquisition functions and their strategy, the
/// evolution strategy, and the choice among them. Needs Eigen, Boost.Math and LBFGS++.

#include "attune/strategy/automatic.hpp"
#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/converged.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/study_model.hpp"

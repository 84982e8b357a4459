#pragma once

/// Everything of attune::core that needs no linear algebra: spaces, studies, random, grid and Sobol search,
/// tree Parzen estimators, Hyperband and asynchronous halving, stopping policies, memory, threads and the
/// tuner. For Gaussian processes include attune/bayes.hpp.

#include "attune/error.hpp"
#include "attune/execute/inline.hpp"
#include "attune/execute/threads.hpp"
#include "attune/space/enumerate.hpp"
#include "attune/space/space.hpp"
#include "attune/stopping/combine.hpp"
#include "attune/stopping/curve_prediction.hpp"
#include "attune/stopping/dominated.hpp"
#include "attune/stopping/hyperband_rule.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/paired_test.hpp"
#include "attune/stopping/patience.hpp"
#include "attune/stopping/patient.hpp"
#include "attune/stopping/percentile_rule.hpp"
#include "attune/stopping/successive_halving.hpp"
#include "attune/stopping/threshold.hpp"
#include "attune/storage/memory.hpp"
#include "attune/strategy/asynchronous_halving.hpp"
#include "attune/strategy/freeze_thaw.hpp"
#include "attune/strategy/grid.hpp"
#include "attune/strategy/hyperband.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "attune/study/limits.hpp"
#include "attune/study/pareto.hpp"
#include "attune/study/study.hpp"
#include "attune/tune/tuner.hpp"

// The tuner's bodies, once for all who link attune::runtime.
#include "attune/tune/detail/trial_impl.hpp"
#include "attune/tune/detail/tuner_impl.hpp"
#include "attune/tune/detail/tuner_pause.hpp"
#include "attune/tune/detail/tuner_report.hpp"
#include "attune/tune/detail/tuner_run.hpp"

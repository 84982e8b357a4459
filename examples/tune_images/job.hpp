#pragma once

#include <stop_token>

#include "inputs.hpp"
#include "messages.hpp"
#include "options.hpp"

/// Tunes, evaluates the winner once on the test part, writes model, report and predictions. Returns the exit
/// code: 0, or 3 where the run was cancelled (run again to go on).
int run_job(const Options& options, const Inputs& inputs, Messages& messages, std::stop_token cancel);

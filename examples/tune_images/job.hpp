#pragma once

#include <stop_token>

#include "inputs.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "study_folder.hpp"

/// The settings of the study that are known before a picture is decoded, to compare with a stored study's.
/// `identity` holds the fingerprints of data and weights.
[[nodiscard]] Settings settings_known_before(const Options& options, const std::string& model,
                                             Settings identity);

/// Tunes, evaluates the winner once on the test part, writes model, report and predictions. Returns the exit
/// code. Throws attune::Error, and Interrupted where the run was cancelled.
int run_job(const Options& options, const Inputs& inputs, const StudyFolder& folder, Messages& messages,
            const std::stop_token& cancel);

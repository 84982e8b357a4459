#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attune/analyse/report.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"

/// What the study has come to, on the same images.
struct Judged {
    attune::Evaluation tuned;
    std::optional<attune::Evaluation> baseline;  ///< trial 0, the default recipe
    bool default_won = false;                    ///< whether the default recipe is what was tuned to
};

/// The accuracy on a part, and what tuning has gained with its interval.
[[nodiscard]] std::string verdict_on(const Judged& judged, const std::string& part);

/// The same for the report, with what was remarked on about the images.
[[nodiscard]] attune::ReportSection verdict_section(const std::string& verdict,
                                                    const std::vector<std::string>& remarks);

#pragma once

#include <string>
#include <vector>

#include "attune/analyse/report.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"

namespace attune {

/// Sections for the report about one evaluation: metrics, per-class table, confusion matrix, and the worst
/// mistakes as pictures. `part` names what was evaluated, such as "test".
[[nodiscard]] std::vector<ReportSection> evaluation_sections(const Evaluation& evaluation,
                                                             const ImageData& data, const std::string& part);

}  // namespace attune

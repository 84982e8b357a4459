#include "attune/finetune/study/evaluation_sections.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <utility>

#include "attune/analyse/report_sections.hpp"
#include "attune/files/image.hpp"

namespace attune {
namespace {

ReportSection numbers_section(const Evaluation& evaluation, const std::string& part) {
    const ClassificationMetrics& m = evaluation.metrics;
    std::vector<std::pair<std::string, std::string>> rows{
        {"images", std::to_string(m.samples)},
        {"wrong", std::to_string(evaluation.wrong())},
        {"accuracy", fmt::format("{:.4f}", m.accuracy)},
        {"balanced accuracy", fmt::format("{:.4f}", m.balanced_accuracy)},
        {"macro precision, recall, F1",
         fmt::format("{:.4f}, {:.4f}, {:.4f}", m.macro.precision, m.macro.recall, m.macro.f1)},
        {"log loss", fmt::format("{:.4f}", m.log_loss)},
        {"ROC AUC, one against the rest, macro",
         std::isnan(m.roc_auc_ovr_macro) ? "-" : fmt::format("{:.4f}", m.roc_auc_ovr_macro)}};
    if (m.top_k_accuracy.size() >= 5)
        rows.emplace_back("top-5 accuracy", fmt::format("{:.4f}", m.top_k_accuracy[4]));
    return metrics_table_section("Winner on the " + part + " part", rows);
}

ReportSection matrix_section(const Evaluation& evaluation, const ImageData& data, const std::string& part) {
    std::vector<std::vector<long>> counts;
    for (std::int64_t i = 0; i < evaluation.classes; ++i) {
        counts.emplace_back();
        for (std::int64_t j = 0; j < evaluation.classes; ++j)
            counts.back().push_back(static_cast<long>(evaluation.metrics.confusion.at(i, j)));
    }
    return confusion_matrix_section(data.classes(), counts,
                                    "Confusion matrix of the winner, " + part + " part");
}

GalleryItem picture_of(const Mistake& mistake, const ImageData& data) {
    const std::vector<std::uint8_t> png = encode_png(data.picture(mistake.row));
    const auto name = [&](std::int64_t label) { return data.classes()[static_cast<std::size_t>(label)]; };
    return {std::string(png.begin(), png.end()),
            fmt::format("{}: {}, taken for {} ({:.0f} %)",
                        std::filesystem::path(data.name(mistake.row)).filename().string(),
                        name(mistake.label), name(mistake.predicted), 100 * mistake.confidence)};
}

}  // namespace

std::vector<ReportSection> evaluation_sections(const Evaluation& evaluation, const ImageData& data,
                                               const std::string& part) {
    std::vector<ReportSection> sections{numbers_section(evaluation, part),
                                        matrix_section(evaluation, data, part)};
    std::vector<GalleryItem> mistakes;
    for (const Mistake& mistake : evaluation.worst) mistakes.push_back(picture_of(mistake, data));
    if (mistakes.empty())
        sections.push_back({"Worst mistakes", "<p>None: every image of the " + escape_html(part) +
                                                  " part was classified rightly.</p>"});
    else
        sections.push_back(gallery_section("Worst mistakes, " + part + " part", mistakes));
    return sections;
}

}  // namespace attune

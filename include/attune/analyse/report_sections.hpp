#pragma once

#include <string>
#include <utility>
#include <vector>

#include "attune/analyse/report.hpp"

namespace attune {

/// A confusion matrix as a heat map: `counts[i][j]` cases of class i (row) were taken for class j (column),
/// with row percentages, recall and precision by class, and the accuracy. Throws InvalidOption where the
/// matrix is not square in the number of classes or a count is negative.
[[nodiscard]] ReportSection confusion_matrix_section(const std::vector<std::string>& classes,
                                                     const std::vector<std::vector<long>>& counts,
                                                     const std::string& title = "Confusion matrix");

/// A picture of a gallery.
struct GalleryItem {
    std::string bytes;    ///< a PNG, JPEG, GIF or WebP file, which is told by its first bytes
    std::string caption;  ///< plain text, such as "cat, taken for dog (0.93)"
};

/// Pictures with captions, embedded into the page. Throws InvalidOption for bytes that are none of the known
/// formats.
[[nodiscard]] ReportSection gallery_section(const std::string& title, const std::vector<GalleryItem>& items);

/// A table with a column of names and one of values, both plain text.
[[nodiscard]] ReportSection metrics_table_section(
    const std::string& title, const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace attune

#pragma once

#include <attune/files/csv.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "replay/table.hpp"

namespace attune::replay_benchmark {

/// The columns that say what a training was begun with, by their names: all but identifiers, what was
/// measured (metrics, times, losses) and columns of one epoch each.
[[nodiscard]] std::vector<std::string> configuration_columns(const std::vector<std::string>& header);

/// Gives the table a search space of those columns (or of TableOptions::configuration) and its trials their
/// values, which stand in `trained`, a row of `rows` for each trial. Columns of numbers become continuous
/// parameters on a linear or logarithmic scale, whichever spreads the values more evenly, others categorical;
/// a parameter with empty fields is active where it has a value. Columns of one value are left out. Throws
/// UnknownName for a column that is not there.
void add_configurations(RecordedTable& table, const std::vector<CsvRow>& rows,
                        const std::vector<std::size_t>& trained, const TableOptions& options);

}  // namespace attune::replay_benchmark

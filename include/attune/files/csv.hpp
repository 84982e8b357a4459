#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// One record of a CSV text.
struct CsvRow {
    std::int64_t line = 0;  ///< the line, from 1, on which the record begins (quoted fields may span lines)
    std::vector<std::string> fields;
};

/// Splits a CSV text by the rules of RFC 4180: fields in double quotes may hold commas, line ends and doubled
/// quotes; lines end in LF or CRLF; a UTF-8 byte order mark is skipped; empty lines are no records. Spaces
/// belong to the field. Throws FileError beginning with `name` and the line for a quote that is never closed,
/// text after a closing quote or a quote inside an unquoted field. Thread-safe.
[[nodiscard]] std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name,
                                            char separator = ',');

/// Reads and splits a CSV file of at most `max_bytes`; throws FileError.
[[nodiscard]] std::vector<CsvRow> read_csv(const std::filesystem::path& path,
                                           std::uint64_t max_bytes = std::uint64_t{1} << 30);

/// `field` as it must stand in a CSV line: quoted where it holds a comma, a quote, a line end or outer
/// spaces.
[[nodiscard]] std::string csv_field(std::string_view field);

/// One CSV line of `fields`, ended by "\n".
[[nodiscard]] std::string csv_line(std::span<const std::string> fields);

}  // namespace attune

#include "attune/error.hpp"
#include "attune/files/study_import.hpp"
#include "byte_source.hpp"

namespace attune {

ImportedStudy import_study(const std::filesystem::path& path, const ImportOptions& options) {
    constexpr std::uint64_t largest = std::uint64_t{4} << 30;
    constexpr std::string_view sqlite_magic = "SQLite format 3";
    const std::string name = path.string();
    {
        const detail::ByteSource source(path);
        if (source.size() >= sqlite_magic.size() && source.text_at(0, sqlite_magic.size()) == sqlite_magic)
            return study_from_optuna_sqlite(path, options);
    }
    const std::string text = detail::read_whole_file(path, largest);
    if (path.extension() == ".csv") return study_from_csv(text, name, options);
    const std::string_view first_line = std::string_view(text).substr(0, text.find('\n'));
    if (first_line.find("\"op_code\"") != std::string_view::npos)
        return study_from_optuna_journal(text, name, options);
    const auto begin = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    if (begin != std::string::npos && text[begin] == '{') return study_from_json_lines(text, name, options);
    throw FileError(name +
                    ": is neither an SQLite database, nor Optuna's journal, nor JSON lines; tables must be "
                    "named .csv");
}

}  // namespace attune

#include "attune/files/csv.hpp"

#include "attune/error.hpp"
#include "byte_source.hpp"

namespace attune {
namespace {

class CsvParser {
  public:
    CsvParser(std::string_view text, const std::string& name, char separator)
        : text_(text), name_(name), separator_(separator) {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    }

    std::vector<CsvRow> parse() {
        std::vector<CsvRow> rows;
        while (at_ < text_.size()) {
            if (skip_line_end()) continue;
            rows.push_back(record());
        }
        return rows;
    }

  private:
    CsvRow record() {
        CsvRow row{line_, {}};
        while (true) {
            row.fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
            if (at_ >= text_.size() || skip_line_end()) return row;
            if (text_[at_] != separator_) fail("has text after a closing quote");
            ++at_;
        }
    }

    std::string plain() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != separator_ && !at_line_end()) {
            if (text_[at_] == '"') fail("has a quote inside a field that does not begin with one");
            ++at_;
        }
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::string quoted() {
        std::string field;
        const std::int64_t begin_line = line_;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\n') ++line_;
            if (text_[at_] != '"') {
                field += text_[at_];
            } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
                field += text_[at_++];
            } else {
                ++at_;
                return field;
            }
        }
        line_ = begin_line;
        fail("opens a quote that is never closed");
    }

    [[nodiscard]] bool at_line_end() const {
        return text_[at_] == '\n' ||
               (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
    }

    bool skip_line_end() {
        if (!at_line_end()) return false;
        if (text_[at_] == '\r') ++at_;
        if (at_ < text_.size()) ++at_;
        ++line_;
        return true;
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw FileError(name_ + ": line " + std::to_string(line_) + " " + message);
    }

    std::string_view text_;
    const std::string& name_;
    char separator_;
    std::size_t at_ = 0;
    std::int64_t line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name, char separator) {
    return CsvParser(text, name, separator).parse();
}

std::vector<CsvRow> read_csv(const std::filesystem::path& path, std::uint64_t max_bytes) {
    return parse_csv(detail::read_whole_file(path, max_bytes), path.string());
}

std::string csv_field(std::string_view field) {
    const bool outer_space = !field.empty() && (field.front() == ' ' || field.back() == ' ');
    if (!outer_space && field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
    std::string quoted = "\"";
    for (const char letter : field) {
        if (letter == '"') quoted += '"';
        quoted += letter;
    }
    return quoted + '"';
}

std::string csv_line(std::span<const std::string> fields) {
    // A record of one empty field would read back as an empty line, which is no record.
    if (fields.size() == 1 && fields[0].empty()) return "\"\"\n";
    std::string line;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) line += ',';
        line += csv_field(fields[i]);
    }
    return line + '\n';
}

}  // namespace attune

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_map>

#include "attune/error.hpp"
#include "attune/files/csv.hpp"
#include "attune/files/image_dataset.hpp"
#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"
#include "image_listing_checks.hpp"
#include "number_text.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::int64_t> whole_number(const std::string& text) {
    return detail::number_of_text<std::int64_t>(text);
}

std::vector<std::string> in_label_order(std::vector<std::string> labels) {
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    if (std::all_of(labels.begin(), labels.end(),
                    [](const std::string& label) { return whole_number(label).has_value(); }))
        std::stable_sort(labels.begin(), labels.end(), [](const std::string& a, const std::string& b) {
            return *whole_number(a) < *whole_number(b);
        });
    return labels;
}

constexpr std::uint64_t max_manifest_bytes = std::uint64_t{1} << 30;

constexpr std::array<std::string_view, 4> columns{"path", "label", "split", "group"};

/// One line of a manifest: what it says for each column, and where it stands.
struct Row {
    std::int64_t line = 0;
    std::map<std::string, std::string> cells;  ///< of the columns that it has
};

class Manifest {
  public:
    explicit Manifest(const fs::path& path) : path_(path) {}

    ImageListing list() {
        const std::string extension = detail::lower_case(path_.extension().string());
        const bool is_json = extension == ".jsonl" || extension == ".ndjson";
        listing_.root = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
        if (is_json)
            read_json_lines();
        else
            read_table();
        if (listing_.samples.empty()) throw FileError(path_.string() + ": lists no pictures");
        if (!missing_.empty())
            throw FileError(path_.string() + ": " + std::to_string(missing_.size()) +
                            (missing_.size() == 1 ? " listed file does" : " listed files do") +
                            " not exist: " + detail::first_few(missing_));
        number_labels();
        detail::check_classes(listing_, path_);
        return std::move(listing_);
    }

  private:
    void read_table() {
        const auto rows = read_csv(path_);
        if (rows.empty())
            throw FileError(path_.string() + ": is empty; the header path,label,split is needed");
        const auto names = header_of(rows[0]);
        for (std::size_t i = 1; i < rows.size(); ++i) {
            if (rows[i].fields.size() != names.size())
                fail(rows[i].line, "has " + detail::counted(rows[i].fields.size(), "field") +
                                       ", the header has " + std::to_string(names.size()));
            Row row{rows[i].line, {}};
            for (std::size_t k = 0; k < names.size(); ++k) row.cells[names[k]] = rows[i].fields[k];
            add(row);
        }
    }

    std::vector<std::string> header_of(const CsvRow& header) {
        std::vector<std::string> names;
        for (const auto& field : header.fields) {
            names.push_back(detail::lower_case(trimmed(field)));
            if (std::ranges::find(columns, names.back()) == columns.end())
                fail(header.line,
                     "has an unknown column \"" + field + "\"; path, label, split and group are known");
            if (std::ranges::count(names, names.back()) > 1)
                fail(header.line, "has the column " + names.back() + " twice");
        }
        for (const char* needed : {"path", "label"})
            if (std::ranges::find(names, needed) == names.end())
                fail(header.line, std::string("lacks the column ") + needed);
        return names;
    }

    void read_json_lines() {
        std::istringstream lines(detail::read_whole_file(path_, max_manifest_bytes));
        std::int64_t number = 0;
        for (std::string text; std::getline(lines, text);) {
            ++number;
            if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
            add(row_of(text, number));
        }
    }

    Row row_of(const std::string& text, std::int64_t number) {
        const auto object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!object.is_object()) fail(number, "is no JSON object");
        Row row{number, {}};
        for (const auto& [name, value] : object.items()) {
            if (std::ranges::find(columns, name) == columns.end())
                fail(number,
                     "has an unknown member \"" + name + "\"; path, label, split and group are known");
            if (value.is_number_integer())
                row.cells[name] = value.dump();
            else if (value.is_string())
                row.cells[name] = value.get<std::string>();
            else
                fail(number, "has a " + name + " that is neither a text nor a whole number");
        }
        for (const char* needed : {"path", "label"})
            if (!row.cells.contains(needed)) fail(number, std::string("lacks the member ") + needed);
        return row;
    }

    static std::string cell_of(const Row& row, const std::string& column) {
        const auto found = row.cells.find(column);
        return found == row.cells.end() ? "" : found->second;
    }

    void add(const Row& row) {
        const std::string name = cell_of(row, "path");
        const std::string label = trimmed(cell_of(row, "label"));
        if (name.empty()) fail(row.line, "has an empty path");
        if (label.empty()) fail(row.line, "has an empty label");
        const fs::path file = (listing_.root / name).lexically_normal();
        const auto [first, is_new] = lines_.emplace(file.native(), row.line);
        if (!is_new)
            fail(row.line, "lists " + name + " again, first on line " + std::to_string(first->second));
        std::error_code error;
        if (!fs::is_regular_file(file, error)) missing_.push_back(name);
        listing_.samples.push_back({file, 0, split_of(row), trimmed(cell_of(row, "group"))});
        labels_.push_back(label);
    }

    Split split_of(const Row& row) {
        const std::string cell = trimmed(cell_of(row, "split"));
        const auto split = cell.empty() ? Split::none : split_of_name(cell);
        if (!split)
            fail(row.line, "has the split \"" + cell +
                               "\"; train (training), validation (val, valid) and test (testing) are known");
        if (!listing_.samples.empty() &&
            (listing_.samples[0].split == Split::none) != (*split == Split::none))
            fail(row.line, cell.empty() ? "has no split, rows before it have one"
                                        : "has a split, rows before it have none");
        return *split;
    }

    void number_labels() {
        listing_.classes = in_label_order(labels_);
        std::unordered_map<std::string, std::int64_t> numbers;
        for (const std::string& name : listing_.classes)
            numbers.emplace(name, static_cast<std::int64_t>(numbers.size()));
        for (std::size_t i = 0; i < labels_.size(); ++i) listing_.samples[i].label = numbers.at(labels_[i]);
    }

    [[noreturn]] void fail(std::int64_t line, const std::string& message) const {
        throw FileError(path_.string() + ": line " + std::to_string(line) + " " + message);
    }

    const fs::path& path_;
    std::unordered_map<std::string, std::int64_t> lines_;
    std::vector<std::string> labels_;
    std::vector<std::string> missing_;
    ImageListing listing_;
};

}  // namespace

ImageListing list_image_manifest(const fs::path& path) { return Manifest(path).list(); }

}  // namespace attune

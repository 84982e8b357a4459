#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>

#include "attune/error.hpp"
#include "attune/files/csv.hpp"
#include "attune/files/image_dataset.hpp"
#include "attune/space/detail/counted.hpp"
#include "image_listing_checks.hpp"

namespace attune {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<std::int64_t> whole_number(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
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

class Manifest {
  public:
    explicit Manifest(const fs::path& path) : path_(path), rows_(read_csv(path)) {}

    ImageListing list() {
        read_header();
        listing_.root = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
        for (std::size_t i = 1; i < rows_.size(); ++i) add(rows_[i]);
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
    void read_header() {
        if (rows_.empty())
            throw FileError(path_.string() + ": is empty; the header path,label,split is needed");
        for (std::size_t i = 0; i < rows_[0].fields.size(); ++i) {
            const std::string name = detail::lower_case(trimmed(rows_[0].fields[i]));
            if (name != "path" && name != "label" && name != "split")
                fail(rows_[0],
                     "has an unknown column \"" + rows_[0].fields[i] + "\"; path, label and split are known");
            if (!columns_.emplace(name, i).second) fail(rows_[0], "has the column " + name + " twice");
        }
        for (const char* needed : {"path", "label"})
            if (!columns_.contains(needed)) fail(rows_[0], std::string("lacks the column ") + needed);
    }

    void add(const CsvRow& row) {
        if (row.fields.size() != rows_[0].fields.size())
            fail(row, "has " + detail::counted(row.fields.size(), "field") + ", the header has " +
                          std::to_string(rows_[0].fields.size()));
        const std::string& name = row.fields[columns_["path"]];
        const std::string label = trimmed(row.fields[columns_["label"]]);
        if (name.empty()) fail(row, "has an empty path");
        if (label.empty()) fail(row, "has an empty label");
        const fs::path file = (listing_.root / name).lexically_normal();
        const auto [first, is_new] = lines_.emplace(file.native(), row.line);
        if (!is_new) fail(row, "lists " + name + " again, first on line " + std::to_string(first->second));
        std::error_code error;
        if (!fs::is_regular_file(file, error)) missing_.push_back(name);
        listing_.samples.push_back({file, 0, split_of(row)});
        labels_.push_back(label);
    }

    Split split_of(const CsvRow& row) {
        const auto column = columns_.find("split");
        const std::string cell = column == columns_.end() ? "" : trimmed(row.fields[column->second]);
        const auto split = cell.empty() ? Split::none : split_of_name(cell);
        if (!split)
            fail(row, "has the split \"" + cell +
                          "\"; train (training), validation (val, valid) and test (testing) are known");
        if (!listing_.samples.empty() &&
            (listing_.samples[0].split == Split::none) != (*split == Split::none))
            fail(row, cell.empty() ? "has no split, rows before it have one"
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

    [[noreturn]] void fail(const CsvRow& row, const std::string& message) const {
        throw FileError(path_.string() + ": line " + std::to_string(row.line) + " " + message);
    }

    const fs::path& path_;
    std::vector<CsvRow> rows_;
    std::map<std::string, std::size_t> columns_;
    std::unordered_map<std::string, std::int64_t> lines_;
    std::vector<std::string> labels_;
    std::vector<std::string> missing_;
    ImageListing listing_;
};

}  // namespace

ImageListing list_image_manifest(const fs::path& path) { return Manifest(path).list(); }

}  // namespace attune

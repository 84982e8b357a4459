#include "attune/metrics/json_lines_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "attune/error.hpp"

namespace attune {
namespace {

constexpr double kWholeNumbersEnd = 9007199254740992.0;  // 2^53: beyond it doubles skip whole numbers

std::optional<double> special_number(std::string_view text) {
    if (text == "NaN" || text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity" || text == "inf" || text == "+Infinity")
        return std::numeric_limits<double>::infinity();
    if (text == "-Infinity" || text == "-inf") return -std::numeric_limits<double>::infinity();
    return std::nullopt;
}

// Puts quotes around bare NaN, Infinity and -Infinity, which JSON does not know and trainers write.
std::string with_quoted_specials(std::string_view json) {
    constexpr std::string_view words[] = {"NaN", "-Infinity", "Infinity"};
    std::string result;
    result.reserve(json.size() + 16);
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (in_string) {
            if (json[i] == '\\' && i + 1 < json.size())
                result += json[i++];
            else
                in_string = json[i] != '"';
        } else if (json[i] == '"') {
            in_string = true;
        } else if (json[i] == 'N' || json[i] == 'I' || json[i] == '-') {
            const auto* word = std::find_if(std::begin(words), std::end(words), [&](std::string_view w) {
                return json.substr(i).starts_with(w);
            });
            if (word != std::end(words)) {
                result.append("\"").append(*word).append("\"");
                i += word->size() - 1;
                continue;
            }
        }
        result += json[i];
    }
    return result;
}

// Collects the numbers of a JSON text with their paths. The parser keeps its own stack, and so does this.
class Flattener {
  public:
    using number_integer_t = nlohmann::json::number_integer_t;
    using number_unsigned_t = nlohmann::json::number_unsigned_t;
    using number_float_t = nlohmann::json::number_float_t;
    using string_t = nlohmann::json::string_t;
    using binary_t = nlohmann::json::binary_t;

    explicit Flattener(std::size_t limit) : limit_(limit) {}

    bool null() { return pass(); }
    bool boolean(bool) { return pass(); }
    bool number_integer(number_integer_t value) { return take(static_cast<double>(value)); }
    bool number_unsigned(number_unsigned_t value) { return take(static_cast<double>(value)); }
    bool number_float(number_float_t value, const string_t&) { return take(value); }
    bool string(string_t& text) {
        const auto special = special_number(text);
        return special ? take(*special) : pass();
    }
    bool binary(binary_t&) { return pass(); }

    bool start_object(std::size_t) { return open(false); }
    bool end_object() { return close(); }
    bool start_array(std::size_t) { return open(true); }
    bool end_array() { return close(); }
    bool key(string_t& name) {
        levels_.back().name_end = path_.size();
        append(name);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

    std::vector<MetricValue> values;
    std::int64_t left_out = 0;

  private:
    struct Level {
        bool is_list = false;
        std::size_t index = 0;
        std::size_t name_end = 0;  ///< length of the path without this level's own part
    };

    void append(const std::string& part) {
        if (!path_.empty()) path_ += '.';
        path_ += part;
    }
    void begin_element() {
        if (levels_.empty() || !levels_.back().is_list) return;
        levels_.back().name_end = path_.size();
        append(std::to_string(levels_.back().index++));
    }
    void end_element() {
        if (!levels_.empty()) path_.resize(levels_.back().name_end);
    }
    bool open(bool is_list) {
        begin_element();
        levels_.push_back({.is_list = is_list, .index = 0, .name_end = path_.size()});
        return path_.size() < 4096 && levels_.size() < 256;
    }
    bool close() {
        levels_.pop_back();
        end_element();
        return true;
    }
    bool pass() {
        begin_element();
        end_element();
        return true;
    }
    bool take(double value) {
        begin_element();
        if (values.size() < limit_)
            values.push_back({path_, value, {}});
        else
            ++left_out;
        end_element();
        return true;
    }

    std::size_t limit_;
    std::string path_;
    std::vector<Level> levels_;
};

std::optional<std::string_view> object_text(std::string_view line, const std::string& prefix) {
    std::size_t begin = 0;
    if (!prefix.empty()) {
        begin = line.find(prefix);
        if (begin == std::string_view::npos) return std::nullopt;
        begin += prefix.size();
        begin = std::min(line.find_first_not_of(" \t", begin), line.size());
        if (begin == line.size() || line[begin] != '{') return std::nullopt;
    } else {
        begin = line.find('{');
        if (begin == std::string_view::npos) return std::nullopt;
    }
    return line.substr(begin);
}

// Takes the step out of the values and writes it to those that stay.
void apply_step(std::vector<MetricValue>& values, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) {
        const auto found = std::find_if(values.begin(), values.end(), [&](const MetricValue& v) {
            return v.name == key && std::trunc(v.value) == v.value && std::abs(v.value) <= kWholeNumbersEnd;
        });
        if (found == values.end()) continue;
        const auto step = static_cast<std::int64_t>(found->value);
        values.erase(found);
        for (MetricValue& value : values) value.step = step;
        return;
    }
}

}  // namespace

void JsonLinesOptions::validate() const {
    if (max_values_per_line == 0) throw InvalidOption("max_values_per_line is 0; it must be 1 or more");
}

JsonLinesMetrics::JsonLinesMetrics(JsonLinesOptions options) : options_(std::move(options)) {
    options_.validate();
}

std::vector<MetricValue> JsonLinesMetrics::extract(std::string_view line) {
    const auto json = object_text(line, options_.prefix);
    if (!json) return {};
    Flattener flattener(options_.max_values_per_line);
    constexpr bool strict = false;  // text may follow the object
    if (!nlohmann::json::sax_parse(with_quoted_specials(*json), &flattener,
                                   nlohmann::json::input_format_t::json, strict)) {
        ++malformed_lines_;
        return {};
    }
    values_left_out_ += flattener.left_out;
    std::vector<MetricValue> values = std::move(flattener.values);
    apply_step(values, options_.step_keys);
    if (!options_.names.empty())
        std::erase_if(values, [&](const MetricValue& value) {
            return std::find(options_.names.begin(), options_.names.end(), value.name) ==
                   options_.names.end();
        });
    return values;
}

std::vector<std::string> JsonLinesMetrics::problems() const {
    std::vector<std::string> sentences;
    if (malformed_lines_ > 0)
        sentences.push_back(malformed_lines_ == 1 ? "1 line began a JSON object and was no JSON"
                                                  : std::to_string(malformed_lines_) +
                                                        " lines began a JSON object and were no JSON");
    if (values_left_out_ > 0)
        sentences.push_back(std::to_string(values_left_out_) +
                            (values_left_out_ == 1 ? " number" : " numbers") + " beyond " +
                            std::to_string(options_.max_values_per_line) + " in a line " +
                            (values_left_out_ == 1 ? "was left out" : "were left out"));
    return sentences;
}

}  // namespace attune

#include "replay/configurations.hpp"

#include <attune/error.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

namespace attune::replay_benchmark {
namespace {

std::optional<double> number(const std::string& field) {
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    const bool whole = error == std::errc{} && end == field.data() + field.size();
    return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// The words of a name, in small letters: `val_cross_entropy` is val, cross, entropy.
std::set<std::string> words(const std::string& name) {
    std::set<std::string> out;
    std::string word;
    for (const char c : name + "_") {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!word.empty())
            out.insert(std::exchange(word, {}));
    }
    return out;
}

bool holds_any(const std::set<std::string>& words, std::initializer_list<const char*> some) {
    return std::any_of(some.begin(), some.end(), [&](const char* word) { return words.contains(word); });
}

/// What was measured, or tells trainings apart without saying how they differ.
bool is_no_setting(const std::string& name) {
    const auto in_name = words(name);
    if (name == "study" || name == "trial" || name == "row" || name == "index" || name == "points" ||
        name == "seed" || name == "status" || name == "state" || name.empty())
        return true;
    if (holds_any(in_name,
                  {"id", "val", "valid", "validation", "test", "train", "training", "final", "best"}))
        return true;
    return holds_any(in_name,
                     {"accuracy",  "acc",     "error",   "loss",     "entropy",    "auc",    "f1",
                      "precision", "recall",  "map",     "score",    "perplexity", "metric", "objective",
                      "time",      "seconds", "runtime", "duration", "start",      "end",    "cost"}) &&
           !holds_any(in_name, {"weight", "scale", "factor", "fn", "function", "step", "steps", "type"});
}

bool is_epoch_column(const std::string& name) {
    const auto bar = name.rfind('_');
    return bar != std::string::npos && bar > 0 && bar + 1 < name.size() &&
           std::all_of(name.begin() + static_cast<std::ptrdiff_t>(bar) + 1, name.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// Fields of one column, one a trial.
struct Column {
    std::string name;
    std::vector<std::string> fields;
    std::set<std::string> distinct;  ///< without the empty one
    bool has_gaps = false;
    std::optional<std::vector<double>> numbers;  ///< of those that are not empty, where all are numbers
};

Column read_column(const std::string& name, std::size_t place, const std::vector<CsvRow>& rows,
                   const std::vector<std::size_t>& trained) {
    Column column{name, {}, {}, false, std::vector<double>{}};
    for (const std::size_t r : trained) {
        const auto& fields = rows[r].fields;
        const std::string field = place < fields.size() ? fields[place] : std::string();
        column.fields.push_back(field);
        if (field.empty()) {
            column.has_gaps = true;
            continue;
        }
        column.distinct.insert(field);
        const auto value = number(field);
        if (!value)
            column.numbers.reset();
        else if (column.numbers)
            column.numbers->push_back(*value);
    }
    return column;
}

/// Logarithmic where that brings the median nearer to the middle of the range.
Scale scale_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const double low = values.front(), high = values.back(), median = values[values.size() / 2];
    if (!(low > 0)) return Scale::linear;
    const double linear = (median - low) / (high - low);
    const double logarithmic = std::log(median / low) / std::log(high / low);
    return std::abs(logarithmic - 0.5) < std::abs(linear - 0.5) ? Scale::log : Scale::linear;
}

void declare(SearchSpace& space, const Column& column) {
    Parameter parameter;
    parameter.name = column.name;
    if (column.numbers) {
        const auto [low, high] = std::minmax_element(column.numbers->begin(), column.numbers->end());
        parameter.low = *low;
        parameter.high = *high;
        if (*low < *high) parameter.scale = scale_of(*column.numbers);
    } else {
        parameter.kind = ParameterKind::categorical;
        for (const std::string& choice : column.distinct) parameter.choices.emplace_back(choice);
    }
    if (column.has_gaps) {
        const auto given = space.categorical("has " + column.name, {false, true});
        parameter.condition = given == true;
    }
    space.declare(parameter);
}

}  // namespace

std::vector<std::string> configuration_columns(const std::vector<std::string>& header) {
    std::vector<std::string> out;
    for (const std::string& name : header)
        if (!is_no_setting(name) && !is_epoch_column(name)) out.push_back(name);
    return out;
}

void add_configurations(RecordedTable& table, const std::vector<CsvRow>& rows,
                        const std::vector<std::size_t>& trained, const TableOptions& options) {
    const auto& header = rows[0].fields;
    for (const std::string& name :
         options.configuration ? *options.configuration : configuration_columns(header)) {
        const auto found = std::find(header.begin(), header.end(), name);
        if (found == header.end()) throw UnknownName(table.name + ": has no column '" + name + "'");
        const Column column =
            read_column(name, static_cast<std::size_t>(found - header.begin()), rows, trained);
        if (column.distinct.size() + (column.has_gaps ? 1 : 0) < 2) continue;
        declare(table.space, column);
        for (std::size_t i = 0; i < column.fields.size(); ++i) {
            const std::string& field = column.fields[i];
            auto& configuration = table.trials[i].configuration;
            if (column.has_gaps) configuration.emplace_back("has " + name, Value(!field.empty()));
            if (field.empty()) continue;
            configuration.emplace_back(name, column.numbers ? Value(*number(field)) : Value(field));
        }
    }
}

}  // namespace attune::replay_benchmark

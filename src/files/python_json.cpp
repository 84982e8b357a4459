#include "python_json.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "attune/storage/detail/json_object.hpp"

namespace attune::detail {
namespace {

constexpr char mark = '\x01';
constexpr std::string_view escaped_mark = "\\u0001";
constexpr std::array<std::string_view, 3> words{"-Infinity", "Infinity", "NaN"};

/// Index behind the string that begins at `at` with a quote.
std::size_t behind_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\')
            ++at;
        else if (text[at] == '"')
            return at + 1;
    }
    return text.size();
}

}  // namespace

Json parse_python_json(std::string_view text, const std::string& what) {
    if (text.find('N') == std::string_view::npos && text.find('I') == std::string_view::npos)
        return parse_json(text, what);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '"') {
            const std::size_t end = behind_string(text, at);
            out += text.substr(at, end - at);
            at = end;
            continue;
        }
        std::string_view found;
        for (const std::string_view word : words)
            if (text.substr(at).starts_with(word) && found.empty()) found = word;
        if (found.empty()) {
            out += text[at++];
            continue;
        }
        out.append("\"").append(escaped_mark).append(found).append(escaped_mark).append("\"");
        at += found.size();
    }
    return parse_json(out, what);
}

std::string python_json(const Json& json) {
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const std::string_view word : words) {
        const std::string marked =
            std::string("\"").append(escaped_mark).append(word).append(escaped_mark).append("\"");
        for (auto at = text.find(marked); at != std::string::npos; at = text.find(marked, at))
            text.replace(at, marked.size(), word);
    }
    return text;
}

Json python_number(double number) {
    if (std::isfinite(number)) return number;
    return mark + std::string(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity") + mark;
}

double number_of(const Json& json, const std::string& what) {
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        for (const double number : {std::nan(""), infinity, -infinity})
            if (json == python_number(number)) return number;
    }
    throw InvalidJson(what + ": " + JsonObject::shown(json) + " must be a number");
}

std::string plain_text(std::string text) {
    std::erase(text, mark);
    return text;
}

std::string text_or_json(const Json& json) {
    return json.is_string() ? plain_text(json.get<std::string>()) : python_json(json);
}

}  // namespace attune::detail

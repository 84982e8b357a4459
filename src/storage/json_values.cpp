#include <cmath>
#include <limits>
#include <set>

#include "attune/storage/detail/json_object.hpp"

namespace attune {
namespace {

constexpr int deepest = 100;
constexpr std::string_view hex_digits = "0123456789abcdef";

bool is_utf8(const std::string& text) {
    try {
        (void)Json(text).dump();
        return true;
    } catch (const Json::type_error&) {
        return false;
    }
}

std::string to_hex(const std::string& bytes) {
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 15];
    }
    return out;
}

std::string from_hex(const std::string& hex, const std::string& what) {
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const auto high = hex_digits.find(hex[i]);
        const auto low = i + 1 < hex.size() ? hex_digits.find(hex[i + 1]) : std::string_view::npos;
        if (high == std::string_view::npos || low == std::string_view::npos)
            throw InvalidJson(what + ": bytes must be pairs of the digits 0-9 and a-f");
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

}  // namespace

std::string detail::JsonObject::text_of(const Json& json, const std::string& what) {
    if (json.is_string()) return json.get<std::string>();
    if (json.is_object() && json.size() == 1 && json.contains("bytes") && json.at("bytes").is_string())
        return from_hex(json.at("bytes").get<std::string>(), what);
    throw InvalidJson(what + ": " + shown(json) + " must be a string");
}

Json detail::JsonObject::text_json(const std::string& text) {
    if (is_utf8(text)) return text;
    return Json{{"bytes", to_hex(text)}};
}

std::string detail::JsonObject::shown(const Json& json) {
    std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    return text;
}

Json parse_json(std::string_view text, const std::string& what) {
    // A member that stands twice would hide one of the two: refused instead of guessing which was meant.
    std::vector<std::set<std::string>> open;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        using Parse = Json::parse_event_t;
        if (depth > deepest) throw InvalidJson(what + ": is nested deeper than " + std::to_string(deepest));
        if (event == Parse::object_start) open.emplace_back();
        if (event == Parse::object_end) open.pop_back();
        if (event == Parse::key && !open.back().insert(parsed.get<std::string>()).second)
            throw InvalidJson(what + ": '" + parsed.get<std::string>() + "' is given twice");
        return true;
    };
    try {
        return Json::parse(text.begin(), text.end(), watch);
    } catch (const Json::exception& error) {
        const std::string message =
            error.what();  // "[json.exception.parse_error.101] parse error at line 1 ..."
        const auto begin = message.find("] ");
        throw InvalidJson(what + ": is not valid JSON: " +
                          (begin == std::string::npos ? message : message.substr(begin + 2)));
    }
}

Json number_to_json(double number) {
    if (std::isfinite(number)) return number;
    return to_string(number);
}

double number_from_json(const Json& json, const std::string& what) {
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const auto& text = json.get_ref<const std::string&>();
        if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
        if (text == "inf") return infinity;
        if (text == "-inf") return -infinity;
    }
    throw InvalidJson(what + ": " + detail::JsonObject::shown(json) +
                      R"( must be a number, or "nan", "inf" or "-inf")");
}

Json value_to_json(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
    if (const auto* text = std::get_if<std::string>(&value)) return detail::JsonObject::text_json(*text);
    const double number = std::get<double>(value);
    if (std::isfinite(number)) return number;
    return Json{{"number", to_string(number)}};  // the plain string "nan" is a value of its own
}

Value value_from_json(const Json& json, const std::string& what) {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_float()) return json.get<double>();
    if (json.is_number_unsigned() &&
        json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return json.get<double>();
    if (json.is_number_integer()) return json.get<std::int64_t>();
    if (json.is_object() && json.size() == 1 && json.contains("number"))
        return number_from_json(json.at("number"), what);
    if (json.is_string() || json.is_object()) return detail::JsonObject::text_of(json, what);
    throw InvalidJson(what + ": " + detail::JsonObject::shown(json) +
                      " must be a string, a number, true or false");
}

Json metrics_to_json(const Metrics& metrics) {
    Json out = Json::object();
    for (const auto& [name, value] : metrics) out[name] = number_to_json(value);
    return out;
}

Metrics metrics_from_json(const Json& json, const std::string& what) {
    if (!json.is_object())
        throw InvalidJson(what + ": " + detail::JsonObject::shown(json) + " must be an object of numbers");
    Metrics out;
    for (const auto& [name, value] : json.items()) out[name] = number_from_json(value, what + "." + name);
    return out;
}

Json values_to_json(const event::Values& values) {
    Json out = Json::object();
    for (const auto& [name, value] : values) out[name] = value_to_json(value);
    return out;
}

event::Values values_from_json(const Json& json, const std::string& what) {
    if (!json.is_object())
        throw InvalidJson(what + ": " + detail::JsonObject::shown(json) + " must be an object of values");
    event::Values out;
    for (const auto& [name, value] : json.items())
        out.emplace_back(name, value_from_json(value, what + "." + name));
    return out;
}

}  // namespace attune

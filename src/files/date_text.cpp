#include "date_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>

namespace attune::detail {
namespace {

/// Takes digits, and what stands between them, from the front of a text.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

    int digits(std::size_t count) {
        int out = 0;
        const auto part = rest_.substr(0, count);
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), out);
        if (part.size() < count || error != std::errc{} || end != part.data() + count || out < 0)
            good_ = false;
        else
            rest_.remove_prefix(count);
        return out;
    }
    bool take(std::string_view any_of) {
        if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
        last_ = rest_.front();
        rest_.remove_prefix(1);
        return true;
    }
    void expect(std::string_view any_of) { good_ = take(any_of) && good_; }
    [[nodiscard]] char last() const { return last_; }
    double fraction() {
        double number = 0, unit = 1;
        for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1)) {
            if (unit >= 1e15) continue;
            number = 10 * number + (rest_.front() - '0');
            unit *= 10;
        }
        return number / unit;
    }

  private:
    std::string_view rest_;
    bool good_ = true;
    char last_ = 0;
};

}  // namespace

std::string date_text(double seconds, char between) {
    // Whole microseconds first: 0.9999999 must not become a fraction of seven digits. Years of four digits.
    constexpr double last = 253402300799;
    const auto micros = std::llround(std::clamp(std::isnan(seconds) ? 0 : seconds, 0.0, last) * 1e6);
    const auto whole = static_cast<std::time_t>(micros / 1'000'000);
    std::tm parts{};
    ::gmtime_r(&whole, &parts);
    return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.{:06}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, between, parts.tm_hour, parts.tm_min, parts.tm_sec, micros % 1'000'000);
}

std::optional<double> seconds_of_date(std::string_view text, Clock clock) {
    Reader reader(text);
    std::tm parts{};
    parts.tm_year = reader.digits(4) - 1900;
    reader.expect("-");
    parts.tm_mon = reader.digits(2) - 1;
    reader.expect("-");
    parts.tm_mday = reader.digits(2);
    reader.expect(" T");
    parts.tm_hour = reader.digits(2);
    reader.expect(":");
    parts.tm_min = reader.digits(2);
    reader.expect(":");
    parts.tm_sec = reader.digits(2);
    const double fraction = reader.take(".") ? reader.fraction() : 0;
    int offset_minutes = 0;
    bool has_offset = reader.take("Z");
    if (!has_offset && reader.take("+-")) {
        has_offset = true;
        const int sign = reader.last() == '-' ? -1 : 1;
        offset_minutes = reader.digits(2) * 60;
        (void)reader.take(":");
        offset_minutes = sign * (offset_minutes + reader.digits(2));
    }
    const auto within = [](int number, int low, int high) { return number >= low && number <= high; };
    const bool exists = within(parts.tm_mon, 0, 11) && within(parts.tm_mday, 1, 31) &&
                        within(parts.tm_hour, 0, 23) && within(parts.tm_min, 0, 59) &&
                        within(parts.tm_sec, 0, 60);
    if (!reader.good() || !reader.at_end() || !exists) return std::nullopt;
    parts.tm_isdst = -1;
    const std::time_t whole = has_offset || clock == Clock::utc ? ::timegm(&parts) : std::mktime(&parts);
    return static_cast<double>(whole) + fraction - 60.0 * offset_minutes;
}

}  // namespace attune::detail

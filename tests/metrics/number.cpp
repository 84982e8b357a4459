#include "attune/metrics/number.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

using attune::parse_number;

TEST_CASE("decimal numbers are read as other languages read them") {
    CHECK(parse_number("1e-3") == 1e-3);
    CHECK(parse_number("+1.9e+07") == 1.9e7);
    CHECK(parse_number(".875") == 0.875);
    CHECK(parse_number("1.") == 1.0);
    CHECK(parse_number("-0.5") == -0.5);
    CHECK(parse_number(" \t42 ") == 42.0);
    CHECK(parse_number("0.7193509615384616") == 0.7193509615384616);
}

TEST_CASE("non-finite numbers are read in any case") {
    const double inf = std::numeric_limits<double>::infinity();
    CHECK(std::isnan(parse_number("NaN").value()));
    CHECK(std::isnan(parse_number("-nan").value()));
    CHECK(parse_number("Infinity") == inf);
    CHECK(parse_number("-inf") == -inf);
    CHECK(parse_number("1e400") == inf);
    CHECK(parse_number("-12345678901e390") == -inf);
    CHECK(parse_number("1e-400") == 0.0);
    CHECK(parse_number("0.0000001e-320") == 0.0);
    CHECK(parse_number("0e99999999999999999999") == 0.0);
}

TEST_CASE("what is no number is none") {
    for (const char* text : {"", " ", ".", "-", "e5", "1e", "1.2.3", "97%", "0.5,", "0x10", "1_000", "--1",
                             "+-1", "nano", "infin", "1 2", "11,689,512", "nan(0)", "1e+"})
        CHECK_MESSAGE(!parse_number(text), text);
}

TEST_CASE("commas count where they are asked for and stand between groups of three digits") {
    CHECK(parse_number("11,689,512", true) == 11689512.0);
    CHECK(parse_number("-1,234.5", true) == -1234.5);
    CHECK(parse_number("1234.5", true) == 1234.5);
    for (const char* text : {"1,23", "1234,567", ",123", "1,,234", "1,234,", "1,234.5,6", "12,3456", ","})
        CHECK_MESSAGE(!parse_number(text, true), text);
}

TEST_CASE("every double that is written shortest comes back") {
    rc::check("round trip", [](std::uint64_t bits) {
        const auto value = std::bit_cast<double>(bits);
        RC_PRE(std::isfinite(value));
        const auto read = parse_number(fmt::format("{}", value));
        RC_ASSERT(read.has_value());
        RC_ASSERT(std::bit_cast<std::uint64_t>(*read) == bits);
    });
}

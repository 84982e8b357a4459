#include <doctest/doctest.h>

#if __has_include(<rapidcheck.h>)
#include <rapidcheck.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "attune/space/parameter.hpp"

using namespace attune;

namespace {

// The same cases in every run, unless RC_PARAMS asks for others.
const int seeded = ::setenv("RC_PARAMS", "seed=20260101", 0);

double number(int low, int high) { return *rc::gen::inRange(low, high); }

Parameter checked(Parameter p) {
    p.name = "p";
    p.validate();
    return p;
}

Scale any_scale() { return *rc::gen::element(Scale::linear, Scale::log, Scale::reverse_log, Scale::logit); }

Parameter any_continuous() {
    Parameter p;
    p.scale = any_scale();
    const double mantissa = number(1, 1000) / 100;
    if (p.scale == Scale::linear) {
        p.low = number(-1000, 1000) * std::pow(10.0, number(-6, 300));
        p.high = p.low + mantissa * std::pow(10.0, number(-3, 300));
    } else if (p.scale == Scale::logit) {
        p.low = 0.4 * std::pow(10.0, -number(0, 15));
        p.high = 1 - 0.5 * std::pow(10.0, -number(0, 15));
    } else {
        p.low = mantissa * std::pow(10.0, number(-100, 50));
        p.high = p.low * (1 + mantissa * std::pow(10.0, number(-3, 25)));
    }
    return checked(p);
}

/// Integers of up to 2^40 values.
Parameter any_integer() {
    Parameter p;
    p.kind = ParameterKind::integer;
    p.scale = *rc::gen::element(Scale::linear, Scale::log, Scale::reverse_log);
    const double magnitude = std::pow(2.0, number(0, 40));
    p.low = p.scale == Scale::linear ? number(-1000000000, 1000000000) : number(1, 5000);
    p.high = p.low + std::floor(magnitude * number(0, 1000) / 1000);
    if (*rc::gen::inRange(0, 3) == 0) p.step = number(1, 7);
    return checked(p);
}

/// Decimal steps, with a range that the step mostly does not divide.
Parameter any_stepped() {
    Parameter p;
    p.scale = any_scale();
    const double digits = std::pow(10.0, number(0, 7));
    const int count = *rc::gen::inRange(0, 2000);
    p.step = number(1, 60) / digits;
    if (p.scale == Scale::logit) {
        p.step = 1.0 / (count + 2 + number(0, 50));
        p.low = *p.step;
    } else {
        p.low = (p.scale == Scale::linear ? number(-5000, 5000) : number(1, 5000)) / digits;
    }
    p.high = p.low + (count + number(0, 100) / 100) * *p.step;
    if (p.scale == Scale::logit) p.high = std::min(p.high, 1 - *p.step / 2);
    return checked(p);
}

Parameter any_categorical() {
    Parameter p;
    p.kind = ParameterKind::categorical;
    const int count = *rc::gen::inRange(1, 300);
    for (int i = 0; i < count; ++i) p.choices.emplace_back(std::to_string(i));
    return checked(p);
}

Parameter any_grid() {
    switch (*rc::gen::inRange(0, 3)) {
        case 0:
            return any_integer();
        case 1:
            return any_stepped();
        default:
            return any_categorical();
    }
}

double any_unit() { return number(0, 1 << 30) / (1 << 30); }

std::int64_t any_point(const Parameter& p) {
    const auto count = static_cast<std::int64_t>(p.cardinality());
    return *rc::gen::element<std::int64_t>(0, count - 1, *rc::gen::inRange<std::int64_t>(0, count));
}

void describe(const Parameter& p) {
    RC_LOG() << to_string(p.kind) << " [" << p.low << ", " << p.high << "] " << to_string(p.scale) << " step "
             << p.step.value_or(0) << " values " << p.cardinality() << "\n";
}

}  // namespace

TEST_CASE("grids: decode(encode(v)) is v, and encode is strictly increasing in [0, 1]") {
    CHECK(seeded == 0);
    CHECK(rc::check([] {
        const Parameter p = any_grid();
        describe(p);
        const std::int64_t i = any_point(p), j = any_point(p);
        const double a = p.grid_value(i), b = p.grid_value(j);
        for (const double v : {a, b}) {
            RC_ASSERT(p.decode(p.encode(v)) == v);
            RC_ASSERT(p.encode(v) >= 0 && p.encode(v) <= 1);
            RC_ASSERT(p.to_native(p.to_value(v)) == v);
        }
        RC_ASSERT((a < b) == (i < j));
        RC_ASSERT((p.encode(a) < p.encode(b)) == (i < j));
    }));
}

TEST_CASE("grids: everything that is decoded is a grid point, and both ends are exact") {
    CHECK(rc::check([] {
        const Parameter p = any_grid();
        describe(p);
        const double v = p.decode(any_unit());
        RC_ASSERT(p.decode(p.encode(v)) == v);
        RC_ASSERT(p.to_native(p.to_value(v)) == v);
        const auto last = static_cast<std::int64_t>(p.cardinality()) - 1;
        RC_ASSERT(p.decode(0) == p.grid_value(0));
        RC_ASSERT(p.decode(1) == p.grid_value(last));
        if (p.kind != ParameterKind::categorical) {
            RC_ASSERT(p.grid_value(0) == p.low);
            RC_ASSERT(p.grid_value(last) == p.high);
            RC_ASSERT(p.snap(v) == v);
            RC_ASSERT(v >= p.low && v <= p.high);
        }
        const double unit = any_unit();
        RC_ASSERT((p.decode(unit) <= v) || p.decode(unit) >= v);  // no NaN
    }));
}

TEST_CASE("continuous: encode and decode undo each other to 1e-12 and keep the order") {
    CHECK(rc::check([] {
        const Parameter p = any_continuous();
        describe(p);
        const double v = p.decode(any_unit()), w = p.decode(any_unit());
        RC_ASSERT(v >= p.low && v <= p.high);
        // On a log scale to 1e-12 of the value itself, elsewhere of the range's larger end.
        const double scale = p.scale == Scale::log ? v : std::max(std::abs(p.low), std::abs(p.high));
        RC_ASSERT(std::abs(p.decode(p.encode(v)) - v) <= 1e-12 * scale);
        RC_ASSERT(p.encode(v) >= 0 && p.encode(v) <= 1);
        if (v < w) RC_ASSERT(p.encode(v) <= p.encode(w));
        RC_ASSERT(p.decode(0) == p.low);
        RC_ASSERT(p.decode(1) == p.high);
        RC_ASSERT(p.encode(p.low) == (p.low == p.high ? 0.5 : 0.0));
        RC_ASSERT(p.encode(p.high) == (p.low == p.high ? 0.5 : 1.0));
        RC_ASSERT(p.to_native(Value{v}) == v);
    }));
}

TEST_CASE("decode is non-decreasing and clamps what lies outside the unit interval") {
    CHECK(rc::check([] {
        const Parameter p = *rc::gen::arbitrary<bool>() ? any_grid() : any_continuous();
        describe(p);
        const double a = any_unit(), b = any_unit();
        RC_ASSERT(p.decode(std::min(a, b)) <= p.decode(std::max(a, b)));
        RC_ASSERT(p.decode(-1 - a) == p.decode(0));
        RC_ASSERT(p.decode(1 + a) == p.decode(1));
    }));
}
#endif

#include "attune/space/parameter.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attune/study/random_stream.hpp"
#include "support/errors.hpp"
#include "support/statistics.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

Parameter numeric(ParameterKind kind, double low, double high, Scale scale = Scale::linear,
                  std::optional<double> step = std::nullopt) {
    Parameter p;
    p.name = "lr";
    p.kind = kind;
    p.low = low;
    p.high = high;
    p.scale = scale;
    p.step = step;
    p.validate();
    return p;
}

Parameter continuous(double low, double high, Scale scale = Scale::linear, std::optional<double> step = {}) {
    return numeric(ParameterKind::continuous, low, high, scale, step);
}
Parameter integer(double low, double high, Scale scale = Scale::linear, std::optional<double> step = {}) {
    return numeric(ParameterKind::integer, low, high, scale, step);
}
Parameter categorical(std::vector<Value> choices) {
    Parameter p;
    p.name = "lr";
    p.kind = ParameterKind::categorical;
    p.choices = std::move(choices);
    p.validate();
    return p;
}

std::vector<std::string> grid_text(const Parameter& p) {
    std::vector<std::string> out;
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(p.cardinality()); ++k)
        out.push_back(to_string(p.to_value(p.grid_value(k))));
    return out;
}

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double largest = 9007199254740992.0;

}  // namespace

TEST_CASE("decimal steps print as the decimals that they are") {
    CHECK(grid_text(continuous(0, 1, Scale::linear, 0.1)) ==
          std::vector<std::string>{"0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"});
    CHECK(grid_text(continuous(0.1, 1.3, Scale::linear, 0.3)) ==
          std::vector<std::string>{"0.1", "0.4", "0.7", "1", "1.3"});
    CHECK(grid_text(continuous(-0.3, 0.3, Scale::linear, 0.15)) ==
          std::vector<std::string>{"-0.3", "-0.15", "0", "0.15", "0.3"});
    CHECK(grid_text(continuous(1.1, 7.7, Scale::linear, 2.2)) ==
          std::vector<std::string>{"1.1", "3.3", "5.5", "7.7"});
    CHECK(grid_text(continuous(0, 3e-6, Scale::linear, 1e-6)) ==
          std::vector<std::string>{"0", "1e-06", "2e-06", "3e-06"});
}

TEST_CASE("a step that does not divide the range moves the upper end down to the grid") {
    CHECK(continuous(0, 1, Scale::linear, 0.3).high == 0.9);
    CHECK(continuous(0, 1, Scale::linear, 0.3).cardinality() == 4);
    CHECK(integer(1, 10, Scale::linear, 4).high == 9);
    CHECK(continuous(0, 1, Scale::linear, 5).high == 0);  // one point is left
    CHECK(continuous(0, 1, Scale::linear, 5).cardinality() == 1);
    CHECK(continuous(0, 0.3, Scale::linear, 0.1).cardinality() == 4);  // 0.3 / 0.1 is below 3 in doubles
    // However long the range is, an end beside the grid is not kept.
    CHECK(continuous(0, 1e6 + 0.00005, Scale::linear, 0.0001).high == 1e6);
    CHECK(continuous(0, 1e6, Scale::linear, 0.0001).high == 1e6);
    CHECK(continuous(0, 1e6, Scale::linear, 0.0001).cardinality() == 1e10 + 1);
}

TEST_CASE("one-point ranges have one value, whatever their kind and scale") {
    for (const Parameter& p : {continuous(0.25, 0.25), continuous(-3, -3), integer(7, 7), integer(0, 0),
                               continuous(2, 2, Scale::log), continuous(0.5, 0.5, Scale::logit),
                               integer(3, 3, Scale::reverse_log), continuous(1, 1, Scale::linear, 0.5)}) {
        CHECK(p.cardinality() == 1);
        CHECK(p.encode(p.low) == 0.5);
        for (const double unit : {0.0, 0.3, 1.0}) CHECK(p.decode(unit) == p.low);
        CHECK(p.to_native(p.to_value(p.low)) == p.low);
    }
    const Parameter only = categorical({std::string("only")});
    CHECK(only.cardinality() == 1);
    CHECK(only.decode(0.99) == 0);
}

TEST_CASE("huge integer ranges have exact ends and counts") {
    for (const Scale scale : {Scale::linear, Scale::log, Scale::reverse_log}) {
        const Parameter p = integer(1, largest, scale);
        CHECK(p.cardinality() == largest);
        CHECK(p.decode(0) == 1);
        CHECK(p.decode(1) == largest);
        CHECK(p.grid_value(static_cast<std::int64_t>(largest) - 2) == largest - 1);
        CHECK(p.encode(1) >= 0);
        CHECK(p.encode(largest) <= 1);
    }
    const Parameter wide = integer(-1e12, 1e12);
    CHECK(wide.cardinality() == 2e12 + 1);
    for (const double v : {-1e12, -1e12 + 1, -1.0, 0.0, 1.0, 123456789012.0, 1e12 - 1, 1e12})
        CHECK(wide.decode(wide.encode(v)) == v);
}

TEST_CASE("huge and tiny continuous ranges stay inside their ends") {
    for (const Parameter& p :
         {continuous(-8e307, 8e307), continuous(5e-324, 1e308, Scale::log),
          continuous(1e-300, 1e300, Scale::reverse_log), continuous(1e-300, 1 - 1e-16, Scale::logit),
          continuous(0, 5e-324), continuous(1, 1 + 3e-16)}) {
        for (int k = 0; k <= 100; ++k) {
            const double v = p.decode(k / 100.0);
            CHECK(v >= p.low);
            CHECK(v <= p.high);
            CHECK(p.encode(v) >= 0);
            CHECK(p.encode(v) <= 1);
        }
        CHECK(p.decode(0) == p.low);
        CHECK(p.decode(1) == p.high);
    }
}

TEST_CASE("scales are fine where their names say") {
    CHECK(continuous(1e-4, 1, Scale::log).decode(0.5) == doctest::Approx(1e-2));
    // reverse log mirrors log: as much of [0, 1] goes to the last hundredth below the upper end.
    const Parameter reverse = continuous(1e-4, 1, Scale::reverse_log);
    CHECK(reverse.decode(0.5) == doctest::Approx(1 + 1e-4 - 1e-2));
    CHECK(reverse.encode(1 + 1e-4 - 1e-3) == doctest::Approx(0.75));
    const Parameter logit = continuous(0.001, 0.999, Scale::logit);
    CHECK(logit.decode(0.5) == doctest::Approx(0.5));
    CHECK(logit.encode(0.01) == doctest::Approx(1 - logit.encode(0.99)));
    CHECK(logit.encode(0.9) == doctest::Approx(0.5 + 0.5 * std::log(9.0) / std::log(999.0)));
}

TEST_CASE("the centre of a range between powers of ten is the power of ten there") {
    CHECK(continuous(1e-4, 1, Scale::log).decode(0.5) == 0.01);
    CHECK(continuous(1e-5, 0.1, Scale::log).decode(0.5) == 1e-3);
    CHECK(continuous(1e-6, 0.01, Scale::log).decode(0.5) == 1e-4);
    CHECK(continuous(1, 1e6, Scale::log).decode(0.5) == 1000);
}

TEST_CASE("uniform draws hit every grid point with its share of the scaled range") {
    // A point owns what lies nearer to it than to its neighbours; at the ends as much outside as half the gap
    // inside.
    const auto shares_of = [](const Parameter& p) {
        const auto n = static_cast<std::size_t>(p.cardinality());
        const auto at = [&](std::size_t k) { return p.grid_value(static_cast<std::int64_t>(k)); };
        const auto warp = [&](double x) {
            switch (p.scale) {
                case Scale::linear:
                    return x;
                case Scale::log:
                    return std::log(x);
                case Scale::reverse_log:
                    return -std::log(p.low + p.high - x);
                default:
                    return std::log(x / (1 - x));
            }
        };
        std::vector<double> borders{warp(at(0)) - (warp(at(1)) - warp(at(0))) / 2};
        for (std::size_t k = 1; k < n; ++k) borders.push_back(warp((at(k - 1) + at(k)) / 2));
        borders.push_back(warp(at(n - 1)) + (warp(at(n - 1)) - warp(at(n - 2))) / 2);
        std::vector<double> shares;
        for (std::size_t k = 0; k < n; ++k)
            shares.push_back((borders[k + 1] - borders[k]) / (borders.back() - borders.front()));
        return shares;
    };
    std::uint64_t seed = 0;
    for (const Parameter& p :
         {integer(1, 6), integer(-3, 90), integer(1, 64, Scale::log), integer(2, 40, Scale::reverse_log),
          continuous(0, 1, Scale::linear, 0.05), continuous(0.05, 0.95, Scale::logit, 0.05),
          continuous(0.001, 0.1, Scale::log, 0.003), integer(16, 512, Scale::log, 16)}) {
        RandomStream stream(1, seed++, Purpose::user);
        std::vector<double> counts(static_cast<std::size_t>(p.cardinality()), 0.0);
        for (int i = 0; i < 50'000; ++i) {
            const double steps = (p.decode(stream.uniform()) - p.low) / p.grid_step();
            ++counts.at(static_cast<std::size_t>(std::llround(steps)));
        }
        const std::vector<double> shares = shares_of(p);
        if (p.scale == Scale::linear) CHECK(shares.front() == doctest::Approx(1 / p.cardinality()));
        CHECK(test::chi_square(counts, shares) < test::chi_square_bound(counts.size()));
    }
    const Parameter p = categorical({std::string("a"), std::string("b"), std::string("c"), std::string("d")});
    RandomStream stream(1, 99, Purpose::user);
    std::vector<double> counts(4, 0.0);
    for (int i = 0; i < 20'000; ++i) ++counts.at(static_cast<std::size_t>(p.decode(stream.uniform())));
    CHECK(test::even_counts(counts));
}

TEST_CASE("values from people are taken by type, range and grid") {
    const Parameter dropout = continuous(0, 0.3, Scale::linear, 0.1);
    CHECK(dropout.to_native(0.1 + 0.2) ==
          0.3);  // 0.30000000000000004: rounding beyond the end is still the end
    CHECK(dropout.to_native(0.2) == 0.2);
    CHECK(dropout.to_native(std::int64_t{0}) == 0);
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(0.25); },
                                      {"lr", "0.25", "not on its grid", "0.1"});
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(0.4); },
                                      {"lr", "0.4", "outside [0, 0.3]"});
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(not_a_number); },
                                      {"lr", "nan", "outside"});
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(-inf); }, {"lr", "-inf", "outside"});
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(true); },
                                      {"lr", "true", "boolean", "not a number"});
    check_error<InvalidConfiguration>([&] { (void)dropout.to_native(std::string("x")); },
                                      {"lr", "x", "string", "not a number"});
    // What is off a grid far from zero is off it, however large the number.
    check_error<InvalidConfiguration>(
        [] { (void)continuous(0, 2e9, Scale::linear, 0.5).to_native(1e9 + 0.25); }, {"not on its grid"});

    const Parameter layers = integer(1, 8);
    CHECK(layers.to_native(3.0) == 3);
    check_error<InvalidConfiguration>([&] { (void)layers.to_native(2.5); },
                                      {"lr", "2.5", "must be an integer"});
    check_error<InvalidConfiguration>([&] { (void)layers.to_native(std::int64_t{9}); },
                                      {"lr", "9", "outside [1, 8]"});
    check_error<InvalidConfiguration>(
        [] { (void)integer(1, largest).to_native((std::int64_t{1} << 53) + 1); },
        {"9007199254740993", "outside"});

    const Parameter choice = categorical({std::int64_t{1}, std::int64_t{2}});
    CHECK(choice.to_native(2.0) == 1);
    check_error<InvalidConfiguration>([&] { (void)choice.to_native(true); },
                                      {"lr", "true", "not one of", "1, 2"});
    check_error<InvalidConfiguration>([&] { (void)choice.to_native(std::string("1")); },
                                      {"lr", "not one of"});
    const Parameter big = categorical({std::int64_t{1} << 53, (std::int64_t{1} << 53) + 1});
    CHECK(big.to_native((std::int64_t{1} << 53) + 1) == 1);  // equal as doubles, different as integers
}

TEST_CASE("ranges that cannot be are refused, naming the parameter, the value and the rule") {
    const auto refused = [](ParameterKind kind, double low, double high, Scale scale,
                            std::optional<double> step, std::initializer_list<const char*> parts) {
        check_error<InvalidSpace>([&] { (void)numeric(kind, low, high, scale, step); }, parts);
    };
    constexpr auto real = ParameterKind::continuous, whole = ParameterKind::integer;
    constexpr auto linear = Scale::linear;
    refused(real, 2, 1, linear, {}, {"lr", "low (2) must", "high (1)"});
    refused(real, not_a_number, 1, linear, {}, {"lr", "nan", "finite"});
    refused(real, 0, inf, linear, {}, {"lr", "inf", "finite"});
    refused(real, -1.7e308, 1.7e308, linear, {}, {"lr", "wider than a double"});
    refused(real, 0, 1, Scale::log, {}, {"lr", "low (0)", "above 0", "log"});
    refused(real, -1, 1, Scale::reverse_log, {}, {"lr", "low (-1)", "above 0", "reverse_log"});
    refused(real, 0, 0.5, Scale::logit, {}, {"lr", "[0, 0.5]", "inside (0, 1)", "logit"});
    refused(real, 0.5, 1, Scale::logit, {}, {"lr", "[0.5, 1]", "inside (0, 1)"});
    refused(real, 0, 1, linear, 0.0, {"lr", "step (0)", "above 0"});
    refused(real, 0, 1, linear, -0.1, {"lr", "step (-0.1)", "above 0"});
    refused(real, 0, 1, linear, not_a_number, {"lr", "step (nan)", "above 0"});
    refused(real, 0, 1, linear, inf, {"lr", "step (inf)", "above 0"});
    refused(real, 0, 1, linear, 1e-17, {"lr", "step (1e-17)", "too fine"});
    refused(real, 1e9, 1e9 + 1, linear, 1e-8, {"lr", "step (1e-08)", "too fine"});
    refused(real, -8e307, 8e307, linear, 1.5e308, {"lr", "step (1.5e+308)", "wider than a double"});
    refused(whole, 0, 8, linear, 0.5, {"lr", "step (0.5)", "integer"});
    refused(whole, 0.5, 8, linear, {}, {"lr", "[0.5, 8]", "integers"});
    refused(whole, 0, largest + 2, linear, {}, {"lr", "+-2^53"});
    refused(whole, -largest, largest, linear, {}, {"lr", "2^53 values"});
    check_error<InvalidSpace>([] { (void)categorical({}); }, {"lr", "no choices", "at least one"});
    check_error<InvalidSpace>(
        [] {
            (void)categorical({true, std::int64_t{1}});
        },
        {"lr", "true", "1", "one type"});
    check_error<InvalidSpace>([] { (void)categorical({1.5, 1.5}); }, {"lr", "1.5", "twice"});
    check_error<InvalidSpace>([] { (void)categorical({0.0, -0.0}); }, {"lr", "twice"});
    check_error<InvalidSpace>([] { (void)categorical({not_a_number}); }, {"lr", "nan", "finite"});
    Parameter unnamed;
    check_error<InvalidSpace>([&] { unnamed.validate(); }, {"name", "empty"});
    check_error<UnknownName>([] { (void)scale_from("cubic"); }, {"cubic", "linear, log, reverse_log, logit"});
    CHECK(scale_from("reverse_log") == Scale::reverse_log);
}

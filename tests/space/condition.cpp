#include "attune/space/condition.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "attune/space/space.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

/// Whether a parameter with this condition is active beside the given native values.
bool active(SearchSpace space, const Condition& condition, std::vector<double> native) {
    (void)space.continuous("child", 0, 1).when(condition);
    native.push_back(0.5);
    return space.from_native(std::move(native)).active(space.size() - 1);
}

}  // namespace

TEST_CASE("comparisons of every type and sign") {
    SearchSpace space;
    auto s = space.categorical("s", {"a", "b", "c"});
    auto flag = space.categorical("flag", {false, true});
    auto n = space.integer("n", 0, 9);
    auto x = space.continuous("x", 0, 1);
    const auto holds = [&](const Condition& c, double si, double fi, double ni, double xi) {
        return active(space, c, {si, fi, ni, xi});
    };
    CHECK(holds(s == "b", 1, 0, 0, 0));
    CHECK(!holds(s == "b", 2, 0, 0, 0));
    CHECK(holds(s == std::string("c"), 2, 0, 0, 0));
    CHECK(holds(s != "b", 2, 0, 0, 0));
    CHECK(!holds(s != "b", 1, 0, 0, 0));
    CHECK(holds(flag == true, 0, 1, 0, 0));
    CHECK(!holds(flag == true, 0, 0, 0, 0));
    CHECK(holds(in(s, {"a", "c"}), 2, 0, 0, 0));
    CHECK(!holds(in(s, {"a", "c"}), 1, 0, 0, 0));
    CHECK(holds(in(n, {1, 3}), 0, 0, 3, 0));
    CHECK(!holds(in(n, {1, 3}), 0, 0, 2, 0));
    CHECK(holds(n == 3, 0, 0, 3, 0));
    CHECK(holds(n < 3, 0, 0, 2, 0));
    CHECK(!holds(n < 3, 0, 0, 3, 0));
    CHECK(holds(n <= 3, 0, 0, 3, 0));
    CHECK(!holds(n <= 3, 0, 0, 4, 0));
    CHECK(holds(x > 0.5, 0, 0, 0, 0.6));
    CHECK(!holds(x > 0.5, 0, 0, 0, 0.5));
    CHECK(holds(x >= 0.5, 0, 0, 0, 0.5));
    CHECK(!holds(x >= 0.5, 0, 0, 0, 0.4));
}

TEST_CASE("and, or and not, also of nothing") {
    SearchSpace space;
    auto a = space.categorical("a", {false, true});
    auto b = space.categorical("b", {false, true});
    for (const double i : {0.0, 1.0})
        for (const double j : {0.0, 1.0}) {
            const bool p = i == 1, q = j == 1;
            CHECK(active(space, a == true && b == true, {i, j}) == (p && q));
            CHECK(active(space, a == true || b == true, {i, j}) == (p || q));
            CHECK(active(space, !(a == true), {i, j}) == !p);
            CHECK(active(space, !(a == true && b == true) || a == false, {i, j}) == (!(p && q) || !p));
            CHECK(active(space, Condition{} && a == true, {i, j}) == p);
            CHECK(active(space, a == true && Condition{}, {i, j}) == p);
            CHECK(active(space, Condition{} || a == true, {i, j}));
            CHECK(!active(space, !Condition{}, {i, j}));
        }
}

TEST_CASE("a comparison of an inactive parameter is false, and chains of conditions follow") {
    SearchSpace space;
    auto optimizer = space.categorical("optimizer", {"sgd", "adam"});
    auto nesterov = space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    auto strength = space.continuous("strength", 0, 1).when(nesterov == true);
    auto other = space.integer("other", 1, 3).when(nesterov != true);
    auto last = space.integer("last", 1, 3).when(!(nesterov == true));
    auto deep = space.integer("deep", 1, 3).when(strength > 0.5 && last >= 1);
    const auto at = [&](double o, double n, double s) { return space.from_native({o, n, s, 2, 2, 2}); };
    CHECK(at(0, 1, 0.7)[strength] == 0.7);
    CHECK(!at(0, 1, 0.7).find(other));
    CHECK(at(0, 0, 0.7).find(other));
    CHECK(!at(0, 0, 0.7).find(strength));
    // adam: nesterov is inactive, so both == and != of it are false; not (false) is true.
    CHECK(!at(1, 1, 0.7).find(nesterov));
    CHECK(!at(1, 1, 0.7).find(strength));
    CHECK(!at(1, 1, 0.7).find(other));
    CHECK(at(1, 1, 0.7)[last] == 2);
    CHECK(!at(1, 1, 0.7).find(deep));
    CHECK(!at(0, 1, 0.7).find(deep));  // last is inactive
    check_error<InvalidConfiguration>([&] { (void)at(1, 1, 0.7)[strength]; },
                                      {"strength", "inactive", "find()"});
}

TEST_CASE("conditions that cannot be meant are refused") {
    SearchSpace space, other;
    auto s = space.categorical("s", {"a", "b"});
    auto n = space.integer("n", 0, 9);
    auto flag = space.categorical("flag", {false, true});
    (void)other.continuous("first", 0, 1);
    auto alien = other.categorical("alien", {"a", "b"});
    auto far = other.integer("far", 0, 3);
    (void)other.integer("farther", 0, 3);
    auto farthest = other.integer("farthest", 0, 3);
    const auto refused = [&](const Condition& condition, std::initializer_list<const char*> parts) {
        SearchSpace copy = space;
        check_error<InvalidSpace>([&] { (void)copy.continuous("child", 0, 1).when(condition); }, parts);
    };
    constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
    refused(s == "c", {"child", "never", "s", "c", "a, b"});
    refused(s != "c", {"child", "never", "s", "c"});
    refused(n == 12, {"child", "never", "n", "12", "[0, 9]"});
    refused(n == 2.5, {"child", "n", "2.5", "integer"});
    refused(in(n, {1, 10}), {"child", "n", "10"});
    refused(s == "a" && n == 12, {"child", "12"});
    refused(Condition::compare(Condition::Kind::less, 0, 1.0), {"child", "s", "no order"});
    refused(Condition::compare(Condition::Kind::less, 2, 1.0), {"child", "flag", "no order"});
    refused(Condition::compare(Condition::Kind::less, 1, std::string("x")),
            {"child", "n", "x", "one number"});
    refused(n < not_a_number, {"child", "n", "nan", "one number"});
    refused(Condition::one_of(1, {}), {"child", "n", "no values"});
    refused(alien == "a", {"child", "alien", "does not belong", "n"});
    refused(far < 2, {"child", "far", "does not belong", "flag"});
    refused(farthest < 2, {"child", "not declared before"});
    check_error<InvalidSpace>([&] { space.set_condition(1, n < 3); },
                              {"n", "not declared before"});  // itself
    check_error<InvalidSpace>([&] { space.set_condition(0, n < 3); }, {"s", "not declared before"});
    CHECK(space[0].condition.is_always());
}

TEST_CASE("conditions compare by what they say") {
    SearchSpace space;
    auto s = space.categorical("s", {"a", "b"});
    auto n = space.integer("n", 0, 9);
    CHECK((s == "a") == (s == "a"));
    CHECK(!((s == "a") == (s == "b")));
    CHECK(!((s == "a") == (s != "a")));
    CHECK((n < 3 && s == "a") == (n < 3 && s == "a"));
    CHECK(!((n < 3 && s == "a") == (n < 3 || s == "a")));
    CHECK(!((n < 3) == (n < 4)));
    CHECK((s == "a") == Condition::one_of(0, {std::string("a")}));
    CHECK(Condition{} == Condition{});
    std::vector<std::size_t> mentioned;
    (n < 3 && (s == "a" || !(n > 5))).collect_parameters(mentioned);
    CHECK(mentioned == std::vector<std::size_t>{1, 0, 1});
}

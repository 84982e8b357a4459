#include "attune/space/space.hpp"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;
using Values = std::vector<std::pair<std::string, Value>>;

namespace {

SearchSpace example() {
    SearchSpace space;
    (void)space.continuous("lr", 1e-3, 0.5, Scale::log);
    (void)space.integer("batch", 16, 64).step(16);
    auto optimizer = space.categorical("optimizer", {"sgd", "adam"});
    (void)space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    (void)space.constant("epochs", 10);
    return space;
}

Values good() { return {{"lr", 0.1}, {"batch", 32}, {"optimizer", "adam"}}; }

}  // namespace

TEST_CASE("lists of choices keep their type: strings are no booleans, booleans no integers") {
    SearchSpace space;
    auto two = space.categorical("two", {"sgd", "adam"});
    auto one = space.categorical("one", {"only"});
    auto flags = space.categorical("flags", {false, true});
    auto whole = space.categorical("whole", {1, 2, 4});
    auto real = space.categorical("real", {0.5, 2.0});
    auto listed = space.categorical("listed", std::vector<std::string>{"x", "y"});
    static_assert(std::is_base_of_v<Handle<std::string>, decltype(two)>);
    static_assert(std::is_base_of_v<Handle<std::string>, decltype(one)>);
    static_assert(std::is_base_of_v<Handle<bool>, decltype(flags)>);
    static_assert(std::is_base_of_v<Handle<std::int64_t>, decltype(whole)>);
    static_assert(std::is_base_of_v<Handle<double>, decltype(real)>);
    static_assert(std::is_base_of_v<Handle<std::string>, decltype(listed)>);
    CHECK(std::get<std::string>(space[0].choices[0]) == "sgd");
    CHECK(space[0].choices.size() == 2);
    CHECK(std::get<std::string>(space[1].choices[0]) == "only");
    CHECK(std::get<bool>(space[2].choices[1]) == true);
    CHECK(std::get<std::int64_t>(space[3].choices[2]) == 4);
    CHECK(std::get<double>(space[4].choices[0]) == 0.5);
}

TEST_CASE("values written in place keep their type") {
    const Values values{{"s", "text"}, {"b", true}, {"i", 3}, {"d", 0.5}};
    CHECK(std::holds_alternative<std::string>(values[0].second));
    CHECK(std::holds_alternative<bool>(values[1].second));
    CHECK(std::holds_alternative<std::int64_t>(values[2].second));
    CHECK(std::holds_alternative<double>(values[3].second));
}

TEST_CASE("constants of every type are in every configuration without being given") {
    SearchSpace space;
    auto real = space.constant("real", 0.5);
    auto whole = space.constant("whole", 3);
    auto large = space.constant("large", std::int64_t{1} << 60);
    auto flag = space.constant("flag", true);
    auto text = space.constant("text", "abc");
    auto string = space.constant("string", std::string("def"));
    const Configuration c = space.configuration({});
    CHECK(c[real] == 0.5);
    CHECK(c[whole] == 3);
    CHECK(c[large] == std::int64_t{1} << 60);
    CHECK(c[flag]);
    CHECK(c[text] == "abc");
    CHECK(c[string] == "def");
    CHECK(c.values().size() == 6);
    CHECK(space.cardinality() == 1);
}

TEST_CASE("handles read typed values, from copies of the space too") {
    SearchSpace space;
    auto lr = space.continuous("lr", 0, 1);
    auto batch = space.integer("batch", 1, 8);
    const SearchSpace copy = space;
    const Configuration c = copy.configuration({{"lr", 0.25}, {"batch", 8}});
    static_assert(std::is_same_v<decltype(c[lr]), double>);
    static_assert(std::is_same_v<decltype(c[batch]), std::int64_t>);
    CHECK(c[lr] == 0.25);
    CHECK(c[batch] == 8);
    CHECK(c[copy.handle<double>("lr")] == 0.25);
    check_error<InvalidConfiguration>([&] { (void)copy.handle<std::int64_t>("lr"); }, {"lr", "number"});
    check_error<InvalidConfiguration>([&] { (void)copy.handle<double>("absent"); },
                                      {"absent", "unknown", "lr, batch"});
}

TEST_CASE("a handle of another space, place or type is refused") {
    SearchSpace space, other;
    (void)space.continuous("lr", 0, 1);
    auto momentum = other.continuous("momentum", 0, 1);
    (void)other.integer("lr", 0, 1);
    auto second = other.categorical("batch", {1, 2});
    const Configuration c = space.configuration({{"lr", 0.5}});
    check_error<InvalidConfiguration>([&] { (void)c[momentum]; }, {"momentum", "does not belong", "lr"});
    check_error<InvalidConfiguration>([&] { (void)c[second]; }, {"batch", "does not belong"});
    check_error<InvalidConfiguration>(
        [&] {
            (void)c[Handle<std::int64_t>{0, "lr"}];
        },
        {"lr", "another type"});
    check_error<InvalidConfiguration>([&] { (void)c.find("absent"); }, {"absent", "unknown"});
}

TEST_CASE("copies of a space are independent, and configurations keep the space that they were made of") {
    SearchSpace space;
    auto lr = space.continuous("lr", 0, 1);
    const Configuration c = space.configuration({{"lr", 0.5}});
    SearchSpace copy = space;
    (void)copy.integer("batch", 1, 8);
    copy.constrain("batch * lr <= 2");
    CHECK(space.size() == 1);
    CHECK(copy.size() == 2);
    CHECK(space.schema().constraints.empty());
    (void)space.integer("layers", 1, 3);
    CHECK(c.schema().size() == 1);
    CHECK(c[lr] == 0.5);
}

TEST_CASE("what is refused while declaring leaves the space as it was") {
    SearchSpace space;
    (void)space.continuous("lr", 0, 1);
    check_error<InvalidSpace>([&] { (void)space.integer("lr", 0, 1); }, {"lr", "declared twice"});
    check_error<InvalidSpace>([&] { (void)space.continuous("", 0, 1); }, {"name", "empty"});
    check_error<InvalidSpace>([&] { (void)space.categorical("c", {"a", "a"}); }, {"c", "a", "twice"});
    check_error<InvalidSpace>([&] { (void)space.integer("n", -(std::int64_t{1} << 60), 0); }, {"n", "2^53"});
    Parameter p;
    p.name = "late";
    p.high = 1;
    p.condition = Condition::compare(Condition::Kind::less, 5, 0.5);
    check_error<InvalidSpace>([&] { space.declare(p); }, {"late", "not declared before"});
    CHECK(space.size() == 1);
    check_error<InvalidSpace>([&] { (void)space.categorical("steps", {"a"}).step(2); },
                              {"steps", "step (2)", "numbers"});
}

TEST_CASE("configurations from names and values are checked as a whole") {
    const SearchSpace space = example();
    const Configuration c = space.configuration(good());
    CHECK(c.text() == "lr=0.1 batch=32 optimizer=adam epochs=10");
    CHECK(c.find("nesterov") == std::nullopt);
    CHECK(std::get<std::string>(*c.find("optimizer")) == "adam");
    const auto refused = [&](const char* name, Value value, std::initializer_list<const char*> parts) {
        Values values = good();
        values.emplace_back(name, std::move(value));
        check_error<InvalidConfiguration>([&] { (void)space.configuration(values); }, parts);
    };
    refused("absent", 1.0, {"absent", "unknown", "lr, batch, optimizer"});
    refused("lr", 0.2, {"lr", "twice"});
    refused("nesterov", true, {"nesterov", "inactive"});
    check_error<InvalidConfiguration>(
        [&] {
            (void)space.configuration({{"batch", 32}, {"optimizer", "adam"}});
        },
        {"lr", "no value"});
    check_error<InvalidConfiguration>(
        [&] {
            (void)space.configuration({{"lr", 0.1}, {"batch", 32}, {"optimizer", "sgd"}});
        },
        {"nesterov", "no value"});
    check_error<InvalidConfiguration>(
        [&] {
            (void)space.configuration({{"lr", 0.1}, {"batch", 17}, {"optimizer", "adam"}});
        },
        {"batch", "17", "not on its grid"});
}

TEST_CASE("a configuration read back from its own values is the same, and equality is by value") {
    const SearchSpace space = example();
    const Configuration c = space.configuration(good());
    CHECK(space.configuration(c.values()) == c);
    CHECK(space.from_native(c.native()) == c);
    Values other = good();
    other[0].second = 0.2;
    CHECK(!(space.configuration(other) == c));
    CHECK(!(Configuration{} == c));
    check_error<InvalidConfiguration>([&] { (void)space.from_native({0.1}); },
                                      {"1 value for", "5 parameters"});
    check_error<InvalidConfiguration>([&] { (void)space.decode({0.1, 0.2}); }, {"2 values", "5 parameters"});
}

TEST_CASE("duplicates are told by value: on the grid exactly, off it to 1e-9 of the scaled range") {
    SearchSpace space;
    (void)space.continuous("lr", 0, 1);
    (void)space.continuous("step", -1, 1).step(0.5);
    auto on = space.categorical("on", {true, false});
    (void)space.integer("n", 1, 3).when(on == true);
    const auto key = [&](double lr, double step, bool flag, double n) {
        return space.from_native({lr, step, flag ? 0.0 : 1.0, n}).duplicate_key();
    };
    CHECK(key(0.1, 0.5, true, 1) == key(0.1 + 1e-12, 0.5, true, 1));
    CHECK(key(0.1, 0.5, true, 1) != key(0.1 + 1e-6, 0.5, true, 1));
    CHECK(key(0.1, 0.5, true, 1) != key(0.1, 1, true, 1));
    CHECK(key(0.1, 0.5, true, 1) != key(0.1, 0.5, true, 2));
    CHECK(key(0.1, 0.0, true, 1) == key(0.1, -0.0, true, 1));
    CHECK(key(0.1, 0.5, false, 1) == key(0.1, 0.5, false, 2));  // n is inactive
    CHECK(key(0.1, 0.5, false, 1) != key(0.1, 0.5, true, 1));
    CHECK(key(0.0, 0.5, true, 1) == key(-0.0, 0.5, true, 1));
}

TEST_CASE("the unit cube maps to configurations and back") {
    const SearchSpace space = example();
    const Configuration c = space.decode({0.5, 0.99, 0.2, 0.7, 0.1});
    CHECK(std::get<std::int64_t>(*c.find("batch")) == 64);
    CHECK(std::get<std::string>(*c.find("optimizer")) == "sgd");
    CHECK(std::get<bool>(*c.find("nesterov")));
    const std::vector<double> unit = c.encoded();
    CHECK(space.decode(unit) == c);
    const std::vector<double> inactive = space.decode({0.5, 0.5, 0.9, 0.7, 0.1}).encoded();
    CHECK(std::isnan(inactive[3]));
    CHECK(!std::isnan(inactive[4]));
}

TEST_CASE("the differences of two spaces say what differs and how") {
    const SearchSpace space = example();
    CHECK(space.differences(space).empty());
    CHECK(space.differences(example()).empty());
    const auto one = [](const SearchSpace& a, const SearchSpace& b,
                        std::initializer_list<const char*> parts) {
        const auto lines = a.differences(b);
        REQUIRE(lines.size() == 1);
        for (const char* part : parts) {
            INFO(lines[0], " should hold ", std::string(part));
            CHECK(lines[0].find(part) != std::string::npos);
        }
    };
    SearchSpace more = space;
    (void)more.integer("layers", 1, 3);
    one(space, more, {"layers", "not there -> integer [1, 3], linear"});
    one(more, space, {"layers", "integer [1, 3], linear -> not there"});
    SearchSpace a, b, c, d;
    auto x = a.continuous("x", 0, 1);
    (void)b.continuous("x", 0, 2);
    one(a, b, {"x", "[0, 1]", "[0, 2]"});
    (void)c.continuous("x", 0, 1, Scale::linear).step(0.5);
    one(a, c, {"x", "step 0.5"});
    (void)d.categorical("x", {"u", "v"});
    one(a, d, {"x", "continuous", "u, v"});
    SearchSpace conditional = a, plain = a, constrained = a, swapped;
    (void)conditional.integer("n", 1, 2).when(x > 0.5);
    (void)plain.integer("n", 1, 2);
    one(conditional, plain, {"n", "active when x > 0.5 -> when always"});
    constrained.constrain("x < 0.5");
    one(a, constrained, {"x < 0.5", "not there -> there"});
    one(constrained, a, {"x < 0.5", "there -> not there"});
    (void)swapped.integer("n", 1, 2);
    (void)swapped.continuous("x", 0, 1);
    one(plain, swapped, {"order"});
}

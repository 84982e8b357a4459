#include <doctest/doctest.h>

#include <clocale>
#include <string>

#include "attune/space/enumerate.hpp"
#include "attune/space/space.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

SearchSpace letters() {
    SearchSpace space;
    for (const char* name : {"a", "b", "c"}) (void)space.continuous(name, -10, 10);
    return space;
}

bool holds(const std::string& text, double a, double b = 0, double c = 0) {
    SearchSpace space = letters();
    space.constrain(text);
    return space.satisfies(space.from_native({a, b, c}));
}

void refused(const std::string& text, std::initializer_list<const char*> parts) {
    SearchSpace space = letters();
    (void)space.categorical("name", {"x", "y"});
    (void)space.categorical("flag", {true, false});
    check_error<InvalidSpace>([&] { space.constrain(text); }, parts);
    CHECK(space.schema().constraints.empty());
}

}  // namespace

TEST_CASE("a space without parameters is none to search") {
    check_error<InvalidSpace>([] { SearchSpace{}.validate(); },
                              {"a search space needs at least one parameter"});
}

TEST_CASE("every comparison") {
    CHECK(holds("a < b", 1, 2));
    CHECK(!holds("a < b", 2, 2));
    CHECK(holds("a <= b", 2, 2));
    CHECK(holds("a > b", 2, 1));
    CHECK(!holds("a > b", 2, 2));
    CHECK(holds("a >= b", 2, 2));
    CHECK(!holds("a >= b", 1, 2));
    CHECK(holds("a == b", 2, 2));
    CHECK(!holds("a == b", 1, 2));
    CHECK(holds("a != b", 1, 2));
    CHECK(!holds("a != b", 2, 2));
}

TEST_CASE("precedence and association are those of C") {
    CHECK(holds("a + b * c == 7", 1, 2, 3));
    CHECK(holds("(a + b) * c == 9", 1, 2, 3));
    CHECK(holds("a - b - c == -4", 1, 2, 3));
    CHECK(holds("a / b / c == 0.5", 3, 2, 3));
    CHECK(holds("a / b * c == 4.5", 3, 2, 3));
    CHECK(holds("-a + b == 1", 1, 2));
    CHECK(holds("- -a == 1", 1));
    CHECK(holds("a * -b == -2", 1, 2));
    CHECK(holds("2*a-b==0&&c>0", 1, 2, 3));
    CHECK(holds("a > 0 || b > 0 && c > 0", 1, -1, -1));  // && binds tighter
    CHECK(!holds("(a > 0 || b > 0) && c > 0", 1, -1, -1));
    CHECK(holds("((a)) < (((2)))", 1));
    CHECK(holds("(a < b) && ((b < c) || a > 100)", 1, 2, 3));
    CHECK(holds("a < 1e1 && a > .5 && a > 5.e-1 && a < 1.5E+0", 1));
}

TEST_CASE("dividing by zero gives infinities, and what is no number makes every comparison false") {
    CHECK(holds("1 / a > 1000000", 0));
    CHECK(!holds("1 / a < 1000000", 0));
    for (const char* sign : {"<", "<=", ">", ">=", "==", "!="})
        CHECK(!holds(std::string("a / b ") + sign + " 1", 0, 0));
    CHECK(holds("a / b != 1 || c == 3", 0, 0, 3));
}

TEST_CASE("names with letters, digits, dots and underscores stand as they are, others in back quotes") {
    SearchSpace space;
    (void)space.integer("x_1.y", 0, 9);
    (void)space.integer("größe in µm", 0, 9);
    (void)space.integer("3d", 0, 9);
    space.constrain("x_1.y + `größe in µm` <= `3d`");
    CHECK(space.satisfies(space.from_native({1, 2, 3})));
    CHECK(!space.satisfies(space.from_native({2, 2, 3})));
    CHECK(space.schema().constraints[0].parameters() == std::vector<std::size_t>{0, 1, 2});
    CHECK(space.schema().constraints[0].text() == "x_1.y + `größe in µm` <= `3d`");
}

TEST_CASE("numeric choices count as themselves") {
    SearchSpace space;
    (void)space.categorical("batch", {16, 64, 32});
    (void)space.categorical("share", {0.5, 2.0});
    space.constrain("batch * share <= 32");
    CHECK(space.satisfies(space.from_native({0, 1})));
    CHECK(space.satisfies(space.from_native({1, 0})));
    CHECK(!space.satisfies(space.from_native({1, 1})));
    CHECK(!space.satisfies(space.from_native({2, 1})));
}

TEST_CASE("text outside the grammar is refused with its place") {
    refused("a <", {"a <", "ends too early"});
    refused("", {"ends too early"});
    refused("a", {"is a number, not a comparison"});
    refused("a + b", {"is a number, not a comparison"});
    refused("1 < 2", {"names no parameter"});
    refused("a = b", {"unexpected '='", "character 3"});
    refused("a < b)", {"unexpected ')'", "character 6"});
    refused("(a < b", {"lacks a ')'"});
    refused("a < b < c", {"unexpected '<'"});
    refused("(a < b) < c", {"compares a comparison"});
    refused("(a < b) + 1 < c", {"calculates with a comparison"});
    refused("-(a < b) < c", {"negates a comparison"});
    refused("a && b", {"&& and || combine comparisons"});
    refused("a < b || c", {"&& and || combine comparisons"});
    refused("a < 1e999", {"number that cannot be read"});
    refused("a < 0x10", {"unexpected 'x'"});
    refused("a < .", {"number that cannot be read"});
    refused("`a < 1", {"closing back quote"});
    refused("a < 1; b < 2", {"unexpected ';'"});
    refused("a ** b < 1", {"unexpected '*'"});
    refused("d < 1", {"'d' is unknown", "a, b, c"});
    refused("name < 1", {"'name' holds strings", "numbers"});
    refused("flag < 1", {"'flag' holds booleans", "numbers"});
    refused(std::string(300, '(') + "a < 1" + std::string(300, ')'), {"nested too deeply"});
    refused(std::string(300, '-') + "a < 1", {"nested too deeply"});
    refused("a < " + std::string(20'000, '1'), {"at most 10000"});
}

TEST_CASE("long sums and many parentheses beside each other are no nesting") {
    std::string text = "a";
    for (int i = 0; i < 1000; ++i) text += " + (b)";
    CHECK(holds(text + " < 5", 4, 0));
    CHECK(!holds(text + " < 5", 4, 1));
}

TEST_CASE("numbers are read the same where the host's locale has a decimal comma") {
    for (const char* locale : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C"}) {  // those the machine has
        if (std::setlocale(LC_NUMERIC, locale) == nullptr) continue;
        CHECK(holds("a < 0.75", 0.5));
        CHECK(!holds("a < 0.25", 0.5));
    }
    std::setlocale(LC_NUMERIC, "C");
}

TEST_CASE("a constraint that names an inactive parameter holds") {
    SearchSpace space;
    auto use = space.categorical("use", {false, true});
    auto depth = space.integer("depth", 1, 10).when(use == true);
    (void)space.integer("width", 1, 10);
    space.constrain("depth * width <= 4");
    CHECK(space.satisfies(space.from_native({0, 9, 9})));
    CHECK(!space.satisfies(space.from_native({1, 9, 9})));
    CHECK(space.satisfies(space.from_native({1, 2, 2})));
    CHECK(space.configuration({{"use", false}, {"width", 10}}).find(depth) == std::nullopt);
    check_error<InvalidConfiguration>(
        [&] {
            (void)space.configuration({{"use", true}, {"depth", 5}, {"width", 5}});
        },
        {"use=true depth=5 width=5", "depth * width <= 4"});
    space.validate();
}

TEST_CASE("spaces that the constraints leave empty are refused, finite and continuous ones") {
    const auto empty = [](const char* text, bool integers) {
        SearchSpace space;
        for (const char* name : {"x", "y"})
            integers ? (void)space.integer(name, 1, 1000000) : (void)space.continuous(name, 1, 1000000);
        (void)space.continuous("free", 0, 1);
        space.constrain(text);
        check_error<InvalidSpace>([&] { space.validate(); },
                                  {text, "no configuration of the space satisfies"});
    };
    for (const bool integers : {true, false}) {
        empty("x + y < 2", integers);
        empty("x * y > 1e12", integers);
        empty("x / y > 1000000", integers);
        empty("x < 5 && x > 6", integers);
        empty("-x > 0 || y < x - 1e6", integers);
    }
    empty("x == 2.5", true);
    empty("x > 5 && x < 6", true);
    SearchSpace chosen;
    (void)chosen.categorical("batch", {16, 64, 32});
    chosen.constrain("batch < 16 || batch > 32 && batch != 64");
    check_error<InvalidSpace>([&] { chosen.validate(); }, {"batch", "no configuration"});
    SearchSpace several;
    (void)several.continuous("x", 0, 1);
    several.constrain("x < 0.5").constrain("x > 0.5");
    check_error<InvalidSpace>([&] { several.validate(); }, {"'x < 0.5', 'x > 0.5'"});
}

TEST_CASE("tiny feasible regions are found") {
    const auto feasible = [](const char* text, double high, bool integers, int parameters = 2) {
        SearchSpace space;
        for (int i = 0; i < parameters; ++i) {
            const std::string name(1, static_cast<char>('a' + i));
            integers ? (void)space.integer(name, 1, static_cast<std::int64_t>(high))
                     : (void)space.continuous(name, 1, high);
        }
        space.constrain(text);
        INFO(std::string(text));
        CHECK_NOTHROW(space.validate());
    };
    feasible("a * b == 12", 1e6, true);
    feasible("a * b == 999983 * 999979", 1e6, true);
    feasible("a == 123456 && b == 654321", 1e6, true);
    feasible("a < 1.000001 && b > 999999.5", 1e6, false);
    feasible("a - b > 0 && a - b < 0.01 && b > 500 && b < 500.001", 1000, false);
    feasible("a + b + c + d + e + f + g + h == 37", 1000, true, 8);
    feasible("a < b && b < c && c < d && d < e && e < f && f < g && g < 8", 1000, true, 7);
}

TEST_CASE("a constraint that only conditional parameters can meet is looked for among them") {
    SearchSpace space;
    (void)space.continuous("free", 0, 1);
    auto mode = space.integer("mode", 0, 1000);
    (void)space.integer("depth", 1, 10).when(mode != 777);
    space.constrain("depth > 20");
    CHECK_NOTHROW(space.validate());  // where mode is 777, depth is inactive
}

#include "attune/strategy/remaining.hpp"

#include <doctest/doctest.h>

#include "support/statistics.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::StudyScript;

TEST_CASE("what is left of a finite space is drawn evenly") {
    StudyScript s(test::finite_space(), minimize("y"));
    event::Suggested taken;
    taken.configuration = {{"kind", "a"}, {"n", 1}};
    s.apply(taken, 1);
    std::map<std::string, double> counts;
    for (std::int64_t k = 0; k < 10'000; ++k) {
        SuggestionRequest request;
        request.trial = k;
        const auto left = remaining_configuration(s.study, request);
        REQUIRE(left);
        ++counts[left->configuration.text()];
    }
    CHECK(counts.size() == test::finite_space_size - 1);
    CHECK(!counts.contains("kind=a n=1"));
    std::vector<double> numbers;
    for (const auto& [text, count] : counts) numbers.push_back(count);
    CHECK(test::even_counts(numbers));
}

TEST_CASE("nothing is looked through where there is too much, unless fixed values leave little") {
    SearchSpace space;
    (void)space.integer("n", 1, 100);
    (void)space.continuous("x", 0, 1);
    const StudyScript s(space, minimize("y"));
    SuggestionRequest request;
    CHECK(!remaining_configuration(s.study, request));
    request.fixed = {std::nan(""), 0.5};
    CHECK(remaining_configuration(s.study, request));
    CHECK(!remaining_configuration(s.study, request, 99));
    CHECK(remaining_configuration(s.study, request, 100));
    CHECK(remaining_configuration(s.study, request)->configuration.native()[1] == 0.5);
}

TEST_CASE("between narrow constraints fixed values are kept, and nothing is found where nothing is") {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    space.constrain("x - y > 0.3 && x - y < 0.3001");
    const StudyScript s(space, minimize("y"));
    SuggestionRequest request;
    request.fixed = {std::nan(""), 0.25};
    const auto found = rare_configuration(s.study, request);
    REQUIRE(found);
    CHECK(found->configuration.native()[1] == 0.25);
    CHECK(space.satisfies(found->configuration));
    request.fixed = {std::nan(""), 0.9};
    CHECK(!rare_configuration(s.study, request));
}

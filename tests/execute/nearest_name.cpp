#include "attune/space/detail/nearest_name.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/stopping/by_name.hpp"
#include "attune/strategy/by_name.hpp"

using attune::detail::nearest_name;
using attune::detail::typing_errors;

namespace {
const std::vector<std::string> kNames = {"gaussian_process", "grid", "random", "sobol"};
}

TEST_CASE("typing errors are letters put in, left out, replaced or swapped") {
    CHECK(typing_errors("median", "median") == 0);
    CHECK(typing_errors("median", "medain") == 1);
    CHECK(typing_errors("median", "medin") == 1);
    CHECK(typing_errors("median", "mediann") == 1);
    CHECK(typing_errors("", "abc") == 3);
    CHECK(typing_errors("kitten", "sitting") == 3);
}

TEST_CASE("only a name that is near is suggested") {
    CHECK(nearest_name("gird", kNames) == "grid");
    CHECK(nearest_name("Random", kNames) == "random");
    CHECK(nearest_name("gaussian-proces", kNames) == "gaussian_process");
    CHECK(nearest_name("gaussian", kNames) == "gaussian_process");
    CHECK(!nearest_name("magic", kNames));
    CHECK(!nearest_name("tpe", kNames));
    CHECK(!nearest_name("g", kNames));
    CHECK(!nearest_name("", kNames));
    CHECK(!nearest_name("grid", {}));
}

TEST_CASE("registries say which name was meant, where one is near") {
    const auto strategies = attune::StrategyRegistry::standard();
    CHECK_THROWS_WITH_AS((void)strategies.make("gird"), doctest::Contains("did you mean 'grid'?"),
                         attune::UnknownName);
    std::string known;
    for (const std::string& name : strategies.names()) known += (known.empty() ? "" : ", ") + name;
    CHECK(known.find("gaussian_process") != std::string::npos);
    const std::string message = "strategy 'magic' is unknown; known: " + known;
    CHECK_THROWS_WITH_AS((void)strategies.make("magic"), message.c_str(), attune::UnknownName);
    CHECK_THROWS_WITH_AS((void)strategies.make("grid", {{"level", std::int64_t{3}}}),
                         doctest::Contains("did you mean 'levels'?"), attune::InvalidOption);
    const auto policies = attune::StoppingPolicyRegistry::standard();
    CHECK_THROWS_WITH_AS((void)policies.make("meidan"), doctest::Contains("did you mean 'median'?"),
                         attune::UnknownName);
    CHECK_THROWS_WITH_AS((void)policies.make("median", {{"pool", std::string("complete")}}),
                         doctest::Contains("did you mean 'completed'?"), attune::InvalidOption);
}

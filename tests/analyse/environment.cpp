#include "attune/analyse/environment.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "attune/version.hpp"

TEST_CASE("the environment tells what ran, not where") {
    const auto environment = attune::describe_environment();
    CHECK(environment.at("attune") == attune::version());
    CHECK(std::stoi(environment.at("cores")) >= 1);
    CHECK(std::stod(environment.at("memory_gib")) > 0);
    for (const char* key : {"compiler", "build", "system"}) CHECK_FALSE(environment.at(key).empty());
    CHECK(environment == attune::describe_environment());

    char host[256] = {};
    REQUIRE(::gethostname(host, sizeof host - 1) == 0);
    const std::string name = host;
    // A short name may be a part of other words.
    if (name.size() > 6)
        for (const auto& [key, value] : environment) CHECK(value.find(name) == std::string::npos);
}

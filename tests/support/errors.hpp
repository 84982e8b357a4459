#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "attune/error.hpp"

namespace attune::test {

/// Calls `act`, which must throw an E whose message holds all of `parts`: the thing, its value and the rule.
template <class E, class Act>
void check_error(Act&& act, std::initializer_list<const char*> parts) {
    try {
        act();
    } catch (const E& error) {
        const std::string message = error.what();
        for (const std::string part : parts) {
            INFO("the message: ", message, " should hold: ", part);
            CHECK(message.find(part) != std::string::npos);
        }
        return;
    }
    std::string wanted;
    for (const char* part : parts) wanted += std::string(" ") + part;
    FAIL_CHECK("nothing was thrown, but an error should say:" << wanted);
}

}  // namespace attune::test

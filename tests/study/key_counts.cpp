#include "attune/study/key_counts.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "attune/study/random_stream.hpp"

using namespace attune;

namespace {

/// Keys of all lengths, also empty ones and such as differ in a zero at their end alone.
std::string key(std::uint64_t number) {
    std::string key(number % 19, '\0');
    for (char& c : key) {
        c = static_cast<char>(number & 0xff);
        number >>= 3;
    }
    return key;
}

}  // namespace

TEST_CASE("key counts are those of a map, over many growths") {
    RandomStream stream(7, 0, Purpose::user);
    std::map<std::string, int> expected;
    KeyCounts counts;
    CHECK(counts.count("") == 0);
    for (int i = 0; i < 50'000; ++i) {
        const std::string one = key(stream.below(30'000));
        const int by = stream.below(4) == 0 ? -1 : 1;
        CHECK(counts.count(one) == (expected.contains(one) ? expected.at(one) : 0));
        counts.add(one, by);
        expected[one] += by;
    }
    REQUIRE(expected.size() > 5'000);
    for (const auto& [one, count] : expected) CHECK(counts.count(one) == count);
    for (std::uint64_t number = 30'000; number < 60'000; ++number)
        if (!expected.contains(key(number))) CHECK(counts.count(key(number)) == 0);
}

TEST_CASE("copies of key counts are independent, and a cleared one is empty") {
    KeyCounts counts;
    counts.add("a", 2);
    KeyCounts copy = counts;
    copy.add("a", 1);
    copy.add("b", 1);
    CHECK(counts.count("a") == 2);
    CHECK(counts.count("b") == 0);
    CHECK(copy.count("a") == 3);
    counts.clear();
    CHECK(counts.count("a") == 0);
    counts.add("b", 5);
    CHECK(counts.count("b") == 5);
    CHECK(counts.count("a") == 0);
}

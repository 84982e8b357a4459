#include "attune/study/random_stream.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "support/statistics.hpp"

using namespace attune;

TEST_CASE("Philox4x32-10 gives the published known answers") {
    using Block = std::array<std::uint32_t, 4>;
    constexpr std::uint32_t ones = 0xffffffff;
    CHECK(detail::philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(detail::philox({ones, ones, ones, ones}, {ones, ones}) ==
          Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(detail::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is the blocks of its key in order") {
    const std::uint64_t seed = 0x0123456789abcdef, trial = 0xfedcba9876543210;
    RandomStream stream(seed, trial, Purpose::fit, 7);
    for (std::uint32_t block = 0; block < 5; ++block) {
        const auto words =
            detail::philox({block, 0x76543210, 0xfedcba98, (2U << 24) ^ 7U}, {0x89abcdef, 0x01234567});
        CHECK(stream() == (std::uint64_t{words[1]} << 32 | words[0]));
        CHECK(stream() == (std::uint64_t{words[3]} << 32 | words[2]));
    }
}

TEST_CASE("streams of different keys differ, of equal keys agree, and copies go on alone") {
    std::set<std::uint64_t> first;
    for (const std::uint64_t seed : {0, 1, 2})
        for (const std::uint64_t trial : {0, 1, 2})
            for (const Purpose purpose : {Purpose::suggestion, Purpose::fit, Purpose::retry})
                for (const std::uint32_t attempt : {0U, 1U, 2U})
                    first.insert(RandomStream(seed, trial, purpose, attempt)());
    CHECK(first.size() == 81);
    RandomStream a(5, 6, Purpose::user), b(5, 6, Purpose::user);
    (void)a();
    (void)b();
    RandomStream copy = a;
    const std::uint64_t next = a();
    CHECK(b() == next);
    CHECK(copy() == next);
}

TEST_CASE("neighbouring streams are uncorrelated") {
    constexpr int n = 4000;
    double worst = 0;
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
        RandomStream a(3, trial, Purpose::suggestion), b(3, trial + 1, Purpose::suggestion);
        double sum = 0;
        for (int i = 0; i < n; ++i) sum += (a.uniform() - 0.5) * (b.uniform() - 0.5);
        worst = std::max(worst, std::abs(sum / n * 12));
    }
    CHECK(worst < 5 / std::sqrt(n));  // five standard deviations
}

TEST_CASE("uniform numbers are even, in [0, 1) and of 53 bits") {
    RandomStream stream(1, 2, Purpose::user);
    std::vector<double> counts(64, 0.0);
    bool fine = false;
    for (int i = 0; i < 100'000; ++i) {
        const double u = stream.uniform();
        REQUIRE(u >= 0);
        REQUIRE(u < 1);
        fine = fine || std::fmod(u * 0x1p53, 2) == 1;  // the last bit is used
        ++counts[static_cast<std::size_t>(u * 64)];
    }
    CHECK(fine);
    CHECK(test::even_counts(counts));
    for (int i = 0; i < 1000; ++i) {
        const double x = stream.uniform(-3, 5);
        CHECK(x >= -3);
        CHECK(x <= 5);
    }
}

TEST_CASE("below() is unbiased, also where n does not divide 2^64") {
    RandomStream stream(1, 3, Purpose::user);
    for (const std::uint64_t n : {1, 2, 3, 7, 10, 100}) {
        std::vector<double> counts(n, 0.0);
        for (int i = 0; i < 40'000; ++i) ++counts.at(stream.below(n));
        if (n > 1) CHECK(test::even_counts(counts));
    }
    // With n = 3 * 2^62 remainders would give the lowest third of the range twice its share.
    const std::uint64_t huge = std::uint64_t{3} << 62;
    std::vector<double> thirds(3, 0.0);
    for (int i = 0; i < 40'000; ++i) {
        const std::uint64_t x = stream.below(huge);
        REQUIRE(x < huge);
        ++thirds[x >> 62];
    }
    CHECK(test::even_counts(thirds));
}

TEST_CASE("normal numbers have the moments and tails of the normal distribution") {
    RandomStream stream(1, 4, Purpose::user);
    constexpr int n = 100'000;
    double sum = 0, squares = 0;
    std::vector<double> counts(6, 0.0);
    for (int i = 0; i < n; ++i) {
        const double z = stream.normal();
        sum += z;
        squares += z * z;
        ++counts[static_cast<std::size_t>(std::clamp(std::floor(z) + 3, 0.0, 5.0))];
    }
    CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
    CHECK(std::abs(squares / n - 1) < 5 * std::sqrt(2.0 / n));
    const auto cdf = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
    std::vector<double> shares{cdf(-2)};
    for (int k = -2; k < 2; ++k) shares.push_back(cdf(k + 1) - cdf(k));
    shares.push_back(1 - cdf(2));
    CHECK(test::chi_square(counts, shares) < test::chi_square_bound(6));
}

TEST_CASE("shuffling gives every order equally often") {
    RandomStream stream(1, 5, Purpose::user);
    std::vector<double> counts(24, 0.0);
    for (int i = 0; i < 24'000; ++i) {
        std::vector<int> order{0, 1, 2, 3};
        stream.shuffle(order);
        std::size_t rank = 0;
        for (std::size_t a = 0; a < 4; ++a) {
            const auto smaller = std::count_if(order.begin() + static_cast<std::ptrdiff_t>(a), order.end(),
                                               [&](int x) { return x < order[a]; });
            rank = rank * (4 - a) + static_cast<std::size_t>(smaller);
        }
        ++counts.at(rank);
    }
    CHECK(test::even_counts(counts));
}

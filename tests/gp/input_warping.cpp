#include "attune/gp/input_warping.hpp"

#include <doctest/doctest.h>

TEST_CASE("Kumaraswamy's warping is monotone, has the slope that it says and can be undone") {
    for (const double a : {0.3, 1.0, 2.5})
        for (const double b : {0.4, 1.0, 3.0}) {
            const attune::KumaraswamyWarping warp{a, b};
            double last = 0.0;
            CHECK(warp(0.0) == 0.0);
            CHECK(warp(1.0) == 1.0);
            for (double x = 0.05; x < 1.0; x += 0.05) {
                CAPTURE(x);
                CHECK(warp(x) > last);
                last = warp(x);
                CHECK(warp.inverse(warp(x)) == doctest::Approx(x).epsilon(1e-9));
                const double h = 1e-6;
                CHECK(warp.slope(x) == doctest::Approx((warp(x + h) - warp(x - h)) / (2 * h)).epsilon(1e-5));
            }
        }
    CHECK(attune::KumaraswamyWarping{}(0.3) == doctest::Approx(0.3));
    CHECK_THROWS_AS((attune::KumaraswamyWarping{0.0, 1.0}.validate()), attune::InvalidOption);
}

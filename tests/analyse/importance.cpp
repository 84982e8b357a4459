#include "attune/analyse/importance.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "attune/strategy/random_search.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::StrategyRun;

namespace {

constexpr ImportanceMethod methods[] = {ImportanceMethod::fanova, ImportanceMethod::ped_anova,
                                        ImportanceMethod::mean_decrease};

Study random_study(const SearchSpace& space, int trials, const std::function<double(const Configuration&)>& f,
                   std::uint64_t seed = 3) {
    StrategyRun run(RandomSearch{}, space, {minimize("loss")}, seed);
    for (int i = 0; i < trials; ++i) run.tell(f(run.ask()->configuration));
    return run.study();
}

std::map<std::string, ParameterImportance> by_name(const Importance& importance) {
    std::map<std::string, ParameterImportance> out;
    for (const ParameterImportance& p : importance.parameters) out[p.name] = p;
    return out;
}

SearchSpace three() {
    SearchSpace space;
    (void)space.continuous("a", 0, 1);
    (void)space.continuous("b", 0, 1);
    (void)space.categorical("c", {"x", "y", "z"});
    (void)space.continuous("fixed", 1, 1);
    return space;
}

/// Variances over the space: 9 / 12, 1 / 12 and 0.
double linear(const Configuration& c) { return 3 * c.native()[0] + c.native()[1]; }

}  // namespace

TEST_CASE("variance shares of a sum are those of its terms") {
    const auto shares = by_name(importance(random_study(three(), 400, linear)));
    CHECK(std::abs(shares.at("a").share - 0.9) < 0.03);
    CHECK(std::abs(shares.at("b").share - 0.1) < 0.03);
    CHECK(shares.at("c").share < 0.01);
    CHECK(shares.at("fixed").share == 0);
    CHECK(shares.at("a").low <= shares.at("a").share);
    CHECK(shares.at("a").high >= shares.at("a").share);
    CHECK(shares.at("a").low > shares.at("b").high);
}

TEST_CASE("shares sum to one, come in order, and are the same each time") {
    const Study study = random_study(test::mixed_space(), 60, test::bowl);
    for (const ImportanceMethod method : methods) {
        INFO(to_string(method));
        const Importance one = importance(study, {.method = method}),
                         two = importance(study, {.method = method});
        CHECK(one.parameters.size() == study.space().size());
        double sum = 0, last = 1;
        for (std::size_t i = 0; i < one.parameters.size(); ++i) {
            const ParameterImportance& p = one.parameters[i];
            CHECK(p.name == two.parameters[i].name);
            CHECK(p.share == two.parameters[i].share);
            CHECK(p.low == two.parameters[i].low);
            CHECK(p.share <= last);
            CHECK(p.low >= 0);
            CHECK(p.high <= 1);
            sum += last = p.share;
        }
        CHECK(sum == doctest::Approx(1));
        CHECK(one.trials == 60);
    }
}

TEST_CASE("near the optimum another parameter matters than over the whole space") {
    SearchSpace space;
    (void)space.continuous("coarse", 0, 1);
    (void)space.continuous("fine", 0, 1);
    // A cliff that three quarters of the space lie behind, and a valley before it.
    const auto f = [](const Configuration& c) {
        return (c.native()[0] > 0.25 ? 100 + 100 * c.native()[0] : 0) + std::abs(c.native()[1] - 0.5);
    };
    StrategyRun run(RandomSearch{}, space);
    for (int i = 0; i < 400; ++i) run.tell(f(run.ask()->configuration));
    CHECK(importance(run.study()).parameters.front().name == "coarse");
    // Among the best quarter all are before the cliff.
    const Importance near = importance(
        run.study(), {.method = ImportanceMethod::ped_anova, .best_share = 0.03, .region_share = 0.2});
    CHECK(near.parameters.front().name == "fine");
    CHECK(near.parameters.front().share > 0.8);
}

TEST_CASE("parameters of a branch are told apart within it") {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b"});
    auto in_a = space.continuous("in_a", 0, 1).when(kind == "a");
    auto first = space.continuous("first", 0, 1).when(kind == "b");
    auto second = space.continuous("second", 0, 1).when(kind == "b");
    const Study study = random_study(space, 300, [&](const Configuration& c) {
        if (const auto a = c.find(in_a)) return 5 + *a;
        return 0.2 * *c.find(first) + *c.find(second);
    });
    CHECK(importance(study).parameters.front().name == "kind");
    for (const ImportanceMethod method : methods) {
        INFO(to_string(method));
        const auto branches = branch_importances(study, {.method = method});
        REQUIRE(branches.size() == 2);
        CHECK(branches[0].branch.find("kind") != std::string::npos);
        CHECK(branches[0].parameters.front().name == "in_a");
        CHECK(branches[1].parameters.front().name == "second");
        CHECK(branches[0].trials + branches[1].trials == 300);
        for (const Importance& branch : branches) CHECK(by_name(branch).count("kind") == 0);
    }
}

TEST_CASE("what is noise is not believed, and more trials narrow the intervals") {
    RandomStream stream(5, 0, Purpose::user);
    const auto noise = [&](const Configuration&) { return stream.normal(); };
    const Importance of_noise = importance(random_study(three(), 60, noise));
    CHECK_FALSE(of_noise.believed);
    CHECK(of_noise.explained < 0.3);
    CHECK(of_noise.trials_needed > 60);
    const auto two = [](const Configuration& c) { return c.native()[0] + c.native()[1] * c.native()[1]; };
    const Importance few = importance(random_study(three(), 12, two));
    const Importance many = importance(random_study(three(), 300, two));
    const auto width = [](const Importance& i) { return by_name(i).at("a").high - by_name(i).at("a").low; };
    CHECK(width(many) < 0.7 * width(few));
    CHECK(many.believed);
    CHECK(many.explained > 0.8);
    CHECK(many.trials_needed == 300);
}

TEST_CASE("equal values, infinities and failures leave importances defined") {
    for (const ImportanceMethod method : methods) {
        INFO(to_string(method));
        const Importance equal = importance(
            random_study(three(), 20, [](const Configuration&) { return 1.0; }), {.method = method});
        for (const ParameterImportance& p : equal.parameters) CHECK(std::isfinite(p.share));
        if (method != ImportanceMethod::ped_anova) CHECK(equal.parameters.front().share == 0);
        CHECK_FALSE(equal.believed);
        int i = 0;
        const Importance odd =
            importance(random_study(three(), 40,
                                    [&](const Configuration& c) {
                                        ++i;
                                        if (i % 5 == 0) return std::nan("");
                                        if (i % 5 == 1) return HUGE_VAL;
                                        return c.native()[0] * (i % 5 == 2 ? 1.7e308 : -1.7e308);
                                    }),
                       {.method = method});
        CHECK(odd.trials == 24);
        for (const ParameterImportance& p : odd.parameters) CHECK(std::isfinite(p.share));
    }
}

TEST_CASE("what cannot be analysed is refused") {
    const Study study = random_study(three(), 3, linear);
    CHECK_THROWS_WITH_AS((void)importance(study),
                         "importance: 3 of the study's trials have a finite value; it takes 4", InvalidState);
    CHECK_THROWS_WITH_AS((void)importance(random_study(three(), 1, linear)),
                         "importance: 1 of the study's trials has a finite value; it takes 4", InvalidState);
    const Study enough = random_study(three(), 10, linear);
    CHECK_THROWS_AS((void)importance(enough, {.objective = 1}), InvalidOption);
    CHECK_THROWS_AS((void)importance(enough, {.trees = 0}), InvalidOption);
    CHECK_THROWS_AS((void)importance(enough, {.resamples = -1}), InvalidOption);
    CHECK_THROWS_AS((void)importance(enough, {.confidence = 1}), InvalidOption);
    CHECK_THROWS_AS((void)importance(enough, {.best_share = 0}), InvalidOption);
    CHECK_THROWS_AS((void)importance(enough, {.region_share = 0.05}), InvalidOption);
    CHECK(importance_method_from("default") == ImportanceMethod::fanova);
    CHECK_THROWS_AS((void)importance_method_from("shap"), UnknownName);
}

#include <doctest/doctest.h>

#include "attune/strategy/asynchronous_halving.hpp"
#include "attune/strategy/automatic.hpp"
#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/strategy/freeze_thaw.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/grid.hpp"
#include "attune/strategy/halton.hpp"
#include "attune/strategy/hyperband.hpp"
#include "attune/strategy/latin_hypercube.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::strategy_contract;

TEST_CASE("random search keeps the contract") { strategy_contract(RandomSearch{}, "random"); }
TEST_CASE("grid keeps the contract") {
    strategy_contract(Grid{{.levels = 3}}, "grid", {.ends_when_spent = true});
}
TEST_CASE("Sobol keeps the contract") { strategy_contract(Sobol{}, "sobol"); }
TEST_CASE("Halton keeps the contract") { strategy_contract(Halton{}, "halton"); }
TEST_CASE("Latin hypercubes keep the contract") {
    strategy_contract(LatinHypercube{{.points = 7}}, "latin_hypercube");
}
TEST_CASE("the Gaussian process keeps the contract") {
    strategy_contract(GaussianProcess{{.initial_trials = 4, .candidates = 64}}, "gaussian_process",
                      {.trials = 10});
}
TEST_CASE("the tree-structured Parzen estimator keeps the contract") {
    strategy_contract(TreeParzen{{.initial_trials = 4}}, "tpe");
}
TEST_CASE("the tree-structured Parzen estimator with full gaps keeps the contract") {
    strategy_contract(TreeParzen{{.initial_trials = 4, .kernels = ParzenKernels::full_gap}}, "tpe");
}
TEST_CASE("the evolution strategy keeps the contract") {
    strategy_contract(CmaEs{{.population = 4}}, "cma_es", {.trials = 30});
}
TEST_CASE("the automatic choice keeps the contract") {
    strategy_contract(Automatic{{.model_trials = 6}}, "auto", {.trials = 12});
}
TEST_CASE("asynchronous halving keeps the contract") {
    strategy_contract(AsynchronousHalving{}, "asynchronous_halving", {.pauses = true});
    strategy_contract(AsynchronousHalving{TreeParzen{{.initial_trials = 4}}}, "asynchronous_halving",
                      {.pauses = true});
}
TEST_CASE("Hyperband keeps the contract") {
    strategy_contract(Hyperband{}, "hyperband", {.pauses = true});
    strategy_contract(Hyperband{TreeParzen{{.initial_trials = 4}}}, "hyperband", {.pauses = true});
}
TEST_CASE("freeze-thaw keeps the contract") {
    strategy_contract(FreezeThaw{{.horizon = 9}}, "freeze_thaw", {.pauses = true});
    strategy_contract(FreezeThaw{TreeParzen{{.initial_trials = 4}}, {.horizon = 9}}, "freeze_thaw",
                      {.pauses = true});
}
TEST_CASE("a search that ends with repeats keeps the contract until then") {
    strategy_contract(Finalists{RandomSearch{}, {.trials = 1000}}, "finalists");
    strategy_contract(Finalists{Hyperband{}, {.trials = 1000}}, "finalists", {.pauses = true});
}

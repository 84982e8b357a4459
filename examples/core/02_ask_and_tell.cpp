// The host keeps its own loop: it asks for configurations, evaluates them as it likes and tells the results.
// The space has a condition (nesterov only with sgd), a constraint between parameters and a step.
#include <attune/core.hpp>

#include <cmath>
#include <cstdio>

int main() {
    attune::SearchSpace space;
    auto lr = space.continuous("lr", 1e-4, 1.0, attune::Scale::log);
    auto batch = space.integer("batch", 16, 256).step(16);
    auto accumulation = space.integer("accumulation", 1, 8);
    auto optimizer = space.categorical("optimizer", {"sgd", "adam"});
    auto nesterov = space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    space.constrain("batch * accumulation <= 512");

    attune::Tuner tuner{space, attune::minimize("loss"), attune::RandomSearch{}};
    tuner.enqueue({{"lr", 0.1},
                   {"batch", std::int64_t{64}},
                   {"accumulation", std::int64_t{2}},
                   {"optimizer", std::string("adam")}});

    while (auto trial = tuner.ask()) {
        double loss = std::abs(std::log10((*trial)[lr]) + 2) +
                      std::abs(static_cast<double>((*trial)[batch] * (*trial)[accumulation]) - 256) / 256;
        if (trial->find(nesterov).value_or(false)) loss -= 0.1;  // inactive with adam: find() gives nothing
        const auto number = trial->number();
        if (loss > 3)
            trial->fail("diverged");  // a failure is data: strategies learn from it
        else
            trial->tell(loss);
        if (number == 39) break;
    }
    const auto fixed = tuner.ask({{"optimizer", std::string("sgd")}});  // one ask with a value fixed
    const attune::Study study = tuner.study();
    std::printf("best: trial %lld, loss %.3f, %s\n", static_cast<long long>(study.best()->number),
                study.value(*study.best()), study.best()->configuration.text().c_str());
    return fixed && (*fixed)[optimizer] == "sgd" ? 0 : 1;
}

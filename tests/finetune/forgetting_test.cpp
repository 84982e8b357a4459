#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/evaluate/forgetting.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "finetune/support/fitted.hpp"
#include "support/doctest_torch.hpp"

using namespace attune;
using namespace attune::test;

TEST_CASE("what a fine-tuning forgets is measured with the old head, and leaves no trace") {
    const OneThread one;
    const auto source_data = striped_images(90);
    TinyNetwork network(3);
    auto recipe = quick_recipe(0);
    recipe.epochs = 10;
    (void)fit(network, {source_data}, recipe);
    const SourceTask source(network, source_data, Split::test);
    CHECK(source.before().metrics.accuracy > 0.8);
    CHECK(source.measure(network).forgotten() == 0);

    // Another task, of two classes, and another head for it.
    const auto data = striped_images(60, 2);
    (void)fit(network, {data}, quick_recipe());
    const auto kept = source.measure(network);
    CHECK(kept.before.probabilities == source.before().probabilities);
    CHECK(kept.after.probabilities == source.before().probabilities);  // all but the head is frozen
    recipe.learning_rate = 0.05;
    (void)fit(network, {data}, recipe);
    network.named_parameters()["fc.weight"].set_requires_grad(true);
    network.train();
    const auto before = values_of(network);
    const auto expected = torch::get_num_threads();
    torch::manual_seed(5);
    const auto drawn = torch::rand({3});
    torch::manual_seed(5);
    const auto forgot = source.measure(network);
    CHECK(torch::equal(torch::rand({3}), drawn));
    CHECK(torch::get_num_threads() == expected);
    CHECK(forgot.after.classes == 3);
    CHECK(forgot.after.probabilities != source.before().probabilities);
    CHECK(forgot.forgotten() ==
          doctest::Approx(source.before().metrics.accuracy - forgot.after.metrics.accuracy));
    CHECK(network.classes() == 2);
    CHECK(network.is_training());
    CHECK(network.named_parameters()["fc.weight"].requires_grad());
    CHECK_FALSE(network.named_parameters()["fc.bias"].requires_grad());
    for (const auto& [name, value] : values_of(network)) CHECK(torch::equal(value, before.at(name)));
}

TEST_CASE("a source task is measured on networks of its kind, auxiliary heads included") {
    const OneThread one;
    const auto data = striped_images(10, 2, 64);
    const auto network = ModelZoo::standard().make("googlenet", 2);
    const SourceTask source(*network, data, Split::test);
    network->replace_head(5);
    const auto before = values_of(*network);
    CHECK(source.measure(*network).after.probabilities == source.before().probabilities);
    for (const auto& [name, value] : values_of(*network)) CHECK(torch::equal(value, before.at(name)));
    TinyNetwork other(2);
    CHECK_THROWS_AS(static_cast<void>(source.measure(other)), InvalidOption);
    CHECK_THROWS_AS(SourceTask(other, striped_images(10, 3), Split::test), InvalidOption);
}

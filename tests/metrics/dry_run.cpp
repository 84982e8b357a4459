#include "attune/metrics/dry_run.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "attune/error.hpp"

using Strings = std::vector<std::string>;

namespace {
const std::string kLog =
    "starting job\n"
    "epoch 1 - val_accuracy: 0.50 - lr: 1e-3\n"
    "\x1b[32mepoch 2 - val_accuracy: 0.75 - lr: 5e-4\x1b[0m\n"
    "epoch 3 - val_accuracy: nan - lr: n/a\n"
    "done\n";
}

TEST_CASE("a dry run counts, shows values and says where they are") {
    const auto run = attune::dry_run(kLog, {{.name = "acc", .regex = "val_accuracy: ([0-9.]+|nan)"},
                                            {.name = "lr", .regex = "lr: (\\S+)"}});
    CHECK(run.lines == 5);
    REQUIRE(run.metrics.size() == 2);
    const auto& acc = run.metrics[0];
    CHECK(acc.count == 3);
    CHECK(acc.first == 0.5);
    CHECK(acc.least == 0.5);
    CHECK(acc.greatest == 0.75);
    CHECK(acc.lines == std::vector<std::int64_t>{2, 3, 4});
    CHECK(!acc.nearest);
    const auto& lr = run.metrics[1];
    CHECK(lr.count == 2);
    CHECK(lr.last == 5e-4);
    REQUIRE(lr.unparsable_examples.size() == 1);
    CHECK(lr.unparsable_examples[0].line == 4);
    CHECK(lr.unparsable_examples[0].captured == "n/a");
}

TEST_CASE("where nothing matched, the nearest line is shown with what it lacks") {
    const auto run = attune::dry_run(kLog, {{.name = "acc", .regex = "- val_acc: ([0-9.]+) - lr"},
                                            {.name = "f1", .regex = "zzz=([0-9.]+)"}});
    const auto& nearest = run.metrics[0].nearest;
    REQUIRE(nearest);
    CHECK(nearest->number == 2);
    CHECK(nearest->missing == Strings{"- val_acc: "});
    CHECK(nearest->found == Strings{" - lr"});
    CHECK(nearest->similarity > 0.5);
    CHECK(!run.metrics[1].nearest);
    const std::string text = attune::to_string(run);
    for (const char* part :
         {"5 lines read", "nearest line 2: epoch 1", "it lacks '- val_acc: '", "no line is similar"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, text);
}

TEST_CASE("the text tells values, places, warnings and cut numbers") {
    const std::string text = attune::to_string(attune::dry_run(
        kLog, {{.name = "acc", .regex = "val_accuracy: (.*?)"}, {.name = "lr", .regex = "lr: ([0-9.]+)"}}));
    for (const char* part :
         {"acc: no value", "3 captures were no numbers: '' (line 2)", "warning (lazy-tail)", "lr: 2 values",
          "first 1, last 5", "in lines 2, 3", "2 captures took only a part"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, text);
}

TEST_CASE("literal parts leave out what a match may lack") {
    using attune::literal_parts;
    CHECK(literal_parts("val: acc=([0-9.]+)") == Strings{"val: acc="});
    CHECK(literal_parts("a(?:b|c)d(?:ef)?g(?:hi)x*y\\.z.w") == Strings{"a", "d", "ghi", "y.z", "w"});
    CHECK(literal_parts(R"(\[[0-9]+\]#011(\S+)$)") == Strings{"[", "]#011"});
    CHECK(literal_parts("(?i)Loss") == Strings{"Loss"});
    CHECK(literal_parts("") == Strings{});
}

TEST_CASE("bad definitions are refused as everywhere") {
    CHECK_THROWS_AS(static_cast<void>(attune::dry_run("x", {{.name = "a", .regex = "b"}})),
                    attune::InvalidOption);
}

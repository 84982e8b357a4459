#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/metrics/dry_run.hpp"
#include "support/shared_data.hpp"

// Which line of a log is shown where an expression matches nowhere: the one that its author has most likely
// meant.

using attune::test::contents;

namespace {

std::int64_t nearest_number(const std::string& log, const std::string& regex) {
    const attune::DryRun run = attune::dry_run(log, {{.name = "metric", .regex = regex}});
    REQUIRE(run.metrics[0].count == 0);
    return run.metrics[0].nearest ? run.metrics[0].nearest->number : 0;
}

/// A line as trainers print their whole configuration: all words that there are, and numbers.
std::string huge_json() {
    std::string line =
        R"({"config": {"metric": "accuracy", "val_split": 0.1, "value": 3, "loss": "cross_entropy")";
    for (int i = 0; i < 200; ++i)
        line +=
            ", \"layer" + std::to_string(i) + R"(": {"activation": "relu", "validate": true, "units": 64})";
    return line + "}}";
}

/// The expression with a typing error: the last letter of its longest word twice.
std::string misspelt(const std::string& regex) {
    std::string longest;
    for (const std::string& part : attune::literal_parts(regex)) {
        std::string word;
        for (const char c : part + " ") {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            if (letter) word += c;
            if (!letter && word.size() > longest.size()) longest = word;
            if (!letter) word.clear();
        }
    }
    const auto at = longest.size() < 4 ? std::string::npos : regex.find(longest);
    if (at == std::string::npos) return {};
    return regex.substr(0, at + longest.size()) + longest.back() + regex.substr(at + longest.size());
}

}  // namespace

TEST_CASE(
    "a line with like words before a number is nearer than a huge one that has a little of everything") {
    const std::string log =
        "start\n" + huge_json() + "\nepoch 1 loss: 0.9 val_acc: 0.41\nepoch 2 loss: 0.8 val_acc: 0.52\n";
    CHECK(nearest_number(log, "val_accuracy: ([0-9.]+)") == 3);
    CHECK(nearest_number(log, "val_accuracy=([0-9.]+)") == 3);
    CHECK(nearest_number(log, "epoch ([0-9]+) of") == 3);
}

TEST_CASE("logs of several shapes") {
    struct Case {
        const char* log;
        const char* regex;
        std::int64_t line;
    };
    const std::vector<Case> cases{
        // Keras: a bar, and the name is a part of another one.
        {"Epoch 1/3\n390/390 [====>] - 12s 30ms/step - loss: 1.2 - acc: 0.5 - val_loss: 1.0 - val_acc: 0.6\n",
         "val_accuracy: ([0-9.]+)", 2},
        // Words without a number are headings.
        {"Validation accuracy\nvalidation done\nValid. accuracy = 71.5 %\n", "validation accuracy: ([0-9.]+)",
         3},
        // SageMaker's lines with attributes.
        {"[04/20] INFO train loss will be logged\n[04/20] #quality_metric: host=algo-1, epoch=3, train loss "
         "<score>=0.53\n",
         "train_loss=([0-9.]+)", 2},
        // Capitals instead of underscores.
        {"valLoss 0.3\nvalAccuracy 0.8\n", "val_accuracy ([0-9.]+)", 2},
        // A table: the heading has the word, and no number comes.
        {"epoch,accuracy,loss\n1,0.5,0.9\n", "accuracy: ([0-9.]+)", 1},
        // JSON with another name.
        {"{\"message\": \"accuracy will be computed\"}\n{\"epoch\": 1, \"eval_accuracy\": 0.75}\n",
         "\"val_accuracy\": ([0-9.]+)", 2},
        // A typing error.
        {"learning rate 0.1\nTest set: Average loss: 0.05, Accuracy: 9830/10000 (98%)\n", "Acuracy: ([0-9]+)",
         2},
        // Nothing like it.
        {"hello world 3\nloss: 0.5\n", "f1_score=([0-9.]+)", 0}};
    for (const Case& c : cases) {
        CAPTURE(c.log);
        CAPTURE(c.regex);
        CHECK(nearest_number(c.log, c.regex) == c.line);
    }
}

TEST_CASE("of a long line the part that is meant is shown") {
    const std::string log =
        std::string(3000, 'x') + " validation accuracy is 0.75 " + std::string(3000, 'y') + "\n";
    const attune::DryRun run =
        attune::dry_run(log, {{.name = "a", .regex = "validation accuracy: ([0-9.]+)"}});
    REQUIRE(run.metrics[0].nearest);
    const std::string& text = run.metrics[0].nearest->text;
    CHECK(text.find("validation accuracy is 0.75") != std::string::npos);
    CHECK(text.size() < 600);
    CHECK(text.rfind("...", 0) == 0);
}

TEST_CASE("expressions with a typing error lead to lines of real logs that the right one matches") {
    const auto file = attune::test::shared("data/logs/expected-metrics.json");
    if (!file) return;
    const auto logs = nlohmann::json::parse(contents(*file));
    for (const auto& [log, metrics] : logs.items()) {
        const std::string text = contents(file->parent_path() / log);
        for (const auto& [name, expected] : metrics.items()) {
            const std::string wrong = misspelt(expected.at("regex"));
            if (wrong.empty()) continue;
            CAPTURE(log);
            CAPTURE(wrong);
            const auto run = attune::dry_run(
                text, {{.name = "right", .regex = expected.at("regex")}, {.name = "wrong", .regex = wrong}});
            if (run.metrics[1].count > 0) continue;  // the doubled letter is one that may be left out
            REQUIRE(run.metrics[1].nearest);
            CAPTURE(run.metrics[1].nearest->text);
            const auto& lines = run.metrics[0].lines;
            CHECK(std::count(lines.begin(), lines.end(), run.metrics[1].nearest->number) > 0);
            attune::test::count_run();
        }
    }
}

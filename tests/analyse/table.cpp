#include "attune/analyse/table.hpp"

#include <doctest/doctest.h>

#include "analyse/sample_studies.hpp"

TEST_CASE("the table of the best trials") {
    attune::SearchSpace space;
    const auto optimizer = space.categorical("optimizer", {"sgd", "adam"});
    (void)space.continuous("lr", 1e-6, 1, attune::Scale::log);
    (void)space.continuous("momentum", 0, 1).when(optimizer == "sgd");
    attune::test::StudyMaker maker(space, {attune::minimize("loss")});
    const auto trial = [&](std::vector<double> native, double loss, double seconds,
                           attune::TrialState state) {
        const std::int64_t number = maker.begin(maker.study.space().from_native(std::move(native)));
        maker.seconds += seconds;
        if (state != attune::TrialState::failed) maker.report(number, 12, {{"loss", loss}});
        maker.finish(number, state);
    };
    trial({0, 0.012345678, 0.9}, 0.5, 3, attune::TrialState::completed);
    trial({1, 1e-5, 0}, 0.25, 61.25, attune::TrialState::stopped);
    trial({1, 0.5, 0}, 0.125, 1, attune::TrialState::failed);
    trial({0, 1, 0.25}, 1234567.5, 0, attune::TrialState::completed);
    maker.add(attune::event::Ended{"4 trials were run"});

    CHECK(attune::best_trials_table(maker.study, {.rows = 2}) ==
          "rank  trial  status     loss  seconds  step  optimizer         lr  momentum\n"
          "----  -----  ---------  ----  -------  ----  ---------  ---------  --------\n"
          "   1      1  stopped    0.25     61.2    12  adam           1e-05         -\n"
          "   2      0  completed   0.5      3.0    12  sgd        0.0123457       0.9\n"
          "\n"
          "4 trials: 2 completed, 1 stopped, 1 failed; the best 2 of 3 with a value are shown\n"
          "Search time 1m 05s; ended because 4 trials were run\n");
    CHECK(attune::best_trials_table(maker.study, {.rows = 0, .footer = false}) ==
          "No trial came to a value.\n");
    CHECK_THROWS_AS((void)attune::best_trials_table(maker.study, {.max_cell_width = 3}),
                    attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::best_trials_table(attune::Study{}), attune::InvalidState);
}

TEST_CASE("with several objectives trials are ranked by their front") {
    attune::SearchSpace space;
    (void)space.constant("x", 1);
    attune::test::StudyMaker maker(space, {attune::maximize("accuracy"), attune::minimize("ms")});
    for (const auto& [accuracy, ms] : std::vector<std::pair<double, double>>{{0.5, 5}, {0.9, 9}, {0.7, 3}})
        maker.finish(maker.begin(maker.draw(0)), attune::TrialState::completed,
                     {{"accuracy", accuracy}, {"ms", ms}});
    CHECK(attune::best_trials_table(maker.study, {.footer = false}) ==
          "front  trial  status     accuracy  ms  seconds  step  x\n"
          "-----  -----  ---------  --------  --  -------  ----  -\n"
          "    1      1  completed       0.9   9      0.0     -  1\n"
          "    1      2  completed       0.7   3      0.0     -  1\n"
          "    2      0  completed       0.5   5      0.0     -  1\n");
}

TEST_CASE("tables of any study hold no control characters and stay aligned") {
    const std::string text = attune::best_trials_table(attune::test::hostile_study(), {.max_cell_width = 12});
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find("www...") != std::string::npos);
    CHECK(attune::best_trials_table(attune::test::empty_study()) ==
          "No trial was begun yet.\n\n0 trials\nSearch time 0.0s\n");
    CHECK(attune::best_trials_table(attune::test::failed_study()).find("6 trials: 6 failed") !=
          std::string::npos);
}

TEST_CASE("while trials run, none has come to a value yet") {
    attune::test::StudyMaker maker(attune::test::training_space(), {attune::minimize("loss")});
    const auto trial = maker.begin(maker.draw(0));
    CHECK(attune::best_trials_table(maker.study, {.footer = false}) == "No trial has come to a value yet.\n");
    maker.finish(trial, attune::TrialState::failed);
    CHECK(attune::best_trials_table(maker.study, {.footer = false}) == "No trial came to a value.\n");
}

TEST_CASE("counts of one are told in the singular") {
    attune::test::StudyMaker maker(attune::test::training_space(), {attune::minimize("loss")});
    maker.finish(maker.begin(maker.draw(0)), attune::TrialState::completed, {{"loss", 1}});
    CHECK(attune::best_trials_table(maker.study).find("\n1 trial: 1 completed\n") != std::string::npos);
}

TEST_CASE("trials that break an outcome constraint come last, without a rank") {
    attune::SearchSpace space;
    (void)space.constant("x", 1);
    const auto rows = [&](std::vector<attune::Objective> objectives) {
        attune::test::StudyMaker maker(space, std::move(objectives), "sample", {attune::at_most("ms", 5)});
        for (const auto& [accuracy, ms] :
             std::vector<std::pair<double, double>>{{0.9, 9}, {0.5, 5}, {0.95, 6}, {0.7, 3}})
            maker.finish(maker.begin(maker.draw(0)), attune::TrialState::completed,
                         {{"accuracy", accuracy}, {"ms", ms}});
        return attune::best_trials_table(maker.study, {.footer = false});
    };
    CHECK(rows({attune::maximize("accuracy")}) ==
          "rank  trial  status     accuracy  ms <= 5  seconds  step  x\n"
          "----  -----  ---------  --------  -------  -------  ----  -\n"
          "   1      3  completed       0.7        3      0.0     -  1\n"
          "   2      1  completed       0.5        5      0.0     -  1\n"
          "   -      2  completed      0.95      6 !      0.0     -  1\n"
          "   -      0  completed       0.9      9 !      0.0     -  1\n");
    CHECK(rows({attune::maximize("accuracy"), attune::minimize("ms")}) ==
          "front  trial  status     accuracy   ms  seconds  step  x\n"
          "-----  -----  ---------  --------  ---  -------  ----  -\n"
          "    1      3  completed       0.7    3      0.0     -  1\n"
          "    2      1  completed       0.5    5      0.0     -  1\n"
          "    -      2  completed      0.95  6 !      0.0     -  1\n"
          "    -      0  completed       0.9  9 !      0.0     -  1\n");
}

#include "attune/analyse/progress_line.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "analyse/sample_studies.hpp"
#include "attune/tune/tuner.hpp"

namespace {

/// A study whose events go through a progress line as a tuner would send them.
struct Run {
    explicit Run(attune::ProgressOptions options) {
        options.clock = [this] { return attune::test::first_second + seconds; };
        line = std::make_unique<attune::ProgressLine>(stream, options);
        attune::SearchSpace space;
        (void)space.continuous("x", 0, 1);
        send(attune::event::Created{"study",
                                    1,
                                    space,
                                    {attune::maximize("accuracy")},
                                    attune::event::FinalValue::best_report,
                                    {},
                                    {}});
    }
    void send(attune::EventBody body) {
        const attune::Event event{attune::test::first_second + seconds, std::move(body)};
        study.apply(event);
        observe(event);
    }
    void observe(const attune::Event& event) { line->observer().on_event(study, event); }
    void begin() {
        attune::event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(study.trials().size());
        suggested.configuration = {{"x", 0.5}};
        send(suggested);
    }
    void finish(std::int64_t trial, attune::TrialState state, double accuracy,
                const std::string& reason = "") {
        attune::event::Finished finished;
        finished.trial = trial;
        finished.state = state;
        finished.reason = reason;
        if (state != attune::TrialState::failed) finished.metrics = {{"accuracy", accuracy}};
        send(finished);
    }
    /// What the terminal shows: the text behind the last carriage return, without the erasing sequence.
    [[nodiscard]] std::string shown() const {
        std::string text = stream.str();
        text = text.substr(text.rfind('\r') + 1);
        return text.substr(0, text.find("\x1b[K"));
    }
    [[nodiscard]] long drawings() const {
        const std::string text = stream.str();
        return std::count(text.begin(), text.end(), '\r');
    }

    double seconds = 0;
    std::ostringstream stream;
    attune::Study study;
    std::unique_ptr<attune::ProgressLine> line;
};

}  // namespace

TEST_CASE("the line tells done, best, running, stopped, failed, times and the latest report") {
    Run run({.is_terminal = true, .width = 160, .max_trials = 10});
    for (int i = 0; i < 4; ++i) run.begin();
    run.seconds = 10;
    run.finish(0, attune::TrialState::completed, 0.75);
    run.seconds = 20;
    run.finish(1, attune::TrialState::stopped, 0.5);
    run.seconds = 30;
    run.finish(2, attune::TrialState::failed, 0);
    run.seconds = 60;
    run.send(attune::event::Reported{3, 7, {{"accuracy", 0.812345}, {"loss", 2}}});
    CHECK(run.shown() ==
          "3/10 trials | best 0.75 (trial 0) | 1 running, 1 stopped, 1 failed | 1m 00s, about 2m 20s left | "
          "trial 3 step 7: accuracy=0.8123");

    SUBCASE("finish leaves the summary and ends the line, once") {
        run.line->finish();
        CHECK(run.shown() == "3/10 trials | best 0.75 (trial 0) | 1 running, 1 stopped, 1 failed | 1m 00s");
        const std::string text = run.stream.str();
        CHECK(text.back() == '\n');
        run.line->finish();
        run.finish(3, attune::TrialState::completed, 0.9);
        run.line.reset();
        CHECK(run.stream.str() == text);
    }
    SUBCASE("an observer outlives its line") {
        const attune::Observer observer = run.line->observer();
        run.line.reset();
        const std::string text = run.stream.str();
        observer.on_event(run.study, {0, attune::event::Interrupted{3}});
        CHECK(run.stream.str() == text);
    }
}

TEST_CASE("the line is drawn ten times a second at most and fits the terminal") {
    Run run({.is_terminal = true, .width = 40});
    run.begin();
    const long before = run.drawings();
    for (int i = 0; i < 1000; ++i) {
        run.seconds += 0.001;
        run.send(attune::event::Reported{0, static_cast<double>(i), {{"日本語の指標\x1b[2J", 0.5}}});
    }
    CHECK(run.drawings() - before <= 10);
    CHECK(run.drawings() - before >= 8);
    CHECK(run.shown().size() >= 39);
    CHECK(run.shown().find('\x1b') == std::string::npos);
    std::size_t columns = 0;  // wide characters take two
    for (const char c : run.shown())
        columns += (static_cast<unsigned char>(c) & 0xC0U) != 0x80
                       ? (static_cast<unsigned char>(c) >= 0xE0 ? 2 : 1)
                       : 0;
    CHECK(columns <= 39);
    run.seconds += 5;
    const long drawn = run.drawings();
    run.line->redraw();
    CHECK(run.drawings() == drawn + 1);
}

TEST_CASE("a time limit bounds the time left, and trials of an earlier run tell nothing about the pace") {
    Run run({.is_terminal = true, .width = 120, .max_trials = 100, .max_duration = std::chrono::seconds(90)});
    run.begin();
    run.seconds = -1000;
    run.finish(0, attune::TrialState::completed, 0.5);
    run.seconds = 30;
    run.begin();
    CHECK(run.shown() == "1/100 trials | best 0.5 (trial 0) | 1 running | 30s, about 1m 00s left");
}

TEST_CASE("off a terminal there is silence, or one line for every trial") {
    Run quiet({});
    quiet.begin();
    quiet.finish(0, attune::TrialState::completed, 0.5);
    quiet.line->finish();
    CHECK(quiet.stream.str().empty());

    Run lines({.line_per_trial = true});
    lines.begin();
    lines.begin();
    lines.seconds = 12;
    lines.finish(0, attune::TrialState::completed, 0.5);
    lines.finish(1, attune::TrialState::failed, 0, "out of\nmemory");
    lines.line->finish();
    CHECK(lines.stream.str() ==
          "trial 0 completed accuracy=0.5 in 12s *best*\ntrial 1 failed in 12s (out of\xEF\xBF\xBDmemory)\n");
}

TEST_CASE("options outside their ranges are refused") {
    std::ostringstream stream;
    const auto make = [&](const attune::ProgressOptions& options) {
        attune::ProgressLine line(stream, options);
    };
    CHECK_THROWS_AS(make({.width = 5}), attune::InvalidOption);
    CHECK_THROWS_AS(make({.max_trials = -1}), attune::InvalidOption);
    CHECK_THROWS_AS(make({.max_duration = std::chrono::seconds(0)}), attune::InvalidOption);
    CHECK_THROWS_AS(make({.redraw_interval = std::chrono::seconds(-1)}), attune::InvalidOption);
    CHECK_THROWS_AS(make({.clock = nullptr}), attune::InvalidOption);
}

TEST_CASE("a descriptor that is closed is no terminal and has the usual width") {
    CHECK_FALSE(attune::is_terminal(-1));
    CHECK(attune::terminal_width(-1) == 80);
}

TEST_CASE("a tuner feeds the line") {
    std::ostringstream stream;
    attune::ProgressLine line{stream, {.is_terminal = true, .width = 100, .max_trials = 5}};
    attune::SearchSpace space;
    const attune::Handle<double> x = space.continuous("x", 0, 1);
    attune::Tuner tuner{space, attune::minimize("loss"), line.observer()};
    (void)tuner.run(attune::Limits{.max_trials = 5}, [&](attune::Trial& trial) { return trial[x]; });
    line.finish();
    CHECK(stream.str().find("\r5/5 trials | best ") != std::string::npos);
    CHECK(stream.str().back() == '\n');
}

TEST_CASE("the line of a trial that is best among equals says so and shows what decided") {
    std::ostringstream stream;
    attune::ProgressLine line(stream, {.line_per_trial = true, .clock = [] { return 0.0; }});
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::test::StudyMaker maker(space, {attune::maximize("accuracy").then(attune::minimize("loss"))});
    for (const double loss : {0.5, 0.25, 0.75}) {
        const auto trial = maker.begin(maker.draw(0));
        maker.finish(trial, attune::TrialState::completed, {{"accuracy", 0.9}, {"loss", loss}});
        line.on_event(maker.study, {attune::test::first_second,
                                    attune::event::Finished{trial, {}, {}, {}, {}, {}, {}, {}}});
    }
    CHECK(stream.str() ==
          "trial 0 completed accuracy=0.9 loss=0.5 in 0.0s *best*\n"
          "trial 1 completed accuracy=0.9 loss=0.25 in 0.0s *best of equals*\n"
          "trial 2 completed accuracy=0.9 loss=0.75 in 0.0s\n");
}

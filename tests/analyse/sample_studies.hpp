#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "attune/study/random_stream.hpp"
#include "attune/study/study.hpp"

/// Studies that tests draw and tabulate, made from events with fixed times.
namespace attune::test {

inline constexpr double first_second = 1'700'000'000;

/// Folds events at a time that moves on as told.
class StudyMaker {
  public:
    StudyMaker(SearchSpace space, std::vector<Objective> objectives, const std::string& name = "sample",
               std::vector<OutcomeConstraint> outcome_constraints = {}) {
        add(event::Created{name,
                           7,
                           std::move(space),
                           std::move(objectives),
                           event::FinalValue::best_report,
                           {{"strategy", "gaussian process"}, {"stopping", "median rule"}},
                           {{"attune", "0.1.0"}, {"cores", "8"}, {"processor", "a processor"}},
                           std::move(outcome_constraints)});
    }
    void add(EventBody body) { study.apply({first_second + seconds, std::move(body)}); }

    std::int64_t begin(const Configuration& configuration, const std::string& reason = "") {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(study.trials().size());
        suggested.configuration = configuration.values();
        suggested.reason = reason;
        suggested.role = suggested.trial < 5 ? "initial" : "exploring";
        add(suggested);
        return suggested.trial;
    }
    void report(std::int64_t trial, double step, Metrics metrics) {
        add(event::Reported{trial, step, std::move(metrics)});
    }
    void finish(std::int64_t trial, TrialState state, Metrics metrics = {}, const std::string& reason = "",
                std::optional<double> duration_seconds = std::nullopt) {
        event::Finished finished;
        finished.trial = trial;
        finished.state = state;
        finished.metrics = std::move(metrics);
        finished.reason = reason;
        finished.duration_seconds = duration_seconds;
        if (state == TrialState::failed) finished.failure = FailureKind::configuration;
        add(finished);
    }
    /// A configuration that depends on the trial's number alone.
    Configuration draw(std::int64_t trial) const {
        RandomStream random(7, static_cast<std::uint64_t>(trial), Purpose::user);
        while (true) {
            std::vector<double> unit(study.space().size());
            for (double& u : unit) u = random.uniform();
            Configuration drawn = study.space().decode(unit);
            if (study.space().satisfies(drawn)) return drawn;
        }
    }

    Study study;
    double seconds = 0;
};

inline SearchSpace training_space() {
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 0.5, Scale::log);
    const auto optimizer = space.categorical("optimizer", {"sgd", "adam", "rmsprop", "nag"});
    (void)space.continuous("momentum", 0.0, 0.99).when(in(optimizer, {"sgd", "nag"}));
    (void)space.integer("batch_size", 16, 512, Scale::log);
    (void)space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    (void)space.continuous("dropout", 0.0, 0.6).step(0.05);
    space.constrain("batch_size * dropout <= 200");
    return space;
}

/// Forty trials of twelve epochs, two at a time; weak ones are stopped, a few fail, the last two still run.
inline Study training_study(std::int64_t trials = 40, int epochs = 12) {
    StudyMaker maker(training_space(), {maximize("validation_accuracy")}, "clothing, ten classes");
    for (std::int64_t n = 0; n < trials; ++n) {
        const Configuration c = maker.draw(n);
        const double lr = c.native()[0];
        RandomStream noise(11, static_cast<std::uint64_t>(n), Purpose::user);
        maker.seconds = std::floor(static_cast<double>(n) / 2) * 14 + static_cast<double>(n % 2);
        const std::int64_t trial = maker.begin(c, n < 5 ? "initial design" : "expected improvement 0.0123");
        const double goal =
            0.93 - 0.05 * std::pow(std::log10(lr / 0.03), 2) - 0.1 * c.native()[5] + 0.02 * noise.uniform();
        if (lr > 0.4) {
            maker.seconds += 2;
            maker.report(trial, 1, {{"validation_accuracy", 0.1}, {"loss", std::nan("")}});
            maker.finish(trial, TrialState::failed, {}, "loss is nan after 14 batches");
            continue;
        }
        int epoch = 1;
        bool stopped = false;
        for (; epoch <= epochs && !stopped; ++epoch) {
            maker.seconds += 1;
            const double value = goal * (1 - std::exp(-0.5 * epoch)) + 0.015 * (noise.uniform() - 0.5);
            maker.report(trial, epoch,
                         {{"validation_accuracy", value}, {"loss", 2.3 * std::exp(-3 * value)}});
            stopped = n > 4 && epoch == 4 + static_cast<int>(n % 3) && goal < 0.86;
        }
        if (trials - n <= 2 && trials > 10) continue;
        if (stopped)
            maker.add(event::Decided{trial, epoch - 1.0, Decision::stop,
                                     "0.6921 is below the median 0.7710 of 12 trials"});
        maker.finish(trial, stopped ? TrialState::stopped : TrialState::completed);
    }
    maker.seconds += epochs;
    maker.add(event::Ended{std::to_string(trials) + " trials were run"});
    return maker.study;
}

/// Accuracy against throughput.
inline Study two_objectives_study(std::int64_t trials = 60) {
    SearchSpace space;
    (void)space.categorical("backbone",
                            {"resnet18", "resnet50", "mobilenet_v2", "squeezenet", "shufflenet_v2_x1_0"});
    (void)space.integer("image_size", 96, 320);
    (void)space.continuous("width", 0.25, 1.0);
    StudyMaker maker(std::move(space), {maximize("accuracy"), maximize("images_per_second")},
                     "accuracy against speed");
    for (std::int64_t n = 0; n < trials; ++n) {
        maker.seconds += 20;
        const std::int64_t trial = maker.begin(maker.draw(n));
        const std::vector<double>& x = maker.study.trial(trial).configuration.native();
        const double work = (1 + x[0]) * x[1] * x[1] * x[2] / 1e5;
        RandomStream noise(13, static_cast<std::uint64_t>(n), Purpose::user);
        maker.seconds += 30 + 20 * work;
        maker.finish(trial, TrialState::completed,
                     {{"accuracy", 0.95 - 0.25 / (1 + work) - 0.05 * noise.uniform()},
                      {"images_per_second", 2000 / (0.5 + work)}});
    }
    return maker.study;
}

inline Study empty_study() {
    StudyMaker maker(training_space(), {minimize("loss")}, "nothing yet");
    return maker.study;
}

/// Every trial failed, with reasons that are long.
inline Study failed_study() {
    StudyMaker maker(training_space(), {minimize("loss")}, "all failed");
    for (std::int64_t n = 0; n < 6; ++n) {
        const std::int64_t trial = maker.begin(maker.draw(n));
        maker.seconds += 3;
        maker.finish(trial, TrialState::failed, {},
                     "the command ended with code 1: " + std::string(400, 'x'));
    }
    maker.add(event::Ended{"6 trials failed in a row"});
    return maker.study;
}

/// What a hostile or unlucky study may hold: markup as names, control characters, bytes that are no UTF-8,
/// NaN and infinities.
inline Study hostile_study() {
    const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&";
    SearchSpace space;
    (void)space.continuous(evil, 0, 1);
    (void)space.categorical("choice",
                            std::vector<std::string>{evil, "\x1b[31mred\x1b[0m", "bad \xff\xfe bytes",
                                                     std::string(300, 'w'), "日本語のとても長い名前"});
    StudyMaker maker(std::move(space), {minimize(evil)}, evil);
    maker.add(event::Attribute{-1, evil, evil});
    const double values[] = {1.5,
                             std::nan(""),
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             1e300,
                             2.5,
                             -1e-300};
    for (std::int64_t n = 0; n < 7; ++n) {
        const std::int64_t trial = maker.begin(maker.draw(n), evil);
        maker.add(event::Attribute{trial, evil, evil});
        maker.seconds += 1;
        const double value = values[n];
        maker.report(trial, 1, {{evil, value}, {"__proto__", 1}});
        maker.report(trial, std::numeric_limits<double>::infinity(), {{evil, value}});
        maker.finish(trial, std::isnan(value) ? TrialState::failed : TrialState::completed, {{evil, value}},
                     evil);
    }
    maker.add(event::Ended{evil});
    return maker.study;
}

/// Thirty parameters of every kind, long names among them.
inline Study wide_study() {
    SearchSpace space;
    for (int i = 0; i < 30; ++i) {
        const std::string name = "parameter_" + std::to_string(i) +
                                 (i % 7 == 0 ? "_with_a_name_that_goes_on_for_quite_a_while" : "");
        if (i % 5 == 0)
            (void)space.categorical(name, {"first", "second", "the third one"});
        else if (i % 5 == 1)
            (void)space.continuous(name, 0.001, 0.999, Scale::logit);
        else if (i % 5 == 2)
            (void)space.continuous(name, 1e-6, 1, i % 2 == 0 ? Scale::log : Scale::reverse_log);
        else
            (void)space.integer(name, -5, 1000 * i);
    }
    StudyMaker maker(std::move(space), {minimize("loss")}, "thirty parameters");
    for (std::int64_t n = 0; n < 50; ++n) {
        const std::int64_t trial = maker.begin(maker.draw(n));
        maker.seconds += 1;
        double loss = 0;
        for (const double u : maker.study.trial(trial).configuration.encoded()) loss += (u - 0.4) * (u - 0.4);
        maker.finish(trial, TrialState::completed, {{"loss", n == 3 ? 1e9 : loss}});
    }
    return maker.study;
}

}  // namespace attune::test

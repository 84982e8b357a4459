#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/study/random_stream.hpp"
#include "attune/study/trial_record.hpp"

namespace attune {

class Tuner;

/// Thrown by an objective that knows why it failed and whose fault it was. Other exceptions count as the
/// configuration's fault, with their message as the reason.
class TrialFailure : public std::runtime_error {
  public:
    TrialFailure(FailureKind kind, const std::string& reason) : std::runtime_error(reason), kind_(kind) {}
    [[nodiscard]] FailureKind kind() const noexcept { return kind_; }

  private:
    FailureKind kind_;
};

/// Thrown by an objective for what no other trial could escape either (a program that does not exist, a disk
/// that is gone): the run ends with it. The trial becomes interrupted, so that a later run goes on with it.
class RunFailure : public Error {
  public:
    explicit RunFailure(const std::string& message) : Error("run", message) {}
};

/// A trial that was asked for and waits for its result.
///
/// Read the configuration, report as it goes, and end it with `tell` or `fail` (the tuner's loop does that
/// for the objective). Dropped without a result it becomes interrupted, and the next ask goes on with it.
/// Move-only; one thread at a time; must not outlive its tuner.
class Trial {
  public:
    Trial(Trial&& other) noexcept
        : tuner_(std::exchange(other.tuner_, nullptr)),
          number_(other.number_),
          configuration_(std::move(other.configuration_)),
          seed_(other.seed_),
          resumed_(other.resumed_),
          threads_(other.threads_),
          until_(other.until_),
          reported_step_(other.reported_step_),
          answer_(other.answer_),
          saw_stop_(other.saw_stop_),
          stop_(std::move(other.stop_)),
          cost_(other.cost_) {}
    Trial& operator=(Trial&&) = delete;
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;
    ~Trial();

    [[nodiscard]] std::int64_t number() const { return number_; }
    [[nodiscard]] const Configuration& configuration() const { return configuration_; }

    /// The value of a parameter; throws InvalidConfiguration where it is inactive.
    template <class T>
    [[nodiscard]] T operator[](const Handle<T>& handle) const {
        return configuration_[handle];
    }
    /// The value, or nothing where the parameter is inactive.
    template <class T>
    [[nodiscard]] std::optional<T> find(const Handle<T>& handle) const {
        return configuration_.find(handle);
    }

    /// Records named numbers at a step and answers what to do. After stop, end the trial soon; after pause,
    /// leave a checkpoint and do the same: what is told then is where it stands, and it may be gone on with.
    Decision report(double step, const Metrics& metrics);
    /// The same for the study's first objective alone.
    Decision report(double step, double value);
    /// The latest answer.
    [[nodiscard]] Decision decision() const { return answer_; }
    /// Whether the run was asked to end (a stop token of the host, a hard time limit): leave off soon.
    [[nodiscard]] bool stop_requested() const {
        saw_stop_ = saw_stop_ || stop_.stop_requested();
        return saw_stop_;
    }
    [[nodiscard]] const std::stop_token& stop_token() const { return stop_; }

    /// Whether this trial was begun before and cut off or paused.
    [[nodiscard]] bool resumed() const { return resumed_; }
    /// The highest step that was reported before it was gone on with; none where its reports were left behind
    /// or it was begun just now.
    [[nodiscard]] std::optional<double> reported_step() const { return reported_step_; }
    /// The step whose report will be answered with pause, if no earlier one is; none: it runs to its end.
    [[nodiscard]] std::optional<double> until() const { return until_; }
    /// Where it keeps its checkpoint: the same for every worker that goes on with it, which finds there what
    /// the one before left. Kept with the study, so that it does not matter how this worker was set up.
    /// Nothing where neither TunerOptions::checkpoint_folder nor set_checkpoint() said a place.
    ///
    /// A trial with a place is gone on with under its earlier reports; its next report then takes the place
    /// of earlier ones of that step and beyond.
    [[nodiscard]] std::optional<std::filesystem::path> checkpoint() const;
    /// Says the place, which may be a file or a folder; nothing is made. Relative paths are taken from the
    /// working folder.
    void set_checkpoint(const std::filesystem::path& place);

    /// How many threads it may use: the cores divided among the executor's slots.
    [[nodiscard]] int threads() const { return threads_; }
    /// Its own random numbers: the same whenever the trial is run again.
    [[nodiscard]] RandomStream random() const {
        return {seed_, static_cast<std::uint64_t>(number_), Purpose::objective};
    }
    /// A note that the study keeps with the trial.
    void set_attribute(const std::string& key, const std::string& value);

    /// Ends it with its final metrics; what was not told is taken from the reports.
    void tell(const Metrics& metrics, std::optional<double> cost = std::nullopt);
    void tell(double value);
    /// Leaves it where it stands, to be gone on with later. Throws InvalidState where trials of this study
    /// cannot (TunerOptions::resumable).
    void pause(const std::string& reason = "by its own choice");
    /// Ends it as failed.
    void fail(const std::string& reason, FailureKind kind = FailureKind::configuration);
    /// What it has cost since it was handed out, for cost limits (any unit); recorded when it ends or pauses,
    /// and added up over its pauses.
    void set_cost(double cost) { cost_ = cost; }
    [[nodiscard]] std::optional<double> cost() const { return cost_; }

  private:
    friend class Tuner;
    Trial(Tuner& tuner, std::int64_t number, Configuration configuration, std::uint64_t seed, bool resumed,
          int threads, std::optional<double> until, std::optional<double> reported_step, std::stop_token stop)
        : tuner_(&tuner),
          number_(number),
          configuration_(std::move(configuration)),
          seed_(seed),
          resumed_(resumed),
          threads_(threads),
          until_(until),
          reported_step_(reported_step),
          stop_(std::move(stop)) {}

    Tuner& owner() const;

    Tuner* tuner_;  // null once ended or moved from
    std::int64_t number_;
    Configuration configuration_;
    std::uint64_t seed_;
    bool resumed_;
    int threads_;
    std::optional<double> until_;
    std::optional<double> reported_step_;
    Decision answer_ = Decision::proceed;
    mutable bool saw_stop_ = false;  // was told by stop_requested()
    std::stop_token stop_;
    std::optional<double> cost_;
};

}  // namespace attune

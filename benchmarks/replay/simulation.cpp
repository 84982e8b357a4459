#include "replay/simulation.hpp"

#include <cmath>
#include <queue>

namespace attune::replay_benchmark {
namespace {

/// One run: the study, where each recorded training stands, and the reports to come.
class Run {
  public:
    Run(const RecordedTable& table, const std::vector<std::size_t>& drawn, Rule rule, int workers)
        : table_(table), drawn_(drawn), rule_(std::move(rule)), idle_(workers), done_(drawn.size(), 0) {
        event::Created created;
        created.name = table.name;
        created.space = table.space;
        created.objectives = {table.objective};
        created.final_value = event::FinalValue::last_report;
        apply(std::move(created));
        for (const std::size_t row : drawn) {
            const double final = table.trials[row].values.back();
            if (table.objective.better(final, best_)) best_ = final;
        }
    }

    void run() {
        hand_out();
        while (!coming_.empty()) {
            const Coming next = coming_.top();
            coming_.pop();
            now_ = next.time;
            report(next.trial);
            hand_out();
        }
    }

    [[nodiscard]] Replayed result(double full_duration) const {
        Replayed out;
        out.spent = spent_;
        for (const std::size_t row : drawn_) out.full_spent += table_.trials[row].spent.back();
        out.best = best_;
        out.found = found_;
        out.duration = now_;
        out.full_duration = full_duration;
        out.reached = reached_;
        return out;
    }

  private:
    struct Coming {
        double time;
        std::int64_t order;
        std::int64_t trial;
        bool operator<(const Coming& other) const {
            return time != other.time ? time > other.time : order > other.order;
        }
    };

    template <class Body>
    void apply(Body&& body) {
        study_.apply(Event{now_, EventBody(std::forward<Body>(body))});
    }

    void hand_out() {
        while (idle_ > 0) {
            if (auto resumed = rule_.policy.resume(study_)) {
                go_on(resumed->trial, resumed->until);
                continue;
            }
            SuggestionRequest request;
            request.trial = std::ssize(study_.trials());
            request.resumable = true;
            request.only_resume = request.trial >= std::ssize(drawn_);
            const auto suggestion = rule_.strategy.suggest(study_, request);
            if (!suggestion) return;
            if (suggestion->resume) {
                go_on(*suggestion->resume, suggestion->until);
                continue;
            }
            if (request.only_resume) return;
            event::Suggested begun;
            begun.trial = request.trial;
            begun.configuration = recorded(request.trial).configuration;
            begun.resumable = true;
            begun.until = suggestion->until;
            apply(std::move(begun));
            start(request.trial);
        }
    }

    void go_on(std::int64_t number, std::optional<double> until) {
        event::Resumed resumed;
        resumed.trial = number;
        resumed.from_start = false;
        resumed.until = until;
        apply(std::move(resumed));
        start(number);
    }

    void start(std::int64_t number) {
        --idle_;
        schedule(number);
    }

    [[nodiscard]] const RecordedTrial& recorded(std::int64_t number) const {
        return table_.trials[drawn_[static_cast<std::size_t>(number)]];
    }

    void schedule(std::int64_t number) {
        const RecordedTrial& trial = recorded(number);
        const std::size_t next = done_[static_cast<std::size_t>(number)];
        const double takes = trial.spent[next] - (next == 0 ? 0 : trial.spent[next - 1]);
        spent_ += takes;
        coming_.push({now_ + takes, order_++, number});
    }

    void report(std::int64_t number) {
        const RecordedTrial& trial = recorded(number);
        std::size_t& done = done_[static_cast<std::size_t>(number)];
        const double value = trial.values[done], step = trial.steps[done];
        ++done;
        apply(event::Reported{number, step, {{table_.objective.metric, value}}});
        note_reached(value);
        if (done == trial.steps.size()) {
            if (table_.objective.better(value, found_)) found_ = value;
            return end(number, TrialState::completed);
        }
        const TrialRecord& record = study_.trial(number);
        Verdict verdict = rule_.policy.decide(study_, record);
        if (verdict.decision == Decision::proceed) {
            if (!record.until || step < *record.until) return schedule(number);
            return end(number, TrialState::paused);
        }
        const bool stops = verdict.decision == Decision::stop;
        apply(event::Decided{number, step, verdict.decision, std::move(verdict.reason)});
        end(number, stops ? TrialState::stopped : TrialState::paused);
    }

    void end(std::int64_t number, TrialState state) {
        event::Finished finished;
        finished.trial = number;
        finished.state = state;
        apply(std::move(finished));
        ++idle_;
    }

    void note_reached(double value) {
        const double near =
            best_ - (table_.objective.direction == Direction::maximize ? 1 : -1) * 0.01 * std::abs(best_);
        if (std::isnan(reached_) && !table_.objective.better(near, value) && !std::isnan(value))
            reached_ = now_;
    }

    const RecordedTable& table_;
    const std::vector<std::size_t>& drawn_;
    Rule rule_;
    int idle_;
    Study study_;
    std::vector<std::size_t> done_;  ///< reports that each training has given
    std::priority_queue<Coming> coming_;
    std::int64_t order_ = 0;
    double now_ = 0;
    double spent_ = 0;
    double best_ = std::nan("");
    double found_ = std::nan("");
    double reached_ = std::nan("");
};

/// How long `workers` take for all the trainings, one after the other.
double without_rule(const RecordedTable& table, const std::vector<std::size_t>& drawn, int workers) {
    std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
    for (int w = 0; w < workers; ++w) free_at.push(0);
    double last = 0;
    for (const std::size_t row : drawn) {
        const double end = free_at.top() + table.trials[row].spent.back();
        free_at.pop();
        free_at.push(end);
        last = std::max(last, end);
    }
    return last;
}

}  // namespace

Replayed simulate(const RecordedTable& table, const std::vector<std::size_t>& drawn, Rule rule, int workers) {
    Run run(table, drawn, std::move(rule), workers);
    run.run();
    return run.result(without_rule(table, drawn, workers));
}

}  // namespace attune::replay_benchmark

#include "merge_events.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

namespace attune::parts {
namespace {

/// What a study and its copies have in common: when and as what it was made.
using Origin = std::tuple<double, std::uint64_t, std::string>;

Origin origin_of(const Study& study) { return {study.created_seconds(), study.seed(), study.name()}; }

/// One trial, however many sources hold it. A copy that went on may have asked for another one of the same
/// number.
using TrialKey = std::tuple<Origin, std::int64_t, double, std::string>;

TrialKey key_of(const Study& study, const TrialRecord& trial) {
    return {origin_of(study), trial.number, trial.suggested_seconds, trial.asked().text()};
}

/// Which source each trial is taken from: the first that has its result, otherwise the first that has most of
/// its reports.
class Owners {
  public:
    explicit Owners(const std::vector<MergeSource>& sources) {
        for (std::size_t i = 0; i < sources.size(); ++i)
            for (const TrialRecord& trial : sources[i].study.trials()) add(i, sources[i].study, trial);
    }
    /// The numbers of a source's trials that are taken from another one.
    [[nodiscard]] std::set<std::int64_t> elsewhere(std::size_t source, const Study& study) const {
        std::set<std::int64_t> numbers;
        for (const TrialRecord& trial : study.trials())
            if (owners_.at(key_of(study, trial)).source != source) numbers.insert(trial.number);
        return numbers;
    }
    [[nodiscard]] std::size_t held_twice() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(owners_, [](const auto& entry) { return entry.second.sources > 1; }));
    }

  private:
    struct Owner {
        std::size_t source = 0, sources = 0;
        std::pair<bool, std::size_t> progress;  ///< whether it has a result, and its reports
    };

    void add(std::size_t source, const Study& study, const TrialRecord& trial) {
        const std::pair progress{trial.finished(), trial.reports.size()};
        const auto [place, is_new] = owners_.try_emplace(key_of(study, trial), Owner{source, 0, progress});
        Owner& owner = place->second;
        ++owner.sources;
        if (owner.progress < progress) owner.source = source, owner.progress = progress;
    }

    std::map<TrialKey, Owner> owners_;
};

/// Appends one study's trials to another's events.
class Merge {
  public:
    /// `created` begins the merged study.
    Merge(std::vector<Event>& out, const Event& created)
        : out_(out), space_(std::get<event::Created>(created.body).space) {
        out_.push_back(created);
    }

    /// All of a source but the trials of these numbers.
    void take(const MergeSource& source, std::set<std::int64_t> left_out) {
        source_ = source.name;
        left_out_ = std::move(left_out);
        numbers_.clear();
        for (const Event& event : source.events)
            std::visit([&](const auto& body) { take(event.time_seconds, body); }, event.body);
        for (const auto& [old, trial] : numbers_)
            if (trial.running) out_.push_back({latest_, event::Interrupted{trial.number, {}}});
        for (const auto& [index, configuration] : source.study.enqueued())
            if (enqueued_.insert({origin_of(source.study), index}).second)
                out_.push_back({latest_, event::Enqueued{configuration}});
        is_first_ = false;
    }

  private:
    struct Renumbered {
        std::int64_t number = 0;
        bool running = true;
    };

    void add(double time, EventBody body) {
        latest_ = time;
        out_.push_back({time, std::move(body)});
    }

    void take(double time, event::Suggested body) {
        if (left_out_.contains(body.trial)) return;
        numbers_[body.trial] = {next_, true};
        body.reason = source_ + ", trial " + std::to_string(body.trial) + ": " + body.reason;
        body.trial = next_++;
        body.view = out_.size();
        body.role = "merged";
        body.group = -1;
        body.enqueued.reset();
        body.fit.clear();
        body.worker = 0;
        add(time, std::move(body));
    }
    /// Each study's trials come in the spaces in which they were asked.
    void take(double time, const event::Created& body) {
        if (!space_.differences(body.space).empty()) add(time, event::SpaceChanged{body.space, {}});
        space_ = body.space;
    }
    void take(double time, const event::SpaceChanged& body) {
        add(time, body);
        space_ = body.space;
    }
    template <class Body>
    void take(double time, Body body) {
        if constexpr (std::is_same_v<Body, event::Attribute>)
            if (body.trial < 0 && is_first_) return add(time, std::move(body));
        if constexpr (requires { body.trial; }) {
            const auto found = numbers_.find(body.trial);
            if (found == numbers_.end()) return;  // of the study itself, or of none
            body.trial = found->second.number;
            if constexpr (std::is_same_v<Body, event::Interrupted>) found->second.running = false;
            if constexpr (std::is_same_v<Body, event::Resumed>) {
                found->second.running = true;
                body.view = 0;  // nothing to be asked for again
                body.role = "merged";
                body.fit.clear();
                body.worker = 0;
            }
            if constexpr (std::is_same_v<Body, event::Finished>) found->second.running = false;
            add(time, std::move(body));
        }
    }

    std::vector<Event>& out_;
    SearchSpace space_;  ///< the latest in out_
    std::string source_;
    std::set<std::int64_t> left_out_;
    std::map<std::int64_t, Renumbered> numbers_;
    std::set<std::pair<Origin, std::uint64_t>> enqueued_;
    bool is_first_ = true;
    std::int64_t next_ = 0;
    double latest_ = 0;
};

}  // namespace

MergedEvents merge_events(const std::vector<MergeSource>& sources) {
    MergedEvents out;
    const Owners owners(sources);
    Merge merge(out.events, sources.front().events.front());
    for (std::size_t i = 0; i < sources.size(); ++i)
        merge.take(sources[i], owners.elsewhere(i, sources[i].study));
    out.held_twice = owners.held_twice();
    return out;
}

}  // namespace attune::parts

#include "ask_tell_session.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "attune/storage/detail/json_object.hpp"
#include "attune/storage/journal.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/study/pareto.hpp"
#include "importance_json.hpp"
#include "open_journal.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

using detail::JsonObject;

/// A number as people write it: whole ones without ".0".
Json plain_number(double number) {
    const bool whole = std::abs(number) < 0x1p53 && number == std::floor(number);
    if (whole && !(number == 0 && std::signbit(number))) return static_cast<std::int64_t>(number);
    return number_to_json(number);
}

Json plain_metrics(const Metrics& metrics) {
    Json out = Json::object();
    for (const auto& [name, value] : metrics)
        out[JsonObject::text_json(name).get<std::string>()] = plain_number(value);
    return out;
}

Json with_metrics(const Study& study, std::int64_t number) {
    return Json{{"trial", number}, {"metrics", plain_metrics(study.trial(number).metrics)}};
}

Json full_best(const Study& study, std::int64_t number) {
    const TrialRecord& trial = study.trial(number);
    return Json{{"trial", number},
                {"configuration", values_to_json(trial.asked().values())},
                {"metrics", plain_metrics(trial.metrics)}};
}

/// Reports are kept as they come and each counts, so one of a step that was reported would count twice:
/// refused, but for metrics that the step does not have yet. Throws InvalidOption.
void check_step(const TrialRecord& trial, double step, const Metrics& metrics) {
    // The first report, one that is refused anyway, or one that takes the place of those before a pause.
    if (trial.finished() || trial.reports.empty() || trial.carried_reports > 0) return;
    const double last = trial.reports.back().step;
    const auto refuse = [&](const std::string& what) {
        throw InvalidOption(
            "report.step (" + plain_number(step).dump() + "): trial " + std::to_string(trial.number) +
            " has reported " + what +
            "; a step may come again with other metrics only, and an earlier step not at all");
    };
    if (step < last) refuse("step " + plain_number(last).dump());
    for (const Report& report : trial.reports)
        for (const auto& [name, value] : metrics)
            if (report.step == step && report.metrics.contains(name)) refuse("'" + name + "' at that step");
}

/// What is odd about a report that is kept and goes on; empty where nothing is.
std::string remark_on(const Objective& objective, const Metrics& metrics) {
    const auto value = metrics.find(objective.metric);
    if (value == metrics.end())
        return "kept, but no policy judged it: it lacks the objective's metric '" + objective.metric + "'";
    if (std::isnan(value->second)) return objective.metric + " is NaN, which counts as worse than any number";
    return {};
}

/// Of what is said about a trial that this session lost.
constexpr const char* late =
    "another worker has gone on with the trial; this is kept as evidence and counts nowhere";

/// A result without the objective is a mistake of the teller rather than a failure of the trial. Throws
/// InvalidOption; what is NaN is a result, of a trial that failed.
void check_told(const Study& study, const TrialRecord& trial, const Metrics& metrics) {
    // Refused as such, or it stays paused.
    if (trial.finished() || trial.state == TrialState::paused) return;
    const Metrics final = study.final_metrics(trial, metrics);
    const auto need = [&](const std::string& metric, const std::string& whose) {
        if (!final.contains(metric))
            throw InvalidOption("tell.metrics: has no '" + metric + "', " + whose +
                                " metric, and no report of trial " + std::to_string(trial.number) +
                                " had it; the trial stays open");
    };
    for (const Objective& objective : study.objectives()) need(objective.metric, "the objective's");
    if (trial.decision != Decision::stop)
        for (const OutcomeConstraint& constraint : study.outcome_constraints())
            need(constraint.metric, "an outcome constraint's");
}

/// The best trial, or those of the Pareto front.
std::vector<std::int64_t> winners(const Study& study) {
    if (study.objectives().size() > 1) return pareto_front(study);
    if (const TrialRecord* best = study.best()) return {best->number};
    return {};
}

/// What is wrong with a change of the space is mended by the member that speaks of the trials before it.
void adopt(StudySetup& setup, const Study& existing) try {
    setup.adopt(existing);
} catch (const InvalidSpace& error) {
    throw InvalidSpace(std::string(error.what()) + " (said by create.old_trials)");
}

Json trial_json(const Study& study, const TrialRecord& trial) {
    Json reports = Json::array();
    for (const Report& report : trial.reports)
        reports.push_back({{"step", plain_number(report.step)}, {"metrics", plain_metrics(report.metrics)}});
    Json out{{"trial", trial.number},
             {"state", to_string(trial.state)},
             {"configuration", values_to_json(trial.asked().values())},
             {"reports", std::move(reports)},
             {"metrics", plain_metrics(trial.metrics)}};
    for (const OutcomeConstraint& broken : study.broken_constraints(trial))
        out["breaks"].push_back(broken.text());
    if (trial.failure) out["kind"] = to_string(*trial.failure);
    if (!trial.reason.empty()) out["reason"] = trial.reason;
    if (trial.cost) out["cost"] = plain_number(*trial.cost);
    if (trial.finished()) out["seconds"] = plain_number(trial.duration_seconds());
    return out;
}

}  // namespace

Json AskTellSession::answer(const std::string& line) {
    const auto error = [](const std::string& kind, const std::string& message) {
        return Json{{"error", {{"kind", kind}, {"message", message}}}};
    };
    try {
        return dispatch(parse_json(line, "request"));
    } catch (const Error& fault) {
        return error(fault.kind(), fault.what());
    } catch (const std::exception& fault) {
        return error("internal", fault.what());
    }
}

Json AskTellSession::dispatch(const Json& request) {
    static constexpr std::array<std::pair<std::string_view, Handler>, 9> handlers{
        {{"create", &AskTellSession::create},
         {"ask", &AskTellSession::ask},
         {"enqueue", &AskTellSession::enqueue},
         {"report", &AskTellSession::report},
         {"tell", &AskTellSession::tell},
         {"fail", &AskTellSession::fail},
         {"best", &AskTellSession::best},
         {"trials", &AskTellSession::trials},
         {"importance", &AskTellSession::importance}}};
    std::vector<std::string_view> known;
    known.reserve(handlers.size());
    for (const auto& [name, handler] : handlers) known.push_back(name);
    const JsonObject object(request, "request", known);
    if (request.size() != 1)
        throw InvalidJson("request: has " + counted(request.size(), "member") + "; a line is one request");
    for (const auto& [name, handler] : handlers)
        if (object.has(name)) return (this->*handler)(object.at(name));
    return {};
}

Tuner& AskTellSession::tuner() const {
    if (!tuner_) throw InvalidState("no study was created yet; the first request is create");
    return *tuner_;
}

void AskTellSession::keep(Trial trial, std::uint32_t claim) {
    const std::int64_t number = trial.number();
    const auto open = open_.find(number);
    if (open == open_.end()) {
        open_.emplace(number, Open{std::move(trial), claim});
    } else {  // lost and asked for again: dropping either handle would give it back
        open->second.claim = claim;
        again_.push_back(std::move(trial));
    }
}

bool AskTellSession::is_lost(std::int64_t number) const {
    const auto open = open_.find(number);
    return open != open_.end() && tuner().with_study([&](const Study& study) {
        return study.trial(number).claim != open->second.claim;
    });
}

Json AskTellSession::create(const Json& json) {
    if (tuner_) throw InvalidState("create: a study was created before; a session has one");
    StudySetup setup = setup_from_json(json, "create");
    if (setup.objectives.empty()) throw InvalidJson("create: 'objectives' is missing");
    setup.space.validate();
    (void)setup.sample();  // what is wrong with these must not leave a file behind
    (void)setup.make_stopping();
    AnyStorage storage = open_storage(StorageAddress::parse(setup.storage), setup.durability, notice_);
    Study existing;
    for (const Event& event : storage.read(0)) existing.apply(event);
    setup.fill_in(setup.storage);
    if (existing.is_created()) adopt(setup, existing);
    fixed_ = setup.fixed;
    pin(setup.parents, setup.storage);
    tuner_ = std::make_unique<Tuner>(setup.space, setup.objectives, setup.outcome_constraints,
                                     setup.make_strategy(), setup.make_stopping(), setup.tuner_options(),
                                     std::move(storage));
    return Json{{"created",
                 {{"trials", tuner_->with_study([](const Study& study) { return study.trials().size(); })},
                  {"strategy", setup.strategy.name},
                  {"stopping", setup.stopping.name}}}};
}

Json AskTellSession::ask(const Json& json) {
    const JsonObject object(json, "ask", {"count", "fixed"});
    const auto count = object.integer("count", 1);
    if (count < 1) throw InvalidOption("ask.count (" + std::to_string(count) + ") must be at least 1");
    (void)tuner();
    const event::Values fixed =
        object.has("fixed") ? values_from_json(object.at("fixed"), "ask.fixed") : event::Values{};
    Json asked = Json::array();
    while (static_cast<std::int64_t>(asked.size()) < count) {
        std::optional<Trial> trial = tuner().ask(fixed);
        if (!trial) break;
        const std::int64_t number = trial->number();
        std::string reason =
            tuner().with_study([&](const Study& study) { return study.trial(number).suggestion_reason; });
        const bool goes_on = trial->resumed() && trial->reported_step();
        if (goes_on)
            reason += "; goes on after step " + plain_number(*trial->reported_step()).dump();
        else if (trial->resumed())
            reason += "; was begun before and cut off: run it again from its beginning";
        Json answer{{"trial", number},
                    {"configuration", values_to_json(trial->configuration().values())},
                    {"reason", std::move(reason)}};
        if (goes_on) answer["resume"] = true;
        if (trial->until()) answer["until"] = plain_number(*trial->until());
        asked.push_back(std::move(answer));
        const auto claim = tuner().with_study([&](const Study& study) { return study.trial(number).claim; });
        keep(*std::move(trial), claim);
    }
    const bool exhausted = static_cast<std::int64_t>(asked.size()) < count;
    Json out{{"asked", std::move(asked)}};
    if (exhausted) out["exhausted"] = true;
    return out;
}

Json AskTellSession::enqueue(const Json& json) {
    const JsonObject object(json, "enqueue", {"configuration"});
    event::Values values = values_from_json(object.at("configuration"), "enqueue.configuration");
    const SearchSpace space = tuner().with_study([](const Study& study) { return study.space(); });
    tuner().enqueue(with_fixed_values(space, std::move(values), fixed_));
    return Json{{"enqueued", tuner().with_study([](const Study& study) { return study.enqueued().size(); })}};
}

Json AskTellSession::report(const Json& json) {
    const JsonObject object(json, "report", {"trial", "step", "metrics"});
    const auto number = object.integer("trial");
    const double step = object.number("step");
    const Metrics metrics = metrics_from_json(object.at("metrics"), "report.metrics");
    if (!std::isfinite(step))
        throw InvalidOption("report.step (" + to_string(step) + ") must be a finite number");
    std::string remark = tuner().with_study([&](const Study& study) {
        check_step(study.trial(number), step, metrics);
        return remark_on(study.objective(), metrics);
    });
    const Verdict verdict = tuner().report(number, step, metrics);
    if (verdict.decision ==
        Decision::pause) {  // at once, since the protocol has no word of the trainer's for it
        (void)tuner().pause(number, {});
        open_.erase(number);
    }
    Json out{{"decision", to_string(verdict.decision)}};
    if (verdict.decision != Decision::proceed)
        out["reason"] = verdict.reason;
    else if (!remark.empty())
        out["reason"] = std::move(remark);
    return out;
}

Json AskTellSession::tell(const Json& json) {
    const JsonObject object(json, "tell", {"trial", "metrics", "configuration", "cost", "seconds"});
    const auto number = object.integer("trial");
    Told told{metrics_from_json(object.at("metrics"), "tell.metrics"),
              object.optional_number("cost"),
              object.optional_number("seconds"),
              {}};
    for (const auto& [name, number_told] : {std::pair{"cost", told.cost}, {"seconds", told.duration_seconds}})
        if (number_told && !(*number_told >= 0))
            throw InvalidOption(fmt::format("tell.{} ({}) must be at least 0", name, *number_told));
    if (object.has("configuration"))
        told.configuration = values_from_json(object.at("configuration"), "tell.configuration");
    tuner().with_study([&](const Study& study) {
        check_told(study, study.trial(number), told.metrics);
        return 0;
    });
    const TrialRecord& trial = tuner().tell(number, told);
    Json out{{"told", number}};
    if (is_lost(number)) out["late"] = late;
    open_.erase(number);
    if (trial.state == TrialState::failed && !out.contains("late")) out["failed"] = trial.reason;
    if (trial.state == TrialState::paused && !out.contains("late")) out["paused"] = true;
    tuner().with_study([&](const Study& study) {
        Json best = Json::array();
        for (const std::int64_t winner : winners(study)) best.push_back(with_metrics(study, winner));
        const bool single = study.objectives().size() == 1;
        out["best"] = !single ? std::move(best) : best.empty() ? Json(nullptr) : Json(best.front());
        return 0;
    });
    return out;
}

Json AskTellSession::fail(const Json& json) {
    const JsonObject object(json, "fail", {"trial", "reason", "kind"});
    const auto number = object.integer("trial");
    const std::string kind = object.text("kind", "configuration");
    if (kind != "configuration" && kind != "environment")
        throw InvalidOption("fail.kind '" + kind + "' is unknown; known: configuration, environment");
    tuner().fail(number, object.text("reason", ""),
                 kind == "environment" ? FailureKind::environment : FailureKind::configuration);
    Json out{{"failed", number}};
    if (is_lost(number)) out["late"] = late;
    open_.erase(number);
    return out;
}

Json AskTellSession::best(const Json& json) {
    (void)JsonObject(json, "best", {});
    return tuner().with_study([](const Study& study) {
        Json out = Json::array();
        for (const std::int64_t winner : winners(study)) out.push_back(full_best(study, winner));
        Json answer{{"best", std::move(out)}};
        if (const auto ranked = finalists(study); !ranked.empty() && !ranked.front().values.empty()) {
            const Finalist& first = ranked.front();
            answer["winner"] = full_best(study, first.trial);
            answer["winner"]["expected"] = plain_number(first.expected);
            if (std::isfinite(first.chance_best))
                answer["winner"]["chance"] = plain_number(first.chance_best);
        }
        return answer;
    });
}

Json AskTellSession::trials(const Json& json) {
    (void)JsonObject(json, "trials", {});
    return tuner().with_study([](const Study& study) {
        Json out = Json::array();
        for (const TrialRecord& trial : study.trials()) out.push_back(trial_json(study, trial));
        return Json{{"trials", std::move(out)}};
    });
}

Json AskTellSession::importance(const Json& json) {
    const JsonObject object(json, "importance", {"method", "objective", "details"});
    const std::string method = object.text("method", "default");
    const std::string metric = object.text("objective", "");
    const bool details = object.has("details") && object.at("details") == true;
    return tuner().with_study(
        [&](const Study& study) { return importance_json(study, method, metric, details); });
}

}  // namespace attune::program

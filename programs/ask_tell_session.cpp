#include "ask_tell_session.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "attune/analyse/pareto.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "attune/storage/journal.hpp"
#include "open_journal.hpp"

namespace attune::program {
namespace {

using detail::JsonObject;

Json with_metrics(const Study& study, std::int64_t number) {
    return Json{{"trial", number}, {"metrics", metrics_to_json(study.trial(number).metrics)}};
}

Json full_best(const Study& study, std::int64_t number) {
    const TrialRecord& trial = study.trial(number);
    return Json{{"trial", number},
                {"configuration", values_to_json(trial.configuration.values())},
                {"metrics", metrics_to_json(trial.metrics)}};
}

/// The best trial, or those of the Pareto front.
std::vector<std::int64_t> winners(const Study& study) {
    if (study.objectives().size() > 1) return pareto_front(study);
    if (const TrialRecord* best = study.best()) return {best->number};
    return {};
}

Json trial_json(const TrialRecord& trial) {
    Json reports = Json::array();
    for (const Report& report : trial.reports)
        reports.push_back(
            {{"step", number_to_json(report.step)}, {"metrics", metrics_to_json(report.metrics)}});
    Json out{{"trial", trial.number},
             {"state", to_string(trial.state)},
             {"configuration", values_to_json(trial.configuration.values())},
             {"reports", std::move(reports)},
             {"metrics", metrics_to_json(trial.metrics)}};
    if (trial.failure) out["kind"] = to_string(*trial.failure);
    if (!trial.reason.empty()) out["reason"] = trial.reason;
    if (trial.cost) out["cost"] = number_to_json(*trial.cost);
    if (trial.finished()) out["seconds"] = trial.duration_seconds();
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
    for (const auto& [name, handler] : handlers) known.push_back(name);
    const JsonObject object(request, "request", known);
    if (request.size() != 1)
        throw InvalidJson("request: has " + std::to_string(request.size()) +
                          " members; a line is one request");
    for (const auto& [name, handler] : handlers)
        if (object.has(name)) return (this->*handler)(object.at(name));
    return {};
}

Tuner& AskTellSession::tuner() const {
    if (!tuner_) throw InvalidState("no study was created yet; the first request is create");
    return *tuner_;
}

Json AskTellSession::create(const Json& json) {
    if (tuner_) throw InvalidState("create: a study was created before; a session has one");
    const StudySetup setup = setup_from_json(json, "create");
    if (setup.objectives.empty()) throw InvalidJson("create: 'objectives' is missing");
    AnyStrategy strategy = setup.make_strategy();  // what is wrong with these must not leave a file behind
    AnyStoppingPolicy stopping = setup.make_stopping();
    tuner_ = std::make_unique<Tuner>(setup.space, setup.objectives, std::move(strategy), std::move(stopping),
                                     setup.tuner_options(), open_storage(setup.storage, notice_));
    return Json{{"created",
                 {{"trials", tuner_->with_study([](const Study& study) { return study.trials().size(); })}}}};
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
        if (trial->resumed()) reason += "; was begun before and cut off: run it again from its beginning";
        asked.push_back({{"trial", number},
                         {"configuration", values_to_json(trial->configuration().values())},
                         {"reason", std::move(reason)}});
        open_.erase(number);
        open_.emplace(number, *std::move(trial));
    }
    const bool exhausted = static_cast<std::int64_t>(asked.size()) < count;
    Json out{{"asked", std::move(asked)}};
    if (exhausted) out["exhausted"] = true;
    return out;
}

Json AskTellSession::enqueue(const Json& json) {
    const JsonObject object(json, "enqueue", {"configuration"});
    tuner().enqueue(values_from_json(object.at("configuration"), "enqueue.configuration"));
    return Json{{"enqueued", tuner().with_study([](const Study& study) { return study.enqueued().size(); })}};
}

Json AskTellSession::report(const Json& json) {
    const JsonObject object(json, "report", {"trial", "step", "metrics"});
    const Verdict verdict = tuner().report(object.integer("trial"), object.number("step"),
                                           metrics_from_json(object.at("metrics"), "report.metrics"));
    Json out{{"decision", to_string(verdict.decision)}};
    if (verdict.decision != Decision::proceed) out["reason"] = verdict.reason;
    return out;
}

Json AskTellSession::tell(const Json& json) {
    const JsonObject object(json, "tell", {"trial", "metrics", "configuration", "cost", "seconds"});
    const auto number = object.integer("trial");
    Told told{metrics_from_json(object.at("metrics"), "tell.metrics"),
              object.optional_number("cost"),
              object.optional_number("seconds"),
              {}};
    if (object.has("configuration"))
        told.configuration = values_from_json(object.at("configuration"), "tell.configuration");
    const TrialRecord& trial = tuner().tell(number, told);
    open_.erase(number);
    Json out{{"told", number}};
    if (trial.state == TrialState::failed) out["failed"] = trial.reason;
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
    open_.erase(number);
    return Json{{"failed", number}};
}

Json AskTellSession::best(const Json& json) {
    (void)JsonObject(json, "best", {});
    return tuner().with_study([](const Study& study) {
        Json out = Json::array();
        for (const std::int64_t winner : winners(study)) out.push_back(full_best(study, winner));
        return Json{{"best", std::move(out)}};
    });
}

Json AskTellSession::trials(const Json& json) {
    (void)JsonObject(json, "trials", {});
    return tuner().with_study([](const Study& study) {
        Json out = Json::array();
        for (const TrialRecord& trial : study.trials()) out.push_back(trial_json(trial));
        return Json{{"trials", std::move(out)}};
    });
}

Json AskTellSession::importance(const Json& json) {
    const JsonObject object(json, "importance", {"method"});
    (void)tuner();
    throw Error("unsupported", "importance: method '" + object.text("method", "default") +
                                   "' is unknown; this version has no method of importance");
}

}  // namespace attune::program

#include "session.hpp"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "attune/storage/json_codec.hpp"
#include "attune/strategy/by_name.hpp"
#include "attune/tune/tuner.hpp"
#include "pipe.hpp"

namespace attune::regret {
namespace {

struct Named {
    std::string name;
    StrategyRegistry::Options options;
};

Value value_of(const std::string& text) {
    if (text == "true" || text == "false") return text == "true";
    std::int64_t integer = 0;
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data(), end, integer).ptr == end) return integer;
    double number = 0;
    if (std::from_chars(text.data(), end, number).ptr == end) return number;
    return text;
}

/// NAME[:OPTION=VALUE,...]
Named named(const std::string& text) {
    Named out;
    const auto colon = text.find(':');
    out.name = text.substr(0, colon);
    if (colon == std::string::npos) return out;
    std::string rest = text.substr(colon + 1);
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        const std::string item = rest.substr(0, comma);
        const auto equals = item.find('=');
        if (equals == std::string::npos)
            throw InvalidOption(fmt::format("method '{}': option '{}' lacks its =VALUE", text, item));
        out.options.emplace(item.substr(0, equals), value_of(item.substr(equals + 1)));
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    return out;
}

/// The label before the first `=`, if that stands before any `:` and blank, and what follows.
std::pair<std::string, std::string> labelled(const std::string& text) {
    const auto stop = text.find_first_of("=: ");
    if (stop == std::string::npos || text[stop] != '=') return {text, text};
    return {text.substr(0, stop), text.substr(stop + 1)};
}

class Within final : public Session {
  public:
    Within(const Problem& problem, bool flat, const Named& strategy, std::uint64_t seed)
        : space_(problem.space),
          tuner_(flat ? flattened(problem.space) : problem.space, minimize("loss"), problem.constraints,
                 StrategyRegistry::standard().make(strategy.name, strategy.options),
                 TunerOptions{.seed = seed}) {}

    std::optional<Asked> ask() override {
        auto trial = tuner_.ask();
        if (!trial) return std::nullopt;
        const std::int64_t id = trial->number();
        Asked asked{id, space_.from_native(trial->configuration().native())};
        running_.emplace(id, *std::move(trial));
        return asked;
    }
    void tell(std::int64_t id, const std::optional<Metrics>& observed) override {
        auto running = running_.extract(id);
        if (observed)
            running.mapped().tell(*observed);
        else
            running.mapped().fail("the problem says so");
    }

  private:
    const SearchSpace& space_;
    Tuner tuner_;
    std::map<std::int64_t, Trial> running_;
};

class Strategies final : public Method {
  public:
    Strategies(std::string label, Named strategy, bool flat)
        : label_(std::move(label)), strategy_(std::move(strategy)), flat_(flat) {
        (void)StrategyRegistry::standard().make(strategy_.name, strategy_.options);
    }
    [[nodiscard]] const std::string& label() const override { return label_; }
    [[nodiscard]] std::unique_ptr<Session> begin(const Problem& problem, std::uint64_t seed) const override {
        return std::make_unique<Within>(problem, flat_, strategy_, seed);
    }

  private:
    std::string label_;
    Named strategy_;
    bool flat_;
};

class Driven final : public Session {
  public:
    Driven(const std::string& command, const Problem& problem, const Named& strategy, std::uint64_t seed)
        : space_(problem.space), pipe_(command) {
        Json create = space_to_json(problem.space);
        create["objectives"] = Json::array({{{"metric", "loss"}, {"direction", "minimize"}}});
        create["strategy"] = {
            {"name", strategy.name},
            {"options", values_to_json({strategy.options.begin(), strategy.options.end()})}};
        create["seed"] = seed;
        for (const OutcomeConstraint& constraint : problem.constraints)
            create["outcome_constraints"].push_back(constraint.text());
        (void)request("create", create, "created");
    }

    std::optional<Asked> ask() override {
        const Json asked = request("ask", {{"count", 1}}, "asked");
        if (asked.empty()) return std::nullopt;
        return Asked{asked.at(0).at("trial"), space_.configuration(values_from_json(
                                                  asked.at(0).at("configuration"), "configuration"))};
    }
    void tell(std::int64_t id, const std::optional<Metrics>& observed) override {
        if (observed)
            (void)request("tell", {{"trial", id}, {"metrics", metrics_to_json(*observed)}}, "told");
        else
            (void)request("fail",
                          {{"trial", id}, {"reason", "the problem says so"}, {"kind", "configuration"}},
                          "failed");
    }

  private:
    Json request(const std::string& what, const Json& body, const std::string& expected) {
        const std::string line = Json{{what, body}}.dump();
        const Json answer = parse_json(pipe_.ask(line), "answer to " + line);
        if (!answer.contains(expected))
            throw InvalidState(
                fmt::format("answer to {}: {} where \"{}\" was expected", line, answer.dump(), expected));
        return answer.at(expected);
    }

    const SearchSpace& space_;
    LinePipe pipe_;
};

class Programs final : public Method {
  public:
    Programs(std::string label, std::string command, Named strategy)
        : label_(std::move(label)), command_(std::move(command)), strategy_(std::move(strategy)) {}
    [[nodiscard]] const std::string& label() const override { return label_; }
    [[nodiscard]] std::unique_ptr<Session> begin(const Problem& problem, std::uint64_t seed) const override {
        return std::make_unique<Driven>(command_, problem, strategy_, seed);
    }

  private:
    std::string label_;
    std::string command_;
    Named strategy_;
};

}  // namespace

SearchSpace flattened(const SearchSpace& space) {
    Json json = space_to_json(space);
    for (Json& parameter : json.at("space")) parameter.erase("when");
    return space_from_json(json);
}

std::unique_ptr<Method> make_method(const std::string& text) {
    const auto [label, rest] = labelled(text);
    constexpr std::string_view flat = "flat ";
    const bool is_flat = rest.starts_with(flat);
    return std::make_unique<Strategies>(label, named(is_flat ? rest.substr(flat.size()) : rest), is_flat);
}

std::unique_ptr<Method> drive_method(const std::string& text, const std::string& strategy) {
    const auto [label, command] = labelled(text);
    return std::make_unique<Programs>(label == text ? "driven" : label, command, named(strategy));
}

}  // namespace attune::regret

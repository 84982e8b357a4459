#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "attune/error.hpp"
#include "attune/files/study_import.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "date_text.hpp"
#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune {
namespace {

using namespace detail;

/// What a line of the file does; throws InvalidJson naming the member.
class Operation {
  public:
    Operation(const Json& json, std::string what) : json_(json), what_(std::move(what)) {
        if (!json_.is_object()) throw InvalidJson(what_ + ": " + JsonObject::shown(json_) + " is no object");
    }

    [[nodiscard]] const std::string& what() const { return what_; }
    [[nodiscard]] std::string path(const char* key) const { return what_ + "." + key; }
    /// The member, or null where it is missing.
    [[nodiscard]] const Json& find(const char* key) const {
        static const Json null;
        const auto found = json_.find(key);
        return found == json_.end() ? null : *found;
    }
    [[nodiscard]] const Json& at(const char* key) const {
        const auto found = json_.find(key);
        if (found == json_.end()) throw InvalidJson(what_ + ": '" + key + "' is missing");
        return *found;
    }
    [[nodiscard]] std::int64_t integer(const char* key) const { return integer_of(at(key), path(key)); }
    [[nodiscard]] std::string text(const char* key) const { return text_of(at(key), path(key)); }
    [[nodiscard]] std::optional<double> date(const char* key) const {
        if (find(key).is_null()) return std::nullopt;
        // Before version 5 dates had no offset and were local.
        if (const auto seconds = seconds_of_date(text(key), Clock::local)) return seconds;
        throw InvalidJson(path(key) + ": " + JsonObject::shown(find(key)) + " is no date");
    }
    /// The object's members, none where it is missing.
    [[nodiscard]] const Json& object(const char* key) const {
        static const Json none = Json::object();
        const Json& json = find(key);
        if (json.is_null()) return none;
        if (!json.is_object())
            throw InvalidJson(path(key) + ": " + JsonObject::shown(json) + " is no object");
        return json;
    }
    [[nodiscard]] OptunaState state() const {
        const std::int64_t number = integer("state");
        if (number < 0 || number > 4)
            throw InvalidJson(fmt::format("{}: {} is no state; they are 0 to 4", path("state"), number));
        return static_cast<OptunaState>(number);
    }
    [[nodiscard]] std::vector<double> values() const {
        std::vector<double> out;
        const Json& several = find("values");
        if (several.is_array())
            for (const Json& value : several) out.push_back(number_of(value, path("values")));
        else if (!several.is_null())
            throw InvalidJson(path("values") + ": " + JsonObject::shown(several) + " is no list");
        else if (!find("value").is_null())
            out.push_back(number_of(find("value"), path("value")));
        return out;
    }

    static std::int64_t integer_of(const Json& json, const std::string& what) {
        if (json.is_number_unsigned() &&
            json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            throw InvalidJson(what + ": " + JsonObject::shown(json) + " is too large");
        if (!json.is_number_integer())
            throw InvalidJson(what + ": " + JsonObject::shown(json) + " must be a whole number");
        return json.get<std::int64_t>();
    }
    static std::string text_of(const Json& json, const std::string& what) {
        if (!json.is_string()) throw InvalidJson(what + ": " + JsonObject::shown(json) + " must be a string");
        return plain_text(json.get<std::string>());
    }

  private:
    const Json& json_;
    std::string what_;
};

std::int64_t step_from(const std::string& text, const std::string& what) {
    const Json json = parse_json(text, what);
    return Operation::integer_of(json, what);
}

/// Replays the lines. Numbers of studies and trials are implied by their order.
class Replay {
  public:
    void apply(const Operation& op) {
        switch (op.integer("op_code")) {
            case 0:
                return create_study(op);
            case 1:
                return delete_study(op);
            case 2:
            case 3:
                return study_attribute(op);
            case 4:
                return create_trial(op);
            case 5:
            case 6:
            case 7:
            case 8:
            case 9:
                return change_trial(op);
            case 10:  // trials that Optuna threw away before anybody saw them
                return;
            default:
                throw InvalidJson(fmt::format("{}: operation {} is unknown; this program knows 0 to 10",
                                              op.what(), op.integer("op_code")));
        }
    }

    [[nodiscard]] std::vector<const OptunaStudy*> studies() const {
        std::vector<const OptunaStudy*> out;
        for (std::size_t i = 0; i < studies_.size(); ++i)
            if (!deleted_.contains(i)) out.push_back(&studies_[i]);
        return out;
    }

  private:
    struct Place {
        std::size_t study = 0, trial = 0;
    };

    void create_study(const Operation& op) {
        OptunaStudy study;
        study.name = op.text("study_name");
        if (names_.contains(study.name)) return;  // two processes made it at once; the first one did
        const Json& directions = op.at("directions");
        if (!directions.is_array()) throw InvalidJson(op.path("directions") + ": must be a list");
        for (const Json& direction : directions) {
            const std::int64_t number = Operation::integer_of(direction, op.path("directions"));
            if (number != 1 && number != 2)
                throw InvalidJson(fmt::format("{}: {} is neither 1 (minimize) nor 2 (maximize)",
                                              op.path("directions"), number));
            study.directions.push_back(number == 1 ? Direction::minimize : Direction::maximize);
        }
        names_.insert(study.name);
        studies_.push_back(std::move(study));
    }

    /// Nothing where it was deleted: others may have written meanwhile, and Optuna passes over that.
    [[nodiscard]] std::optional<std::size_t> study_of(const Operation& op) const {
        const auto id = static_cast<std::uint64_t>(op.integer("study_id"));
        if (id >= studies_.size() || deleted_.contains(id)) return std::nullopt;
        return id;
    }

    void delete_study(const Operation& op) {
        const auto id = study_of(op);
        if (!id) return;
        names_.erase(studies_[*id].name);
        deleted_.insert(*id);
    }

    void study_attribute(const Operation& op) {
        const auto id = study_of(op);
        if (!id) return;
        for (const auto& [key, value] : op.object("user_attr").items()) studies_[*id].user[key] = value;
        for (const auto& [key, value] : op.object("system_attr").items()) studies_[*id].system[key] = value;
    }

    void create_trial(const Operation& op) {
        const auto id = study_of(op);
        if (!id) return;
        OptunaTrial trial;
        trial.number = static_cast<std::int64_t>(studies_[*id].trials.size());
        if (!op.find("state").is_null()) trial.state = op.state();
        trial.started = op.date("datetime_start");
        trial.finished = op.date("datetime_complete");
        trial.values = op.values();
        const Json& distributions = op.object("distributions");
        for (const auto& [name, value] : op.object("params").items()) {
            const auto distribution = distributions.find(name);
            if (distribution == distributions.end())
                throw InvalidJson(op.path("distributions") + ": '" + name + "' is missing");
            trial.parameters.push_back({name, number_of(value, op.path("params")),
                                        Operation::text_of(*distribution, op.path("distributions"))});
        }
        for (const auto& [key, value] : op.object("user_attrs").items()) trial.user[key] = value;
        for (const auto& [key, value] : op.object("system_attrs").items()) trial.system[key] = value;
        for (const auto& [step, value] : op.object("intermediate_values").items())
            trial.intermediate[step_from(step, op.path("intermediate_values"))] =
                number_of(value, op.path("intermediate_values"));
        places_.push_back({*id, studies_[*id].trials.size()});
        studies_[*id].trials.push_back(std::move(trial));
    }

    void change_trial(const Operation& op) {
        const auto id = static_cast<std::uint64_t>(op.integer("trial_id"));
        if (id >= places_.size()) return;
        const Place place = places_[id];
        OptunaTrial& trial = studies_[place.study].trials[place.trial];
        const bool finished = trial.state != OptunaState::running && trial.state != OptunaState::waiting;
        if (finished || deleted_.contains(place.study)) return;
        const std::int64_t code = op.integer("op_code");
        if (code == 5) set_parameter(op, trial);
        if (code == 6) set_state(op, trial);
        if (code == 7)
            trial.intermediate[op.integer("step")] =
                number_of(op.at("intermediate_value"), op.path("intermediate_value"));
        for (const auto& [key, value] : op.object("user_attr").items()) trial.user[key] = value;
        for (const auto& [key, value] : op.object("system_attr").items()) trial.system[key] = value;
    }

    static void set_parameter(const Operation& op, OptunaTrial& trial) {
        OptunaParameter given{op.text("param_name"),
                              number_of(op.at("param_value_internal"), op.path("param_value_internal")),
                              op.text("distribution")};
        for (OptunaParameter& known : trial.parameters)
            if (known.name == given.name) {
                known = std::move(given);
                return;
            }
        trial.parameters.push_back(std::move(given));
    }

    static void set_state(const Operation& op, OptunaTrial& trial) {
        const OptunaState state = op.state();
        if (state == OptunaState::running) {
            if (trial.state == state) return;  // another process was quicker to take it
            trial.started = op.date("datetime_start");
        } else if (state != OptunaState::waiting) {
            trial.finished = op.date("datetime_complete");
        }
        trial.state = state;
        if (!op.find("values").is_null()) trial.values = op.values();
    }

    std::vector<OptunaStudy> studies_;
    std::set<std::size_t> deleted_;
    std::set<std::string> names_;
    std::vector<Place> places_;
};

}  // namespace

ImportedStudy study_from_optuna_journal(std::string_view text, const std::string& file,
                                        const ImportOptions& options) try {
    Replay replay;
    std::vector<std::string> notes;
    for (std::int64_t line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        const std::string what = file + ": line " + std::to_string(line);
        if (end == std::string_view::npos) {
            notes.push_back("line " + std::to_string(line) + ", the last one, is cut; it is left out");
            break;
        }
        const std::string_view here = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (here.find_first_not_of(" \r") == std::string_view::npos) continue;
        const Json json = parse_python_json(here, what);
        replay.apply({json, what});
    }
    const auto studies = replay.studies();
    std::vector<std::string> names;
    for (const OptunaStudy* study : studies) names.push_back(study->name);
    const OptunaStudy& chosen = *studies[chosen_study(names, options.study, file)];
    TrialTable table = table_from_optuna(chosen, file, options);
    table.notes.insert(table.notes.begin(), notes.begin(), notes.end());
    return study_from_table(std::move(table), options);
} catch (const InvalidJson& error) {
    throw FileError(error.what());
}

}  // namespace attune

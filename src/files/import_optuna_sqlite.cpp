#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "../storage/sqlite_database.hpp"
#include "attune/error.hpp"
#include "attune/files/study_import.hpp"
#include "date_text.hpp"
#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune {
namespace {

using namespace detail;
using sqlite::Database;

constexpr std::array<std::string_view, 8> known_schemas{"v2.4.0.a", "v2.6.0.a", "v3.0.0.a", "v3.0.0.b",
                                                        "v3.0.0.c", "v3.0.0.d", "v3.2.0.a", ""};

class Reader {
  public:
    explicit Reader(const std::filesystem::path& path)
        : file_(path.string()), database_(path, Database::Access::read, 30) {}

    /// Throws FileError for a database that is not Optuna's, or of a version that is not known.
    void check_schema() {
        for (const char* table : {"studies", "study_directions", "trials", "trial_params", "trial_values"})
            if (columns(table).empty())
                throw FileError(file_ + ": is no database of Optuna: it has no table '" + table + "'");
        std::string version;
        if (!columns("alembic_version").empty()) {
            auto row = database_.prepare("SELECT version_num FROM alembic_version");
            if (row.step()) version = row.text(0);
        }
        // The first versions kept reports where final values are now.
        const bool old = !columns("trial_values").contains("objective");
        if (old || std::find(known_schemas.begin(), known_schemas.end(), version) == known_schemas.end())
            throw FileError(file_ + ": its schema (" + (version.empty() ? "of no version" : version) +
                            ") is not supported; known are those of Optuna 2.4 to 5, v2.4.0.a to v3.2.0.a" +
                            (old ? "; `optuna storage upgrade` brings older ones up to date" : ""));
        typed_ = columns("trial_values").contains("value_type");
        typed_reports_ = columns("trial_intermediate_values").contains("intermediate_value_type");
        clock_ = clock();
    }

    [[nodiscard]] std::vector<std::string> names() {
        std::vector<std::string> out;
        auto rows = database_.prepare("SELECT study_name, study_id FROM studies ORDER BY study_id");
        while (rows.step()) {
            out.push_back(rows.text(0));
            ids_.push_back(rows.number(1));
        }
        return out;
    }

    /// Several tables, one view of them.
    [[nodiscard]] OptunaStudy study(const std::string& name, std::size_t index) {
        const std::uint64_t id = ids_[index];
        OptunaStudy out;
        out.name = name;
        read_directions(id, out);
        read_attributes("SELECT key, value_json, 0 FROM study_user_attributes WHERE study_id = ?", id,
                        [&](std::uint64_t) { return &out.user; });
        read_attributes("SELECT key, value_json, 0 FROM study_system_attributes WHERE study_id = ?", id,
                        [&](std::uint64_t) { return &out.system; });
        read_trials(id, out);
        read_parameters(id, out);
        read_values(id, out);
        read_reports(id, out);
        const auto of_trial = [&](auto member) {
            return [&, member](std::uint64_t trial) -> std::map<std::string, Json>* {
                OptunaTrial* found = find(trial, out);
                return found == nullptr ? nullptr : &(found->*member);
            };
        };
        read_attributes(
            "SELECT key, value_json, a.trial_id FROM trial_user_attributes a JOIN trials t ON "
            "t.trial_id = a.trial_id WHERE t.study_id = ?",
            id, of_trial(&OptunaTrial::user));
        read_attributes(
            "SELECT key, value_json, a.trial_id FROM trial_system_attributes a JOIN trials t ON "
            "t.trial_id = a.trial_id WHERE t.study_id = ?",
            id, of_trial(&OptunaTrial::system));
        return out;
    }

    /// One view of all tables, whatever others write meanwhile.
    [[nodiscard]] Database::Transaction snapshot() { return Database::Transaction(database_, false); }

  private:
    [[nodiscard]] std::set<std::string> columns(const char* table) {
        std::set<std::string> out;
        auto rows = database_.prepare("SELECT name FROM pragma_table_info(?)");
        rows.bind_text(1, table);
        while (rows.step()) out.insert(rows.text(0));
        return out;
    }

    /// Since version 5 dates are UTC; only the version that made the file tells.
    [[nodiscard]] Clock clock() {
        if (columns("version_info").empty()) return Clock::local;
        auto row = database_.prepare("SELECT library_version FROM version_info");
        if (!row.step()) return Clock::local;
        const std::string version = row.text(0);
        int major = 0;
        (void)std::from_chars(version.data(), version.data() + version.size(), major);
        return major >= 5 ? Clock::utc : Clock::local;
    }

    [[noreturn]] void fail(const std::string& what) const { throw FileError(file_ + ": " + what); }

    void read_directions(std::uint64_t id, OptunaStudy& out) {
        auto rows = database_.prepare(
            "SELECT direction, objective FROM study_directions WHERE study_id = ? ORDER BY objective");
        rows.bind(1, id);
        while (rows.step()) {
            const std::string word = rows.text(0);
            if (word != "MINIMIZE" && word != "MAXIMIZE")
                fail("study '" + out.name + "': its direction '" + word +
                     "' is neither MINIMIZE nor MAXIMIZE");
            if (rows.number(1) != out.directions.size())
                fail(fmt::format("study '{}': objective {} is listed where {} should be", out.name,
                                 rows.number(1), out.directions.size()));
            out.directions.push_back(word == "MINIMIZE" ? Direction::minimize : Direction::maximize);
        }
    }

    template <class Place>
    void read_attributes(const char* sql, std::uint64_t id, Place place) {
        auto rows = database_.prepare(sql);
        rows.bind(1, id);
        while (rows.step())
            if (std::map<std::string, Json>* attributes = place(rows.number(2)))
                (*attributes)[rows.text(0)] =
                    parse_python_json(rows.bytes(1), file_ + ": attribute '" + rows.text(0) + "'");
    }

    void read_trials(std::uint64_t id, OptunaStudy& out) {
        auto rows = database_.prepare(
            "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials "
            "WHERE study_id = ? ORDER BY trial_id");
        rows.bind(1, id);
        while (rows.step()) {
            OptunaTrial trial;
            trial.number = rows.is_null(1) ? static_cast<std::int64_t>(out.trials.size()) : rows.integer(1);
            const std::string state = rows.text(2);
            const auto word = std::find(std::begin(optuna_state_words), std::end(optuna_state_words), state);
            if (word == std::end(optuna_state_words))
                fail(fmt::format("trial {}: its state '{}' is unknown", trial.number, state));
            trial.state = static_cast<OptunaState>(word - std::begin(optuna_state_words));
            trial.started = date(rows, 3, trial);
            trial.finished = date(rows, 4, trial);
            places_[rows.number(0)] = out.trials.size();
            out.trials.push_back(std::move(trial));
        }
    }

    [[nodiscard]] std::optional<double> date(Database::Statement& rows, int column,
                                             const OptunaTrial& trial) const {
        if (rows.is_null(column)) return std::nullopt;
        if (const auto seconds = seconds_of_date(rows.bytes(column), clock_)) return seconds;
        fail(fmt::format("trial {}: '{}' is no date", trial.number, rows.text(column)));
    }

    [[nodiscard]] OptunaTrial* find(std::uint64_t id, OptunaStudy& out) {
        const auto found = places_.find(id);
        return found == places_.end() ? nullptr : &out.trials[found->second];
    }

    void read_parameters(std::uint64_t id, OptunaStudy& out) {
        auto rows = database_.prepare(
            "SELECT p.trial_id, param_name, param_value, distribution_json FROM trial_params p JOIN trials "
            "t ON t.trial_id = p.trial_id WHERE t.study_id = ? ORDER BY param_id");
        rows.bind(1, id);
        while (rows.step())
            if (OptunaTrial* trial = find(rows.number(0), out)) {
                if (rows.is_null(2))
                    fail(fmt::format("trial {}: parameter {} has no value", trial->number, rows.text(1)));
                trial->parameters.push_back({rows.text(1), rows.real(2), rows.text(3)});
            }
    }

    [[nodiscard]] double number(Database::Statement& rows, int value, int type, bool typed,
                                const OptunaTrial& trial) const {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const std::string word = typed ? rows.text(type) : rows.is_null(value) ? "NAN" : "FINITE";
        if (word == "FINITE" && !rows.is_null(value)) return rows.real(value);
        if (word == "INF_POS") return infinity;
        if (word == "INF_NEG") return -infinity;
        if (word == "NAN") return std::numeric_limits<double>::quiet_NaN();
        fail(fmt::format("trial {}: a value of type '{}' is {}", trial.number, word,
                         rows.is_null(value) ? "missing" : rows.text(value)));
    }

    void read_values(std::uint64_t id, OptunaStudy& out) {
        auto rows = database_.prepare(
            typed_ ? "SELECT v.trial_id, objective, value, value_type FROM trial_values v JOIN trials t ON "
                     "t.trial_id = v.trial_id WHERE t.study_id = ? ORDER BY v.trial_id, objective"
                   : "SELECT v.trial_id, objective, value FROM trial_values v JOIN trials t ON "
                     "t.trial_id = v.trial_id WHERE t.study_id = ? ORDER BY v.trial_id, objective");
        rows.bind(1, id);
        while (rows.step())
            if (OptunaTrial* trial = find(rows.number(0), out)) {
                if (rows.number(1) != trial->values.size())
                    fail(fmt::format("trial {}: its value of objective {} is missing", trial->number,
                                     trial->values.size()));
                trial->values.push_back(number(rows, 2, 3, typed_, *trial));
            }
    }

    void read_reports(std::uint64_t id, OptunaStudy& out) {
        if (columns("trial_intermediate_values").empty()) return;
        auto rows = database_.prepare(
            typed_reports_ ? "SELECT v.trial_id, step, intermediate_value, intermediate_value_type FROM "
                             "trial_intermediate_values v JOIN trials t ON t.trial_id = v.trial_id WHERE "
                             "t.study_id = ?"
                           : "SELECT v.trial_id, step, intermediate_value FROM trial_intermediate_values v "
                             "JOIN trials t ON t.trial_id = v.trial_id WHERE t.study_id = ?");
        rows.bind(1, id);
        while (rows.step())
            if (OptunaTrial* trial = find(rows.number(0), out))
                trial->intermediate[rows.integer(1)] = number(rows, 2, 3, typed_reports_, *trial);
    }

    std::string file_;
    Database database_;
    bool typed_ = true, typed_reports_ = true;
    Clock clock_ = Clock::utc;
    std::vector<std::uint64_t> ids_;
    std::map<std::uint64_t, std::size_t> places_;  ///< of a trial's id
};

}  // namespace

ImportedStudy study_from_optuna_sqlite(const std::filesystem::path& path, const ImportOptions& options) try {
    if (!std::filesystem::is_regular_file(path)) throw FileError(path.string() + ": is no file");
    Reader reader(path);
    const auto snapshot = reader.snapshot();
    reader.check_schema();
    const std::vector<std::string> names = reader.names();
    const std::size_t index = chosen_study(names, options.study, path.string());
    return study_from_table(table_from_optuna(reader.study(names[index], index), path.string(), options),
                            options);
} catch (const InvalidJson& error) {
    throw FileError(error.what());
} catch (const StorageError& error) {
    throw FileError(error.what());
}

}  // namespace attune

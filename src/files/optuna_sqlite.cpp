#include <unistd.h>
#include <cmath>
#include <nlohmann/json.hpp>

#include "../storage/sqlite_database.hpp"
#include "attune/error.hpp"
#include "attune/files/study_export.hpp"
#include "date_text.hpp"
#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune {
namespace {

using namespace detail;
using sqlite::Database;

/// Columns and keys of schema 12 (v3.2.0.a), which Optuna 3.2 to 5 make.
constexpr const char* tables[] = {
    "CREATE TABLE studies (study_id INTEGER NOT NULL PRIMARY KEY, study_name VARCHAR(512) NOT NULL)",
    "CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name)",
    "CREATE TABLE version_info (version_info_id INTEGER NOT NULL PRIMARY KEY CHECK (version_info_id = 1), "
    "schema_version INTEGER, library_version VARCHAR(256))",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "CREATE TABLE study_directions (study_direction_id INTEGER NOT NULL PRIMARY KEY, direction VARCHAR(8) "
    "NOT NULL, study_id INTEGER NOT NULL REFERENCES studies (study_id), objective INTEGER NOT NULL, UNIQUE "
    "(study_id, objective))",
    "CREATE TABLE study_user_attributes (study_user_attribute_id INTEGER NOT NULL PRIMARY KEY, study_id "
    "INTEGER REFERENCES studies (study_id), key VARCHAR(512), value_json TEXT, UNIQUE (study_id, key))",
    "CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER NOT NULL PRIMARY KEY, study_id "
    "INTEGER REFERENCES studies (study_id), key VARCHAR(512), value_json TEXT, UNIQUE (study_id, key))",
    "CREATE TABLE trials (trial_id INTEGER NOT NULL PRIMARY KEY, number INTEGER, study_id INTEGER REFERENCES "
    "studies (study_id), state VARCHAR(8) NOT NULL, datetime_start DATETIME, datetime_complete DATETIME)",
    "CREATE INDEX ix_trials_study_id ON trials (study_id)",
    "CREATE TABLE trial_user_attributes (trial_user_attribute_id INTEGER NOT NULL PRIMARY KEY, trial_id "
    "INTEGER REFERENCES trials (trial_id), key VARCHAR(512), value_json TEXT, UNIQUE (trial_id, key))",
    "CREATE TABLE trial_system_attributes (trial_system_attribute_id INTEGER NOT NULL PRIMARY KEY, trial_id "
    "INTEGER REFERENCES trials (trial_id), key VARCHAR(512), value_json TEXT, UNIQUE (trial_id, key))",
    "CREATE TABLE trial_params (param_id INTEGER NOT NULL PRIMARY KEY, trial_id INTEGER REFERENCES trials "
    "(trial_id), param_name VARCHAR(512), param_value FLOAT, distribution_json TEXT, UNIQUE (trial_id, "
    "param_name))",
    "CREATE TABLE trial_values (trial_value_id INTEGER NOT NULL PRIMARY KEY, trial_id INTEGER NOT NULL "
    "REFERENCES trials (trial_id), objective INTEGER NOT NULL, value FLOAT, value_type VARCHAR(7) NOT NULL, "
    "UNIQUE (trial_id, objective))",
    "CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER NOT NULL PRIMARY KEY, "
    "trial_id INTEGER NOT NULL REFERENCES trials (trial_id), step INTEGER NOT NULL, intermediate_value "
    "FLOAT, intermediate_value_type VARCHAR(7) NOT NULL, UNIQUE (trial_id, step))",
    "CREATE TABLE trial_heartbeats (trial_heartbeat_id INTEGER NOT NULL PRIMARY KEY, trial_id INTEGER NOT "
    "NULL REFERENCES trials (trial_id), heartbeat DATETIME NOT NULL, UNIQUE (trial_id))",
    "INSERT INTO version_info VALUES (1, 12, '5.0.0')",  // the version tells that dates are UTC
    "INSERT INTO alembic_version VALUES ('v3.2.0.a')"};

void put_attributes(Database& database, const char* sql, std::uint64_t id,
                    const std::map<std::string, Json>& attributes) {
    for (const auto& [key, value] : attributes) {
        const std::string text = python_json(value);
        database.prepare(sql).bind(1, id).bind_text(2, key).bind_text(3, text).step();
    }
}

/// Infinities and NaN are a word beside an empty column.
void put_number(Database& database, const char* sql, std::uint64_t trial, std::int64_t place, double number) {
    const std::string_view type = std::isfinite(number) ? "FINITE"
                                  : std::isnan(number)  ? "NAN"
                                  : number > 0          ? "INF_POS"
                                                        : "INF_NEG";
    auto row = database.prepare(sql);
    row.bind(1, trial).bind(2, static_cast<std::uint64_t>(place)).bind_text(4, type);
    if (std::isfinite(number)) row.bind(3, number);
    row.step();
}

void put_trial(Database& database, const OptunaTrial& trial) {
    const std::uint64_t id = static_cast<std::uint64_t>(trial.number) + 1;
    const std::string started = trial.started ? date_text(*trial.started, ' ') : "";
    const std::string finished = trial.finished ? date_text(*trial.finished, ' ') : "";
    {
        auto row = database.prepare("INSERT INTO trials VALUES (?, ?, 1, ?, ?, ?)");
        row.bind(1, id).bind(2, id - 1);
        row.bind_text(3, optuna_state_words[static_cast<int>(trial.state)]);
        if (trial.started) row.bind_text(4, started);
        if (trial.finished) row.bind_text(5, finished);
        row.step();
    }
    for (const OptunaParameter& parameter : trial.parameters)
        database.prepare("INSERT INTO trial_params VALUES (NULL, ?, ?, ?, ?)")
            .bind(1, id)
            .bind_text(2, parameter.name)
            .bind(3, parameter.value)
            .bind_text(4, parameter.distribution)
            .step();
    for (std::size_t i = 0; i < trial.values.size(); ++i)
        put_number(database, "INSERT INTO trial_values VALUES (NULL, ?, ?, ?, ?)", id,
                   static_cast<std::int64_t>(i), trial.values[i]);
    for (const auto& [step, value] : trial.intermediate)
        put_number(database, "INSERT INTO trial_intermediate_values VALUES (NULL, ?, ?, ?, ?)", id, step,
                   value);
    put_attributes(database, "INSERT INTO trial_user_attributes VALUES (NULL, ?, ?, ?)", id, trial.user);
    put_attributes(database, "INSERT INTO trial_system_attributes VALUES (NULL, ?, ?, ?)", id, trial.system);
}

void put_study(Database& database, const OptunaStudy& study) {
    Database::Transaction transaction(database);
    for (const char* sql : tables) database.run(sql);
    database.prepare("INSERT INTO studies VALUES (1, ?)").bind_text(1, study.name).step();
    for (std::size_t i = 0; i < study.directions.size(); ++i)
        database.prepare("INSERT INTO study_directions VALUES (NULL, ?, 1, ?)")
            .bind_text(1, study.directions[i] == Direction::minimize ? "MINIMIZE" : "MAXIMIZE")
            .bind(2, std::uint64_t{i})
            .step();
    put_attributes(database, "INSERT INTO study_user_attributes VALUES (NULL, ?, ?, ?)", 1, study.user);
    put_attributes(database, "INSERT INTO study_system_attributes VALUES (NULL, ?, ?, ?)", 1, study.system);
    for (const OptunaTrial& trial : study.trials) put_trial(database, trial);
    transaction.commit();
}

}  // namespace

void write_optuna_sqlite(const Study& study, const std::filesystem::path& path, const std::string& name) try {
    if (std::filesystem::exists(path)) throw FileError(path.string() + ": is there already");
    const std::filesystem::path unfinished = path.string() + ".new-" + std::to_string(::getpid());
    std::error_code error;
    std::filesystem::remove(unfinished, error);
    try {
        {
            Database database(unfinished, Database::Access::write, 30);
            put_study(database, optuna_from_study(study, name));
            database.run("PRAGMA journal_mode=DELETE");  // one file, as Optuna makes it
        }
        std::filesystem::rename(unfinished, path);
    } catch (const std::filesystem::filesystem_error& failure) {
        std::filesystem::remove(unfinished, error);
        throw FileError(path.string() + ": cannot be written: " + failure.code().message());
    } catch (...) {
        std::filesystem::remove(unfinished, error);
        throw;
    }
} catch (const StorageError& error) {
    throw FileError(error.what());
}

}  // namespace attune

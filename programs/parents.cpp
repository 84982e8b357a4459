#include "parents.hpp"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "attune/storage/detail/json_object.hpp"
#include "open_journal.hpp"

namespace attune::program {
namespace {

using detail::JsonObject;

std::string absolute(const std::string& address) {
    std::error_code ignored;
    if (!std::filesystem::exists(address, ignored)) return address;
    return std::filesystem::canonical(address, ignored).string();
}

std::string to_text(ParentTask task) { return task == ParentTask::same ? "same" : "related"; }

ParentTask task_from(const std::string& word) {
    if (word == "same") return ParentTask::same;
    if (word == "related") return ParentTask::related;
    throw InvalidOption("parents: task '" + word + "' is unknown; known: related, same");
}

/// The first `events` events of a study, or all.
Study read_part(const Parent& parent) {
    const StoredStudy stored = read_study(parent.study);
    if (!parent.events || *parent.events >= stored.events.size()) return stored.study;
    Study study;
    for (std::uint64_t i = 0; i < *parent.events; ++i) study.apply(stored.events[i]);
    return study;
}

void read(const std::vector<Parent>& parents, bool same, std::set<std::string>& seen,
          std::vector<ParentStudy>& out) {
    for (const Parent& parent : parents) {
        if (!seen.insert(parent.study).second) continue;
        const auto study = std::make_shared<const Study>(read_part(parent));
        const bool continues = same && parent.task == ParentTask::same;
        const auto own = study->settings().find("parents");
        if (own != study->settings().end())
            read(parents_from_json(parse_json(own->second, "parents"), "parents"), continues, seen, out);
        out.push_back({study, continues ? ParentTask::same : ParentTask::related});
    }
}

}  // namespace

Parent parent_at(const std::string& address, ParentTask task) { return {absolute(address), task}; }

std::vector<Parent> parents_from_json(const Json& list, const std::string& what) {
    std::vector<Parent> out;
    for (const Json& json : list) {
        if (json.is_string()) {
            out.push_back(parent_at(json.get<std::string>(), ParentTask::related));
            continue;
        }
        const JsonObject object(json, what, {"study", "task", "events"});
        out.push_back(parent_at(object.text("study"), task_from(object.text("task", "related"))));
        if (object.has("events")) out.back().events = object.integer<std::uint64_t>("events");
    }
    return out;
}

Json parents_to_json(const std::vector<Parent>& parents) {
    Json out = Json::array();
    for (const Parent& parent : parents) {
        Json json{{"study", parent.study}, {"task", to_text(parent.task)}};
        if (parent.events) json["events"] = *parent.events;
        out.push_back(std::move(json));
    }
    return out;
}

void pin(std::vector<Parent>& parents, const std::string& own) {
    for (Parent& parent : parents) {
        if (parent.study == absolute(own))
            throw InvalidOption("parents: " + parent.study +
                                " is the study itself; it cannot learn from itself");
        if (!parent.events) parent.events = read_study(parent.study).events.size();
    }
}

std::vector<ParentStudy> read_parents(const std::vector<Parent>& parents) {
    std::vector<ParentStudy> out;
    std::set<std::string> seen;
    read(parents, true, seen, out);
    return out;
}

}  // namespace attune::program

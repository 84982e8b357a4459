#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attune/storage/json_codec.hpp"
#include "attune/strategy/warm_start.hpp"

namespace attune::program {

/// An earlier study that a study learns from, by its address.
struct Parent {
    std::string study;
    ParentTask task = ParentTask::related;
    std::optional<std::uint64_t> events{};  ///< how many of its events count; none: those that there are

    friend bool operator==(const Parent& a, const Parent& b) {
        return a.study == b.study && a.task == b.task;
    }
};

/// A list of addresses, or of {"study": address, "task": "same" or "related"}. Files are made absolute, so
/// that the study can be gone on with from another folder. Throws InvalidJson and InvalidOption.
[[nodiscard]] std::vector<Parent> parents_from_json(const Json& list, const std::string& what);
[[nodiscard]] Json parents_to_json(const std::vector<Parent>& parents);
/// An address of the command line.
[[nodiscard]] Parent parent_at(const std::string& address, ParentTask task);

/// Fixes how many events of each count, so that a parent that grows changes nothing. Throws as read_study,
/// and InvalidOption where one is the study at the address `own`.
void pin(std::vector<Parent>& parents, const std::string& own);

/// Reads them and their own parents, however far back, each study once; a parent of the same task of one of
/// the same task is of the same task, all others are related. Throws as read_study, naming the study.
[[nodiscard]] std::vector<ParentStudy> read_parents(const std::vector<Parent>& parents);

}  // namespace attune::program

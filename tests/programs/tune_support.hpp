#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "attune/storage/journal.hpp"
#include "attune/study/study.hpp"
#include "run_attune.hpp"

/// A trainer of a few milliseconds and what tests of `attune tune` need around it.
namespace attune::test {

inline constexpr const char* tune_space =
    R"([{"name": "width", "type": "integer", "low": 1, "high": 8}, {"name": "kind", "type": "categorical", "choices": ["a", "b"]}])";

/// A trainer of three epochs whose accuracy grows with the width; prints its arguments first.
inline constexpr const char* tune_trainer = R"(echo "called with $*"
width=0
for argument in "$@"; do case $argument in --width=*) width=${argument#--width=};; esac; done
for epoch in 1 2 3; do
  sleep ${PAUSE:-0}
  echo "epoch $epoch: accuracy=0.$width$epoch"
done
)";

inline void prepare(const std::filesystem::path& folder) {
    put(folder / "space.json", tune_space);
    put(folder / "train.sh", tune_trainer);
}

inline std::vector<std::string> tune_arguments(std::vector<std::string> more) {
    std::vector<std::string> all{
        "tune",        "space.json",       "--command", "/bin/sh train.sh",
        "--arguments", "equals",           "--metric",  "accuracy=accuracy=([0-9.]+)",
        "--objective", "maximize:accuracy"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

inline Study study_in(const std::filesystem::path& path) {
    Study study;
    for (const Event& event : Journal::read_only(path).read(0)) study.apply(event);
    return study;
}

inline std::size_t completed(const std::filesystem::path& path) {
    try {
        return study_in(path).count(TrialState::completed);
    } catch (const StorageError&) {
        return 0;  // not made yet
    }
}

/// Until `holds` of something that another process does; fails the test after 40 s without.
template <class Condition>
void wait_until(Condition&& holds) {
    for (int look = 0; look < 2000 && !holds(); ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    REQUIRE(holds());
}

inline void wait_for_completed(const std::filesystem::path& path, std::size_t trials) {
    wait_until([&] { return completed(path) >= trials; });
}

}  // namespace attune::test

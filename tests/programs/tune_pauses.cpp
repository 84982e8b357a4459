#include <algorithm>
#include <string>
#include <vector>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune;
using attune::test::Attune;
using attune::test::contents;
using attune::test::prepare;
using attune::test::put;
using attune::test::study_in;
using attune::test::tune_arguments;

namespace {

const std::vector<std::string> hyperband{"--strategy", "hyperband", "--strategy-option", "maximum_resource=3",
                                         "--stopping", "off",       "--trials",          "5",
                                         "--study",    "s.attune"};

std::vector<std::string> with(std::vector<std::string> first, const std::vector<std::string>& more) {
    first.insert(first.end(), more.begin(), more.end());
    return first;
}

/// Brackets of three trials from step 1 and of two from step 3: the best of the first three goes on.
void check_brackets(const Study& study) {
    CHECK(study.trials().size() == 5);
    CHECK(study.count(TrialState::paused) == 2);
    CHECK(study.count(TrialState::completed) == 3);
    for (const TrialRecord& trial : study.trials())
        CHECK(trial.reports.size() == (trial.state == TrialState::paused ? 1U : 3U));
}

}  // namespace

TEST_CASE(
    "programs are paused and started again as the strategy says; without a checkpoint from the beginning") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    const int code = attune.run(tune_arguments(hyperband));
    CAPTURE(attune.errors());
    REQUIRE(code == 0);
    const Study study = study_in(folder.path() / "s.attune");
    check_brackets(study);
    CHECK(attune.errors().find(" paused at step 1") != std::string::npos);
    CHECK(attune.out().find("2 paused") != std::string::npos);
    CHECK(attune.run({"replay", "s.attune"}) == 0);
    CHECK(attune.out().find("6 suggestions of strategy 'hyperband' asked again, 0 differ") !=
          std::string::npos);
    CHECK(attune.run({"status", "s.attune", "--events", "99"}) == 0);
    CHECK(attune.out().find("until step 1") != std::string::npos);
    CHECK(attune.out().find("gone on with: accuracy is among the best 1 of 3") != std::string::npos);
}

TEST_CASE("a program that keeps a checkpoint goes on from it, and its folders keep to the quota") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", R"(width=${1#--width=}
cd "$ATTUNE_CHECKPOINT"
echo "after ${ATTUNE_REPORTED_STEP:-none} until ${ATTUNE_UNTIL:-none}" >> starts
epoch=$(cat epoch 2> /dev/null || echo 0)
while [ $epoch -lt 3 ]; do
  epoch=$((epoch + 1)); echo $epoch > epoch
  echo "step=$epoch"; echo "accuracy=0.$width$epoch"
  [ "$epoch" != "${ATTUNE_UNTIL:-none}" ] || sleep 60
done
)");
    Attune attune(folder.path());
    const int code = attune.run(
        tune_arguments(with(hyperband, {"--checkpoints", "kept", "--checkpoint-quota", "1M", "--metric",
                                        "step=step=([0-9]+)", "--step-metric", "step"})));
    CAPTURE(attune.errors());
    REQUIRE(code == 0);
    const Study study = study_in(folder.path() / "s.attune");
    check_brackets(study);
    for (const TrialRecord& trial : study.trials()) CHECK(trial.rewrites == 0);
    const auto promoted = std::find_if(study.trials().begin(), study.trials().end(),
                                       [](const TrialRecord& trial) { return trial.claim == 1; });
    REQUIRE(promoted != study.trials().end());
    CHECK(contents(promoted->checkpoint() + "/starts") == "after none until 1\nafter 1 until none\n");
}

TEST_CASE("a quota of checkpoints that is none is refused") {
    const test::TemporaryFolder folder;
    prepare(folder.path());
    Attune attune(folder.path());
    CHECK(attune.run(tune_arguments({"--checkpoints", "kept", "--checkpoint-quota", "much"})) == 2);
    CHECK(attune.errors().find("--checkpoint-quota 'much' must be a number of bytes above 0") !=
          std::string::npos);
    CHECK(attune.run(tune_arguments({"--checkpoint-quota", "20G"})) == 2);
    CHECK(attune.errors().find("goes with --checkpoints") != std::string::npos);
}

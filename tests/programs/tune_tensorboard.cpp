#include <doctest/doctest.h>

#include "support/shared_data.hpp"
#include "tune_support.hpp"

using namespace attune::test;
namespace fs = std::filesystem;

namespace {

/// The trainer waits after its first epoch until it may go on.
constexpr const char* waiting_trainer = R"(echo "accuracy=0.5"
while [ ! -e go ]; do sleep 0.02; done
echo "accuracy=0.75"
)";

/// All event files of a run, one behind the other.
std::string events_of(const fs::path& run) {
    std::string out;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(run, ignored)) out += contents(entry.path());
    return out;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t out = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
    return out;
}

}  // namespace

TEST_CASE(
    "--tensorboard: a trial's reports are there while it runs, and once when the study is gone on with") {
    const TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "train.sh", waiting_trainer);
    Attune attune(folder.path());
    const auto arguments = [](const char* trials) {
        return tune_arguments({"--trials", trials, "--tensorboard", "runs/deep", "--stopping", "off"});
    };
    const pid_t child = attune.start(arguments("1"));
    const fs::path first = folder.path() / "runs" / "deep" / "trial-00000";
    for (int look = 0; look < 3000 && events_of(first).find("accuracy") == std::string::npos; ++look)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(events_of(first).find("accuracy") != std::string::npos);
    CHECK(completed(folder.path() / "study.attune") == 0);  // it waits for the file
    put(folder.path() / "go", "");
    REQUIRE(Attune::wait(child) == 0);
    const std::string whole = events_of(first);
    CHECK(count(whole, "accuracy") == 3);  // two reports and the end
    CHECK(count(whole, "final/accuracy") == 1);

    REQUIRE(attune.run(arguments("2")) == 0);
    CHECK(events_of(first) == whole);
    CHECK(count(events_of(folder.path() / "runs" / "deep" / "trial-00001"), "accuracy") == 3);

    // A new folder gets what was there before, too.
    REQUIRE(attune.run(tune_arguments({"--trials", "3", "--tensorboard", "other", "--stopping", "off"})) ==
            0);
    CHECK(count(events_of(folder.path() / "other" / "trial-00000"), "accuracy") == 3);

    // TensorBoard would draw a second export beside the first.
    const auto exported = [&] {
        return attune.run({"export", "study.attune", "--format", "tensorboard", "--to", "exported"});
    };
    REQUIRE(exported() == 0);
    CHECK(exported() == 2);
    CHECK(attune.errors().find("'exported' holds runs of trials already") != std::string::npos);
    CHECK(count(events_of(folder.path() / "exported" / "trial-00000"), "accuracy") == 3);
}

TEST_CASE("--tensorboard: of several workers each writes its own trials, so that no point is there twice") {
    const TemporaryFolder folder;
    std::vector<Attune> workers;
    std::vector<pid_t> children;
    const auto run_of = [&](std::size_t trial) {
        return folder.path() / "runs" / ("trial-0000" + std::to_string(trial));
    };
    for (const char* name : {"one", "two"}) {
        const fs::path own = folder.path() / name;
        fs::create_directory(own);
        prepare(own);
        put(own / "train.sh", waiting_trainer);
        children.push_back(workers.emplace_back(own).start(
            tune_arguments({"--trials", "2", "--study", "../study.attune", "--tensorboard", "../runs",
                            "--stopping", "off"})));
        const fs::path run = run_of(children.size() - 1);
        for (int look = 0; look < 3000 && events_of(run).find("accuracy") == std::string::npos; ++look)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    put(folder.path() / "one" / "go", "");
    put(folder.path() / "two" / "go", "");
    for (const pid_t child : children) CHECK(Attune::wait(child) == 0);
    for (const std::size_t trial : {0U, 1U}) CHECK(count(events_of(run_of(trial)), "accuracy") == 3);
}

TEST_CASE("--tensorboard: a folder that cannot be made is refused before anything runs") {
    const TemporaryFolder folder;
    prepare(folder.path());
    put(folder.path() / "runs", "a file");
    Attune attune(folder.path());
    CHECK(attune.run(tune_arguments({"--trials", "1", "--tensorboard", "runs"})) == 2);
    CHECK(attune.errors().find("--tensorboard runs") != std::string::npos);
    CHECK(!fs::exists(folder.path() / "study.attune"));
}

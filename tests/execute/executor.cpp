#include "support/executor_contract.hpp"

#include <thread>

#include "attune/execute/inline.hpp"
#include "attune/execute/threads.hpp"
#include "support/errors.hpp"

using namespace attune;

TEST_CASE("inline keeps the contract of executors") { test::executor_contract(Inline{}); }

TEST_CASE("threads keep the contract of executors") {
    for (const int slots : {1, 2, 5}) {
        CHECK(Threads{slots}.slots() == slots);
        test::executor_contract(Threads{slots});
    }
}

TEST_CASE("inline works on the calling thread") {
    const auto caller = std::this_thread::get_id();
    Inline::run([&] {
        CHECK(std::this_thread::get_id() == caller);
        return false;
    });
}

TEST_CASE("threads need at least one slot") {
    test::check_error<InvalidOption>([] { (void)Threads{0}; }, {"threads", "slots (0)", "at least 1"});
}

TEST_CASE("a user's executor is used as it is, copies of AnyExecutor share it") {
    struct Counting {
        std::atomic<int>* runs;
        void run(const std::function<bool()>& work) const {
            ++*runs;
            Inline::run(work);
        }
        [[nodiscard]] int slots() const { return 3; }
    };
    std::atomic<int> runs{0};
    AnyExecutor executor = Counting{&runs};
    AnyExecutor copy = executor;
    copy.run([] { return false; });
    executor.run([] { return false; });
    CHECK(runs == 2);
    CHECK(copy.slots() == 3);
}

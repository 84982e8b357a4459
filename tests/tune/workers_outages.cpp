#include <memory>

#include "support/errors.hpp"
#include "tune/support.hpp"

using namespace attune;

// Workers whose table is lost or out of reach for a while, by a simulated clock: nobody who lives loses a
// trial, and the dead are still found out.

namespace {

/// What a test does to a storage and its clock.
struct Trouble {
    double now = 1000;
    bool is_away = false;        ///< calls of the workers' table fail
    double waiting_seconds = 0;  ///< how long the next one takes
};

class TroubledWorkers final : public WorkerTable {
  public:
    TroubledWorkers(std::shared_ptr<WorkerTable> table, std::shared_ptr<Trouble> trouble)
        : table_(std::move(table)), trouble_(std::move(trouble)) {}
    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override {
        return reached().join(row, least);
    }
    bool beat(std::uint64_t number, double now) override { return reached().beat(number, now); }
    void put_back(const WorkerRow& row) override { reached().put_back(row); }
    void remove(std::uint64_t number) override { reached().remove(number); }
    std::vector<WorkerRow> rows() override { return reached().rows(); }
    bool is_shared_by_processes() const override { return true; }

  private:
    WorkerTable& reached() {
        trouble_->now += std::exchange(trouble_->waiting_seconds, 0);
        if (trouble_->is_away) throw StorageError("troubled: the server is away");
        return *table_;
    }
    std::shared_ptr<WorkerTable> table_;
    std::shared_ptr<Trouble> trouble_;
};

struct TroubledMemory {
    Memory memory;
    std::shared_ptr<Trouble> trouble = std::make_shared<Trouble>();
    bool append(std::span<const Event> events, std::uint64_t expected) {
        return memory.append(events, expected);
    }
    std::vector<Event> read(std::uint64_t from) { return memory.read(from); }
    std::shared_ptr<WorkerTable> workers() {
        return std::make_shared<TroubledWorkers>(memory.workers(), trouble);
    }
};

/// Two workers with a trial each that know of each other.
struct Pair {
    TroubledMemory storage;
    Trouble& trouble = *storage.trouble;
    std::unique_ptr<Tuner> one = make(), other = make();
    std::optional<Trial> trial = one->ask(), others = other->ask();

    std::unique_ptr<Tuner> make() {
        return std::make_unique<Tuner>(
            test::plane(), minimize("y"), storage,
            TunerOptions{.seed = 5, .clock = [trouble = storage.trouble] { return trouble->now; }});
    }
    /// The trial that the other worker gets next, which it ends at once.
    std::int64_t asked_by_other() {
        auto next = other->ask();
        REQUIRE(next);
        next->tell(1);
        return next->number();
    }
    void lose_the_table() {
        for (const WorkerRow& row : storage.memory.workers()->rows())
            storage.memory.workers()->remove(row.number);
    }
    Study stored() {
        Study study;
        for (const Event& event : storage.memory.read(0)) study.apply(event);
        return study;
    }
};

}  // namespace

TEST_CASE("a table of workers that is lost costs nobody who gives heartbeats a trial") {
    Pair at;
    at.trouble.now += 4;
    at.lose_the_table();
    CHECK(at.asked_by_other() == 2);
    at.trouble.now += 4;
    at.one->heartbeat();
    const auto rows = at.storage.memory.workers()->rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].number == 1);
    CHECK(rows[0].beats == 1);
    for (int turn = 0; turn < 6; ++turn) {
        CHECK(at.asked_by_other() == 3 + turn);
        at.trouble.now += 9;
        at.one->heartbeat();
    }
    at.trial->tell(2);
    CHECK(at.stored().trial(0).metric("y") == 2);
    CHECK(at.stored().trial(0).late.empty());
}

TEST_CASE("a worker whose row is missing and does not come back is dead after its silence") {
    Pair at;
    at.lose_the_table();
    at.trouble.now += 14;
    CHECK(at.asked_by_other() == 2);
    at.trouble.now += 2;
    CHECK(at.asked_by_other() == 0);
}

TEST_CASE("a worker that opens the study after the table was lost waits for rows to come back") {
    Pair at;
    at.lose_the_table();
    auto opened = at.make();
    CHECK(at.stored().trial(0).state == TrialState::running);
    at.trouble.now += 8;
    at.one->heartbeat();
    at.other->heartbeat();
    for (const std::int64_t expected : {2, 3}) {
        auto next = opened->ask();
        REQUIRE(next);
        CHECK(next->number() == expected);
        next->tell(1);
        at.trouble.now += 8;
        at.one->heartbeat();
    }
    CHECK(opened->ask()->number() == 1);  // of the other one, which gave no further heartbeat
}

TEST_CASE("an outage of the storage is nobody's silence") {
    Pair at;
    at.trouble.now += 2;
    CHECK(at.asked_by_other() == 2);
    SUBCASE("that calls answer by failing") {
        at.trouble.is_away = true;
        at.trouble.now += 12;
        CHECK_THROWS_AS((void)at.other->ask(), StorageError);
        at.trouble.now += 10;
        at.trouble.is_away = false;
    }
    SUBCASE("that the next heartbeat waits out") {
        at.trouble.now += 4;
        at.trouble.waiting_seconds = 22;
        at.other->heartbeat();
    }
    SUBCASE("that the next look waits out") {
        at.other->heartbeat();
        at.trouble.now += 4;
        at.trouble.waiting_seconds = 22;
    }
    CHECK(at.asked_by_other() == 3);
    CHECK(at.stored().trial(0).state == TrialState::running);
    at.trouble.now += 16;  // but what follows is
    CHECK(at.asked_by_other() == 0);
}

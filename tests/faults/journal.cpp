// What a disk may do to a journal, on a simulated one: cuts at every byte of the last three records, power
// losses (writes since the last flush dropped, reordered, torn at the size of a sector; new names and renames
// dropped where their folder was not flushed), also before each step of making, compacting and storing a
// study; flipped bits, a full disk.
//   fault_journal [--losses 10000] [--flips 2000] [--seed 1]
// Prints JSON; ends with 1 where something was lost, or changed without a word.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "attune/storage/binary_codec.hpp"
#include "attune/storage/journal.hpp"
#include "storage/simulated_files.hpp"
#include "support/endless_study.hpp"

namespace {

using namespace attune;
using test::event_number;
using test::is_report;
using test::SimulatedFiles;
using Disk = std::shared_ptr<SimulatedFiles>;

constexpr const char* path = "/disk/study.attune";

JournalOptions on(const Disk& disk, Durability durability) { return {durability, disk}; }

bool append(Journal& journal, std::size_t i) {
    return journal.append(std::vector<Event>{event_number(i)}, i);
}

bool is_prefix(const std::vector<Event>& events) {
    for (std::size_t i = 0; i < events.size(); ++i)
        if (to_bytes(std::span(&events[i], 1)) != to_bytes(std::vector<Event>{event_number(i)})) return false;
    return true;
}

struct Findings {
    long cuts = 0, losses = 0, losses_in_steps = 0, flips = 0, full = 0;
    long refused = 0, cut_and_told = 0, unchanged = 0;
    long wrong = 0;
    void check(bool fine, const std::string& what) {
        if (fine) return;
        ++wrong;
        std::cerr << "wrong: " << what << '\n';
    }
};

Disk written(std::size_t count, Durability durability = Durability::power_loss) {
    auto disk = std::make_shared<SimulatedFiles>();
    Journal journal(path, on(disk, durability));
    for (std::size_t i = 0; i < count; ++i) (void)append(journal, i);
    return disk;
}

/// What a writer leaves that is killed: no mark of a close.
std::string left_by_killed(std::size_t count, Durability durability = Durability::power_loss) {
    const auto disk = std::make_shared<SimulatedFiles>();
    Journal journal(path, on(disk, durability));
    for (std::size_t i = 0; i < count; ++i) (void)append(journal, i);
    return disk->bytes(path);
}

Disk with_bytes(const std::string& bytes) {
    auto disk = std::make_shared<SimulatedFiles>();
    (void)disk->open(path, FileMode::create);
    disk->put_bytes(path, bytes);
    return disk;
}

void cut_everywhere(Findings& findings) {
    constexpr std::size_t count = 40;
    const std::string three_less = left_by_killed(count - 3), whole = left_by_killed(count);
    const std::string two_less = left_by_killed(count - 2), one_less = left_by_killed(count - 1);
    for (std::size_t length = three_less.size(); length < whole.size(); ++length, ++findings.cuts) {
        const std::size_t kept = count - 3 + (length >= two_less.size()) + (length >= one_less.size());
        const Disk disk = with_bytes(whole.substr(0, length));
        Journal journal(path, on(disk, Durability::power_loss));
        const auto events = journal.read(0);
        const bool torn =
            length != three_less.size() && length != two_less.size() && length != one_less.size();
        findings.check(events.size() == kept && is_prefix(events) && journal.recovery().has_value() == torn &&
                           append(journal, kept),
                       "cut to " + std::to_string(length) + " bytes");
    }
}

/// Two writers at a random level; then the power goes, in the middle of an append in every second round.
void lose_power(int rounds, std::mt19937& random, Findings& findings) {
    for (int round = 0; round < rounds; ++round, ++findings.losses) {
        const auto level = round % 2 == 0 ? Durability::power_loss : Durability::power_loss_with_reports;
        const auto disk = std::make_shared<SimulatedFiles>();
        const std::size_t count = 1 + random() % 60;
        std::size_t safe = 0;
        std::vector<std::size_t> ends{0};  // of the file after so many events
        {
            Journal one(path, on(disk, level)), two(path, on(disk, level));
            for (std::size_t i = 0; i < count; ++i) {
                Journal& writer = random() % 2 == 0 ? one : two;
                (void)writer.read(i);
                findings.check(append(writer, i), "a writer is behind");
                if (level == Durability::power_loss_with_reports || !is_report(i)) safe = i + 1;
                ends.push_back(disk->bytes(path).size());
            }
            if (round % 2 == 0) {
                disk->flushes_fail = disk->cuts_fail = true;  // the moment before the flush
                try {
                    (void)append(one, count);
                } catch (const StorageError&) {
                }
                disk->flushes_fail = disk->cuts_fail = false;
            }
        }
        disk->lose_power(random);
        try {
            Journal reader = Journal::read_only(path, disk);
            const std::size_t seen = reader.read(0).size();
            const bool has_more = seen < count && disk->bytes(path).size() > ends[seen];
            findings.check(!has_more || !reader.notice().empty(), "what a power loss tore is not told");
            Journal journal(path, on(disk, level));
            findings.check(!has_more || !journal.notice().empty(), "what was cut is not told");
            const auto events = journal.read(0);
            findings.check(events.size() >= safe && events.size() <= count + 1 && is_prefix(events) &&
                               append(journal, events.size()),
                           "power loss " + std::to_string(round) + ": " + std::to_string(events.size()) +
                               " of " + std::to_string(safe) + " events");
        } catch (const StorageError& error) {
            findings.check(false, "power loss " + std::to_string(round) + ": " + error.what());
        }
    }
}

struct PowerLoss : std::exception {};

/// Does `act` again and again on disks that `make` gives, and loses the power before its first step, its
/// second, and so on until it comes to its end; `check` looks at what is left.
template <class Make, class Act, class Check>
void lose_power_in_steps(const Make& make, const Act& act, const Check& check, std::mt19937& random,
                         Findings& findings) {
    for (int steps = 0;; ++steps, ++findings.losses_in_steps) {
        const Disk disk = make();
        int left = steps;
        disk->before_step = [&] {
            if (left-- <= 0) throw PowerLoss();
        };
        bool done = false;
        try {
            act(disk);
            done = true;
        } catch (const PowerLoss&) {
        }
        disk->before_step = nullptr;
        disk->lose_power(random);
        try {
            check(disk, done);
        } catch (const StorageError& error) {
            findings.check(false, std::string("power lost at a step: ") + error.what());
        }
        if (done) return;
    }
}

void lose_power_when_files_change(int rounds, std::mt19937& random, Findings& findings) {
    const auto stored = [&](const Disk& disk, const char* file) {
        const auto events = Journal::read_only(file, disk).read(0);
        findings.check(is_prefix(events), "a power loss changes events");
        return events.size();
    };
    constexpr std::size_t count = 30;
    std::vector<Event> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(event_number(i));
    const auto nothing = [] { return std::make_shared<SimulatedFiles>(); };
    const auto closed = [] { return written(count, Durability::power_loss_with_reports); };
    const auto torn = [&] {
        const Disk disk = closed();
        disk->put_bytes(path, disk->bytes(path) + "ATTU and no more");
        return disk;
    };
    const auto level = Durability::power_loss_with_reports;
    for (int round = 0; round < rounds; ++round) {
        std::size_t acknowledged = 0;
        lose_power_in_steps(
            nothing,
            [&](const Disk& disk) {
                acknowledged = 0;
                Journal journal(path, on(disk, level));
                for (std::size_t i = 0; i < 3; ++i) acknowledged += append(journal, i);
            },
            [&](const Disk& disk, bool) {
                const std::size_t seen = disk->files.contains(path) ? stored(disk, path) : 0;
                findings.check(seen >= acknowledged, "a new study is lost");
                Journal journal(path, on(disk, level));
                findings.check(append(journal, seen), "a new study cannot be gone on with");
            },
            random, findings);
        for (const bool has_tail : {false, true})
            lose_power_in_steps([&] { return has_tail ? torn() : closed(); },
                                [&](const Disk& disk) { Journal(path, on(disk, level)).compact(); },
                                [&](const Disk& disk, bool) {
                                    findings.check(stored(disk, path) == count, "compacting loses events");
                                    Journal journal(path, on(disk, level));
                                    findings.check(append(journal, count),
                                                   "a compacted study cannot be gone on with");
                                },
                                random, findings);
        lose_power_in_steps(
            nothing, [&](const Disk& disk) { Journal::store(path, all, on(disk, level)); },
            [&](const Disk& disk, bool done) {
                const bool is_there = disk->files.contains(path);
                findings.check(is_there || !done, "a stored study is lost");
                if (is_there) findings.check(stored(disk, path) == count, "a part of a study is stored");
                if (!is_there) Journal::store(path, all, on(disk, level));
            },
            random, findings);
    }
}

void flip(const std::string& whole, std::size_t count, std::size_t at, int bit, Findings& findings) {
    ++findings.flips;
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    const Disk disk = with_bytes(bytes);
    const std::string what = "bit " + std::to_string(bit) + " of byte " + std::to_string(at);
    try {
        Journal reader = Journal::read_only(path, disk);
        const auto events = reader.read(0);
        findings.check(is_prefix(events), what + " gives other events");
        findings.check(!reader.notice().empty(), what + " is not told");
        ++(events.size() == count ? findings.unchanged : findings.cut_and_told);
    } catch (const StorageError&) {
        ++findings.refused;
    }
}

void flip_bits(int large_flips, std::mt19937& random, Findings& findings) {
    for (const std::string& small : {written(16)->bytes(path), left_by_killed(16)})
        for (std::size_t at = 0; at < small.size(); ++at)
            for (int bit = 0; bit < 8; ++bit) flip(small, 16, at, bit, findings);
    const std::string large = left_by_killed(6000, Durability::process_crash);
    for (int i = 0; i < large_flips; ++i)
        flip(large, 6000, random() % large.size(), static_cast<int>(random() % 8), findings);
}

/// Every number of bytes may be the last one that fits.
void fill_the_disk(Findings& findings) {
    for (const std::size_t room : {0U, 1U, 10U, 31U, 32U, 33U, 40U, 60U, 80U}) {
        for (std::size_t i = 0; i < 14; ++i, ++findings.full) {
            const auto disk = std::make_shared<SimulatedFiles>();
            Journal journal(path, on(disk, Durability::power_loss));
            for (std::size_t k = 0; k < i; ++k) (void)append(journal, k);
            disk->capacity = disk->used() + room;
            bool refused = false;
            try {
                (void)append(journal, i);
            } catch (const StorageError&) {
                refused = true;
            }
            disk->capacity = std::size_t(-1);
            findings.check(!refused || append(journal, i), "a full disk is not got over");
            const auto events = Journal::read_only(path, disk).read(0);
            findings.check(events.size() == i + 1 && is_prefix(events), "a full disk loses events");
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    int losses = 10000, flips = 2000;
    unsigned seed = 1;
    CLI::App app{"What a disk may do to a journal."};
    app.add_option("--losses", losses)->check(CLI::NonNegativeNumber);
    app.add_option("--flips", flips)->check(CLI::NonNegativeNumber);
    app.add_option("--seed", seed);
    CLI11_PARSE(app, count, arguments);
    try {
        std::mt19937 random(seed);
        Findings findings;
        cut_everywhere(findings);
        lose_power(losses, random, findings);
        lose_power_when_files_change(1 + losses / 30, random, findings);
        flip_bits(flips, random, findings);
        fill_the_disk(findings);
        std::cout << nlohmann::ordered_json{{"cuts", findings.cuts},
                                            {"power_losses", findings.losses},
                                            {"power_losses_at_steps", findings.losses_in_steps},
                                            {"flipped_bits", findings.flips},
                                            {"refused", findings.refused},
                                            {"cut_and_told", findings.cut_and_told},
                                            {"unchanged", findings.unchanged},
                                            {"appends_to_a_full_disk", findings.full},
                                            {"wrong", findings.wrong}}
                         .dump()
                  << '\n';
        return findings.wrong == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}

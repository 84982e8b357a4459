// A journal on a disk in memory. Inputs that begin with 'F' are taken for frames, each a count, a length of
// two bytes and a body, and get right heads and checksums, which no mutation would find; all others are
// files.
#include <cstdint>

#include "attune/storage/journal.hpp"
#include "fuzz/fuzz_support.hpp"
#include "storage/journal_format.hpp"
#include "storage/simulated_files.hpp"

namespace {

using namespace attune;

std::string with_frames(std::string_view input) {
    std::string out = journal::header(1);
    for (std::uint64_t position = 0; input.size() >= 3;) {
        const auto count = static_cast<unsigned char>(input[0]);
        std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(input[1])) |
                             static_cast<std::size_t>(static_cast<unsigned char>(input[2])) << 8;
        length = std::min(length, input.size() - 3);
        out += journal::frame(position, position, count, input.substr(3, length));
        position += count;
        input.remove_prefix(3 + length);
    }
    return out;
}

void check(const std::string& file) {
    const auto files = std::make_shared<test::SimulatedFiles>();
    (void)files->open("/study.attune", FileMode::create);
    files->put_bytes("/study.attune", file);
    std::vector<Event> seen;
    fuzz::allow_errors([&] {
        seen = Journal::read_only("/study.attune", files).read(0);
        fuzz::check_codecs(seen);
    });
    fuzz::require(files->bytes("/study.attune") == file, "readers change nothing");
    fuzz::allow_errors([&] {
        Journal journal("/study.attune", {.files = files});
        const std::vector<Event> before = journal.read(0);
        fuzz::require(to_bytes(before) == to_bytes(seen) || seen.empty(), "writers see what readers see");
        const Event more{1, event::Ended{"fuzzed"}};
        fuzz::require(journal.append(std::span(&more, 1), before.size()), "an opened journal takes events");
        fuzz::require(journal.read(0).size() == before.size() + 1, "and has them then");
        journal.compact();
        fuzz::require(journal.read(0).size() == before.size() + 1, "also when it is compact");
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    check(input.starts_with('F') ? with_frames(std::string_view(input).substr(1)) : input);
    return 0;
}

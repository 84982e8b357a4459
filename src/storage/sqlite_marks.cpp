#include "sqlite_marks.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>

#include "byte_stream.hpp"
#include "journal_format.hpp"

namespace attune::sqlite {
namespace {

constexpr std::size_t slot_size = 64;
constexpr std::size_t number_size = 8;
constexpr std::uint64_t most_studies = 1 << 20;  ///< whose marks are kept

/// Tells starts of the machine apart; 0 where the system does not say.
std::uint64_t this_boot() {
    static const std::uint64_t boot = [] {
        std::string text;
        std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
        std::erase(text, '-');
        return text.size() < 16 ? 0 : std::stoull(text.substr(0, 16), nullptr, 16);
    }();
    return boot;
}

/// Of the file that has the path now; its birth tells it from a later one with the same number.
std::uint64_t identity_of(const std::filesystem::path& path) {
    struct statx found {};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &found) != 0) return 0;
    std::uint64_t identity =
        found.stx_ino ^ std::uint64_t{found.stx_dev_major} << 48 ^ std::uint64_t{found.stx_dev_minor} << 40;
    if ((found.stx_mask & STATX_BTIME) != 0)
        identity ^= (static_cast<std::uint64_t>(found.stx_btime.tv_sec) << 30 ^ found.stx_btime.tv_nsec) << 2;
    return identity;
}

}  // namespace

Marks::Marks(const std::filesystem::path& database) : database_(database), path_(database) {
    path_ += "-marks";
}

/// Opens it where need be; null where it is not there to be read.
File* Marks::file(FileMode mode) {
    const bool to_write = mode == FileMode::write;
    if (file_ != nullptr && (writable_ || !to_write) && file_->is_at(path_)) return file_.get();
    file_ = nullptr;
    writable_ = false;
    try {
        file_ = operating_system_files()->open(path_, mode);
    } catch (const std::system_error&) {
        return nullptr;
    }
    writable_ = to_write;
    latest_ = {};
    return file_.get();
}

std::optional<Marks::Slot> Marks::slot(File& file, std::uint64_t study) {
    std::string bytes(slot_size, '\0');
    if (study == 0 || study > most_studies || file.read_at((study - 1) * slot_size, bytes) != slot_size)
        return std::nullopt;
    const std::string_view content = std::string_view(bytes).substr(0, slot_size - journal::checksum_size);
    if (bytes::fixed_at<std::uint32_t>(bytes, content.size()) != journal::checksum(content))
        return std::nullopt;
    const auto number = [&](std::size_t i) { return bytes::fixed_at<std::uint64_t>(bytes, i * number_size); };
    const Slot slot{number(0), number(1), number(2), number(3), number(4)};
    return slot.study == study && slot.identity == identity() && slot.identity != 0 ? std::optional(slot)
                                                                                    : std::nullopt;
}

void Marks::put(File& file, const Slot& slot) {
    std::string bytes;
    for (const std::uint64_t number : {slot.identity, slot.boot, slot.study, slot.committed, slot.flushed})
        bytes::put_fixed(bytes, number);
    bytes.resize(slot_size - journal::checksum_size, '\0');
    bytes::put_fixed(bytes, journal::checksum(bytes));
    file.write_all((slot.study - 1) * slot_size, bytes);
}

std::uint64_t Marks::must_have(const Slot& slot) {
    return slot.boot != 0 && slot.boot == this_boot() ? slot.committed : slot.flushed;
}

std::uint64_t Marks::identity() {
    if (!identity_) identity_ = identity_of(database_);
    return *identity_;
}

std::vector<Marks::Mark> Marks::all() {
    const std::lock_guard lock(mutex_);
    std::vector<Mark> marks;
    try {
        File* const there = file(FileMode::read);
        if (there == nullptr) return marks;
        const std::uint64_t studies = std::min(there->size() / slot_size, most_studies);
        for (std::uint64_t study = 1; study <= studies; ++study)
            if (const auto found = slot(*there, study); found && must_have(*found) > 0)
                marks.push_back({study, must_have(*found)});
    } catch (const std::system_error&) {
        marks.clear();
    }
    return marks;
}

std::uint64_t Marks::of(std::uint64_t study) {
    const std::lock_guard lock(mutex_);
    try {
        File* const there = file(FileMode::read);
        const auto found = there == nullptr ? std::nullopt : slot(*there, study);
        return found ? must_have(*found) : 0;
    } catch (const std::system_error&) {
        return 0;
    }
}

void Marks::note(std::uint64_t study, std::uint64_t before, std::uint64_t events, bool flushed) noexcept {
    if (study == 0 || study > most_studies) return;
    try {
        const std::lock_guard lock(mutex_);
        if (!flushed && writable_ && latest_.study == study && latest_.committed == before) {
            latest_.committed = events;
            return put(*file_, latest_);
        }
        File* const there = file(FileMode::write);
        if (there == nullptr || identity() == 0) return;
        const HeldLock turn(*there, FileLock::table, path_.string(), 1);
        Slot now{identity(), this_boot(), study, events, flushed ? events : 0};
        if (const auto noted = slot(*there, study)) {
            // After a restart of the machine what was not flushed may be gone.
            if (noted->boot == now.boot) now.committed = std::max(now.committed, noted->committed);
            now.flushed = std::max(now.flushed, std::min(noted->flushed, now.committed));
        }
        put(*there, now);
        latest_ = now;
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the events are committed all the same
    }
}

void Marks::forget(std::uint64_t study) noexcept {
    if (study == 0 || study > most_studies) return;
    try {
        const std::lock_guard lock(mutex_);
        if (File* const there = file(FileMode::read); there == nullptr || !slot(*there, study)) return;
        if (File* const there = file(FileMode::write); there != nullptr)
            put(*there, {identity(), this_boot(), study, 0, 0});
        latest_ = {};
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): others hear of it as of a loss
    }
}

}  // namespace attune::sqlite

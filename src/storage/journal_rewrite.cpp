#include "journal_rewrite.hpp"

#include <random>
#include <system_error>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/storage/binary_codec.hpp"
#include "event_parts.hpp"
#include "journal_scan.hpp"

namespace attune::journal {
namespace {

/// So many that their names are shared, so few that one damaged frame is not the whole study.
constexpr std::size_t most_in_a_frame = 256;

/// The events' bytes are compared, since events with numbers that are NaN are never equal.
void check_holds(File& file, std::span<const Event> events, const std::string& name) {
    FrameIndex index;
    const Damage damage = index.scan(file, name);
    const std::vector<Event> read = index.events(file, 0, name);
    bool same = damage.reason.empty() && read.size() == events.size();
    for (std::size_t i = 0; same && i < events.size(); i += most_in_a_frame) {
        const std::size_t count = std::min(most_in_a_frame, events.size() - i);
        same = to_bytes(std::span(read).subspan(i, count)) == to_bytes(events.subspan(i, count));
    }
    if (!same)
        throw StorageError(name + ": what was written does not read back as the same " +
                           detail::counted(events.size(), "event") +
                           "; it is thrown away, and what was there before stays");
}

}  // namespace

std::uint64_t new_id() {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
}

void write_journal(File& file, std::uint64_t id, std::span<const Event> events, const std::string& name) {
    std::uint64_t offset = 0;
    const auto write = [&](const std::string& bytes) {
        file.write_all(offset, bytes);
        offset += bytes.size();
    };
    write(header(id));
    parts::in_large_parts(
        events,
        [&](std::uint64_t position, std::span<const Event> part) {
            const std::string body = to_bytes(part);
            if (body.size() > longest_body)
                throw StorageError(name + ": event " + std::to_string(position) + " has " +
                                   detail::counted(body.size(), "byte") + ", more than the limit of " +
                                   std::to_string(longest_body));
            write(frame(position, position, static_cast<std::uint32_t>(part.size()), body));
        },
        most_in_a_frame);
    // True when somebody can read it: the file gets its name after it was flushed.
    if (!events.empty()) write(mark(events.size(), events.size()));
    file.sync();
    check_holds(file, events, name);
}

FileInTheMaking::FileInTheMaking(const std::filesystem::path& target, std::shared_ptr<FileSystem> files)
    : target_(target), path_(target), files_(std::move(files)) {
    path_ += ".new";
    remove_left_over();
    file_ = files_->open(path_, FileMode::create);
    // Whoever comes to remove it holds this lock then.
    if (!file_->try_lock(FileLock::append) || !file_->is_at(path_))
        throw StorageError(path_.string() + ": somebody else is making it at this moment");
}

void FileInTheMaking::remove_left_over() try {
    const auto left = files_->open(path_, FileMode::update);
    if (!left->try_lock(FileLock::append))
        throw StorageError(path_.string() + ": somebody else is making it at this moment");
    if (left->is_at(path_)) files_->remove(path_);
} catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
}

FileInTheMaking::~FileInTheMaking() {
    if (has_place_) return;
    try {
        if (file_->is_at(path_)) files_->remove(path_);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the next one to make it removes it
    }
}

void FileInTheMaking::replace() {
    files_->rename(path_, target_);
    settle();
}

void FileInTheMaking::take_free_place() {
    try {
        files_->rename_to_free(path_, target_);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::file_exists) throw;
        if (files_->open(target_, FileMode::read)->size() > 0)
            throw StorageError(target_.string() + ": is there already");
        files_->rename(path_, target_);  // an empty file is no study
    }
    settle();
}

void FileInTheMaking::settle() {
    has_place_ = true;
    files_->sync_folder(target_.parent_path());
}

}  // namespace attune::journal

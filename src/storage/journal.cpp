#include "attune/storage/journal.hpp"

#include <algorithm>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/storage/binary_codec.hpp"
#include "event_parts.hpp"
#include "journal_rewrite.hpp"
#include "journal_scan.hpp"
#include "journal_tail.hpp"
#include "journal_version_1.hpp"
#include "side_file.hpp"

namespace attune {
namespace {

using journal::Damage;
using journal::FlushNote;
using journal::FrameIndex;
using journal::Head;

/// Gives the system's error the path.
StorageError error_at(const std::filesystem::path& path, const std::system_error& error) {
    const bool no_folder =
        error.code() == std::errc::no_such_file_or_directory && !std::filesystem::exists(path.parent_path());
    return StorageError(path.string() + ": " + (no_folder ? "its folder does not exist" : error.what()));
}

}  // namespace

void JournalOptions::validate() const {
    if (!files) throw InvalidOption("journal: files is empty; it must say how files are reached");
}

class Journal::State {
  public:
    State(std::filesystem::path path, JournalOptions options, bool writable)
        : path_(resolved_path(path)), options_(std::move(options)), writable_(writable) {
        options_.validate();
        guarded([&] { open(); });
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { leave_mark(); }

    bool append(std::span<const Event> events, std::uint64_t expected) {
        refuse_where_unwritable();
        if (expected < index_.position()) return false;
        const std::string body = bytes_of(events);
        if (body.size() > journal::longest_body)
            throw StorageError(location() + ": an append of " + detail::counted(body.size(), "byte") +
                               " is longer than the limit of " + std::to_string(journal::longest_body));
        bool appended = false;
        guarded([&] {
            {
                std::uint64_t size = 0;
                const HeldLock turn = lock_appending(size);
                catch_up(size);
                if (expected != index_.position()) return;
                appended = true;
                if (events.empty()) return;
                add_frame(static_cast<std::uint32_t>(events.size()), body);
            }
            if (parts::needs_flush(events, options_.durability)) flush_last();
        });
        return appended;
    }

    std::vector<Event> read(std::uint64_t from) {
        std::vector<Event> events;
        guarded([&] {
            follow();
            events = is_version_1_ ? version_1_events(from) : index_.events(*file_, from, location());
        });
        return events;
    }

    std::shared_ptr<WorkerTable> workers() {
        if (side_ == nullptr) side_ = std::make_shared<journal::SideFile>(path_, options_.files);
        return side_;
    }

    void compact() {
        refuse_where_unwritable();
        guarded([&] {
            std::uint64_t size = 0;
            const HeldLock turn = lock_appending(size);
            catch_up(size);
            replace_by(index_.events(*file_, 0, location()));
        });
    }

    [[nodiscard]] std::string location() const { return path_.string(); }
    [[nodiscard]] const std::optional<JournalRecovery>& recovery() const { return recovery_; }
    [[nodiscard]] std::string notice() const {
        return journal::notice_of(location(), recovery_, lost_bytes_);
    }

  private:
    /// Gives the system's errors the path.
    template <class Call>
    void guarded(Call&& call) const {
        try {
            call();
        } catch (const std::system_error& error) {
            throw error_at(path_, error);
        }
    }

    [[nodiscard]] std::string bytes_of(std::span<const Event> events) const {
        try {
            return to_bytes(events);
        } catch (const InvalidEventBytes& error) {
            throw StorageError(location() + ": " + error.what());
        }
    }

    void refuse_where_unwritable() const {
        if (!writable_) throw StorageError(location() + ": is open for reading only");
        if (!broken_.empty())
            throw StorageError(location() + ": takes no more events since an earlier failure (" + broken_ +
                               "); open it again");
    }

    journal::SideFile& side() {
        (void)workers();
        return *side_;
    }

    // ---------------------------------------------------------------- opening

    void open() {
        file_ = options_.files->open(path_, writable_ ? FileMode::write : FileMode::read);
        if (!writable_) {
            follow();
            return note_lost_bytes();
        }
        {
            std::uint64_t size = 0;
            HeldLock turn = lock_appending(size);
            if (!read_header())
                begin_anew();
            else if (!is_version_1_ && size == journal::header_size)
                settle();  // whoever made it may have died before
            if (!is_version_1_) catch_up(file_->size());
            note_lost_bytes();
        }
        if (is_version_1_) convert();
        // What earlier processes did not flush: now it is asked to survive.
        if (options_.durability >= Durability::power_loss && index_.position() > index_.flushed()) flush();
    }

    /// Whether the header is whole; a file that ends inside of it was torn when it was made. Throws for other
    /// files.
    bool read_header() {
        std::string start(journal::header_size, '\0');
        start.resize(file_->read_at(0, start));
        is_version_1_ = false;
        if (const auto id = journal::read_header(start)) {
            id_ = *id;
            return has_header_ = true;
        }
        is_version_1_ = start.substr(0, journal::version_1::header.size()) == journal::version_1::header;
        if (is_version_1_) return true;
        if (file_->size() <= journal::header_size && journal::is_torn_header(start)) return false;
        constexpr std::string_view present = "ATTUNE JOURNAL 2\n";
        if (start.substr(0, present.size()) == present)
            throw StorageError(location() + ": its header is damaged; restore the file from a copy");
        if (start.substr(0, journal::magic.size()) == journal::magic)
            throw StorageError(location() + ": is a journal of format version " +
                               start.substr(journal::magic.size(), start.find('\n') - journal::magic.size()) +
                               ", but this program reads versions 1 and 2");
        throw StorageError(location() + ": is not a journal of Attune: it does not begin with '" +
                           std::string(journal::magic) + "'");
    }

    void begin_anew() {
        file_->truncate(0);
        id_ = journal::new_id();
        file_->write_all(0, journal::header(id_));
        settle();
        has_header_ = true;
    }

    /// Makes a file without events survive; where that fails, the next writer begins it anew.
    void settle() try {
        file_->sync();
        options_.files->sync_folder(path_.parent_path());
    } catch (const std::system_error&) {
        file_->truncate(0);
        throw;
    }

    /// Waits for the turn to append, to the file that has the path now and is of `size` then.
    HeldLock lock_appending(std::uint64_t& size) {
        for (;;) {
            HeldLock turn(*file_, FileLock::append, location());
            if (const auto now = file_->size_at(path_)) return size = *now, std::move(turn);
            { const HeldLock over = std::move(turn); }
            reopen();
        }
    }

    /// Another file has the path: the same study in a new form, which is gone on with, or something else.
    void reopen() {
        auto old_file =
            std::exchange(file_, options_.files->open(path_, writable_ ? FileMode::update : FileMode::read));
        const std::uint64_t old_id = id_;
        FrameIndex old_index = std::exchange(index_, {});
        const bool had_header = std::exchange(has_header_, false);
        try {
            if (!read_header() || is_version_1_ || (had_header && id_ != old_id))
                throw StorageError(location() + ": was replaced by another file; open it again");
            (void)index_.scan(*file_, location());
            if (index_.position() < old_index.position())
                throw StorageError(location() + ": was replaced by an older copy; open it again");
        } catch (const Error&) {
            file_ = std::move(old_file);
            id_ = old_id;
            index_ = std::move(old_index);
            has_header_ = had_header;
            throw;
        }
    }

    // ---------------------------------------------------------------- earlier versions

    /// Puts a journal of the present form in the place of one of version 1. Precondition: no lock is held.
    void convert() {
        if (!file_->try_lock(FileLock::version_1)) {
            const auto owner = file_->lock_owner(FileLock::version_1);
            throw StorageError(location() + ": is being written by " +
                               (owner ? "process " + std::to_string(*owner) : "another process") +
                               ", whose version of Attune writes alone");
        }
        {
            HeldLock turn(*file_, FileLock::append, location());
            if (file_->is_at(path_)) {
                auto old = journal::version_1::read(*file_, location());
                if (!old.damage.reason.empty()) keep_tail(old.damage);
                id_ = journal::new_id();
                replace_by(old.events);
            }
        }
        is_version_1_ = false;
        reopen();
    }

    std::vector<Event> version_1_events(std::uint64_t from) {
        auto content = journal::version_1::read(*file_, location());
        note_tail(content.damage, {});
        auto& events = content.events;
        events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(
                                                          std::min<std::uint64_t>(from, events.size())));
        return std::move(events);
    }

    /// Precondition: the lock for appending is held.
    void replace_by(std::span<const Event> events) {
        journal::FileInTheMaking made(path_, options_.files);
        journal::write_journal(made.file(), id_, events, location());
        made.replace();
    }

    // ---------------------------------------------------------------- tails

    /// Takes in what others appended, and cuts what a dead one left. Precondition: the lock is held, and the
    /// file is of `size`.
    void catch_up(std::uint64_t size) {
        if (!has_header_ || size == index_.end()) return;
        const Damage damage = take_in();
        if (damage.reason.empty()) return;
        keep_tail(damage);
        cut_to(damage.offset);
    }

    /// Takes in the frames that are there; throws for a bad one that was on the disk. The note is read before
    /// the look that it judges: what it claims was there by then, whatever others do meanwhile.
    Damage take_in() {
        const Damage damage = index_.scan(*file_, location());
        if (damage.reason.empty()) return damage;
        const FlushNote note = look_at_flushed();
        return index_.scan(*file_, location(), note.bytes <= file_->size() ? note.bytes : 0);
    }

    [[nodiscard]] FlushNote look_at_flushed() {
        return journal::SideFile::look_at_flushed(path_, *options_.files, flush_identity());
    }

    /// A copy that was put back into the same file is shorter than what was flushed of the one before: that
    /// says nothing of this one.
    void note_lost_bytes() {
        const FlushNote note = look_at_flushed();
        const std::uint64_t size = file_->size();
        if (note.bytes <= size) return;
        lost_bytes_ = note.bytes - size;
        if (writable_) side().note_less_flushed(flush_identity(), {});
    }

    /// Takes bytes away; whoever flushes at this moment must not take credit for them.
    void cut_to(std::uint64_t size) {
        const HeldLock turn(*file_, FileLock::flush, location());
        if (const FlushNote note = side().flushed(flush_identity()); note.bytes > size)
            side().note_less_flushed(flush_identity(), {size, note.has_failed});
        file_->truncate(size);
    }

    void keep_tail(const Damage& damage) {
        note_tail(damage, journal::keep_tail(*file_, damage, path_, *options_.files));
    }

    void note_tail(const Damage& damage, const std::filesystem::path& kept) {
        if (damage.reason.empty())
            recovery_.reset();
        else
            recovery_ = JournalRecovery{file_->size() - damage.offset, damage.position, damage.reason, kept};
    }

    // ---------------------------------------------------------------- writing

    /// Writes behind the last whole frame, or leaves the file as it was and throws. Precondition: the lock is
    /// held and the index is up to date.
    void add_frame(std::uint32_t count, const std::string& body) {
        const Head head{static_cast<std::uint32_t>(body.size()), index_.position(),
                        std::max(flushed_, index_.flushed()), count};
        try {
            file_->write_all(index_.end(), journal::frame(head.position, head.flushed, count, body));
        } catch (const std::system_error&) {
            try {
                cut_to(index_.end());
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
                // The checksums keep readers away from it, and the next append cuts it.
            }
            throw;
        }
        index_.add(head);
        needs_mark_ = true;
    }

    /// Says behind the last frame that it was whole, where it is this journal's and nobody came after. It is
    /// evidence, no more: what goes wrong with it changes no study.
    void leave_mark() noexcept {
        if (!needs_mark_ || !broken_.empty()) return;
        try {
            const HeldLock turn(*file_, FileLock::append, location(), 0);  // or somebody appends
            if (file_->size_at(path_) != index_.end()) return;
            const std::string mark = journal::mark(index_.position(), std::max(flushed_, index_.flushed()));
            try {
                file_->write_all(index_.end(), mark);
            } catch (const std::system_error&) {
                cut_to(index_.end());
            }
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the next writer cuts what is left
        }
    }

    [[nodiscard]] std::uint64_t flush_identity() { return file_->identity() ^ id_; }

    /// Returns when the last frame is on the disk: flushed by us, or by somebody who came later and was
    /// quicker.
    void flush() {
        const std::uint64_t wanted = index_.end(), position = index_.position();
        const HeldLock turn(*file_, FileLock::flush, location());
        const std::uint64_t size = file_->size();
        FlushNote done = flushed_so_far();
        if (done.bytes > size) done = {};
        if (done.bytes < wanted) {
            if (done.has_failed) write_again(done.bytes, size);
            try {
                file_->sync();
            } catch (const std::system_error&) {
                note_flushed({done.bytes, true});
                throw;
            }
            note_flushed({size, false});
        }
        flushed_ = position;
    }

    [[nodiscard]] FlushNote flushed_so_far() try {
        return side().flushed(flush_identity());
    } catch (const StorageError&) {
        return {};
    }

    void note_flushed(const FlushNote& note) try {
        side().note_flushed(flush_identity(), note);
    } catch (const StorageError&) {  // NOLINT(bugprone-empty-catch): without it more is flushed, no less
    }

    /// After somebody's flush failed the system may take what it did not write for written. Once it is
    /// written again, a flush that succeeds means it. Precondition: the lock for flushing is held, so that
    /// nobody cuts.
    void write_again(std::uint64_t from, std::uint64_t end) {
        FrameIndex there;
        (void)there.scan(*file_, location());
        if (there.end() < index_.end())
            throw StorageError(location() + ": a flush failed, and the system lost what came before it");
        std::string bytes(end - from, '\0');
        bytes.resize(file_->read_at(from, bytes));
        file_->write_all(from, bytes);
    }

    /// After a failed flush the system may have dropped the pages and forgotten: trying again would lie.
    void flush_last() {
        try {
            flush();
        } catch (const std::system_error& error) {
            broken_ = error.what();
            take_back_last();
            throw;
        }
    }

    /// Takes the last append back, if nobody has appended behind it.
    void take_back_last() noexcept {
        try {
            const HeldLock turn(*file_, FileLock::append, location());
            if (file_->size() != index_.end()) return;
            index_.drop_last();
            cut_to(index_.end());
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it is broken and says so
        }
    }

    // ---------------------------------------------------------------- reading

    /// Takes in what others appended. A look at a moment between two of their steps may show damage that is
    /// gone at the next.
    void follow() {
        constexpr int looks = 5;
        for (int look = 1;; ++look) {
            try {
                auto size = file_->size_at(path_);
                if (!size) reopen();
                if (!has_header_ && (!read_header() || is_version_1_)) return;
                const Damage damage = size.value_or(0) == index_.end() ? Damage{} : take_in();
                if (!writable_) note_tail(damage, {});
                return;
            } catch (const StorageError&) {
                if (look == looks) throw;
            }
        }
    }

    std::filesystem::path path_;
    JournalOptions options_;
    bool writable_;
    std::unique_ptr<File> file_;
    std::shared_ptr<journal::SideFile> side_;
    FrameIndex index_;
    std::uint64_t id_ = 0;
    std::uint64_t flushed_ = 0;  ///< events that this process knows to be on the disk
    bool has_header_ = false;
    bool is_version_1_ = false;
    bool needs_mark_ = false;  ///< has appended
    std::string broken_;
    std::uint64_t lost_bytes_ = 0;  ///< that the file had once
    std::optional<JournalRecovery> recovery_;
};

Journal::Journal(std::filesystem::path path, JournalOptions options)
    : state_(std::make_unique<State>(std::move(path), std::move(options), true)) {}
Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

Journal Journal::read_only(std::filesystem::path path, std::shared_ptr<FileSystem> files) {
    return Journal(std::make_unique<State>(std::move(path),
                                           JournalOptions{default_durability, std::move(files)}, false));
}

bool Journal::append(std::span<const Event> events, std::uint64_t expected) {
    return state_->append(events, expected);
}
std::vector<Event> Journal::read(std::uint64_t from) { return state_->read(from); }
std::shared_ptr<WorkerTable> Journal::workers() { return state_->workers(); }
void Journal::compact() { state_->compact(); }
void Journal::store(const std::filesystem::path& path, std::span<const Event> events,
                    const JournalOptions& options) {
    options.validate();
    const std::filesystem::path target = resolved_path(path);
    try {
        journal::FileInTheMaking made(target, options.files);
        journal::write_journal(made.file(), journal::new_id(), events, target.string());
        made.take_free_place();
    } catch (const std::system_error& error) {
        throw error_at(target, error);
    }
}
std::string Journal::location() const { return state_->location(); }
const std::optional<JournalRecovery>& Journal::recovery() const { return state_->recovery(); }
std::string Journal::notice() const { return state_->notice(); }

}  // namespace attune

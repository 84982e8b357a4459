#include "attune/storage/journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "attune/error.hpp"
#include "attune/storage/json_codec.hpp"
#include "journal_format.hpp"

namespace attune {
namespace {

constexpr std::size_t window_bytes = std::size_t{1} << 22;

/// A file's bytes from an offset on, loaded as they are needed.
class Window {
  public:
    Window(File& file, std::uint64_t offset, std::uint64_t end) : file_(file), offset_(offset), end_(end) {}

    [[nodiscard]] std::uint64_t offset() const { return offset_ + used_; }
    [[nodiscard]] std::string_view bytes() const { return std::string_view(loaded_).substr(used_); }
    [[nodiscard]] bool all_loaded() const { return offset_ + loaded_.size() >= end_; }
    void advance(std::size_t bytes) { used_ += bytes; }

    void load_more() {
        loaded_.erase(0, used_);
        offset_ += std::exchange(used_, 0);
        const std::size_t before = loaded_.size();
        const auto wanted = std::min<std::uint64_t>(std::max(before, window_bytes), end_ - offset_ - before);
        loaded_.resize(before + wanted);
        const std::size_t got = file_.read_at(offset_ + before, std::span(loaded_).subspan(before));
        loaded_.resize(before + got);
        if (got < wanted) end_ = offset_ + loaded_.size();  // it became shorter meanwhile
    }

    /// The sound record in front, loading what it needs.
    std::optional<journal::Record> record(std::string* why) {
        for (;;) {
            auto found = journal::read_record(bytes(), why);
            if (found || all_loaded()) return found;
            load_more();
        }
    }

  private:
    File& file_;
    std::uint64_t offset_;
    std::uint64_t end_;
    std::string loaded_;
    std::size_t used_ = 0;
};

struct Damage {
    std::uint64_t offset = 0;    ///< where the append begins that is not whole
    std::uint64_t position = 0;  ///< of its first event
    std::string reason;          ///< empty: there is none
};

bool needs_flush(std::span<const Event> events, Durability durability) {
    if (durability != Durability::power_loss) return durability == Durability::power_loss_with_reports;
    return std::any_of(events.begin(), events.end(),
                       [](const Event& e) { return !std::holds_alternative<event::Reported>(e.body); });
}

}  // namespace

void JournalOptions::validate() const {
    if (!files) throw InvalidOption("journal: files is empty; it must say how files are reached");
}

class Journal::State {
  public:
    State(std::filesystem::path path, JournalOptions options, bool writable)
        : path_(std::filesystem::absolute(path).lexically_normal()),
          options_(std::move(options)),
          writable_(writable) {
        options_.validate();
        guarded([&] { open(); });
    }

    bool append(std::span<const Event> events, std::uint64_t expected) {
        if (!writable_) throw StorageError(location() + ": is open for reading only");
        if (!broken_.empty())
            throw StorageError(location() + ": takes no more events since an earlier failure (" + broken_ +
                               "); open it again");
        if (expected != offsets_.size()) return false;
        if (events.empty()) return true;
        std::vector<std::uint64_t> starts;
        const std::string bytes = framed(events, starts);
        guarded([&] { write(bytes, needs_flush(events, options_.durability)); });
        offsets_.insert(offsets_.end(), starts.begin(), starts.end());
        end_ += bytes.size();
        if (needs_flush(events, options_.durability)) flushed_ = offsets_.size();
        return true;
    }

    std::vector<Event> read(std::uint64_t from) {
        std::vector<Event> events;
        guarded([&] {
            if (!writable_) follow();
            if (from < offsets_.size()) events = parsed(from);
        });
        return events;
    }

    [[nodiscard]] std::string location() const { return path_.string(); }
    [[nodiscard]] const std::optional<JournalRecovery>& recovery() const { return recovery_; }

  private:
    /// Gives the system's errors the path.
    template <class Call>
    void guarded(Call&& call) const {
        try {
            call();
        } catch (const FileLocked& locked) {
            const std::string owner =
                locked.owner() ? "process " + std::to_string(*locked.owner()) : "another process";
            throw StorageError(location() + ": is being written by " + owner +
                               "; a journal has one writer at a time");
        } catch (const std::system_error& error) {
            const bool no_folder = error.code() == std::errc::no_such_file_or_directory &&
                                   !std::filesystem::exists(path_.parent_path());
            throw StorageError(location() + ": " + (no_folder ? "its folder does not exist" : error.what()));
        }
    }

    // ---------------------------------------------------------------- opening

    void open() {
        file_ = options_.files->open(path_, writable_ ? FileMode::write : FileMode::read);
        if (!check_header() && !writable_) return;
        if (!writable_) return follow();
        if (end_ == 0) write_header();
        if (const Damage damage = scan(); !damage.reason.empty()) cut(damage);
        if (options_.durability != Durability::process_crash) {
            file_->sync();  // what an earlier process did not flush
            flushed_ = offsets_.size();
        }
    }

    /// Whether the header is whole; a file that ends inside of it was torn when it was made. Throws for other
    /// files.
    bool check_header() {
        std::string start(journal::header.size(), '\0');
        start.resize(file_->read_at(0, start));
        if (start == journal::header) {
            end_ = start.size();
            return true;
        }
        const std::uint64_t size = file_->size();
        const bool torn =
            size < journal::header.size() && (journal::header.substr(0, start.size()) == start ||
                                              start.find_first_not_of('\0') == std::string::npos);
        if (torn) return false;
        if (start.substr(0, journal::magic.size()) == journal::magic)
            throw StorageError(location() + ": is a journal of format version " +
                               start.substr(journal::magic.size(), start.find('\n') - journal::magic.size()) +
                               ", but this program reads version 1");
        throw StorageError(location() + ": is not a journal of Attune: it does not begin with '" +
                           std::string(journal::header.substr(0, journal::header.size() - 1)) + "'");
    }

    void write_header() {
        file_->truncate(0);
        write(std::string(journal::header), true);
        options_.files->sync_folder(path_.parent_path());
        end_ = journal::header.size();
    }

    /// Takes in all whole appends behind `end_`; gives what stands behind them.
    Damage scan() {
        const std::uint64_t size = file_->size();
        if (size < end_) throw StorageError(location() + ": became shorter while it was read");
        Window window(*file_, end_, size);
        std::vector<std::uint64_t> starts;  // of an append that is not whole yet
        std::uint64_t more = 0;
        for (;;) {
            if (window.all_loaded() && window.bytes().empty())
                return starts.empty() ? Damage{}
                                      : Damage{starts.front(), offsets_.size(),
                                               "an append of several records is cut off"};
            if (window.bytes().empty()) window.load_more();
            const std::uint64_t position = offsets_.size() + starts.size();
            std::string why;
            const auto record = window.record(&why);
            if (!record) {
                refuse_damage_in_the_middle(window, position, why);
                return {starts.empty() ? window.offset() : starts.front(), offsets_.size(),
                        "record " + std::to_string(position) + ": " + why};
            }
            if (record->position != position || (!starts.empty() && record->more != more - 1))
                throw StorageError(record_name(position, window.offset()) +
                                   ": is out of order (it says it is record " +
                                   std::to_string(record->position) + ")");
            starts.push_back(window.offset());
            more = record->more;
            window.advance(record->size);
            if (more > 0) continue;
            offsets_.insert(offsets_.end(), starts.begin(), starts.end());
            starts.clear();
            end_ = window.offset();
        }
    }

    [[nodiscard]] std::string record_name(std::uint64_t position, std::uint64_t offset) const {
        return location() + ": record " + std::to_string(position) + " at byte " + std::to_string(offset);
    }

    /// A bad record is a torn tail only where nothing sound follows, or only what may have been written
    /// without a flush around a page that the power loss took.
    void refuse_damage_in_the_middle(Window& window, std::uint64_t position, const std::string& why) const {
        while (!window.all_loaded()) window.load_more();
        const std::string_view rest = window.bytes();
        std::optional<std::uint64_t> sound;
        bool was_flushed = false;
        const auto look_at = [&](std::size_t begin) {
            const auto record = begin < rest.size() ? journal::read_record(rest.substr(begin)) : std::nullopt;
            if (!record) return;
            if (!sound) sound = window.offset() + begin;
            was_flushed |= record->flushed > position;
        };
        if (const auto size = journal::stated_size(rest))
            look_at(*size);  // its line feed itself may be what is damaged
        for (auto line = rest.find('\n'); line != std::string_view::npos; line = rest.find('\n', line + 1))
            look_at(line + 1);
        if (!sound) return;
        if (!was_flushed &&
            journal::has_unwritten_page(rest.substr(0, *sound - window.offset()), window.offset()))
            return;
        throw StorageError(record_name(position, window.offset()) + ": is damaged (" + why +
                           "), and sound records follow at byte " + std::to_string(*sound) +
                           "; this is no torn tail, so nothing is cut: restore the file from a copy");
    }

    /// Keeps the damaged tail in a file of its own, then takes it away.
    void cut(const Damage& damage) {
        const std::uint64_t size = file_->size();
        std::string tail(size - damage.offset, '\0');
        tail.resize(file_->read_at(damage.offset, tail));
        std::filesystem::path kept;
        std::unique_ptr<File> copy;
        for (int n = 1; copy == nullptr; ++n) {
            kept = path_;
            kept += ".cut-" + std::to_string(n);
            try {
                copy = options_.files->open(kept, FileMode::create);
            } catch (const std::system_error& error) {
                if (error.code() != std::errc::file_exists) throw;
            }
        }
        for (std::size_t done = 0; done < tail.size();)
            done += written(*copy, done, std::string_view(tail).substr(done));
        copy->sync();
        options_.files->sync_folder(path_.parent_path());
        file_->truncate(damage.offset);
        recovery_ = JournalRecovery{tail.size(), damage.position, damage.reason, kept};
    }

    // ---------------------------------------------------------------- writing

    [[nodiscard]] std::string framed(std::span<const Event> events,
                                     std::vector<std::uint64_t>& starts) const {
        std::string bytes;
        for (std::size_t i = 0; i < events.size(); ++i) {
            std::string payload;
            try {
                payload = to_json(events[i]).dump();
            } catch (const Json::exception&) {
                throw StorageError(location() +
                                   ": an event holds a name that is not UTF-8, which cannot be stored");
            }
            if (payload.size() > journal::longest_payload)
                throw StorageError(location() + ": an event of " + std::to_string(payload.size()) +
                                   " bytes is longer than the limit of " +
                                   std::to_string(journal::longest_payload));
            starts.push_back(end_ + bytes.size());
            bytes += journal::frame(offsets_.size() + i, events.size() - 1 - i, flushed_, payload);
        }
        return bytes;
    }

    static std::size_t written(File& file, std::uint64_t offset, std::string_view bytes) {
        const std::size_t n = file.write_at(offset, bytes);
        if (n == 0)
            throw std::system_error(std::make_error_code(std::errc::no_space_on_device), "cannot be written");
        return n;
    }

    /// Writes behind the last whole append, or leaves the file as it was and throws.
    void write(const std::string& bytes, bool flush) {
        if (tail_dirty_) file_->truncate(end_);
        tail_dirty_ = false;
        try {
            for (std::size_t done = 0; done < bytes.size();)
                done += written(*file_, end_ + done, std::string_view(bytes).substr(done));
        } catch (const std::system_error&) {
            take_back();
            throw;
        }
        if (!flush) return;
        try {
            file_->sync();
        } catch (const std::system_error& error) {
            // After a failed flush the system may have dropped the pages and forgotten: trying again would
            // lie.
            broken_ = error.what();
            take_back();
            throw;
        }
    }

    void take_back() noexcept {
        try {
            file_->truncate(end_);
        } catch (const std::system_error&) {
            tail_dirty_ = true;  // the checksums keep readers away from it, and the next append tries again
        }
    }

    // ---------------------------------------------------------------- reading

    /// Takes in what the writer appended. A look at a moment between two of its steps may show damage that is
    /// gone at the next.
    void follow() {
        constexpr int looks = 3;
        if (end_ == 0 && !check_header()) return;
        for (int look = 1;; ++look) {
            try {
                (void)scan();
                return;
            } catch (const StorageError&) {
                if (look == looks) throw;
            }
        }
    }

    [[nodiscard]] std::vector<Event> parsed(std::uint64_t from) {
        std::vector<Event> events;
        events.reserve(offsets_.size() - from);
        Window window(*file_, offsets_[from], end_);
        for (std::uint64_t position = from; position < offsets_.size(); ++position) {
            std::string why;
            const auto record = window.record(&why);
            if (!record || record->position != position)
                throw StorageError(record_name(position, window.offset()) + ": changed since it was checked");
            try {
                events.push_back(event_from_json(parse_json(record->payload, "payload")));
            } catch (const Error& error) {
                throw StorageError(record_name(position, window.offset()) + ": " + error.what());
            }
            window.advance(record->size);
        }
        return events;
    }

    std::filesystem::path path_;
    JournalOptions options_;
    bool writable_;
    std::unique_ptr<File> file_;
    std::vector<std::uint64_t> offsets_;  ///< of each record, by position
    std::uint64_t end_ = 0;               ///< of the last whole append
    std::uint64_t flushed_ = 0;           ///< events known to be on the disk
    bool tail_dirty_ = false;             ///< a failed append could not be taken back
    std::string broken_;
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
                                           JournalOptions{Durability::power_loss, std::move(files)}, false));
}

bool Journal::append(std::span<const Event> events, std::uint64_t expected) {
    return state_->append(events, expected);
}
std::vector<Event> Journal::read(std::uint64_t from) { return state_->read(from); }
std::string Journal::location() const { return state_->location(); }
const std::optional<JournalRecovery>& Journal::recovery() const { return state_->recovery(); }

}  // namespace attune

#include "journal_scan.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "attune/error.hpp"
#include "attune/storage/binary_codec.hpp"

namespace attune::journal {
namespace {

constexpr std::size_t window_bytes = std::size_t{1} << 20;

/// A file's bytes from an offset on, loaded as they are needed.
class Window {
  public:
    Window(File& file, std::uint64_t offset, std::uint64_t end) : file_(file), offset_(offset), end_(end) {}

    [[nodiscard]] std::uint64_t offset() const { return offset_ + used_; }
    [[nodiscard]] std::string_view bytes() const { return std::string_view(loaded_).substr(used_); }
    void advance(std::size_t bytes) { used_ += bytes; }
    void advance_to(std::uint64_t offset) {
        (void)has(static_cast<std::size_t>(offset - this->offset()));
        advance(std::min(bytes().size(), static_cast<std::size_t>(offset - this->offset())));
    }

    /// Whether that many bytes are there, after loading them where need be.
    bool has(std::size_t wanted) {
        while (loaded_.size() - used_ < wanted && offset_ + loaded_.size() < end_) load(wanted);
        return loaded_.size() - used_ >= wanted;
    }
    void load_all() { (void)has(static_cast<std::size_t>(end_ - offset())); }

  private:
    void load(std::size_t wanted) {
        loaded_.erase(0, used_);
        offset_ += std::exchange(used_, 0);
        const std::size_t before = loaded_.size();
        const auto more = std::min<std::uint64_t>(std::max(wanted, window_bytes), end_ - offset_ - before);
        loaded_.resize(before + more);
        const std::size_t got = file_.read_at(offset_ + before, std::span(loaded_).subspan(before));
        loaded_.resize(before + got);
        if (got < more) end_ = offset_ + loaded_.size();  // it became shorter meanwhile
    }

    File& file_;
    std::uint64_t offset_;
    std::uint64_t end_;
    std::string loaded_;
    std::size_t used_ = 0;
};

std::string record_name(const std::string& name, std::uint64_t position, std::uint64_t offset) {
    return name + ": record " + std::to_string(position) + " at byte " + std::to_string(offset);
}

/// The sound frame in front of the window, or nothing with the reason.
std::optional<Head> sound_frame(Window& window, std::string& why) {
    const auto head = window.has(head_size) ? read_head(window.bytes()) : std::nullopt;
    if (!head)
        why = window.bytes().size() < head_size ? "it is cut off" : "it does not begin as a record does";
    else if (head->body_size > longest_body || (head->count == 0 && !head->is_mark()))
        why = "its size is beyond the limit";
    else if (!window.has(head->frame_size()))
        why = "it is cut off";
    else if (!body_is_sound(*head, window.bytes()))
        why = "its checksum does not match its content";
    else
        return head;
    return std::nullopt;
}

/// A write that was cut off may have left the beginning of a frame on the disk, but what was flushed of it is
/// as it was written.
void refuse_damage_of_flushed(const Window& window, std::uint64_t flushed_bytes, std::uint64_t position,
                              const std::string& why, const std::string& name) {
    const auto head = read_head(window.bytes());
    if (window.offset() + (head ? head->frame_size() : head_size) <= flushed_bytes)
        throw StorageError(damage_of_flushed(record_name(name, position, window.offset()), why));
}

/// A bad frame is a torn tail only where no sound head follows, or only what may have been written without a
/// flush around a sector that the power loss took. Heads are looked for everywhere: in a body there is none,
/// but for one that somebody put there, and that one makes us refuse the file.
void refuse_damage_in_the_middle(Window& window, std::uint64_t position, const std::string& why,
                                 const std::string& name) {
    window.load_all();
    const std::string_view rest = window.bytes();
    std::optional<std::size_t> sound;
    bool was_flushed = false;
    for (auto at = find_head(rest, 1); at; at = find_head(rest, *at + 1)) {
        const auto head = read_head(rest.substr(*at));
        if (head->position <= position) continue;  // older than the damage: left from what was cut once
        if (!sound) sound = *at;
        was_flushed |= head->flushed > position;
    }
    if (!sound || (!was_flushed && has_unwritten_page(rest.substr(0, *sound), window.offset()))) return;
    throw StorageError(
        damage_in_the_middle(record_name(name, position, window.offset()), why, window.offset() + *sound));
}

}  // namespace

void FrameIndex::add(const Head& head) {
    if (!head.is_mark()) frames_.push_back({head.position, end_, head.count, head.body_size});
    position_ += head.count;
    end_ += head.frame_size();
    flushed_ = std::max(flushed_, head.flushed);
}

void FrameIndex::drop_last() {
    position_ = frames_.back().position;
    end_ = frames_.back().offset;
    frames_.pop_back();
}

Damage FrameIndex::scan(File& file, const std::string& name, std::uint64_t flushed_bytes) {
    const std::uint64_t size = file.size();
    if (size < end_) throw StorageError(name + ": became shorter while it was read");
    Window window(file, end_, size);
    while (window.has(1)) {
        std::string why;
        const auto head = sound_frame(window, why);
        if (!head) {
            refuse_damage_in_the_middle(window, position_, why, name);
            refuse_damage_of_flushed(window, flushed_bytes, position_, why, name);
            return {end_, position_, "record " + std::to_string(position_) + ": " + why};
        }
        if (head->position != position_)
            throw StorageError(record_name(name, position_, end_) +
                               ": is out of order (it says it is record " + std::to_string(head->position) +
                               ")");
        add(*head);
        window.advance(head->frame_size());
    }
    return {};
}

std::vector<Event> FrameIndex::events(File& file, std::uint64_t from, const std::string& name) const {
    std::vector<Event> events;
    if (from >= position_) return events;
    auto frame =
        std::upper_bound(frames_.begin(), frames_.end(), from,
                         [](std::uint64_t position, const Entry& e) { return position < e.position; });
    --frame;
    Window window(file, frame->offset, end_);
    const std::uint64_t first = frame->position;
    // The index knows how many there are; a file that lies about it does not get the memory.
    events.reserve(std::min<std::uint64_t>(position_ - first, (end_ - frame->offset) / 8));
    for (; frame != frames_.end(); ++frame) {
        std::string why;
        window.advance_to(frame->offset);  // over marks
        const auto head = sound_frame(window, why);
        if (!head || head->position != frame->position || head->count != frame->count)
            throw StorageError(record_name(name, frame->position, frame->offset) +
                               ": changed since it was checked");
        try {
            from_bytes(window.bytes().substr(head_size, head->body_size), head->count, events);
        } catch (const Error& error) {
            throw StorageError(record_name(name, frame->position, frame->offset) + ": " + error.what());
        }
        window.advance(head->frame_size());
    }
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(from - first));
    return events;
}

}  // namespace attune::journal

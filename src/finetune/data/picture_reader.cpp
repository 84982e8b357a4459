#include "picture_reader.hpp"

#include <algorithm>
#include <utility>

#include "attune/error.hpp"
#include "attune/files/image.hpp"
#include "image_store.hpp"

namespace attune::detail {

PictureReader::PictureReader(std::vector<std::filesystem::path> paths, DataOptions options)
    : paths_(std::move(paths)), options_(std::move(options)), slots_(paths_.size()), kept_(paths_.size()) {
    const auto side = stored_side(options_.framing);
    picture_bytes_ = 3 * side * side;
}

PictureReader::~PictureReader() {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
    asked_.notify_all();
}

void PictureReader::start_threads() {
    if (!threads_.empty()) return;
    const auto wanted = options_.threads > 0 ? static_cast<unsigned>(options_.threads)
                                             : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < wanted; ++i) threads_.emplace_back([this] { work(); });
}

void PictureReader::work() {
    Lock lock(mutex_);
    for (;;) {
        asked_.wait(lock, [&] { return ends_ || !queue_.empty(); });
        if (ends_) return;
        const auto row = queue_.front();
        queue_.pop_front();
        read_one(lock, row);
    }
}

/// Reads a picture that is waited for; the lock is open meanwhile.
void PictureReader::read_one(Lock& lock, std::int64_t row) {
    auto& slot = slots_[static_cast<std::size_t>(row)];
    if (slot.state != State::waiting) return;  // another thread was faster
    slot.state = State::reading;
    ++pictures_read_;
    lock.unlock();
    std::vector<std::uint8_t> bytes;
    std::exception_ptr failure;
    try {
        bytes =
            frame(read_image(paths_[static_cast<std::size_t>(row)], reading_of(options_)), options_.framing);
    } catch (...) {
        failure = std::current_exception();
    }
    lock.lock();
    slot.bytes = std::move(bytes);
    slot.failure = failure;
    slot.state = failure ? State::failed : State::there;
    done_.notify_all();
}

void PictureReader::ask_for(std::span<const std::int64_t> rows) {
    for (const auto row : rows) {
        auto& slot = slots_[static_cast<std::size_t>(row)];
        if (slot.state != State::absent) continue;
        slot.state = State::waiting;
        queue_.push_back(row);
    }
    if (!queue_.empty()) {
        start_threads();
        asked_.notify_all();
    }
}

void PictureReader::prefetch(std::span<const std::int64_t> rows) {
    const std::scoped_lock lock(mutex_);
    ask_for(rows);
}

void PictureReader::read(std::span<const std::int64_t> rows, std::uint8_t* out) {
    Lock lock(mutex_);
    ask_for(rows);
    for (const auto row : rows) {
        take(lock, row, out);
        out += picture_bytes_;
    }
}

/// Copies a picture once it is there, reading what waits rather than being idle.
void PictureReader::take(Lock& lock, std::int64_t row, std::uint8_t* out) {
    auto& slot = slots_[static_cast<std::size_t>(row)];
    for (;;) {
        if (slot.state == State::there) {
            std::ranges::copy(slot.bytes, out);
            keep_or_drop(slot);
            return;
        }
        if (slot.state == State::failed) {
            slot.state = State::absent;  // asked for again it may be there
            std::rethrow_exception(std::exchange(slot.failure, nullptr));
        }
        if (slot.state == State::absent)
            slot.state = State::waiting;  // a reader beside us took and dropped it
        if (slot.state == State::waiting)
            read_one(lock, row);
        else
            done_.wait(lock);
    }
}

void PictureReader::keep_or_drop(Slot& slot) {
    const auto row = static_cast<std::size_t>(&slot - slots_.data());
    if (kept_[row]) return;
    if (kept_bytes_ + picture_bytes_ <= options_.memory_limit_bytes) {
        kept_[row] = true;
        kept_bytes_ += picture_bytes_;
        return;
    }
    slot.bytes = {};
    slot.state = State::absent;
}

std::string PictureReader::decoding() const {
    return std::string(options_.apply_orientation ? "oriented" : "stored") +
           (options_.scaled_decoding ? " scaled" : " full");
}

std::int64_t PictureReader::pictures_read() const {
    const std::scoped_lock lock(mutex_);
    return pictures_read_;
}

}  // namespace attune::detail

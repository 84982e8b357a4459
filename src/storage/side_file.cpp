#include "side_file.hpp"

#include <utility>

#include "attune/error.hpp"
#include "byte_stream.hpp"
#include "journal_format.hpp"

namespace attune::journal {
namespace {

enum Slot : std::uint64_t { flush_slot = 0, number_slot = 1, first_worker = 2 };
constexpr std::size_t slot_size = 256;
constexpr std::size_t longest_text = 96;

std::string row_text(const WorkerRow& row) {
    bytes::Writer out;
    out.count(row.number);
    out.count(row.beats);
    out.number(row.period_seconds);
    out.number(row.latest_seconds);
    out.text(std::string_view(row.process).substr(0, longest_text));
    out.text(std::string_view(row.name).substr(0, longest_text));
    return std::move(out.out);
}

std::optional<WorkerRow> row_of(const std::string& text) {
    if (text.empty()) return std::nullopt;
    try {
        bytes::Reader in(text);
        WorkerRow row{
            in.count(), in.count(), in.number(), in.number(), std::string(in.text()), std::string(in.text())};
        if (row.number == 0) return std::nullopt;
        return row;
    } catch (const InvalidEventBytes&) {
        return std::nullopt;  // of a later version: not understood, not touched
    }
}

/// A slot's content: its length in two bytes, the bytes, zeros, and the checksum of all that.
std::optional<std::string> slot_of_file(File& file, std::uint64_t index) {
    std::string bytes(slot_size, '\0');
    if (file.read_at(index * slot_size, bytes) != slot_size) return std::nullopt;
    const std::string_view content = std::string_view(bytes).substr(0, slot_size - checksum_size);
    if (bytes::fixed_at<std::uint32_t>(bytes, content.size()) != checksum(content)) return std::string{};
    return bytes.substr(2,
                        std::min<std::size_t>(bytes::fixed_at<std::uint16_t>(bytes, 0), content.size() - 2));
}

void put_slot_of_file(File& file, std::uint64_t index, const std::string& content) {
    std::string bytes;
    bytes.reserve(slot_size);
    bytes::put_fixed(bytes, static_cast<std::uint16_t>(content.size()));
    bytes += content;
    bytes.resize(slot_size - checksum_size, '\0');
    bytes::put_fixed(bytes, checksum(bytes));
    file.write_all(index * slot_size, bytes);
}

/// The identity, the bytes, and where a flush failed one more.
constexpr std::size_t flush_size = 16;

FlushNote flush_note(const std::optional<std::string>& content, std::uint64_t identity) {
    if (!content || content->size() < flush_size || content->size() > flush_size + 1 ||
        bytes::fixed_at<std::uint64_t>(*content, 0) != identity)
        return {};
    return {bytes::fixed_at<std::uint64_t>(*content, 8), content->size() > flush_size};
}

std::string text_of(const FlushNote& note, std::uint64_t identity) {
    std::string content;
    bytes::put_fixed(content, identity);
    bytes::put_fixed(content, note.bytes);
    if (note.has_failed) content += '\1';
    return content;
}

}  // namespace

SideFile::SideFile(std::filesystem::path journal, std::shared_ptr<FileSystem> files)
    : path_(std::move(journal)), files_(std::move(files)) {
    path_ += "-workers";
}

template <class Call>
auto SideFile::guarded(Call&& call) {
    const std::lock_guard lock(mutex_);
    try {
        return call();
    } catch (const std::system_error& error) {
        throw StorageError(path_.string() + ": " + error.what());
    }
}

File& SideFile::file() {
    if (file_ == nullptr || !file_->is_at(path_)) file_ = files_->open(path_, FileMode::write);
    return *file_;
}

std::optional<std::string> SideFile::slot(std::uint64_t index) { return slot_of_file(file(), index); }

void SideFile::put_slot(std::uint64_t index, const std::string& content) {
    put_slot_of_file(file(), index, content);
}

std::optional<std::uint64_t> SideFile::slot_of(std::uint64_t number) {
    for (std::uint64_t index = first_worker;; ++index) {
        const auto content = slot(index);
        if (!content) return std::nullopt;
        if (const auto row = row_of(*content); row && row->number == number) return index;
    }
}

FlushNote SideFile::flushed(std::uint64_t identity) {
    return guarded([&] { return flush_note(slot(flush_slot), identity); });
}

void SideFile::note_flushed(std::uint64_t identity, const FlushNote& note) {
    guarded([&] { put_slot_of_file(file_ ? *file_ : file(), flush_slot, text_of(note, identity)); });
}

void SideFile::note_less_flushed(std::uint64_t identity, const FlushNote& note) {
    guarded([&] {
        put_slot(flush_slot, text_of(note, identity));
        file().sync();
    });
}

FlushNote SideFile::look_at_flushed(const std::filesystem::path& journal, FileSystem& files,
                                    std::uint64_t identity) try {
    std::filesystem::path path = journal;
    path += "-workers";
    const auto file = files.open(path, FileMode::read);
    return flush_note(slot_of_file(*file, flush_slot), identity);
} catch (const std::system_error&) {
    return {};
}

std::uint64_t SideFile::join(const WorkerRow& row, std::uint64_t least) {
    return guarded([&] {
        const HeldLock turn(file(), FileLock::table, path_.string());
        WorkerRow joining = row;
        joining.number = std::max(least, given_number() + 1);
        put_row(joining);
        return joining.number;
    });
}

/// The highest number that is known to have been given; 0 where the file was lost.
std::uint64_t SideFile::given_number() {
    const auto given = slot(number_slot);
    return given && given->size() == 8 ? bytes::fixed_at<std::uint64_t>(*given, 0) : 0;
}

/// Into a free slot. Its number counts as given.
void SideFile::put_row(const WorkerRow& row) {
    std::string content;
    bytes::put_fixed(content, std::max(row.number, given_number()));
    put_slot(number_slot, content);
    std::uint64_t index = first_worker;
    for (auto taken = slot(index); taken && !taken->empty(); taken = slot(index)) ++index;
    put_slot(index, row_text(row));
}

bool SideFile::beat(std::uint64_t number, double now_seconds) {
    return guarded([&] {
        const HeldLock turn(file(), FileLock::table, path_.string());
        const auto index = slot_of(number);
        if (!index) return false;
        auto row = row_of(slot(*index).value_or(""));
        if (!row) return false;
        ++row->beats;
        row->latest_seconds = now_seconds;
        put_slot(*index, row_text(*row));
        return true;
    });
}

void SideFile::put_back(const WorkerRow& row) {
    guarded([&] {
        const HeldLock turn(file(), FileLock::table, path_.string());
        if (!slot_of(row.number)) put_row(row);
    });
}

void SideFile::remove(std::uint64_t number) {
    guarded([&] {
        const HeldLock turn(file(), FileLock::table, path_.string());
        if (const auto index = slot_of(number)) put_slot(*index, {});
    });
}

std::vector<WorkerRow> SideFile::rows() {
    return guarded([&] {
        std::vector<WorkerRow> rows;
        for (std::uint64_t index = first_worker;; ++index) {
            const auto content = slot(index);
            if (!content) return rows;
            if (auto row = row_of(*content)) rows.push_back(*std::move(row));
        }
    });
}

}  // namespace attune::journal

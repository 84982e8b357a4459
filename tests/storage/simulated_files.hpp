#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "attune/storage/file.hpp"

namespace attune::test {

/// A disk in memory that can run full, fail to flush and lose its power.
class SimulatedFiles : public FileSystem, public std::enable_shared_from_this<SimulatedFiles> {
  public:
    struct Content {
        std::string now;      ///< what readers see
        std::string on_disk;  ///< what the flushes made safe
        std::string dirty;    ///< for each byte of `now` a 1 where the next flush writes it
        std::set<FileLock> locks;

        void write(std::uint64_t offset, std::string_view bytes) {
            resize(std::max<std::size_t>(now.size(), offset + bytes.size()));
            now.replace(offset, bytes.size(), bytes);
            dirty.replace(offset, bytes.size(), bytes.size(), '\1');
        }
        void resize(std::size_t size) {
            now.resize(size, '\0');
            dirty.resize(size, '\0');
        }
        void flush() {
            on_disk.resize(now.size(), '\0');
            for (std::size_t i = 0; i < now.size(); ++i)
                if (dirty[i] != 0) on_disk[i] = now[i];
            forget_writes();
        }
        /// What a failed flush does: what was to be written is taken for written.
        void forget_writes() { dirty.assign(now.size(), '\0'); }
    };
    using Names = std::map<std::string, std::shared_ptr<Content>>;
    Names files;
    std::size_t capacity = std::size_t(-1);  ///< of all files together
    bool flushes_fail = false;
    bool cuts_fail = false;
    int flushes = 0;
    /// Called before each flush of a file or folder, rename and removal; what it throws ends the process.
    std::function<void()> before_step;

    [[nodiscard]] std::size_t used() const {
        std::size_t sum = 0;
        for (const auto& [path, content] : files) sum += content->now.size();
        return sum;
    }

    /// What a power loss leaves: of the names that changed since their folder was flushed the first few; of
    /// each file what was flushed, and of the rest any sectors, with zeros for those that were never written.
    void lose_power(std::mt19937& random) {
        const std::size_t kept = changes_.empty() ? 0 : random() % (changes_.size() + 1);
        for (std::size_t i = 0; i < kept; ++i) changes_[i](safe_names_);
        changes_.clear();
        files = safe_names_;
        for (auto& [path, file] : files) lose_sectors(*file, random);
    }

    std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) override {
        const bool there = files.contains(path.string());
        if ((mode == FileMode::read || mode == FileMode::update) && !there)
            throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory));
        if (mode == FileMode::create && there)
            throw std::system_error(std::make_error_code(std::errc::file_exists));
        if (!there)
            change([name = path.string(), made = std::make_shared<Content>()](Names& names) {
                names[name] = made;
            });
        return std::make_unique<Handle>(shared_from_this(), files.at(path.string()));
    }
    void sync_folder(const std::filesystem::path&) override {
        step();
        safe_names_ = files;
        changes_.clear();
    }
    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        step();
        change([old = from.string(), now = to.string()](Names& names) {
            names[now] = names.at(old);
            names.erase(old);
        });
    }
    void rename_to_free(const std::filesystem::path& from, const std::filesystem::path& to) override {
        if (files.contains(to.string()))
            throw std::system_error(std::make_error_code(std::errc::file_exists));
        rename(from, to);
    }
    void remove(const std::filesystem::path& path) override {
        step();
        change([name = path.string()](Names& names) { names.erase(name); });
    }

    /// The bytes that readers of the file see.
    [[nodiscard]] const std::string& bytes(const std::string& path) const { return files.at(path)->now; }
    /// Puts others into the same file; the next flush writes them.
    void put_bytes(const std::string& path, const std::string& bytes) {
        files.at(path)->resize(0);
        files.at(path)->write(0, bytes);
    }

  private:
    void step() const {
        if (before_step) before_step();
    }
    void change(std::function<void(Names&)> how) {
        how(files);
        changes_.push_back(std::move(how));
    }
    static void lose_sectors(Content& content, std::mt19937& random) {
        constexpr std::size_t sector = 512;
        std::string survived = content.on_disk;
        std::uniform_int_distribution<std::size_t> any_length(
            content.on_disk.size(), std::max(content.on_disk.size(), content.now.size()));
        survived.resize(any_length(random), '\0');
        const std::size_t end_of_writes = std::min(survived.size(), content.now.size());
        for (std::size_t begin = 0; begin < end_of_writes; begin += sector) {
            const std::size_t end = std::min(end_of_writes, begin + sector);
            if (random() % 2 == 0) continue;
            for (std::size_t i = begin; i < end; ++i)
                if (i >= content.on_disk.size() || content.dirty[i] != 0) survived[i] = content.now[i];
        }
        content.now = content.on_disk = survived;
        content.forget_writes();
    }

    Names safe_names_;
    std::vector<std::function<void(Names&)>> changes_;  ///< of names that are not safe yet

    class Handle : public File {
      public:
        Handle(std::shared_ptr<SimulatedFiles> disk, std::shared_ptr<Content> content)
            : disk_(std::move(disk)), held_(std::move(content)), content_(*held_) {}
        ~Handle() override {
            for (const FileLock lock : mine_) content_.locks.erase(lock);
        }
        std::uint64_t size() override { return content_.now.size(); }
        std::size_t read_at(std::uint64_t offset, std::span<char> into) override {
            if (offset >= content_.now.size()) return 0;
            return content_.now.copy(into.data(), into.size(), offset);
        }
        std::size_t write_at(std::uint64_t offset, std::string_view bytes) override {
            const std::size_t growth =
                offset + bytes.size() > content_.now.size() ? offset + bytes.size() - content_.now.size() : 0;
            const std::size_t room = disk_->capacity > disk_->used() ? disk_->capacity - disk_->used() : 0;
            const std::size_t written = bytes.size() - (growth > room ? growth - room : 0);
            if (written == 0)
                throw std::system_error(std::make_error_code(std::errc::no_space_on_device),
                                        "cannot be written");
            content_.write(offset, bytes.substr(0, written));
            return written;
        }
        void truncate(std::uint64_t size) override {
            if (disk_->cuts_fail)
                throw std::system_error(std::make_error_code(std::errc::io_error), "cannot be cut");
            content_.resize(size);
        }
        void sync() override {
            disk_->step();
            ++disk_->flushes;
            if (disk_->flushes_fail) content_.forget_writes();
            if (disk_->flushes_fail)
                throw std::system_error(std::make_error_code(std::errc::io_error),
                                        "cannot be flushed to the disk");
            content_.flush();
        }
        bool try_lock(FileLock lock) override {
            return content_.locks.insert(lock).second && mine_.insert(lock).second;
        }
        void unlock(FileLock lock) noexcept override {
            mine_.erase(lock);
            content_.locks.erase(lock);
        }
        std::optional<int> lock_owner(FileLock) override { return std::nullopt; }
        bool is_at(const std::filesystem::path& path) override {
            const auto found = disk_->files.find(path.string());
            return found != disk_->files.end() && found->second == held_;
        }
        std::uint64_t identity() override { return reinterpret_cast<std::uintptr_t>(held_.get()); }

      private:
        std::shared_ptr<SimulatedFiles> disk_;
        std::shared_ptr<Content> held_;
        Content& content_;
        std::set<FileLock> mine_;
    };
};

}  // namespace attune::test

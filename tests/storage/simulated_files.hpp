#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "attune/storage/file.hpp"

namespace attune::test {

/// A disk in memory that can run full, fail to flush and lose its power.
class SimulatedFiles : public FileSystem, public std::enable_shared_from_this<SimulatedFiles> {
  public:
    struct Content {
        std::string now;      ///< what readers see
        std::string on_disk;  ///< what the last flush made safe
        std::set<FileLock> locks;
    };
    std::map<std::string, std::shared_ptr<Content>> files;
    std::size_t capacity = std::size_t(-1);  ///< of all files together
    bool flushes_fail = false;
    bool cuts_fail = false;
    int flushes = 0;

    [[nodiscard]] std::size_t used() const {
        std::size_t sum = 0;
        for (const auto& [path, content] : files) sum += content->now.size();
        return sum;
    }

    /// What a power loss leaves: what was flushed, and of the rest any sectors, with zeros for those that
    /// were not written.
    void lose_power(std::mt19937& random) {
        constexpr std::size_t sector = 512;
        for (auto& [path, file] : files) {
            Content& content = *file;
            std::string survived = content.on_disk;
            std::uniform_int_distribution<std::size_t> any_length(
                content.on_disk.size(), std::max(content.on_disk.size(), content.now.size()));
            survived.resize(any_length(random), '\0');
            for (std::size_t begin = content.on_disk.size(); begin < survived.size();) {
                const std::size_t end = std::min(survived.size(), (begin / sector + 1) * sector);
                if (random() % 2 == 0) survived.replace(begin, end - begin, content.now, begin, end - begin);
                begin = end;
            }
            content.now = content.on_disk = survived;
        }
    }

    std::unique_ptr<File> open(const std::filesystem::path& path, FileMode mode) override {
        const bool there = files.contains(path.string());
        if ((mode == FileMode::read || mode == FileMode::update) && !there)
            throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory));
        if (mode == FileMode::create && there)
            throw std::system_error(std::make_error_code(std::errc::file_exists));
        auto& content = files[path.string()];
        if (content == nullptr) content = std::make_shared<Content>();
        return std::make_unique<Handle>(shared_from_this(), content);
    }
    void sync_folder(const std::filesystem::path&) override {}
    void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
        files[to.string()] = files.at(from.string());
        files.erase(from.string());
    }
    void remove(const std::filesystem::path& path) override { files.erase(path.string()); }

    /// The bytes that readers of the file see.
    [[nodiscard]] std::string& bytes(const std::string& path) { return files.at(path)->now; }

  private:
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
            if (offset + written > content_.now.size()) content_.now.resize(offset + written);
            content_.now.replace(offset, written, bytes.substr(0, written));
            return written;
        }
        void truncate(std::uint64_t size) override {
            if (disk_->cuts_fail)
                throw std::system_error(std::make_error_code(std::errc::io_error), "cannot be cut");
            content_.now.resize(size);
        }
        void sync() override {
            ++disk_->flushes;
            if (disk_->flushes_fail)
                throw std::system_error(std::make_error_code(std::errc::io_error),
                                        "cannot be flushed to the disk");
            content_.on_disk = content_.now;
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

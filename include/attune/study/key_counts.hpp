#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// Counts by key, for millions of short keys of bytes: what a study asks of every new configuration is
/// whether it was there before, and mostly it was not.
///
/// A flat table of hashes with open addressing, and behind it the keys one after the other. A key that is
/// new costs one look at memory that is not at hand, and no allocation of its own; keys are never taken out.
/// Copies are independent. Thread safety: as of a container.
class KeyCounts {
  public:
    /// 0 for a key that was never added.
    [[nodiscard]] int count(std::string_view key) const {
        if (slots_.empty()) return 0;
        const Slot& slot = slots_[find(key, hash(key))];
        return slot.entry == 0 ? 0 : entries_[slot.entry - 1].count;
    }

    /// Adds to a key's count; `by` may be negative.
    void add(std::string_view key, int by) {
        if (2 * (entries_.size() + 1) > slots_.size()) grow();
        const std::uint32_t hash = this->hash(key);
        Slot& slot = slots_[find(key, hash)];
        if (slot.entry == 0) {
            bytes_ += key;
            entries_.push_back({bytes_.size(), 0});
            slot = {hash, static_cast<std::uint32_t>(entries_.size())};
        }
        entries_[slot.entry - 1].count += by;
    }

    void clear() { *this = {}; }

  private:
    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t entry = 0;  ///< its number, from 1; 0: the slot is free
    };
    struct Entry {
        std::uint64_t end;  ///< of its key, which begins where the one before ends
        int count;
    };

    static std::uint32_t hash(std::string_view key) {
        const std::uint64_t wide = std::hash<std::string_view>{}(key);
        return static_cast<std::uint32_t>(wide ^ wide >> 32);
    }

    [[nodiscard]] std::string_view key_of(std::uint32_t entry) const {
        const std::uint64_t begin = entry > 1 ? entries_[entry - 2].end : 0;
        return std::string_view(bytes_).substr(begin, entries_[entry - 1].end - begin);
    }

    /// The key's slot, or the free one where it belongs. Precondition: there is a free one.
    [[nodiscard]] std::size_t find(std::string_view key, std::uint32_t hash) const {
        const std::size_t last = slots_.size() - 1;
        std::size_t i = hash & last;
        while (slots_[i].entry != 0 && (slots_[i].hash != hash || key_of(slots_[i].entry) != key))
            i = (i + 1) & last;
        return i;
    }

    void grow() {
        constexpr std::size_t fewest = 16;  // a power of two, as all sizes
        std::vector<Slot> old(slots_.empty() ? fewest : 2 * slots_.size());
        old.swap(slots_);
        const std::size_t last = slots_.size() - 1;
        for (const Slot& slot : old) {
            if (slot.entry == 0) continue;
            std::size_t i = slot.hash & last;
            while (slots_[i].entry != 0) i = (i + 1) & last;
            slots_[i] = slot;
        }
    }

    std::vector<Slot> slots_;
    std::vector<Entry> entries_;
    std::string bytes_;
};

}  // namespace attune

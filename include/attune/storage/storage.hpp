#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "attune/storage/workers.hpp"
#include "attune/study/event.hpp"

namespace attune {

/// Where a study lives: append events, read events.
///
/// `append(events, expected)` adds all of them or none, and only where exactly `expected` events are there
/// already; it returns whether it did. On return they are as durable as the storage promises. `read(from)`
/// gives the events from position `from` on. Both throw StorageError. Positions are dense and in the order of
/// commitment.
///
/// Three members are optional: `location()`, text for messages; `notice()`, what people should hear of how
/// the study was found; and `workers()`, a shared pointer to the table of the study's workers. Without the
/// last, a tuner that opens the study takes its running trials for those of a process that is gone.
template <class S>
concept Storage = std::movable<std::remove_cvref_t<S>> &&
    requires(std::remove_cvref_t<S>& storage, std::span<const Event> events, std::uint64_t position) {
    { storage.append(events, position) } -> std::same_as<bool>;
    { storage.read(position) } -> std::same_as<std::vector<Event>>;
};

/// Any storage, held by value; move-only, since two owners of one file make no sense. Not thread-safe: the
/// tuner serialises its calls.
class AnyStorage {
  public:
    template <class S>
    requires(!std::same_as<std::remove_cvref_t<S>, AnyStorage> && Storage<S>) AnyStorage(S&& storage)
        : held_(std::make_unique<Model<std::remove_cvref_t<S>>>(std::forward<S>(storage))) {
    }  // NOLINT: converts by intent

    [[nodiscard]] bool append(std::span<const Event> events, std::uint64_t expected) {
        return held_->append(events, expected);
    }
    [[nodiscard]] std::vector<Event> read(std::uint64_t from) { return held_->read(from); }
    /// Where it is, for messages: its `location()` member, or "memory".
    [[nodiscard]] std::string location() const { return held_->location(); }
    /// Its `notice()` member: a sentence where something behind the events could not be read, and was left or
    /// cut; empty where nothing was.
    [[nodiscard]] std::string notice() const { return held_->notice(); }
    /// Its `workers()` member, or null. The table outlives the storage where somebody keeps it.
    [[nodiscard]] std::shared_ptr<WorkerTable> workers() { return held_->workers(); }

  private:
    struct Interface {
        virtual ~Interface() = default;
        virtual bool append(std::span<const Event>, std::uint64_t) = 0;
        virtual std::vector<Event> read(std::uint64_t) = 0;
        [[nodiscard]] virtual std::string location() const = 0;
        [[nodiscard]] virtual std::string notice() const = 0;
        [[nodiscard]] virtual std::shared_ptr<WorkerTable> workers() = 0;
    };
    template <class S>
    struct Model final : Interface {
        template <class U>
        explicit Model(U&& held) : storage(std::forward<U>(held)) {}
        bool append(std::span<const Event> events, std::uint64_t expected) override {
            return storage.append(events, expected);
        }
        std::vector<Event> read(std::uint64_t from) override { return storage.read(from); }
        [[nodiscard]] std::string location() const override {
            if constexpr (requires { std::string(storage.location()); })
                return std::string(storage.location());
            else
                return "memory";
        }
        [[nodiscard]] std::string notice() const override {
            if constexpr (requires { std::string(storage.notice()); })
                return std::string(storage.notice());
            else
                return {};
        }
        std::shared_ptr<WorkerTable> workers() override {
            if constexpr (requires { std::shared_ptr<WorkerTable>(storage.workers()); })
                return storage.workers();
            else
                return nullptr;
        }
        S storage;
    };
    std::unique_ptr<Interface> held_;
};

}  // namespace attune

#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace attune {

/// Where trials run.
///
/// `run(work)` calls `work()` until it returns false, from as many workers at once as the executor has slots,
/// and returns when no call is under way. One call is one trial (or one group of trials): asked, evaluated,
/// told. `work` is thread-safe and does not throw but for faults of the study itself (a storage that fails),
/// which `run` lets out after the other workers have come to rest.
template <class E>
concept Executor = std::copy_constructible<std::remove_cvref_t<E>> &&
    requires(std::remove_cvref_t<E>& executor, const std::function<bool()>& work) {
    executor.run(work);
    { executor.slots() } -> std::convertible_to<int>;
};

/// Any executor, held by value.
class AnyExecutor {
  public:
    template <class E>
    requires(!std::same_as<std::remove_cvref_t<E>, AnyExecutor> && Executor<E>) AnyExecutor(E&& executor)
        : held_(std::make_shared<Model<std::remove_cvref_t<E>>>(std::forward<E>(executor))) {
    }  // NOLINT: converts by intent

    void run(const std::function<bool()>& work) { held_->run(work); }
    [[nodiscard]] int slots() const { return held_->slots(); }

  private:
    struct Interface {
        virtual ~Interface() = default;
        virtual void run(const std::function<bool()>&) = 0;
        [[nodiscard]] virtual int slots() const = 0;
    };
    template <class E>
    struct Model final : Interface {
        template <class U>
        explicit Model(U&& held) : executor(std::forward<U>(held)) {}
        void run(const std::function<bool()>& work) override { executor.run(work); }
        [[nodiscard]] int slots() const override { return executor.slots(); }
        E executor;
    };
    std::shared_ptr<Interface> held_;
};

}  // namespace attune

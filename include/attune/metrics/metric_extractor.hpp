#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace attune {

/// A number that a program reported.
struct MetricValue {
    std::string name{};
    double value = 0;                    ///< may be NaN or infinite
    std::optional<std::int64_t> step{};  ///< where the line itself says it

    bool operator==(const MetricValue&) const = default;
};

/// Turns a line of a program's output into named numbers: none, one or several, in the order in which they
/// stand.
///
/// Lines come as `LineSplitter` makes them. An extractor may keep state between lines; each run gets a copy
/// of its own.
template <class E>
concept MetricExtractor = std::copy_constructible<E> && requires(E& extractor, std::string_view line) {
    { extractor.extract(line) } -> std::convertible_to<std::vector<MetricValue>>;
};

/// Holds any extractor by value. A default-made one extracts nothing. Used by one thread at a time.
class AnyMetricExtractor {
  public:
    AnyMetricExtractor() = default;

    template <class E>
    requires(!std::same_as<std::remove_cvref_t<E>, AnyMetricExtractor> &&
             MetricExtractor<std::remove_cvref_t<E>>)
        AnyMetricExtractor(E&& extractor)  // NOLINT(google-explicit-constructor): a part is passed as itself
        : part_(std::make_unique<Model<std::remove_cvref_t<E>>>(std::forward<E>(extractor))) {}

    AnyMetricExtractor(const AnyMetricExtractor& other)
        : part_(other.part_ ? other.part_->clone() : nullptr) {}
    AnyMetricExtractor(AnyMetricExtractor&&) noexcept = default;
    AnyMetricExtractor& operator=(const AnyMetricExtractor& other) {
        if (this != &other) part_ = other.part_ ? other.part_->clone() : nullptr;
        return *this;
    }
    AnyMetricExtractor& operator=(AnyMetricExtractor&&) noexcept = default;
    ~AnyMetricExtractor() = default;

    [[nodiscard]] std::vector<MetricValue> extract(std::string_view line) {
        return part_ ? part_->extract(line) : std::vector<MetricValue>{};
    }
    /// What the extractor has to say about what it could not read, one sentence each; empty if it has no
    /// `problems()`.
    [[nodiscard]] std::vector<std::string> problems() const {
        return part_ ? part_->problems() : std::vector<std::string>{};
    }
    [[nodiscard]] bool has_value() const noexcept { return part_ != nullptr; }

  private:
    struct Part {
        virtual ~Part() = default;
        virtual std::vector<MetricValue> extract(std::string_view line) = 0;
        [[nodiscard]] virtual std::vector<std::string> problems() const = 0;
        [[nodiscard]] virtual std::unique_ptr<Part> clone() const = 0;
    };

    template <class E>
    struct Model final : Part {
        explicit Model(const E& e) : extractor(e) {}
        explicit Model(E&& e) : extractor(std::move(e)) {}
        std::vector<MetricValue> extract(std::string_view line) override { return extractor.extract(line); }
        [[nodiscard]] std::vector<std::string> problems() const override {
            if constexpr (requires {
                              { extractor.problems() } -> std::convertible_to<std::vector<std::string>>;
                          })
                return extractor.problems();
            else
                return {};
        }
        [[nodiscard]] std::unique_ptr<Part> clone() const override {
            return std::make_unique<Model<E>>(extractor);
        }
        E extractor;
    };

    std::unique_ptr<Part> part_;
};

}  // namespace attune

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune::detail {

/// Index of a value in a PickleGraph.
using PickleRef = std::uint32_t;

struct PickleNone {};
struct PickleText {
    std::string text;
};
/// An integer beyond 64 bits, as its little-endian two's complement bytes.
struct PickleBigInteger {
    std::string bytes;
};
struct PickleTuple {
    std::vector<PickleRef> items;
};
struct PickleList {
    std::vector<PickleRef> items;
};
struct PickleDictionary {
    std::vector<PickleRef>
        items;  ///< key, value, key, value ... as they were set: the last of equal keys counts
};
/// A name of the white list, "module name".
struct PickleGlobal {
    std::string name;
};
/// A piece of another part of the file: `numel` elements of `dtype` at element `begin` of the storage `key`.
struct PickleStorage {
    std::string key;
    DType dtype = DType::f32;
    std::int64_t numel = 0;       ///< of the whole storage
    std::int64_t begin = 0;       ///< first element of the view
    std::int64_t view_numel = 0;  ///< elements of the view, numel where it is the whole
};
/// A view of a storage; strides in elements of `dtype`. It never reads outside the storage.
struct PickleTensor {
    PickleRef storage = 0;
    DType dtype = DType::f32;
    std::int64_t offset_bytes = 0;  ///< of element 0, from the beginning of the whole storage
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides;
};

using PickleValue =
    std::variant<PickleNone, bool, std::int64_t, double, PickleText, PickleBigInteger, PickleTuple,
                 PickleList, PickleDictionary, PickleGlobal, PickleStorage, PickleTensor>;

/// What one pickle holds. Values may be shared and, in a hostile file, contain themselves.
struct PickleGraph {
    std::deque<PickleValue> values;
    PickleRef root = 0;

    [[nodiscard]] const PickleValue& at(PickleRef ref) const { return values[ref]; }
};

/// What is wrong with a pickle: the end of a sentence that begins with the file's path.
struct PickleProblem : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Bytes that a pickle is read from, between two places. `fill` copies a range into memory.
class PickleInput {
  public:
    using Fill = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;
    PickleInput(std::uint64_t begin, std::uint64_t end, Fill fill)
        : at_(begin), end_(end), fill_(std::move(fill)) {}

    [[nodiscard]] std::uint64_t position() const noexcept { return at_; }
    [[nodiscard]] std::uint64_t left() const noexcept { return end_ - at_; }
    /// Throw PickleProblem past the end.
    [[nodiscard]] unsigned char byte();
    [[nodiscard]] std::string text(std::uint64_t count);
    [[nodiscard]] std::string line();
    [[nodiscard]] std::uint64_t number(std::size_t bytes);

  private:
    void refill();

    std::uint64_t at_;
    std::uint64_t end_;
    Fill fill_;
    std::vector<std::byte> buffer_;
    std::uint64_t buffer_begin_ = 0;
};

/// Interprets one pickle without executing anything: every operation only builds values, the few names that
/// may be called build dictionaries and tensor descriptions, and all others are refused. At most four million
/// values and memo entries. Throws PickleProblem. Leaves `input` after the last byte of the pickle.
[[nodiscard]] PickleGraph read_pickle(PickleInput& input);

}  // namespace attune::detail

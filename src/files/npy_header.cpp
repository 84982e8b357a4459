#include "npy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "byte_source.hpp"

// The format: NumPy Enhancement Proposal 1 and numpy.lib.format.

namespace attune::detail {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::uint64_t longest_text = 1 << 20;  ///< characters of one text

/// The dictionary that a header holds, which is a Python literal of three known keys.
class HeaderText {
  public:
    explicit HeaderText(std::string_view text) : text_(text) {}

    void read(NpyHeader& header) {
        expect('{');
        bool has_type = false, has_order = false, has_shape = false;
        while (!accept('}')) {
            const auto key = quoted();
            expect(':');
            if (key == "descr" && !std::exchange(has_type, true))
                read_type(header);
            else if (key == "fortran_order" && !std::exchange(has_order, true))
                header.fortran_order = boolean();
            else if (key == "shape" && !std::exchange(has_shape, true))
                header.shape = tuple();
            else
                throw NpyProblem("has a header with the key '" + std::string(key.substr(0, 40)) +
                                 "', or that key twice");
            if (!accept(',') && peek() != '}') fail();
        }
        skip_spaces();
        if (at_ != text_.size()) fail();
        if (!has_type || !has_order || !has_shape)
            throw NpyProblem("has a header without one of descr, fortran_order and shape");
    }

  private:
    [[noreturn]] void fail() const {
        throw NpyProblem("has a damaged header: its byte " + std::to_string(at_) +
                         " is not what a dictionary of descr, fortran_order and shape has there");
    }

    void skip_spaces() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    }
    char peek() {
        skip_spaces();
        if (at_ >= text_.size()) fail();
        return text_[at_];
    }
    bool accept(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!accept(c)) fail();
    }

    std::string_view quoted() {
        const char quote = peek();
        if (quote != '\'' && quote != '"') fail();
        const auto end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) fail();
        const auto result = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return result;
    }

    bool boolean() {
        skip_spaces();
        for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}})
            if (text_.substr(at_).starts_with(word)) {
                at_ += std::string_view(word).size();
                return value;
            }
        fail();
    }

    std::vector<std::int64_t> tuple() {
        std::vector<std::int64_t> result;
        expect('(');
        while (!accept(')')) {
            std::int64_t value = 0;
            const auto* begin = text_.data() + at_;
            const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
            if (error != std::errc{} || value < 0) fail();
            at_ += static_cast<std::size_t>(end - begin);
            if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
            result.push_back(value);
            if (result.size() > 64) throw NpyProblem("has more than 64 dimensions");
            if (!accept(',') && peek() != ')') fail();
        }
        return result;
    }

    void read_type(NpyHeader& header) {
        if (peek() == '[') throw NpyProblem("holds records, which are not read");
        const auto type = quoted();
        const auto refuse = [&](const std::string& why) {
            throw NpyProblem("holds elements of the type '" + std::string(type.substr(0, 40)) + "'" + why);
        };
        if (type.size() < 3) refuse(", which is unknown");
        header.big_endian = type[0] == '>';
        if (std::string_view("<>|=").find(type[0]) == std::string_view::npos) refuse(", which is unknown");
        if (type[1] == 'O') refuse(": objects are pickles, which are not read");
        std::uint64_t bytes = 0;
        const auto* last = type.data() + type.size();
        const auto [end, error] = std::from_chars(type.data() + 2, last, bytes);
        if (error != std::errc{} || end != last) refuse(", which is unknown");
        if (type[1] == 'U') {
            if (bytes > longest_text) refuse(": texts are too long");
            header.item_bytes = 4 * bytes;
            return;
        }
        header.dtype = dtype_of(type[1], bytes);
        if (!header.dtype) refuse(", which is not read (booleans, integers and reals are)");
        header.item_bytes = bytes;
    }

    static std::optional<DType> dtype_of(char kind, std::uint64_t bytes) {
        struct Row {
            char kind;
            std::uint64_t bytes;
            DType dtype;
        };
        constexpr std::array<Row, 12> rows{{{'b', 1, DType::boolean},
                                            {'u', 1, DType::u8},
                                            {'u', 2, DType::u16},
                                            {'u', 4, DType::u32},
                                            {'u', 8, DType::u64},
                                            {'i', 1, DType::i8},
                                            {'i', 2, DType::i16},
                                            {'i', 4, DType::i32},
                                            {'i', 8, DType::i64},
                                            {'f', 2, DType::f16},
                                            {'f', 4, DType::f32},
                                            {'f', 8, DType::f64}}};
        for (const auto& row : rows)
            if (row.kind == kind && row.bytes == bytes) return row.dtype;
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

NpyHeader read_npy_header(std::string_view bytes) {
    if (!bytes.starts_with(magic))
        throw NpyProblem("is no array of NumPy: it does not begin with \\x93NUMPY");
    if (bytes.size() < 10) throw NpyProblem("is truncated within its header");
    const auto version = static_cast<unsigned char>(bytes[6]);
    if (version < 1 || version > 3)
        throw NpyProblem("has version " + std::to_string(version) + " of NumPy's format; 1 to 3 are read");
    const std::size_t digits = version == 1 ? 2 : 4;
    if (bytes.size() < 8 + digits) throw NpyProblem("is truncated within its header");
    const auto length = little_endian(bytes.data() + 8, digits);
    if (length > 65'536)
        throw NpyProblem("has a header of " + std::to_string(length) + " bytes; at most 65536 are read");
    if (length > bytes.size() - 8 - digits) throw NpyProblem("is truncated within its header");
    NpyHeader header;
    header.data_begin = 8 + digits + static_cast<std::size_t>(length);
    HeaderText(bytes.substr(8 + digits, static_cast<std::size_t>(length))).read(header);
    const auto count = checked_numel(header.shape);
    if (!count ||
        __builtin_mul_overflow(static_cast<std::uint64_t>(*count), header.item_bytes, &header.data_bytes))
        throw NpyProblem("has the shape " + shape_text(header.shape) + ", whose size overflows 64 bits");
    header.numel = static_cast<std::uint64_t>(*count);
    return header;
}

}  // namespace attune::detail

#include <algorithm>

#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"
#include "pickle.hpp"

namespace attune::detail {

void PickleInput::refill() {
    if (at_ >= end_) throw PickleProblem("is truncated: its pickle ends in the middle");
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left(), std::uint64_t{1} << 16)));
    fill_(at_, buffer_);
    buffer_begin_ = at_;
}

unsigned char PickleInput::byte() {
    if (at_ < buffer_begin_ || at_ - buffer_begin_ >= buffer_.size()) refill();
    const auto value = static_cast<unsigned char>(buffer_[static_cast<std::size_t>(at_ - buffer_begin_)]);
    ++at_;
    return value;
}

std::string PickleInput::text(std::uint64_t count) {
    if (count > left())
        throw PickleProblem("is truncated: its pickle has a text of " + detail::counted(count, "byte") +
                            ", " + std::to_string(left()) + " are left");
    std::string text(static_cast<std::size_t>(count), '\0');
    if (count < 256) {
        for (char& letter : text) letter = static_cast<char>(byte());
        return text;
    }
    fill_(at_, std::as_writable_bytes(std::span(text)));
    at_ += count;
    return text;
}

std::string PickleInput::line() {
    constexpr std::size_t longest = 1000;
    std::string line;
    for (char letter = static_cast<char>(byte()); letter != '\n'; letter = static_cast<char>(byte())) {
        if (line.size() == longest) throw PickleProblem("has a name of more than 1000 bytes in its pickle");
        line += letter;
    }
    return line;
}

std::uint64_t PickleInput::number(std::size_t bytes) {
    unsigned char digits[8] = {};
    for (std::size_t i = 0; i < bytes; ++i) digits[i] = byte();
    return little_endian(digits, bytes);
}

}  // namespace attune::detail

#include "attune/metrics/line_splitter.hpp"

#include <algorithm>

#include "attune/error.hpp"

namespace attune {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr unsigned char kBackspace = 0x08;
constexpr unsigned char kBell = 0x07;
constexpr unsigned char kEscape = 0x1B;

void append_utf8(std::string& out, char32_t c) {
    const auto tail = [&](int shift) { out += static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0U | (c >> 6));
        tail(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0U | (c >> 12));
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0U | (c >> 18));
        tail(12);
        tail(6);
        tail(0);
    }
}

bool is_scalar(char32_t c) { return c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF); }

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7F; }

}  // namespace

void LineSplitterOptions::validate() const {
    if (max_line_characters == 0) throw InvalidOption("max_line_characters is 0; it must be 1 or more");
}

LineSplitter::LineSplitter(LineSplitterOptions options) : options_(options) { options_.validate(); }

void LineSplitter::feed(std::string_view bytes, const Sink& sink) {
    for (const char c : bytes) take_byte(static_cast<unsigned char>(c), sink);
}

void LineSplitter::finish(const Sink& sink) {
    if (missing_bytes_ > 0) {
        missing_bytes_ = 0;
        put(kReplacement, sink);
    }
    if (!line_.empty()) hand_over(sink);
    escape_ = Escape::none;
    after_return_ = false;
    cursor_ = 0;
    number_ = 1;
}

void LineSplitter::take_byte(unsigned char byte, const Sink& sink) {
    if (escape_ != Escape::none && take_escape(byte)) return;
    if (missing_bytes_ > 0 && (byte & 0xC0U) != 0x80) {
        missing_bytes_ = 0;
        put(kReplacement, sink);
    }
    if (is_control(byte))
        take_control(byte, sink);
    else
        take_text(byte, sink);
}

// Returns whether the byte belongs to the sequence; a line end never does, nor does a byte that no sequence
// can hold.
bool LineSplitter::take_escape(unsigned char byte) {
    if (byte == '\n' || byte == '\r') {
        escape_ = Escape::none;
        return false;
    }
    if (escape_ == Escape::string || escape_ == Escape::string_end) {
        const bool ended = byte == kBell || (escape_ == Escape::string_end && byte == '\\');
        if (ended)
            escape_ = Escape::none;
        else
            escape_ = byte == kEscape ? Escape::string_end : Escape::string;
        return true;
    }
    if (byte == kEscape) {
        escape_ = Escape::begun;
        return true;
    }
    if (is_control(byte)) return true;
    if (byte >= 0x80) {
        escape_ = Escape::none;
        return false;
    }
    if (escape_ == Escape::control_sequence) {
        if (byte >= 0x40) escape_ = Escape::none;
        return true;
    }
    if (byte < 0x30)
        escape_ = Escape::intermediate;
    else if (escape_ == Escape::begun && byte == '[')
        escape_ = Escape::control_sequence;
    else if (escape_ == Escape::begun &&
             std::string_view("]PX^_").find(static_cast<char>(byte)) != std::string_view::npos)
        escape_ = Escape::string;
    else
        escape_ = Escape::none;
    return true;
}

void LineSplitter::take_text(unsigned char byte, const Sink& sink) {
    if (byte < 0x80) {
        put(byte, sink);
    } else if ((byte & 0xC0U) == 0x80) {
        if (missing_bytes_ == 0) {
            put(kReplacement, sink);
            return;
        }
        partial_ = (partial_ << 6) | (byte & 0x3FU);
        if (--missing_bytes_ == 0) end_character(sink);
    } else if (byte >= 0xF8) {
        put(kReplacement, sink);
    } else if (byte >= 0xF0) {
        partial_ = byte & 0x07U;
        least_ = 0x10000;
        missing_bytes_ = 3;
    } else if (byte >= 0xE0) {
        partial_ = byte & 0x0FU;
        least_ = 0x800;
        missing_bytes_ = 2;
    } else {
        partial_ = byte & 0x1FU;
        least_ = 0x80;
        missing_bytes_ = 1;
    }
}

void LineSplitter::end_character(const Sink& sink) {
    put(partial_ >= least_ && is_scalar(partial_) ? partial_ : kReplacement, sink);
}

void LineSplitter::take_control(unsigned char byte, const Sink& sink) {
    switch (byte) {
        case '\n':
            if (!line_.empty() || !after_return_) hand_over(sink);
            after_return_ = false;
            cursor_ = 0;
            ++number_;
            break;
        case '\r':
            if (!line_.empty()) {
                hand_over(sink);
                after_return_ = true;
            }
            cursor_ = 0;
            break;
        case kBackspace:
            if (cursor_ > 0) --cursor_;
            break;
        case kEscape:
            escape_ = Escape::begun;
            break;
        case '\t':
        case '\v':
        case '\f':
            put(byte, sink);
            break;
        default:
            break;
    }
}

void LineSplitter::put(char32_t character, const Sink& sink) {
    if (cursor_ == 0 && !line_.empty()) hand_over(sink);
    after_return_ = false;
    if (cursor_ < line_.size())
        line_[cursor_] = character;
    else if (line_.size() < options_.max_line_characters)
        line_ += character;
    else
        truncated_ = true;
    ++cursor_;
}

void LineSplitter::hand_over(const Sink& sink) {
    encoded_.clear();
    for (const char32_t c : line_) append_utf8(encoded_, c);
    const LogLine line{.text = encoded_, .number = number_, .truncated = truncated_};
    truncated_lines_ += truncated_ ? 1 : 0;
    line_.clear();
    cursor_ = 0;
    truncated_ = false;
    if (sink) sink(line);
}

}  // namespace attune

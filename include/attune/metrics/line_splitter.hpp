#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace attune {

struct LineSplitterOptions {
    /// Characters (code points) of a line that are kept, 1 or more; what a line has beyond them is dropped.
    std::size_t max_line_characters = std::size_t{1} << 20;

    /// Throws InvalidOption.
    void validate() const;
};

/// One line of a program's output.
struct LogLine {
    /// Valid UTF-8 without line ends; valid during the call that hands it over only.
    std::string_view text;
    /// Counts line feeds, from 1, as an editor does: states of a progress bar that overwrite one another
    /// share it.
    std::int64_t number = 1;
    /// The line was longer than the limit and its rest was dropped.
    bool truncated = false;
};

/// Turns bytes that arrive in chunks of any size into lines that metrics can be read from.
///
/// - Lines end with "\n" or "\r\n". A lone "\r" ends one too, so each state of a progress bar counts as a
/// line of its
///   own, handed over as soon as the "\r" is seen; empty states are left out.
/// - Backspaces move back over the line, and what follows overwrites it; a line that is backed over from end
/// to end
///   is handed over first, as with "\r". Backspaces at the end of a line take nothing away.
/// - Escape sequences (colours and other CSI, OSC and the like, character sets) vanish; they end with their
/// final
///   byte or at a line end, so that an unfinished one hides no more than its line. Other control characters
///   but tab, vertical tab and form feed vanish too.
/// - Bytes that are no UTF-8 become U+FFFD.
///
/// Where chunks begin and end makes no difference. Time is linear in the bytes and memory is bounded by the
/// limit. One object is used by one thread at a time.
class LineSplitter {
  public:
    using Sink = std::function<void(const LogLine&)>;

    /// Throws InvalidOption.
    explicit LineSplitter(LineSplitterOptions options = {});

    /// Takes the next bytes and hands over each line that they complete, in order.
    void feed(std::string_view bytes, const Sink& sink);
    /// The output has ended: hands over a last line that no line end closed, and begins anew at line 1.
    void finish(const Sink& sink);

    /// How many lines, so far, were longer than the limit.
    [[nodiscard]] std::int64_t truncated_lines() const noexcept { return truncated_lines_; }

  private:
    enum class Escape : std::uint8_t { none, begun, intermediate, control_sequence, string, string_end };

    void take_byte(unsigned char byte, const Sink& sink);
    bool take_escape(unsigned char byte);
    void take_text(unsigned char byte, const Sink& sink);
    void take_control(unsigned char byte, const Sink& sink);
    void end_character(const Sink& sink);
    void put(char32_t character, const Sink& sink);
    void hand_over(const Sink& sink);

    LineSplitterOptions options_;
    std::u32string line_;
    std::string encoded_;
    std::size_t cursor_ = 0;
    std::int64_t number_ = 1;
    std::int64_t truncated_lines_ = 0;
    char32_t partial_ = 0;  ///< of a character whose bytes are not all there
    char32_t least_ = 0;    ///< the least code point that its length allows
    int missing_bytes_ = 0;
    Escape escape_ = Escape::none;
    bool after_return_ = false;  ///< a "\r" has handed over what stood before it
    bool truncated_ = false;
};

}  // namespace attune

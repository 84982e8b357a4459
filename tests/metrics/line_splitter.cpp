#include "attune/metrics/line_splitter.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"

namespace {

using Lines = std::vector<std::pair<std::int64_t, std::string>>;

struct Collected {
    Lines lines;
    std::int64_t truncated = 0;
};

Collected split(const std::vector<std::string>& chunks, attune::LineSplitterOptions options = {}) {
    Collected collected;
    attune::LineSplitter splitter(options);
    const auto sink = [&](const attune::LogLine& line) {
        collected.lines.emplace_back(line.number, std::string(line.text));
        collected.truncated += line.truncated ? 1 : 0;
    };
    for (const std::string& chunk : chunks) splitter.feed(chunk, sink);
    splitter.finish(sink);
    CHECK(splitter.truncated_lines() == collected.truncated);
    return collected;
}

Lines lines(const std::string& text) { return split({text}).lines; }

}  // namespace

TEST_CASE("line feeds, carriage returns and both together end lines") {
    CHECK(lines("a\nb\r\n\nc") == Lines{{1, "a"}, {2, "b"}, {3, ""}, {4, "c"}});
    CHECK(lines("\r\n\r\n") == Lines{{1, ""}, {2, ""}});
    CHECK(lines("a\r\r\nb\n") == Lines{{1, "a"}, {2, "b"}});
    CHECK(lines("").empty());
    CHECK(lines("\n") == Lines{{1, ""}});
}

TEST_CASE("each state of a progress bar is a line and shares the line's number") {
    CHECK(lines("\r1/3 loss: 3\r2/3 loss: 2\r3/3 loss: 1\nnext\n") ==
          Lines{{1, "1/3 loss: 3"}, {1, "2/3 loss: 2"}, {1, "3/3 loss: 1"}, {2, "next"}});
}

TEST_CASE("a state that ends in a carriage return is handed over without waiting for the next byte") {
    attune::LineSplitter splitter;
    int seen = 0;
    splitter.feed("epoch 1\r", [&](const attune::LogLine& line) {
        ++seen;
        CHECK(line.text == "epoch 1");
    });
    CHECK(seen == 1);
    splitter.feed("\n", [&](const attune::LogLine&) { ++seen; });
    CHECK(seen == 1);
}

TEST_CASE("backspaces overwrite, and a line backed over from end to end is a line of its own") {
    CHECK(lines("loss 3\b\b\b\b\b\bloss 2\b\b\b\b\b\b\rloss 1\n") ==
          Lines{{1, "loss 3"}, {1, "loss 2"}, {1, "loss 1"}});
    CHECK(lines("work |\b/\b-\n") == Lines{{1, "work -"}});
    CHECK(lines("0.512\b\b\b3\n") == Lines{{1, "0.312"}});
    CHECK(lines("abc\b\b\n") == Lines{{1, "abc"}});
    CHECK(lines("\b\b\babc\n") == Lines{{1, "abc"}});
    CHECK(lines("né\be\n") == Lines{{1, "ne"}});
}

TEST_CASE("escape sequences vanish") {
    CHECK(lines("\x1b[31mred\x1b[0m text\n") == Lines{{1, "red text"}});
    CHECK(lines("\x1b[38;5;196mx\x1b[2K\x1b[1Gy\n") == Lines{{1, "xy"}});
    CHECK(lines("\x1b]0;title\x07shown\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\\n") ==
          Lines{{1, "shownlink"}});
    CHECK(lines("\x1b(Bplain\x1b=\x1b>\x1bM!\n") == Lines{{1, "plain!"}});
    CHECK(lines("\x1bPq#0;2;0\x1b\\after\n") == Lines{{1, "after"}});
    CHECK(lines("bell\x07 tab\t nul") == Lines{{1, "bell tab\t nul"}});
}

TEST_CASE("an unfinished escape sequence hides no more than its line") {
    CHECK(lines("a\x1b]0;never closed\nb\n") == Lines{{1, "a"}, {2, "b"}});
    CHECK(lines("a\x1b[31\nb\x1b") == Lines{{1, "a"}, {2, "b"}});
}

TEST_CASE("bytes that are no UTF-8 become replacement characters") {
    CHECK(lines("caf\xe9!\n") == Lines{{1, "caf\xef\xbf\xbd!"}});
    CHECK(lines("\xe2\x82") == Lines{{1, "\xef\xbf\xbd"}});
    CHECK(lines("\xed\xa0\x80|\xc0\xaf|\xff") == Lines{{1, "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"}});
    CHECK(lines("\xf0\x9f\x98\x80 \xe2\x82\xac\n") == Lines{{1, "\xf0\x9f\x98\x80 \xe2\x82\xac"}});
}

TEST_CASE("over-long lines are cut, and this is said") {
    const auto cut =
        split({"abcdefgh\nok\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}, {.max_line_characters = 4});
    CHECK(cut.lines == Lines{{1, "abcd"}, {2, "ok"}, {3, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}});
    CHECK(cut.truncated == 2);
    CHECK_THROWS_AS(attune::LineSplitter({.max_line_characters = 0}), attune::InvalidOption);
}

TEST_CASE("chunk borders make no difference") {
    const std::vector<std::string> pieces = {
        "a",    "loss: 0.5", "\n",      "\r",   "\r\n",         "\b",   "\b\b\b", "\x1b[31m",
        "\x1b", "[0",        "\x1b]0;", "\x07", "\xe2\x82\xac", "\xe2", "\xff",   "\t"};
    rc::check("split anywhere", [&] {
        std::string text;
        for (const auto& piece : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)))
            text += piece;
        std::vector<std::string> chunks;
        for (std::size_t at = 0; at < text.size();) {
            const auto length = *rc::gen::inRange<std::size_t>(1, 6);
            chunks.push_back(text.substr(at, length));
            at += length;
        }
        RC_ASSERT(split(chunks, {.max_line_characters = 9}).lines ==
                  split({text}, {.max_line_characters = 9}).lines);
    });
}

TEST_CASE("finish begins anew") {
    attune::LineSplitter splitter;
    std::vector<std::int64_t> numbers;
    const auto sink = [&](const attune::LogLine& line) { numbers.push_back(line.number); };
    splitter.feed("a\nb\xe2", sink);
    splitter.finish(sink);
    splitter.feed("c\n", sink);
    CHECK(numbers == std::vector<std::int64_t>{1, 2, 1});
}

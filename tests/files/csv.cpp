#include "attune/files/csv.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

TEST_CASE("CSV records are split by RFC 4180") {
    const auto rows = parse_csv(
        "\xEF\xBB\xBF"
        "a,b\r\n\r\n\"x, \"\"y\"\"\",\n\" two\nlines \",z \nlast",
        "name");
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].fields == std::vector<std::string>{"a", "b"});
    CHECK(rows[1].fields == std::vector<std::string>{"x, \"y\"", ""});
    CHECK(rows[1].line == 3);
    CHECK(rows[2].fields == std::vector<std::string>{" two\nlines ", "z "});
    CHECK(rows[2].line == 4);
    CHECK(rows[3].fields == std::vector<std::string>{"last"});
    CHECK(rows[3].line == 6);
    CHECK(parse_csv("", "name").empty());
    CHECK(parse_csv("a;b", "name", ';')[0].fields.size() == 2);
}

TEST_CASE("damaged CSV is refused with name and line") {
    const auto problem = [](const std::string& text) {
        return error_of([&] { (void)parse_csv(text, "m.csv"); });
    };
    CHECK(problem("a\n\"open\nb").find("m.csv: line 2 opens a quote") == 0);
    CHECK(problem("\"a\"b").find("m.csv: line 1 has text after") == 0);
    CHECK(problem("a\nb\"c").find("m.csv: line 2 has a quote inside") == 0);
    const TemporaryFolder folder;
    write_text(folder.path() / "big.csv", "0123456789");
    CHECK(error_of([&] { (void)read_csv(folder.path() / "big.csv", 9); }).find("at most 9") !=
          std::string::npos);
}

TEST_CASE("what is written as CSV is read back") {
    CHECK(rc::check("CSV round trip", [](const std::vector<std::vector<std::string>>& records) {
        std::string text;
        std::size_t written = 0;
        for (const auto& record : records) {
            if (record.empty()) continue;
            text += csv_line(record);
            ++written;
        }
        RC_PRE(!text.starts_with("\xEF\xBB\xBF"));
        const auto rows = parse_csv(text, "name");
        RC_ASSERT(rows.size() == written);
        std::size_t i = 0;
        for (const auto& record : records)
            if (!record.empty()) RC_ASSERT(rows[i++].fields == record);
    }));
}

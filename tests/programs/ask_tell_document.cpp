#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "attune/storage/json_codec.hpp"
#include "run_attune.hpp"
#include "support/folders.hpp"
#include "support/shared_data.hpp"

// The examples of the protocol's document, sent as they stand there: what comes back must have the form that
// the document shows.

using attune::test::Attune;
using attune::test::contents;
using attune::test::lines_of;
using Json = nlohmann::ordered_json;

namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

/// The JSON object that `text` begins with; nothing where none does or it goes on beyond the text.
std::optional<std::string> object_of(const std::string& text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted) {
            if (text[i] == '\\') ++i;
            quoted = text[i] != '"';
            continue;
        }
        quoted = text[i] == '"';
        depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
        if (depth == 0) return text.substr(0, i + 1);
    }
    return std::nullopt;
}

struct Example {
    std::string request, answer;
};

/// Requests begin with a brace and may span lines; the answer follows on their line or another one after
/// "->".
std::vector<Example> examples_of(const std::string& document) {
    std::vector<Example> examples;
    std::string pending;
    for (std::string line : lines_of(document)) {
        if (line.rfind("    ", 0) != 0) continue;
        line.erase(0, line.find_first_not_of(' '));
        if (pending.empty() && line[0] != '{' && line.rfind("->", 0) != 0) continue;
        if (line.rfind("->", 0) != 0) {
            pending += line;
            const auto request = object_of(pending);
            if (!request) continue;
            examples.push_back({*request, ""});
            pending.clear();
        }
        const auto arrow = line.find("-> {");
        if (arrow == std::string::npos || examples.empty()) continue;
        std::string answer = line.substr(arrow + 3);
        replace_all(answer, ", ...}", "}");
        replace_all(answer, ", ...]", "]");
        replace_all(answer, "{...}", "{}");
        if (const auto object = object_of(answer); object && examples.back().answer.empty())
            examples.back().answer = *object;
    }
    return examples;
}

/// What the document leaves open is filled in: the configuration that is enqueued, and studies that are not
/// there.
std::string as_sent(std::string request) {
    replace_all(request, "{...}", R"({"lr": 0.25, "batch": 32, "accumulation": 1, "optimizer": "adam"})");
    replace_all(request, R"(["earlier.attune"])", "[]");
    return request;
}

bool same_kind(const Json& a, const Json& b) { return a.is_number() ? b.is_number() : a.type() == b.type(); }

/// The members shown are there, with values of the same kind; of lists the first elements are compared. What
/// the document shows as {} is any object, and an object of metrics or of a configuration may have other
/// names.
void check_form(const Json& shown, const Json& got, const std::string& where, bool free_names = false) {
    CAPTURE(where);
    CAPTURE(got.dump());
    REQUIRE(same_kind(shown, got));
    if (shown.is_array() && !shown.empty()) {
        REQUIRE_FALSE(got.empty());
        check_form(shown.front(), got.front(), where + "[0]");
    }
    if (!shown.is_object() || free_names) return;
    for (const auto& [key, value] : shown.items()) {
        CAPTURE(key);
        REQUIRE(got.contains(key));
        check_form(value, got.at(key), where + "." + key, key == "configuration");
    }
}

/// Sends all requests of a document in one session and compares the forms of the answers; gives the answers.
std::vector<std::string> check_document(const std::vector<Example>& examples) {
    const attune::test::TemporaryFolder folder;
    std::string session;
    for (const Example& example : examples) session += as_sent(example.request) + "\n";
    Attune attune(folder.path());
    REQUIRE(attune.run({"ask-tell"}, session) == 0);
    const auto answers = lines_of(attune.out());
    REQUIRE(answers.size() == examples.size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
        CAPTURE(examples[i].request);
        CAPTURE(answers[i]);
        const Json got = Json::parse(answers[i]);
        REQUIRE_FALSE(examples[i].answer.empty());
        const Json shown = Json::parse(examples[i].answer);
        check_form(shown, got, "answer");
        CHECK(shown.begin().key() == got.begin().key());
        CHECK(got.size() == shown.size());
    }
    return answers;
}

}  // namespace

TEST_CASE("every example of the protocol's document is answered in the form that it shows") {
    const auto document = attune::test::shared("formats/ask-tell.md");
    if (!document) return;
    const std::vector<Example> examples = examples_of(contents(*document));
    REQUIRE(examples.size() >= 9);
    const auto answers = check_document(examples);
    for (std::size_t i = 0; i < examples.size(); ++i) attune::test::count_run();
    const auto told = std::find_if(answers.begin(), answers.end(), [](const std::string& answer) {
        return answer.rfind(R"({"told")", 0) == 0;
    });
    REQUIRE(told != answers.end());
    CHECK(*told == R"({"told":0,"best":{"trial":0,"metrics":{"accuracy":0.9}}})");
}

TEST_CASE("the page on formats: its spaces are read, its requests are answered as it shows") {
    std::vector<Example> requests;
    int spaces = 0;
    for (const Example& example :
         examples_of(contents(attune::test::source_folder() / "docs" / "formats.md"))) {
        CAPTURE(example.request);
        if (example.request.rfind(R"({"space")", 0) != 0) {
            requests.push_back(example);
            continue;
        }
        ++spaces;
        CHECK(attune::space_from_json(attune::Json::parse(example.request)).size() > 0);
    }
    CHECK(spaces == 2);
    REQUIRE(requests.size() >= 9);
    check_document(requests);
}

#include "attune/analyse/report.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analyse/sample_studies.hpp"
#include "attune/analyse/report_sections.hpp"
#include "attune/core.hpp"
#include "attune/study/pareto.hpp"
#include "support/shared_data.hpp"

namespace {

using Json = nlohmann::json;
using attune::render_report;

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

/// The text between the opening tag of the data and the next "</script", where a browser ends it.
Json embedded(const std::string& page) {
    const std::string open = "id=\"attune-data\">";
    const std::size_t begin = page.find(open) + open.size();
    REQUIRE(begin > open.size());
    return Json::parse(page.substr(begin, page.find("</script", begin) - begin));
}

double number(const Json& json) {
    if (json.is_number()) return json.get<double>();
    return json == "inf"    ? std::numeric_limits<double>::infinity()
           : json == "-inf" ? -std::numeric_limits<double>::infinity()
                            : std::nan("");
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void check_value(const Json& json, const std::optional<attune::Value>& value) {
    if (!value)
        CHECK(json.is_null());
    else if (const auto* text = std::get_if<std::string>(&*value))
        // Bytes that are no UTF-8 are the only ones that JSON cannot hold.
        CHECK((text->find('\xff') == std::string::npos ? json == *text : json.is_string()));
    else if (const auto* flag = std::get_if<bool>(&*value))
        CHECK(json == *flag);
    else if (const auto* integer = std::get_if<std::int64_t>(&*value))
        CHECK(json == *integer);
    else
        CHECK(same(number(json), std::get<double>(*value)));
}

void check_trial(const attune::Study& study, const attune::TrialRecord& trial, const Json& json) {
    INFO("trial " << trial.number);
    CHECK(json["number"] == trial.number);
    CHECK(json["state"] == attune::to_string(trial.state));
    REQUIRE(json["configuration"].size() == study.space().size());
    for (std::size_t i = 0; i < study.space().size(); ++i)
        check_value(json["configuration"][i], trial.configuration.find(study.space()[i].name));
    for (std::size_t k = 0; k < study.objectives().size(); ++k)
        CHECK(same(number(json["values"][k]), study.value(trial, k)));
    CHECK(json.contains("finished") == trial.finished());
    if (trial.reports.empty()) return;
    REQUIRE(json["curves"]["steps"].size() == trial.reports.size());
    for (std::size_t i = 0; i < trial.reports.size(); ++i) {
        CHECK(same(number(json["curves"]["steps"][i]), trial.reports[i].step));
        for (const auto& [name, column] : json["curves"]["values"].items()) {
            const auto found = trial.reports[i].metrics.find(name);
            if (found == trial.reports[i].metrics.end())
                CHECK(column[i].is_null());
            else
                CHECK(same(number(column[i]), found->second));
        }
    }
}

std::vector<attune::Study> samples() {
    return {
        attune::test::training_study(), attune::test::training_study(1), attune::test::two_objectives_study(),
        attune::test::empty_study(),    attune::test::failed_study(),    attune::test::hostile_study(),
        attune::test::wide_study()};
}

}  // namespace

TEST_CASE("the embedded data are the study") {
    for (const attune::Study& study : samples()) {
        INFO("study " << study.name());
        const Json json = embedded(render_report(study));
        CHECK(json["name"] == study.name());
        CHECK(json["seed"] == study.seed());
        CHECK(json["end_reason"] == study.end_reason());
        REQUIRE(json["objectives"].size() == study.objectives().size());
        CHECK(json["objectives"][0]["direction"] == attune::to_string(study.objective().direction));
        CHECK((study.best() == nullptr ? json["best"].is_null() : json["best"] == study.best()->number));
        if (study.objectives().size() > 1)
            CHECK(json["front"].get<std::vector<std::int64_t>>() == attune::pareto_front(study));
        REQUIRE(json["parameters"].size() == study.space().size());
        REQUIRE(json["trials"].size() == study.trials().size());
        for (const attune::TrialRecord& trial : study.trials())
            check_trial(study, trial, json["trials"][static_cast<std::size_t>(trial.number)]);
    }
}

TEST_CASE("pages are whole, alike for the same study and refer to nothing outside") {
    for (const attune::Study& study : samples()) {
        INFO("study " << study.name());
        const std::string page = render_report(study);
        CHECK(page == render_report(study));
        CHECK(page.starts_with("<!DOCTYPE html>"));
        CHECK(page.ends_with("</html>\n"));
        CHECK(page.find("http:") == std::string::npos);
        CHECK(page.find("https:") == std::string::npos);
        CHECK(page.find("url(") == std::string::npos);
        CHECK(page.find("@import") == std::string::npos);
        CHECK(page.find("<link") == std::string::npos);
        CHECK(count(page, "<section ") == count(page, "</section>"));
        CHECK((page.find("id=\"pareto\"") != std::string::npos) == (study.objectives().size() == 2));
        // Two script elements: the data and the program.
        CHECK(count(page, "<script") == 2);
        CHECK(count(page, "</script") == 2);
    }
}

TEST_CASE("names and values of a study cannot become markup") {
    const std::string page = render_report(attune::test::hostile_study());
    CHECK(page.find("<script>alert") == std::string::npos);
    CHECK(page.find("<img") == std::string::npos);
    CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt;") != std::string::npos);
    CHECK(page.find("\\u003c/script>\\u003cscript>alert(1)") != std::string::npos);
    CHECK(page.find('\xff') == std::string::npos);
    CHECK(attune::escape_html("<a href='x'>\"&") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
}

TEST_CASE("the parts without drawings say what the study says") {
    const std::string page = render_report(attune::test::training_study());
    CHECK(page.find("<title>clothing, ten classes</title>") != std::string::npos);
    CHECK(page.find("<td>optimizer in {sgd, nag}</td>") != std::string::npos);
    CHECK(page.find("<td>optimizer == sgd</td>") != std::string::npos);
    CHECK(page.find("<code>batch_size * dropout &lt;= 200</code>") != std::string::npos);
    CHECK(page.find("40 trials were run") != std::string::npos);
    CHECK(page.find("<td>0 to 0.6, step 0.05</td>") != std::string::npos);
    CHECK(render_report(attune::test::failed_study()).find("No trial came to a value.") != std::string::npos);
    CHECK(render_report(attune::test::training_study(), {.title = "A & B"}).find("<h1>A &amp; B</h1>") !=
          std::string::npos);
}

TEST_CASE("the best trial's checkpoint is named while it is there") {
    const attune::test::TemporaryFolder folder;
    const std::filesystem::path place = folder.path() / "trial-0";
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::Tuner tuner{space, attune::minimize("loss"), attune::RandomSearch{}};
    auto trial = tuner.ask();
    trial->set_checkpoint(place);
    trial->set_attribute("kept", "a note");
    trial->tell(1);
    const auto page = [&] { return render_report(tuner.study()); };
    CHECK(page().find(place.string()) == std::string::npos);
    CHECK(page().find("a note") != std::string::npos);
    std::filesystem::create_directory(place);
    CHECK(page().find(place.string()) != std::string::npos);
}

TEST_CASE("settings that are JSON are told in words") {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::Study study;
    study.apply({1, attune::event::Created{"s",
                                           1,
                                           space,
                                           {attune::minimize("loss")},
                                           attune::event::FinalValue::best_report,
                                           {{"duplicates", "\"forbid\""},
                                            {"options", "{}"},
                                            {"strategy", R"({"name": "sobol", "seed": 3})"},
                                            {"command", R"(["python3", "train.py"])"},
                                            {"epochs", "20"},
                                            {"note", "{ no JSON"}},
                                           {}}});
    const std::string page = render_report(study);
    for (const char* cell : {"<td>forbid</td>", "<td>none</td>", "<td>name = sobol, seed = 3</td>",
                             "<td>python3, train.py</td>", "<td>20</td>", "<td>{ no JSON</td>"})
        CHECK_MESSAGE(page.find(cell) != std::string::npos, cell);
}

TEST_CASE("what early stopping saved counts the missing reports at the trial's own pace") {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::test::StudyMaker maker(space, {attune::minimize("loss")});
    for (const int reports : {10, 10, 10, 4}) {
        const auto trial = maker.begin(maker.draw(0));
        for (int i = 1; i <= reports; ++i) maker.seconds += 2, maker.report(trial, i, {{"loss", 1.0 / i}});
        maker.finish(trial, reports == 10 ? attune::TrialState::completed : attune::TrialState::stopped);
    }
    // Six reports of two seconds each.
    CHECK(render_report(maker.study).find("<h3>Saved by early stopping</h3><p class=\"big\">12s</p>") !=
          std::string::npos);
    CHECK(render_report(attune::test::two_objectives_study()).find("Saved by early stopping") ==
          std::string::npos);
}

TEST_CASE("long curves are thinned and keep their ends and their best") {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::test::StudyMaker maker(space, {attune::minimize("loss")});
    const auto trial = maker.begin(maker.draw(0));
    for (int i = 0; i < 5000; ++i) maker.report(trial, i, {{"loss", i == 1234 ? -5.0 : 1.0}});
    maker.finish(trial, attune::TrialState::completed);
    const Json curves =
        embedded(render_report(maker.study, {.max_points_per_curve = 100}))["trials"][0]["curves"];
    const auto steps = curves["steps"].get<std::vector<double>>();
    CHECK(steps.size() == 101);
    CHECK(steps.front() == 0);
    CHECK(steps.back() == 4999);
    CHECK(std::is_sorted(steps.begin(), steps.end()));
    CHECK(std::count(steps.begin(), steps.end(), 1234) == 1);
    CHECK_THROWS_AS((void)render_report(maker.study, {.max_points_per_curve = 2}), attune::InvalidOption);
    CHECK_THROWS_AS((void)render_report(maker.study, {.now_seconds = std::nan("")}), attune::InvalidOption);
}

TEST_CASE("a thousand trials of fifty reports stay a few megabytes") {
    const std::string page = render_report(attune::test::training_study(1000, 50));
    CHECK(embedded(page)["trials"].size() == 1000);
    CHECK(page.size() < 4'000'000);
}

TEST_CASE("a report is written whole or not at all") {
    const attune::test::TemporaryFolder folder;
    const auto path = folder.path() / "report.html";
    attune::write_report(attune::test::training_study(), path);
    std::ifstream stream(path);
    std::stringstream text;
    text << stream.rdbuf();
    CHECK(text.str() == render_report(attune::test::training_study()));
    CHECK_THROWS_AS(
        attune::write_report(attune::test::empty_study(), folder.path() / "missing" / "report.html"),
        attune::FileError);
    CHECK_THROWS_AS((void)render_report(attune::Study{}), attune::InvalidState);
}

TEST_CASE("a report replaces reports and empty files, and nothing else") {
    const attune::test::TemporaryFolder folder;
    const auto path = folder.path() / "report.html";
    const auto content = [&] {
        std::ifstream stream(path);
        return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    const attune::Study study = attune::test::empty_study();
    std::ofstream(path) << "epoch,accuracy\n1,0.5\n";
    CHECK_THROWS_WITH_AS(attune::write_report(study, path), doctest::Contains("no report of Attune"),
                         attune::FileError);
    CHECK_THROWS_WITH_AS(attune::check_report_path(path), doctest::Contains(path.c_str()), attune::FileError);
    CHECK(content() == "epoch,accuracy\n1,0.5\n");
    std::ofstream(path) << "<!DOCTYPE html><title>a page of another program</title>";
    CHECK_THROWS_AS(attune::write_report(study, path), attune::FileError);
    std::ofstream(path, std::ios::trunc).close();
    attune::write_report(study, path);
    attune::write_report(attune::test::training_study(), path);
    CHECK(content() == render_report(attune::test::training_study()));
    CHECK_THROWS_WITH_AS(attune::write_report(study, folder.path()), doctest::Contains("no regular file"),
                         attune::FileError);
}

TEST_CASE("sections of other components stand in the page") {
    const auto matrix = attune::confusion_matrix_section({"cat", "<dog>"}, {{9, 1}, {0, 30}});
    CHECK(matrix.html.find("39 of 40 cases right (97.5%)") != std::string::npos);
    CHECK(matrix.html.find("title=\"cat taken for &lt;dog&gt;: 1 of 10\"><b>1</b><small>10.0%</small>") !=
          std::string::npos);
    CHECK(matrix.html.find("<dog>") == std::string::npos);

    const auto gallery = attune::gallery_section(
        "Mistakes", {{"\xFF\xD8\xFF\xE0x", "a <b>"}, {std::string("\x89PNG\r\n\x1a\n", 8), "png"}});
    CHECK(gallery.html.find("data:image/jpeg;base64,/9j/4Hg=\" alt=\"a &lt;b&gt;\"") != std::string::npos);
    CHECK(gallery.html.find("data:image/png;base64,iVBORw0KGgo=\"") != std::string::npos);

    const std::string page =
        render_report(attune::test::empty_study(),
                      {.sections = {matrix, gallery, attune::metrics_table_section("T & T", {{"a<", "1"}})}});
    CHECK(page.find(matrix.html) != std::string::npos);
    CHECK(page.find(gallery.html) != std::string::npos);
    CHECK(page.find("<h2>T &amp; T</h2>") != std::string::npos);
    CHECK(page.find("<th scope=\"row\">a&lt;</th><td>1</td>") != std::string::npos);
}

TEST_CASE("sections refuse what they cannot draw") {
    CHECK_THROWS_AS((void)attune::confusion_matrix_section({"a"}, {}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::confusion_matrix_section({"a"}, {{1, 2}}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::confusion_matrix_section({"a"}, {{-1}}), attune::InvalidOption);
    CHECK_THROWS_AS((void)attune::gallery_section("x", {{"<svg onload=alert(1)>", "not a picture"}}),
                    attune::InvalidOption);
    CHECK(
        attune::confusion_matrix_section({"a", "b"}, {{0, 0}, {0, 0}}).html.find("0 of 0 cases right (-)") !=
        std::string::npos);
}

TEST_CASE("outcome constraints: the page says what breaks them, and what comes nearest where all do") {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    attune::test::StudyMaker maker(space, {attune::maximize("accuracy")}, "sample",
                                   {attune::at_most("latency", 20)});
    const auto trial = [&](double accuracy, double latency) {
        maker.finish(maker.begin(maker.draw(static_cast<std::int64_t>(maker.study.trials().size()))),
                     attune::TrialState::completed, {{"accuracy", accuracy}, {"latency", latency}});
    };
    trial(0.9, 30);
    trial(0.8, 25);
    const std::string without = render_report(maker.study);
    CHECK(without.find("No trial keeps latency &lt;= 20. The one that comes nearest:") != std::string::npos);
    CHECK(without.find("Trial 1, completed") != std::string::npos);
    trial(0.7, 10);
    const std::string page = render_report(maker.study);
    CHECK(page.find("maximize accuracy, with latency &lt;= 20, trial 2") != std::string::npos);
    const auto data = embedded(page);
    CHECK(data.at("constraints").at(0).at("text") == "latency <= 20");
    CHECK(data.at("trials").at(0).at("breaks").at(0) == "latency <= 20");
    CHECK(!data.at("trials").at(2).contains("breaks"));
    CHECK(data.at("best") == 2);
}

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "analyse/sample_studies.hpp"
#include "attune/analyse/importance.hpp"
#include "attune/analyse/report.hpp"

namespace {

std::ptrdiff_t count(const std::string& text, const std::string& part) {
    std::ptrdiff_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

/// The section on importance, or nothing.
std::string section(const attune::Study& study) {
    const std::string page = attune::render_report(study);
    const std::size_t begin = page.find("<section id=\"importance\"");
    return begin == std::string::npos ? "" : page.substr(begin, page.find("</section>", begin) - begin);
}

}  // namespace

TEST_CASE("the report shows importances, with intervals, a verdict and the branches") {
    const attune::Study study = attune::test::training_study();
    const std::string html = section(study);
    for (const char* part :
         {"fANOVA", "PED-ANOVA", ">lr<", ">dropout<", "Where optimizer in", "Where optimizer =="})
        CHECK(html.find(part) != std::string::npos);
    const attune::Importance all = attune::importance(study);
    CHECK(html.find(attune::importance_verdict(all)) != std::string::npos);
    // Those that are not to be believed look so.
    std::vector<attune::Importance> blocks = attune::branch_importances(study);
    blocks.push_back(all);
    blocks.push_back(attune::importance(study, {.method = attune::ImportanceMethod::ped_anova}));
    const auto sure =
        std::count_if(blocks.begin(), blocks.end(), [](const auto& block) { return block.believed; });
    REQUIRE(sure > 0);
    REQUIRE(sure < std::ssize(blocks));
    CHECK(count(html, "class=\"importance\"") == sure);
    CHECK(count(html, "class=\"importance unsure\"") == std::ssize(blocks) - sure);
    CHECK(html.find("width:" + fmt::format("{:.2f}%", 100 * all.parameters.front().share)) !=
          std::string::npos);
}

TEST_CASE("each objective has its own importances") {
    const std::string html = section(attune::test::two_objectives_study());
    CHECK(html.find("<b>accuracy</b>") != std::string::npos);
    CHECK(html.find("<b>images_per_second</b>") != std::string::npos);
}

TEST_CASE("where there is nothing to tell there is no such section") {
    CHECK(section(attune::test::empty_study()).empty());
    CHECK(section(attune::test::failed_study()).empty());
    CHECK(section(attune::test::training_study(3)).empty());
}

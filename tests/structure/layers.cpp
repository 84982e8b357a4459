#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/folders.hpp"

// The layering, in words that a test keeps: a folder may include itself and what is listed for it. error.hpp,
// version.hpp and compiled.hpp lie below everything, the umbrella headers above.
namespace {

namespace fs = std::filesystem;

struct Rule {
    std::set<std::string> folders;    ///< folders of attune that it may include
    std::set<std::string> libraries;  ///< beginnings of foreign headers that it may include
};

const std::map<std::string, Rule> rules{
    {"space", {{}, {"fmt/"}}},
    {"study", {{"space"}, {"fmt/"}}},
    {"gp", {{"space", "study"}, {"fmt/", "Eigen/", "boost/math/", "LBFGS"}}},
    {"strategy", {{"space", "study", "gp"}, {"fmt/", "Eigen/", "boost/random/", "boost/math/"}}},
    {"stopping", {{"space", "study", "gp"}, {"fmt/", "Eigen/"}}},
    {"storage", {{"space", "study"}, {"fmt/", "nlohmann/", "zlib.h", "sqlite3.h", "libpq-fe.h"}}},
    {"execute", {{"space", "study", "metrics", "tune", "strategy", "stopping"}, {"fmt/", "nlohmann/"}}},
    {"tune", {{"space", "study", "strategy", "stopping", "storage", "execute"}, {"fmt/"}}},
    {"metrics", {{"space", "study"}, {"fmt/", "nlohmann/", "re2/"}}},
    {"files",
     {{"space", "study", "storage"}, {"fmt/", "nlohmann/", "zlib.h", "jpeglib.h", "jerror.h", "png.h"}}},
    {"analyse",
     {{"space", "study", "files", "tune", "strategy", "storage", "execute", "stopping"},
      {"fmt/", "nlohmann/"}}},
    {"finetune",
     {{"space", "study", "gp", "strategy", "stopping", "storage", "execute", "tune", "metrics", "files",
       "analyse"},
      {"fmt/", "nlohmann/", "torch/", "ATen/", "c10/", "omp.h"}}},
};

/// The include lines of a file: what stands between the quotes or brackets. Quoted names that are found
/// beside the file and stay in its role's folder (the first one below `top`) are neighbours and need no rule;
/// those that lead into another role's folder are named as that role's headers are.
std::vector<std::string> includes(const fs::path& file, const fs::path& top) {
    std::vector<std::string> out;
    std::ifstream stream(file);
    const fs::path role = *fs::relative(file, top).begin();
    for (std::string line; std::getline(stream, line);) {
        if (line.rfind("#include ", 0) != 0) continue;
        const auto open = line.find_first_of("\"<"), close = line.find_last_of("\">");
        if (open == std::string::npos || close <= open) continue;
        const std::string name = line.substr(open + 1, close - open - 1);
        const fs::path beside = fs::weakly_canonical(file.parent_path() / name);
        if (line[open] != '"' || !fs::exists(beside)) {
            out.push_back(name);
            continue;
        }
        const fs::path inside = fs::relative(beside, fs::weakly_canonical(top));
        if (*inside.begin() != role) out.push_back("attune/" + inside.string());
    }
    return out;
}

bool is_foreign(const std::string& include) {
    return include.find('/') != std::string::npos || include.find('.') != std::string::npos;
}

void check_file(const fs::path& file, const fs::path& top, const std::string& folder, const Rule& rule) {
    for (const std::string& include : includes(file, top)) {
        INFO(file.string() << " includes " << include);
        if (include.rfind("attune/", 0) == 0) {
            const std::string rest = include.substr(7);
            const auto slash = rest.find('/');
            const std::string target = slash == std::string::npos ? "" : rest.substr(0, slash);
            const bool allowed = target == folder || rule.folders.count(target) > 0 || rest == "error.hpp" ||
                                 rest == "version.hpp" || rest == "compiled.hpp";
            CHECK(allowed);
        } else if (is_foreign(include) && include.rfind("sys/", 0) != 0 &&
                   include.find(".h") == include.size() - 2 && include.find('/') == std::string::npos) {
            // A C header of the system, or one of the libraries without a folder of their own.
            static const std::set<std::string> guarded{"zlib.h",   "jpeglib.h", "png.h",     "LBFGS.h",
                                                       "LBFGSB.h", "omp.h",     "sqlite3.h", "libpq-fe.h"};
            if (guarded.count(include) == 0) continue;
            CHECK(std::any_of(rule.libraries.begin(), rule.libraries.end(),
                              [&](const std::string& l) { return include.rfind(l, 0) == 0; }));
        } else if (is_foreign(include) && include.rfind("sys/", 0) != 0 && include.rfind("linux/", 0) != 0) {
            CHECK(std::any_of(rule.libraries.begin(), rule.libraries.end(),
                              [&](const std::string& l) { return include.rfind(l, 0) == 0; }));
        }
    }
}

}  // namespace

TEST_CASE("every folder includes only what its layer may") {
    const fs::path root = attune::test::source_folder();
    int files = 0;
    for (const fs::path& top : {root / "include" / "attune", root / "src"})
        for (const auto& entry : fs::recursive_directory_iterator(top)) {
            const fs::path relative = fs::relative(entry.path(), top);
            const std::string folder = relative.begin()->string();
            const auto rule = rules.find(folder);
            if (!entry.is_regular_file() || relative.has_parent_path() == false) continue;
            INFO("folder " << folder << " has no rule");
            REQUIRE(rule != rules.end());
            if (entry.path().extension() == ".hpp" || entry.path().extension() == ".cpp")
                check_file(entry.path(), top, folder, rule->second), ++files;
        }
    CHECK(files > 50);
}

TEST_CASE("core.hpp reaches neither Eigen nor libtorch nor a library of runtime") {
    const fs::path root = attune::test::source_folder() / "include";
    std::set<std::string> seen;
    std::vector<std::string> open{"attune/core.hpp"};
    while (!open.empty()) {
        const std::string header = open.back();
        open.pop_back();
        if (!seen.insert(header).second) continue;
        for (const std::string& include : includes(root / header, root / "attune")) {
            INFO(header << " includes " << include);
            if (include.rfind("attune/", 0) == 0) open.push_back(include);
            for (const char* dear : {"Eigen/", "torch/", "nlohmann/", "re2/", "boost/math/"})
                CHECK(include.rfind(dear, 0) != 0);
        }
    }
    CHECK(seen.size() > 15);
}

#pragma once

#include <doctest/doctest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/folders.hpp"
#include "support/shared_data.hpp"

extern char** environ;  // NOLINT: POSIX's own declaration

namespace attune::test {

inline void put(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) out.push_back(line);
    return out;
}

/// The program `attune`, run in a folder with its input, output and errors in files there.
class Attune {
  public:
    explicit Attune(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Starts it and gives its process id.
    pid_t start(const std::vector<std::string>& arguments, const std::string& input = "") {
        put(folder_ / "stdin", input);
        std::vector<std::string> words{"/bin/sh", "-c", "cd \"$0\" && exec \"$@\" < stdin > stdout 2> stderr",
                                       folder_.string(),
                                       (attune::test::build_folder() / "bin" / "attune").string()};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> raw;
        for (std::string& word : words) raw.push_back(word.data());
        raw.push_back(nullptr);
        pid_t child = 0;
        REQUIRE(::posix_spawn(&child, "/bin/sh", nullptr, nullptr, raw.data(), environ) == 0);
        return child;
    }
    /// Its exit code, or minus the signal that ended it.
    static int wait(pid_t child) {
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    int run(const std::vector<std::string>& arguments, const std::string& input = "") {
        return wait(start(arguments, input));
    }

    [[nodiscard]] std::string out() const { return contents(folder_ / "stdout"); }
    [[nodiscard]] std::string errors() const { return contents(folder_ / "stderr"); }

  private:
    std::filesystem::path folder_;
};

}  // namespace attune::test

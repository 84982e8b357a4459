#include "interpreted_script.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace attune::detail {
namespace {

// Not node, which finds "app" as app.js and in other ways.
constexpr std::array<std::string_view, 7> kInterpreters{"python", "pypy", "Rscript", "julia",
                                                        "perl",   "ruby", "lua"};
constexpr std::array<std::string_view, 5> kShells{"sh", "bash", "dash", "zsh", "ksh"};
// Python's switches that take no value.
constexpr std::string_view kPythonFlags = "bBdEiIOPqsSuvx";

/// "python" of "/usr/bin/python3.11".
std::string bare_name(const std::string& program) {
    std::string name = program.substr(program.rfind('/') + 1);
    name.erase(name.find_last_not_of("0123456789.") + 1);
    return name;
}

bool is_flag(const std::string& interpreter, std::string_view word) {
    return (interpreter == "python" || interpreter == "pypy") && word.size() > 1 &&
           word.find_first_not_of(kPythonFlags, 1) == std::string_view::npos;
}

}  // namespace

bool is_shell(const std::string& program) {
    return std::ranges::find(kShells, bare_name(program)) != kShells.end();
}

std::optional<std::string> interpreted_script(const std::vector<std::string>& command) {
    if (command.empty()) return std::nullopt;
    const std::string interpreter = bare_name(command.front());
    if (std::ranges::find(kInterpreters, interpreter) == kInterpreters.end() && !is_shell(command.front()))
        return std::nullopt;
    for (std::size_t i = 1; i < command.size(); ++i) {
        if (command[i].empty()) return std::nullopt;
        if (command[i].front() != '-') return command[i];
        if (!is_flag(interpreter, command[i])) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace attune::detail

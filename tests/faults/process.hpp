#pragma once

#include <spawn.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace attune::test {

/// Starts a program that lies beside this one and gives its process.
inline pid_t start_beside(const std::string& name, std::vector<std::string> words) {
    const std::string program =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
    words.insert(words.begin(), program);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, pointers.data(), environ) != 0)
        throw std::runtime_error(program + ": cannot be started");
    return child;
}

}  // namespace attune::test

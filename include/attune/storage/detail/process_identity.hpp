#pragma once

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace attune::detail {

/// The beginning of a file of /proc, or nothing.
inline std::string system_text(const std::string& path) {
    std::string text;
    if (std::FILE* file = std::fopen(path.c_str(), "re")) {
        std::array<char, 1024> buffer;
        text.assign(buffer.data(), std::fread(buffer.data(), 1, buffer.size(), file));
        std::fclose(file);
    }
    return text;
}

/// "boot id/process namespace/": where process numbers have a meaning. Empty where the system does not tell.
inline std::string read_process_scope() {
    const std::string boot = system_text("/proc/sys/kernel/random/boot_id");
    std::array<char, 64> name{};
    const auto length = ::readlink("/proc/self/ns/pid", name.data(), name.size());
    if (boot.size() < 36 || length <= 0) return {};
    return boot.substr(0, 36) + "/" + std::string(name.data(), static_cast<std::size_t>(length)) + "/";
}

inline const std::string& process_scope() {
    static const std::string scope = read_process_scope();
    return scope;
}

inline std::string process_status(const std::string& process) {
    return system_text("/proc/" + process + "/stat");
}

/// When the process began, in the kernel's ticks; empty where there is none, or only its remains.
inline std::string process_start(const std::string& status) {
    const auto name_end = status.rfind(") ");  // the name may hold anything
    if (name_end == std::string::npos) return {};
    std::size_t at = name_end + 2;
    if (status[at] == 'Z' || status[at] == 'X') return {};
    for (int field = 3; field < 22 && at != std::string::npos; ++field) {
        at = status.find(' ', at);
        if (at != std::string::npos) ++at;
    }
    return at == std::string::npos ? std::string{} : status.substr(at, status.find(' ', at) - at);
}

/// This process, as others on the same machine can look for it; see WorkerRow::process.
inline std::string process_identity() {
    const std::string& scope = process_scope();
    const std::string number = std::to_string(::getpid());
    const std::string start = process_start(process_status(number));
    return scope.empty() || start.empty() ? std::string{} : scope + number + "/" + start;
}

enum class ProcessState { alive, gone, unknown };

/// Whether there is a process of this number, be it another user's.
inline bool process_exists(const std::string& process) {
    const long number = std::strtol(process.c_str(), nullptr, 10);
    return number > 0 && (::kill(static_cast<pid_t>(number), 0) == 0 || errno == EPERM);
}

/// What the operating system knows of a process; nothing where it runs elsewhere.
inline ProcessState process_state(const std::string& identity) {
    const std::string& scope = process_scope();
    if (scope.empty() || identity.compare(0, scope.size(), scope) != 0) return ProcessState::unknown;
    const auto slash = identity.find('/', scope.size());
    if (slash == std::string::npos) return ProcessState::unknown;
    const std::string process = identity.substr(scope.size(), slash - scope.size());
    const std::string status = process_status(process);
    // /proc may hide the processes of other users (its mount option hidepid).
    if (status.empty()) return process_exists(process) ? ProcessState::alive : ProcessState::gone;
    return process_start(status) == identity.substr(slash + 1) ? ProcessState::alive : ProcessState::gone;
}

}  // namespace attune::detail

#include "attune/analyse/environment.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "attune/version.hpp"
#include "text.hpp"

namespace attune {
namespace {

/// The value of the first line `key<separator>value` of a text file, without quotes; empty where there is
/// none.
std::string entry(const char* file, const std::string& key, char separator) {
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        if (line.rfind(key, 0) != 0) continue;
        const auto at = line.find(separator);
        if (at == std::string::npos || line.find_first_not_of(" \t", key.size()) != at) continue;
        const auto first = line.find_first_not_of(" \t\"", at + 1), last = line.find_last_not_of(" \t\"");
        return first == std::string::npos ? "" : detail::printable(line.substr(first, last - first + 1));
    }
    return {};
}

std::string compiler() {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return {};
#endif
}

std::string build() {
#if defined(__OPTIMIZE__)
    return "optimised";
#else
    return "not optimised";
#endif
}

std::string operating_system() {
    std::string name = entry("/etc/os-release", "PRETTY_NAME", '=');
    utsname kernel{};
    if (::uname(&kernel) != 0) return name;
    // The node name of utsname stays out: it names the machine.
    const std::string system = fmt::format("{} {} {}", kernel.sysname, kernel.release, kernel.machine);
    return name.empty() ? system : name + ", " + system;
}

int cores() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::map<std::string, std::string> describe_environment() {
    std::map<std::string, std::string> out{{"attune", version()},
                                           {"compiler", compiler()},
                                           {"build", build()},
                                           {"system", operating_system()},
                                           {"processor", entry("/proc/cpuinfo", "model name", ':')}};
    if (const int count = cores(); count > 0) out["cores"] = fmt::format("{}", count);
    const long pages = ::sysconf(_SC_PHYS_PAGES), page_bytes = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
        out["memory_gib"] = fmt::format(
            "{:.1f}", static_cast<double>(pages) * static_cast<double>(page_bytes) / 1073741824.0);
    std::erase_if(out, [](const auto& item) { return item.second.empty(); });
    return out;
}

}  // namespace attune

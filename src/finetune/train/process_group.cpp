#include "attune/finetune/train/process_group.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "c10d_group.hpp"

namespace attune {
namespace {

constexpr std::string_view file_scheme = "file://";
constexpr std::string_view tcp_scheme = "tcp://";

std::optional<int> number_in(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

int number_of_environment(const char* name) {
    const char* text = std::getenv(name);
    if (text == nullptr)
        throw InvalidOption(fmt::format("WORLD_SIZE is set in the environment, but {} is not", name));
    if (const auto value = number_in(text)) return *value;
    throw InvalidOption(fmt::format("{} \"{}\" in the environment must be a whole number", name, text));
}

detail::MeetingPlace meeting_place(const std::string& text) {
    const std::string_view view = text;
    if (view.starts_with(file_scheme) && view.size() > file_scheme.size() + 1 &&
        view[file_scheme.size()] == '/')
        return {.file = std::string(view.substr(file_scheme.size()))};
    const auto colon = view.rfind(':');
    if (view.starts_with(tcp_scheme) && colon > tcp_scheme.size() && colon != std::string_view::npos) {
        const auto port = number_in(view.substr(colon + 1));
        if (port && *port > 0 && *port < 65536)
            return {.host = std::string(view.substr(tcp_scheme.size(), colon - tcp_scheme.size())),
                    .port = static_cast<std::uint16_t>(*port)};
    }
    throw InvalidOption(
        fmt::format("rendezvous \"{}\" must be file:///folder/name or tcp://host:port", text));
}

}  // namespace

void ProcessGroupOptions::validate() const {
    (void)meeting_place(rendezvous);
    if (size < 1) throw InvalidOption(fmt::format("size {} of a process group must be at least 1", size));
    if (rank < 0 || rank >= size)
        throw InvalidOption(
            fmt::format("rank {} in a process group of {} must be in [0, {}]", rank, size, size - 1));
    if (!(timeout_seconds > 0 && timeout_seconds <= 1e6))
        throw InvalidOption(fmt::format("timeout_seconds {} must be in (0, 1e6]", timeout_seconds));
}

std::vector<std::string> process_group_backends() { return detail::c10d_backends(); }

std::shared_ptr<ProcessGroup> join_process_group(const ProcessGroupOptions& options) {
    options.validate();
    const auto known = process_group_backends();
    if (std::ranges::find(known, options.backend) == known.end())
        throw UnknownName(fmt::format("process group backend \"{}\" is not compiled in; there {} {}",
                                      options.backend, known.size() == 1 ? "is" : "are",
                                      known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
    return detail::make_c10d_group(options, meeting_place(options.rendezvous));
}

std::optional<ProcessGroupOptions> process_group_options_of_environment() {
    if (std::getenv("WORLD_SIZE") == nullptr) return std::nullopt;
    const char* host = std::getenv("MASTER_ADDR");
    if (host == nullptr) throw InvalidOption("WORLD_SIZE is set in the environment, but MASTER_ADDR is not");
    ProcessGroupOptions options;
    options.size = number_of_environment("WORLD_SIZE");
    options.rank = number_of_environment("RANK");
    options.rendezvous = fmt::format("tcp://{}:{}", host, number_of_environment("MASTER_PORT"));
    options.validate();
    return options;
}

}  // namespace attune

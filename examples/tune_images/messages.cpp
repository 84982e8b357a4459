#include "messages.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iostream>

#include "attune/analyse/progress_line.hpp"

Messages::Messages(bool quiet) : quiet_(quiet), terminal_(attune::is_terminal(2)) {}

void Messages::end_line() {
    if (open_line_) std::cerr << '\n';
    open_line_ = false;
}

void Messages::phase(const std::string& text) {
    note(fmt::format("[{}] {}", duration_text(seconds()), text));
}

void Messages::note(const std::string& text) {
    if (!quiet_) say(text);
}

void Messages::say(const std::string& text) {
    end_line();
    std::cerr << text << '\n';
}

void Messages::count(const std::string& what, std::int64_t done, std::int64_t total) {
    if (quiet_ || !terminal_) return;
    std::cerr << "\r\033[K" << what << ": " << done << " / " << total << std::flush;
    open_line_ = true;
    if (done == total) end_line();
}

void Messages::result(const std::string& text) {
    end_line();
    std::cout << text << std::endl;
}

double Messages::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

std::string duration_text(double seconds) {
    const auto whole = std::llround(seconds);
    if (whole < 60) return fmt::format("{}s", whole);
    if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
    return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

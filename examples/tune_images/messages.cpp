#include "messages.hpp"

#include <iostream>

#include "attune/analyse/progress_line.hpp"

Messages::Messages(bool quiet) : quiet_(quiet), terminal_(attune::is_terminal(2)) {}

void Messages::end_line() {
    if (open_line_) std::cerr << '\n';
    open_line_ = false;
}

void Messages::note(const std::string& text) {
    if (quiet_) return;
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

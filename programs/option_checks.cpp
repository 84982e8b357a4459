#include "option_checks.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "attune/metrics/number.hpp"
#include "attune/space/detail/nearest_name.hpp"

namespace attune::program {

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
    const auto check = [least, most](const std::string& text) -> std::string {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most)
            return {};
        const std::string range = most == std::numeric_limits<std::int64_t>::max()
                                      ? fmt::format("at least {}", least)
                                      : fmt::format("{} to {}", least, most);
        return fmt::format("'{}' must be a whole number, {}", text, range);
    };
    return CLI::Validator(check, "", "");
}

CLI::Validator finite_number() {
    const auto check = [](const std::string& text) -> std::string {
        const auto number = parse_number(text);
        if (number && std::isfinite(*number)) return {};
        return fmt::format("'{}' must be a finite number", text);
    };
    return CLI::Validator(check, "", "");
}

CLI::Validator one_of(std::vector<std::string> words) {
    const auto check = [words = std::move(words)](const std::string& text) -> std::string {
        std::string list;
        for (const std::string& word : words) {
            if (word == text) return {};
            list += (list.empty() ? "" : ", ") + word;
        }
        return fmt::format("'{}' is unknown; known: {}{}", text, list, detail::suggestion(text, words));
    };
    return CLI::Validator(check, "", "");
}

std::string suggestion_for(const CLI::App& app, const std::string& unknown) {
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    for (const CLI::App* subcommand : app.get_subcommands({})) known.push_back(subcommand->get_name());
    return detail::suggestion(unknown.substr(0, unknown.find('=')), known);
}

}  // namespace attune::program

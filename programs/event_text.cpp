#include "event_text.hpp"

#include <fmt/format.h>

#include <ctime>
#include <string>
#include <variant>

#include "text.hpp"

namespace attune::program {
namespace {

/// An event as a line for people; `attune export` has all of it.
struct EventText {
    std::string operator()(const event::Created& e) const {
        return "study '" + first_line(e.name) + "' created";
    }
    std::string operator()(const event::Enqueued& e) const {
        return "enqueued " + values_text(e.configuration);
    }
    std::string operator()(const event::Suggested& e) const {
        return fmt::format("trial {} begun{}: {}; {}", e.trial,
                           e.until ? " until step " + short_number(*e.until) : "",
                           values_text(e.configuration), first_line(e.reason));
    }
    std::string operator()(const event::Reported& e) const {
        return fmt::format("trial {} at step {}: {}", e.trial, short_number(e.step), metrics_text(e.metrics));
    }
    std::string operator()(const event::Decided& e) const {
        return fmt::format("trial {} at step {} shall {}: {}", e.trial, short_number(e.step),
                           to_string(e.decision), first_line(e.reason));
    }
    std::string operator()(const event::Interrupted& e) const {
        return fmt::format("trial {} cut off", e.trial);
    }
    std::string operator()(const event::Resumed& e) const {
        std::string text =
            fmt::format("trial {} gone on with{}", e.trial, e.from_start ? ", from its beginning" : "");
        if (e.until) text += " until step " + short_number(*e.until);
        return e.reason.empty() ? text : text + ": " + first_line(e.reason);
    }
    std::string operator()(const event::Finished& e) const {
        std::string text = fmt::format("trial {} {}", e.trial, to_string(e.state));
        if (!e.metrics.empty()) text += " " + metrics_text(e.metrics);
        return e.reason.empty() ? text : text + ": " + first_line(e.reason);
    }
    std::string operator()(const event::Attribute& e) const {
        const std::string owner = e.trial < 0 ? std::string("study") : fmt::format("trial {}", e.trial);
        return owner + " note " + first_line(e.key) + ": " + first_line(e.value);
    }
    std::string operator()(const event::Ended& e) const { return "run ended: " + first_line(e.reason); }
    std::string operator()(const event::SpaceChanged& e) const {
        std::string text = "space changed to: " + first_line(e.space.schema().names_text());
        if (!e.old_trials.empty())
            text += "; trials before are taken to have had " + values_text(e.old_trials);
        return text;
    }
};

}  // namespace

std::string local_time(double seconds) {
    const auto whole = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::localtime_r(&whole, &parts);
    char text[32] = "";
    (void)std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

std::string event_line(const Event& event) {
    return local_time(event.time_seconds) + " " + std::visit(EventText{}, event.body);
}

}  // namespace attune::program

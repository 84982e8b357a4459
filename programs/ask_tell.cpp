#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "ask_tell_session.hpp"
#include "commands.hpp"

namespace attune::program {
namespace {

int serve() {
    AskTellSession session;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const Json answer = session.answer(line);
        if (const std::string notice = session.take_notice(); !notice.empty())
            std::cerr << "attune: " << notice << '\n';
        std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
        if (!std::cout) return refused;  // nobody listens any more
    }
    return success;
}

}  // namespace

void add_ask_tell(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "ask-tell", "Tune a trainer in any language: one JSON request a line in, one answer a line out");
    command->footer(
        R"(Requests: create, ask, enqueue, report, tell, fail, best, trials, importance. A session:

  {"create": {"space": [{"name": "lr", "type": "continuous", "low": 1e-4, "high": 1, "scale": "log"}],
              "objectives": [{"metric": "loss", "direction": "minimize"}], "storage": "study.attune"}}   (on one line)
  {"ask": {}}
  {"report": {"trial": 0, "step": 1, "metrics": {"loss": 0.7}}}
  {"tell": {"trial": 0, "metrics": {"loss": 0.5}}}
  {"best": {}}

Anything wrong is answered by {"error": {"kind", "message"}}, and the session goes on. Without "storage" the study lives in
memory. The end of the input ends the program; trials without a result are asked for again by the next session.)");
    command->callback([&exit_code] { exit_code = serve(); });
}

}  // namespace attune::program

#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "ask_tell_session.hpp"
#include "commands.hpp"
#include "open_journal.hpp"

namespace attune::program {
namespace {

int serve() {
    AskTellSession session;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const Json answer = session.answer(line);
        tell(session.take_notice());
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

Anything wrong is answered by {"error": {"kind", "message"}}, changes nothing, and the session goes on. Without "storage" the
study lives in memory; "durability", "heartbeat_seconds" and "worker_name" of create are as attune tune's options. The end of the input ends the program; trials without a result are asked for again by the next session.
Without "strategy" and "stopping" they are gaussian_process and median after a tenth of the longest training, with several
objectives dominated ("stopping": "off" stops no trial); the answer to create names those in use. Of a study that exists,
members that create does not give are as they were (outcome_constraints, strategy, stopping, fixed, seed, duplicates).
With "outcome_constraints": ["latency_ms <= 20"] the best is one that keeps them; tell must then have these metrics.

Reports: the steps of a trial must not decrease, and a step may come again only with metrics that it does not have yet; other
reports are errors, and the trial stays open. One without the objective's metric is kept and not judged; one that is NaN counts
as worse than any number, so a policy may stop the trial. Where such a trial is to proceed, the answer has a "reason".
Results: tell takes the objective from the reports where its metrics lack it (the best report, or with several objectives the
last one); where the reports lack it too it is an error and the trial stays open. A result of NaN makes the trial failed.
Where another worker has gone on with the trial meanwhile, the answer to tell or fail has "late" with the reason: it counts nowhere.

Pauses: with "resumable": true in create, the answer to a report may be "pause", and the trial is paused then: keep what is needed
to go on with it, and ask on (a tell is answered by "paused": true and leaves it paused). An ask may then give it again, with
"resume": true; "until" is the step whose report will be answered by "pause" at the latest. Its next report takes the place of
earlier ones of that step and beyond, so a trainer that kept nothing may begin it anew.

Exit codes:
  0 the input has ended, whatever the answers were
  2 wrong arguments, or the answers can no longer be written)");
    command->callback([&exit_code] { exit_code = serve(); });
}

}  // namespace attune::program

// The main job: given labelled images and pretrained weights, tune how the network is fine-tuned, early-stop
// hopeless trials, and write the best model and a report. See --help.
#include <exception>
#include <iostream>
#include <optional>

#include "attune/error.hpp"
#include "attune/execute/signals.hpp"
#include "attune/finetune/study/keep_freed_memory.hpp"
#include "attune/finetune/study/wait_without_spinning.hpp"
#include "exit_code.hpp"
#include "inputs.hpp"
#include "job.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "study_folder.hpp"

namespace {

/// Cheap checks first, all of them; then pictures are decoded; the folder is made last.
int run(const Options& options, const StudyFolder& folder, Messages& messages,
        const std::stop_token& cancel) {
    Plan plan = options.draws_its_data() ? plan_drawn_inputs(options) : plan_inputs(options, messages);
    if (!options.check_only) folder.claim();
    folder.require_same(settings_known_before(options, plan.model, plan.identity));
    if (options.draws_its_data() && options.check_only) {
        messages.result(
            "the settings are good; images and backbone are made here, so there is nothing else to check");
        return success;
    }
    const Inputs inputs = options.draws_its_data() ? draw_inputs(options, folder, messages, cancel)
                                                   : load_inputs(std::move(plan), options, messages, cancel);
    return run_job(options, inputs, folder, messages, cancel);
}

}  // namespace

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    Options options;
    if (const auto code = parse_options(argc, argv, options)) return *code;
    Messages messages(options.quiet);
    attune::keep_freed_memory();
    attune::StopOnSignal stop;  // Ctrl-C or SIGTERM: trials end, the study stays; a second one ends at once
    std::optional<StudyFolder> folder;
    try {
        try {
            options.validate();
            folder.emplace(options.out);
            return run(options, *folder, messages, stop.token());
        } catch (const Interrupted&) {
        } catch (const attune::Error&) {
            // Work that is broken off says so by an exception of its own; the reason is the signal.
            if (!stop.token().stop_requested() || !folder) throw;
        }
        if (options.check_only)
            messages.say("interrupted; nothing was written");
        else
            folder->conclude_interrupted(messages);
        return interrupted;
    } catch (const std::exception& error) {
        messages.say(std::string("tune_images: ") + error.what());
    }
    return refused;
}

// The main job: given labelled images and pretrained weights, tune how the network is fine-tuned, early-stop
// hopeless trials, and write the best model and a report. See --help.
#include <filesystem>
#include <iostream>

#include "attune/error.hpp"
#include "attune/execute/signals.hpp"
#include "attune/finetune/study/keep_freed_memory.hpp"
#include "inputs.hpp"
#include "job.hpp"
#include "messages.hpp"
#include "options.hpp"

int main(int argc, char** argv) {
    Options options;
    if (const auto code = parse_options(argc, argv, options)) return *code;
    Messages messages(options.quiet);
    attune::keep_freed_memory();
    try {
        attune::StopOnSignal
            stop;  // Ctrl-C or SIGTERM: trials end, the study stays; a second one ends at once
        if (!options.data.empty() && !std::filesystem::exists(options.data))
            throw attune::FileError(options.data.string() + ": no such file or folder");
        if (!options.weights.empty() && !std::filesystem::exists(options.weights))
            throw attune::FileError(options.weights.string() + ": no such file");
        if (options.data.empty() && !options.weights.empty())
            throw attune::InvalidOption(
                "--weights is given without --data; the built-in images have their own backbone");
        std::filesystem::create_directories(options.out);
        const Inputs inputs =
            options.data.empty() ? make_inputs(options, messages) : read_inputs(options, messages);
        return run_job(options, inputs, messages, stop.token());
    } catch (const attune::Error& error) {
        std::cerr << "tune_images: " << error.what() << '\n';
    } catch (const std::exception& error) {
        std::cerr << "tune_images: " << error.what() << '\n';
    }
    return 1;
}

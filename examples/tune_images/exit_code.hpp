#pragma once

/// What the exit code says; the program `attune` uses the same.
enum ExitCode : int {
    success = 0,
    negative = 1,      ///< it ran, but no trial came to a value
    refused = 2,       ///< wrong arguments or input, or a fault of files; the message says which
    interrupted = 130  ///< by Ctrl-C or SIGTERM; the study is kept
};

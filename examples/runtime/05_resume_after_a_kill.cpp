// A study in a journal survives the death of its process. This program starts itself as a child, lets the
// child be killed in the middle of a trial, goes on, and shows that the trials are those of a study that was
// never interrupted.
#include <attune/runtime.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

extern char** environ;

namespace {

attune::Outcome tune(const std::filesystem::path& path, bool die) {
    attune::SearchSpace space;
    auto x = space.continuous("x", 0.0, 1.0);
    auto y = space.continuous("y", 0.0, 1.0);
    attune::Tuner tuner{space, attune::minimize("z"), attune::GaussianProcess{}, attune::Journal{path},
                        attune::TunerOptions{.seed = 7}};
    return tuner.run({.max_trials = 12}, [&](attune::Trial& trial) {
        if (die && trial.number() == 6)
            ::kill(::getpid(), SIGKILL);  // as a power cut would: no warning, no clean-up
        return (trial[x] - 0.3) * (trial[x] - 0.3) + (trial[y] - 0.6) * (trial[y] - 0.6);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const auto folder = std::filesystem::temp_directory_path() /
                        ("attune-example-" + std::to_string(argc > 2 ? std::atoi(argv[2]) : ::getpid()));
    std::filesystem::create_directories(folder);
    if (argc > 1 && std::strcmp(argv[1], "child") == 0)
        return tune(folder / "killed.attune", true).study().trials().empty() ? 1 : 0;

    const std::string parent = std::to_string(::getpid());
    char child_word[] = "child";
    char* arguments[] = {argv[0], child_word, const_cast<char*>(parent.c_str()), nullptr};
    pid_t child = 0;
    int status = 0;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, arguments, environ) != 0 ||
        ::waitpid(child, &status, 0) != child)
        return 1;
    std::printf("the child was killed by signal %d\n", WTERMSIG(status));

    const attune::Study resumed = tune(folder / "killed.attune", false).study();
    const attune::Study unbroken = tune(folder / "unbroken.attune", false).study();
    bool same = resumed.trials().size() == unbroken.trials().size();
    for (std::size_t i = 0; same && i < resumed.trials().size(); ++i)
        same = resumed.trials()[i].configuration == unbroken.trials()[i].configuration;
    std::printf("%zu trials, %s\n", resumed.trials().size(),
                same ? "the same as those of a study that was never interrupted" : "but they differ");
    std::filesystem::remove_all(folder);
    return same && WIFSIGNALED(status) ? 0 : 1;
}

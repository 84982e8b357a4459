// A host of runtime: a journal that is closed, opened again and gone on with.
#include <attune/runtime.hpp>

#include <cstdio>
#include <filesystem>

int main() {
    const auto path = std::filesystem::temp_directory_path() / "attune-package-test.attune";
    std::filesystem::remove(path);
    attune::SearchSpace space;
    auto x = space.continuous("x", 0.0, 1.0);
    std::size_t trials = 0;
    for (const int until : {3, 6}) {
        attune::Tuner tuner{space, attune::minimize("y"), attune::GaussianProcess{}, attune::Journal{path}};
        trials = tuner.run({.max_trials = until}, [&](attune::Trial& trial) { return trial[x]; })
                     .study()
                     .trials()
                     .size();
    }
    std::filesystem::remove(path);
    attune::Tuner evolving{space, attune::minimize("y"), attune::CmaEs{}};
    (void)evolving.run({.max_trials = 3}, [&](attune::Trial& trial) { return trial[x]; });
    std::printf("%zu trials, attune %s\n", trials, attune::version().c_str());
    return trials == 6 ? 0 : 1;
}

#pragma once

#include <attune/space/space.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace attune::replay_benchmark {

/// The surrogate of LCBench that YAHPO Gym published, as files of ours describe it: validation accuracy (in
/// percent) of any configuration at any epoch from 1 to 52 of any of its tasks. Thread-safe to read.
class LcbenchSurrogate {
  public:
    static constexpr int epochs = 52;
    /// Reads `<folder>/lcbench-surrogate.safetensors` and `.json`; throws FileError.
    explicit LcbenchSurrogate(const std::filesystem::path& folder);

    [[nodiscard]] const std::vector<std::string>& tasks() const { return tasks_; }
    /// The seven hyperparameters.
    [[nodiscard]] const SearchSpace& space() const { return space_; }
    /// Validation accuracy at epochs 1 to 52 of a configuration of space().
    [[nodiscard]] std::vector<double> curve(const std::string& task,
                                            const Configuration& configuration) const {
        return accuracies(task, configuration, 1, epochs);
    }
    /// The last of these.
    [[nodiscard]] double final_accuracy(const std::string& task, const Configuration& configuration) const {
        return accuracies(task, configuration, epochs, epochs).front();
    }

  private:
    [[nodiscard]] std::vector<double> accuracies(const std::string& task, const Configuration& configuration,
                                                 int first, int last) const;

    struct Parts;
    std::shared_ptr<const Parts> parts_;
    std::vector<std::string> tasks_;
    SearchSpace space_;
};

}  // namespace attune::replay_benchmark

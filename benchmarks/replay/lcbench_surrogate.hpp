#pragma once

#include <attune/space/configuration.hpp>
#include <filesystem>
#include <map>
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
    /// Names of the seven hyperparameters, in the order that curve() wants.
    [[nodiscard]] static const std::vector<std::string>& hyperparameters();
    /// Validation accuracy at epochs 1 to 52.
    [[nodiscard]] std::vector<double> curve(const std::string& task, const std::vector<double>& values) const;

  private:
    struct Parts;
    std::shared_ptr<const Parts> parts_;
    std::vector<std::string> tasks_;
};

}  // namespace attune::replay_benchmark

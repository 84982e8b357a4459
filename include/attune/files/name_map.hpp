#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// How one library's names of parameters become another's.
///
/// A rule is a pattern and what takes its place. In a pattern `{s}` (any single letter) stands for a whole
/// number of at most a million and a `*` at the end for whatever follows; in the replacement `{s}`, `{s+1}`,
/// `{2s}` and `{2s+1}` give numbers that depend on it, and `*` the same rest. The first rule that fits a name
/// counts.
class NameMap {
  public:
    struct Rule {
        std::string from;
        std::string to;
        int ones = 0;  ///< sizes of one appended to the tensor's shape; negative: taken off its end
    };

    /// Throws InvalidOption that names the rule where one is written wrongly.
    explicit NameMap(std::vector<Rule> rules);

    /// The name and the change of shape of the first rule that fits; nothing where none does.
    [[nodiscard]] std::optional<std::pair<std::string, int>> apply(std::string_view name) const;

    /// Whether a rule fits every name of `file`.
    [[nodiscard]] bool fits(const TensorFile& file) const;

    /// `file` with its names and shapes changed; names that no rule fits stay. Throws FileError where a shape
    /// does not end in the ones that are to be taken off.
    [[nodiscard]] TensorFile rename(TensorFile file) const;

  private:
    std::vector<Rule> rules_;
};

/// The map from the names that `library` ("timm", "torchvision-legacy") gives to the parameters of the zoo's
/// network `model`; nothing where there is none, as for ResNets, which timm names as torchvision does.
[[nodiscard]] std::optional<NameMap> name_map(std::string_view library, std::string_view model);

/// `file` with the zoo's names for `model`: by the first map of any library whose rules fit all of its names,
/// or as it is.
[[nodiscard]] TensorFile with_zoo_names(TensorFile file, std::string_view model);

}  // namespace attune

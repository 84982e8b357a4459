#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/strategy/study_model.hpp"
#include "attune/study/study.hpp"

namespace attune::detail {

/// What models of a study's objectives say, for the report: in words, and as curves for the drawings. Empty
/// where too few trials have a value to say anything.
class ReportModel {
  public:
    explicit ReportModel(const Study& study);

    [[nodiscard]] bool empty() const { return objectives_.empty(); }
    /// A list with an object an objective: slices through the best configuration, and a map over the two
    /// parameters that matter most there.
    [[nodiscard]] nlohmann::ordered_json data() const;
    /// The section in words; empty where there is nothing to say.
    [[nodiscard]] std::string html() const;

  private:
    struct Modelled {
        std::size_t objective = 0;
        StudyModel model;
        std::vector<BelievedBest> best;
        std::vector<StudyModel::Slice> slices;  ///< the one along which the value varies most comes first
    };

    [[nodiscard]] nlohmann::ordered_json map_of(const Modelled& modelled) const;
    [[nodiscard]] std::string words_of(const Modelled& modelled) const;
    [[nodiscard]] std::string region_of(const Modelled& modelled) const;
    [[nodiscard]] const Configuration& around(const Modelled& modelled) const;

    const Study& study_;
    std::vector<Modelled> objectives_;
};

}  // namespace attune::detail

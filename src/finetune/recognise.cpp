#include "attune/finetune/recognise.hpp"

#include <optional>
#include <utility>

#include "../files/name_maps.hpp"
#include "attune/files/name_map.hpp"
#include "attune/finetune/state_dict.hpp"

namespace attune {
namespace {

/// A map of some library that fits all names of the file, for a network that then looks like it.
std::optional<RecognisedWeights> under_other_names(const TensorFile& file, const ModelZoo& zoo) {
    for (const auto& known : detail::known_name_maps()) {
        const NameMap map(known.rules);
        if (!map.fits(file)) continue;
        RecognisedWeights found{{}, map.rename(file)};
        found.model = nearest_model(found.file, zoo);
        if (!found.model.empty()) return found;
    }
    return std::nullopt;
}

}  // namespace

RecognisedWeights recognise_weights(TensorFile file, std::string model, const ModelZoo& zoo) {
    if (model.empty()) model = nearest_model(file, zoo);
    if (!model.empty()) {
        auto renamed = with_zoo_names(std::move(file), model);
        return {std::move(model), std::move(renamed)};
    }
    if (auto found = under_other_names(file, zoo)) return std::move(*found);
    return {{}, std::move(file)};
}

}  // namespace attune

#include "known_weights.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "attune/error.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/files/weights.hpp"
#include "attune/finetune/recognise.hpp"

namespace {

using namespace attune;

/// Told from other files by its beginning and its key.
bool is_manifest(const std::filesystem::path& path) {
    constexpr std::uintmax_t most_bytes = std::uintmax_t{16} << 20;
    if (std::filesystem::file_size(path) > most_bytes) return false;
    std::ifstream stream(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string::npos && text[first] == '{' &&
           text.find("\"attune_weights\"") != std::string::npos;
}

const WeightsRecord& record_for(const WeightsManifest& manifest, const Options& options) {
    if (!options.model.empty()) return manifest.record(options.model);
    if (manifest.records().size() == 1) return manifest.records().front();
    throw InvalidOption(fmt::format("--weights '{}' lists {} files; --model must name the one that is wanted",
                                    options.weights.string(), manifest.records().size()));
}

KnownWeights recognised(TensorFile file, const std::string& model, std::string fingerprint) {
    auto known = recognise_weights(std::move(file), model);
    return {std::move(known.model), std::make_shared<const TensorFile>(std::move(known.file)),
            std::move(fingerprint), std::nullopt};
}

}  // namespace

KnownWeights read_known_weights(const Options& options) {
    if (!is_manifest(options.weights))
        return recognised(state_dict_of(read_weights(options.weights)), options.model,
                          fingerprint_file(options.weights));
    const auto manifest = WeightsManifest::read(options.weights);
    const WeightsRecord& record = record_for(manifest, options);
    auto known = recognised(manifest.load(record.path), options.model.empty() ? record.model : options.model,
                            "sha256:" + record.sha256);
    known.preprocessing = record.preprocessing;
    return known;
}

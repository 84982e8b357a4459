#include "attune/files/weights.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "attune/error.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/files/torch_file.hpp"
#include "byte_source.hpp"

namespace attune {
namespace {

constexpr std::array<const char*, 9> usual_names{"state_dict", "model_state_dict", "model_state", "model",
                                                 "net",        "network",          "module",      "weights",
                                                 "params"};
constexpr std::array<const char*, 2> unmistakable_names{"state_dict", "model_state_dict"};
constexpr std::array<const char*, 2> wrappers{"module.", "_orig_mod."};

std::set<std::string> nested_dictionaries(const TensorFile& file) {
    std::set<std::string> names;
    const auto found = file.metadata.find(nested_dictionaries_key);
    if (found == file.metadata.end()) {
        // A flat file does not tell dictionaries from modules: `model.` may well be the name of a layer.
        for (const char* name : unmistakable_names)
            if (std::any_of(file.tensors.begin(), file.tensors.end(), [&](const auto& entry) {
                    return entry.first.starts_with(std::string(name) + ".");
                }))
                names.insert(name);
        return names;
    }
    std::istringstream lines(found->second);
    for (std::string line; std::getline(lines, line);) names.insert(line);
    return names;
}

// Whether a nested dictionary stands between `root` and the tensor: then the tensor is not one of root's own
// entries.
bool is_direct(const std::string& tensor, const std::string& root,
               const std::set<std::string>& dictionaries) {
    if (!tensor.starts_with(root)) return false;
    return std::none_of(dictionaries.begin(), dictionaries.end(), [&](const std::string& name) {
        return name.size() + 1 > root.size() && name.starts_with(root) && tensor.starts_with(name + ".");
    });
}

std::vector<std::size_t> direct_tensors(const TensorFile& file, const std::string& root,
                                        const std::set<std::string>& dictionaries) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < file.tensors.size(); ++i)
        if (is_direct(file.tensors[i].first, root, dictionaries)) found.push_back(i);
    return found;
}

// The prefix of the dictionary that holds the network, going down through usual names.
std::string network_root(const TensorFile& file, const std::set<std::string>& dictionaries) {
    std::string root;
    for (bool deeper = true; deeper;) {
        deeper = false;
        if (!root.empty() && !direct_tensors(file, root, dictionaries).empty()) return root;
        for (const char* name : usual_names) {
            if (!dictionaries.contains(root + name)) continue;
            root += std::string(name) + ".";
            deeper = true;
            break;
        }
    }
    if (!direct_tensors(file, root, dictionaries).empty()) return root;
    std::vector<std::string> candidates;
    for (const std::string& name : dictionaries)
        if (!direct_tensors(file, name + ".", dictionaries).empty()) candidates.push_back(name);
    if (candidates.size() == 1) return candidates[0] + ".";
    std::string message = "a checkpoint holds no state dictionary under a usual name";
    for (std::size_t i = 0; i < candidates.size() && i < 8; ++i)
        message += (i == 0 ? "; it has tensors in " : ", ") + candidates[i];
    throw FileError(message);
}

void strip_wrappers(TensorFile& file) {
    const auto shared = [&](const std::string& prefix) {
        return std::all_of(file.tensors.begin(), file.tensors.end(), [&](const auto& entry) {
            return entry.first.starts_with(prefix) && entry.first.size() > prefix.size();
        });
    };
    for (bool again = !file.tensors.empty(); again;) {
        again = false;
        for (const std::string prefix : wrappers) {
            if (!shared(prefix)) continue;
            for (auto& [name, tensor] : file.tensors) name.erase(0, prefix.size());
            again = true;
        }
    }
}

}  // namespace

TensorFile read_weights(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    if (source.size() == 0) source.fail("is empty: a weights file is needed");
    const std::string start =
        source.text_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 9)));
    if (start.starts_with("PK\x03\x04") ||
        (start.starts_with("\x80") && (start.size() < 9 || start[8] != '{')))
        return read_torch_file(path);
    if (start.size() == 9 && start[8] == '{') return read_safetensors(path);
    if (source.size() > 262 && source.text_at(257, 5) == "ustar") return read_torch_file(path);
    source.fail(
        "is no weights file that is known: it begins neither as safetensors nor as a zip archive or pickle "
        "of torch.save");
}

TensorFile state_dict_of(TensorFile file) {
    if (file.tensors.empty()) throw FileError("a weights file holds no tensors");
    const std::set<std::string> dictionaries = nested_dictionaries(file);
    const std::string root = network_root(file, dictionaries);
    TensorFile network;
    for (const std::size_t index : direct_tensors(file, root, dictionaries)) {
        auto& [name, tensor] = file.tensors[index];
        network.tensors.emplace_back(name.substr(root.size()), std::move(tensor));
    }
    network.metadata = std::move(file.metadata);
    network.metadata.erase(nested_dictionaries_key);
    strip_wrappers(network);
    return network;
}

}  // namespace attune

#include "attune/files/weights.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "attune/error.hpp"
#include "attune/files/npy.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/files/sharded_safetensors.hpp"
#include "attune/files/torch_file.hpp"
#include "byte_source.hpp"
#include "json_index.hpp"

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

// For each tensor the innermost dictionary that holds it, "" for the top.
std::vector<std::string> owners_of(const TensorFile& file, const std::set<std::string>& dictionaries) {
    std::vector<std::string> owners;
    owners.reserve(file.tensors.size());
    for (const auto& entry : file.tensors) {
        std::string owner = entry.first;
        do {
            const std::size_t dot = owner.rfind('.');
            owner.resize(dot == std::string::npos ? 0 : dot);
        } while (!owner.empty() && !dictionaries.contains(owner));
        owners.push_back(std::move(owner));
    }
    return owners;
}

// The dictionary that holds the network, going down through usual names; "" for the top.
std::string network_root(const std::set<std::string>& holders, const std::set<std::string>& dictionaries) {
    std::string root;
    for (bool deeper = true; deeper;) {
        deeper = false;
        if (!root.empty() && holders.contains(root)) return root;
        for (const char* name : usual_names) {
            const std::string candidate = root.empty() ? name : root + "." + name;
            if (!dictionaries.contains(candidate)) continue;
            root = candidate;
            deeper = true;
            break;
        }
    }
    if (holders.contains("")) return "";
    if (holders.size() == 1) return *holders.begin();
    std::string message = "a checkpoint holds no state dictionary under a usual name; it has tensors in ";
    int listed = 0;
    for (const std::string& name : holders)
        if (++listed <= 8) message += (listed == 1 ? "" : ", ") + name;
    throw FileError(message + (listed > 8 ? " and others" : ""));
}

/// Whether the first entry of a zip archive is called something.npy; its name follows the header of 30 bytes.
bool holds_npy_first(const detail::ByteSource& source) {
    if (source.size() < 30) return false;
    const auto length = detail::little_endian(source.text_at(26, 2).data(), 2);
    return source.size() >= 30 + length &&
           source.text_at(30, static_cast<std::size_t>(length)).ends_with(".npy");
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

bool detail::is_json_object(const ByteSource& source) {
    const auto start =
        source.text_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 64)));
    const auto first = start.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || start[first] != '{') return false;
    const auto second = start.find_first_not_of(" \t\r\n", first + 1);
    return second != std::string::npos && (start[second] == '"' || start[second] == '}');
}

TensorFile read_weights(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    if (source.size() == 0) source.fail("is empty: a weights file is needed");
    const std::string start =
        source.text_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 9)));
    // An array of NumPy, or a zip archive whose first entry is one.
    if (start.starts_with("\x93NUMPY")) return read_npy(path);
    if (start.starts_with("PK\x03\x04") && holds_npy_first(source)) return read_npz(path);
    if (detail::is_json_object(source)) return read_sharded_safetensors(path);
    // The ninth byte is a compression method in a zip archive and part of the signature in a pickle, never a
    // brace.
    if (start.size() == 9 && start[8] == '{') return read_safetensors(path);
    if (start.starts_with("PK\x03\x04") || start.starts_with("\x80")) return read_torch_file(path);
    if (source.size() > 262 && source.text_at(257, 5) == "ustar") return read_torch_file(path);
    source.fail(
        "is no weights file that is known: it begins neither as safetensors or an index of such files, nor "
        "as a zip archive or pickle of torch.save, nor as NumPy's arrays");
}

TensorFile state_dict_of(TensorFile file) {
    if (file.tensors.empty()) throw FileError("a weights file holds no tensors");
    const std::set<std::string> dictionaries = nested_dictionaries(file);
    const std::vector<std::string> owners = owners_of(file, dictionaries);
    const std::string root = network_root({owners.begin(), owners.end()}, dictionaries);
    TensorFile network;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (owners[i] != root) continue;
        auto& [name, tensor] = file.tensors[i];
        network.tensors.emplace_back(root.empty() ? name : name.substr(root.size() + 1), std::move(tensor));
    }
    network.metadata = std::move(file.metadata);
    network.metadata.erase(nested_dictionaries_key);
    strip_wrappers(network);
    return network;
}

}  // namespace attune

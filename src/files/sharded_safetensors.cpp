#include "attune/files/sharded_safetensors.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "attune/error.hpp"
#include "attune/files/safetensors.hpp"
#include "byte_source.hpp"

namespace attune {
namespace {

using nlohmann::json;

constexpr std::uint64_t max_index_bytes = std::uint64_t{64} << 20;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& message) {
    throw FileError(path.string() + ": " + message);
}

/// A name in the same folder: no path that leads anywhere else.
bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\\') == std::string::npos && name.find('\0') == std::string::npos;
}

struct Index {
    std::map<std::string, std::set<std::string>> tensors_of_file;
    std::map<std::string, std::string> metadata;
};

Index read_index(const std::filesystem::path& path) {
    // Nesting is bounded before anything is built.
    int depth = 0;
    const auto shallow = [&](int, json::parse_event_t event, json&) {
        if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
            if (++depth > 16) fail(path, "is no index of safetensors: it is nested deeper than 16");
        } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
            --depth;
        }
        return true;
    };
    const auto text = detail::read_whole_file(path, max_index_bytes);
    const auto document = json::parse(text, shallow, /*allow_exceptions=*/false);
    if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object())
        fail(path, "is no index of safetensors: it must be a JSON object with an object weight_map");
    Index index;
    for (const auto& [name, file] : document["weight_map"].items()) {
        if (!file.is_string() || !is_plain_name(file.get<std::string>()))
            fail(path,
                 "gives for the tensor \"" + name.substr(0, 200) + "\" no name of a file in its own folder");
        index.tensors_of_file[file.get<std::string>()].insert(name);
    }
    const auto metadata = document.value("metadata", json::object());
    for (const auto& [key, value] : metadata.items())
        if (value.is_primitive())
            index.metadata[key] = value.is_string() ? value.get<std::string>() : value.dump();
    return index;
}

}  // namespace

std::vector<std::string> shards_of_index(const std::filesystem::path& path) {
    std::vector<std::string> names;
    for (const auto& [name, tensors] : read_index(path).tensors_of_file) names.push_back(name);
    return names;
}

TensorFile read_sharded_safetensors(const std::filesystem::path& path) {
    auto index = read_index(path);
    TensorFile result;
    for (auto& [name, tensors] : index.tensors_of_file) {
        auto shard = read_safetensors(path.parent_path() / name);
        for (auto& [tensor, data] : shard.tensors) {
            if (tensors.erase(tensor) == 0)
                fail(path,
                     "does not name the tensor \"" + tensor.substr(0, 200) + "\" that " + name + " holds");
            result.tensors.emplace_back(tensor, std::move(data));
        }
        if (!tensors.empty())
            fail(path, "names the tensor \"" + tensors.begin()->substr(0, 200) + "\" in " + name +
                           ", which does not hold it");
        result.metadata.merge(shard.metadata);
    }
    for (auto& [key, value] : index.metadata) result.metadata[key] = std::move(value);
    return result;
}

}  // namespace attune

#include "attune/files/weights_manifest.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/files/name_map.hpp"
#include "attune/files/sha256.hpp"
#include "attune/files/sharded_safetensors.hpp"
#include "attune/files/weights.hpp"
#include "byte_source.hpp"
#include "json_index.hpp"

namespace attune {
namespace {

using nlohmann::json;

constexpr std::uint64_t max_manifest_bytes = std::uint64_t{16} << 20;
constexpr std::int64_t version = 1;

/// What is wrong with a manifest: the end of a sentence that begins with its path.
[[noreturn]] void refuse(const std::string& where, const std::string& rule) {
    throw FileError(where + ": " + rule);
}

bool stays_below(const std::string& path) {
    const std::filesystem::path given(path);
    return !path.empty() && given.is_relative() && path.find('\0') == std::string::npos &&
           std::none_of(given.begin(), given.end(), [](const auto& part) { return part == ".."; });
}

bool is_sha256(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The keys of one object, each of which has to be taken.
class Fields {
  public:
    Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
        if (!object.is_object()) refuse(where_, "is no object");
        for (const auto& [key, value] : object.items()) left_.insert(key);
    }

    /// Leaves `value` as it is where an optional key is missing.
    template <typename T>
    void take(const char* key, T& value, bool required = false) {
        left_.erase(key);
        const auto found = object_.find(key);
        if (found == object_.end()) {
            if (required) refuse(where_, std::string("lacks the key ") + key);
            return;
        }
        if (!fits(*found, value))
            refuse(where_, std::string("has for ") + key + " the value " + found->dump().substr(0, 80) +
                               ", which is of another kind or out of range");
    }

    void finish() const {
        if (!left_.empty()) refuse(where_, "has the unknown key " + left_.begin()->substr(0, 80));
    }

    [[nodiscard]] const json* object(const char* key) {
        left_.erase(key);
        const auto found = object_.find(key);
        return found == object_.end() ? nullptr : &*found;
    }

  private:
    static bool fits(const json& given, std::string& value) {
        if (!given.is_string()) return false;
        value = given.get<std::string>();
        return true;
    }
    static bool fits(const json& given, std::uint64_t& value) {
        if (!given.is_number_unsigned()) return false;
        value = given.get<std::uint64_t>();
        return true;
    }
    static bool fits(const json& given, std::int64_t& value) {
        if (!given.is_number_unsigned() || given.get<std::uint64_t>() < 1 ||
            given.get<std::uint64_t>() > 1'000'000)
            return false;
        value = given.get<std::int64_t>();
        return true;
    }
    static bool fits(const json& given, std::array<double, 3>& value) {
        if (!given.is_array() || given.size() != value.size()) return false;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (!given[i].is_number() || !std::isfinite(given[i].get<double>())) return false;
            value[i] = given[i].get<double>();
        }
        return true;
    }

    const json& object_;
    std::string where_;
    std::set<std::string> left_;
};

WeightsShard shard_of(const json& object, const std::string& where) {
    WeightsShard shard;
    Fields fields(object, where);
    fields.take("name", shard.name, true);
    fields.take("sha256", shard.sha256, true);
    fields.take("bytes", shard.bytes, true);
    fields.finish();
    return shard;
}

WeightsRecord record_of(const json& object, const std::string& where) {
    WeightsRecord record;
    Fields fields(object, where);
    fields.take("path", record.path, true);
    fields.take("sha256", record.sha256, true);
    fields.take("bytes", record.bytes, true);
    fields.take("licence", record.licence, true);
    fields.take("source", record.source, true);
    fields.take("model", record.model);
    fields.take("names", record.names);
    if (const auto* inner = fields.object("preprocessing")) {
        auto& p = record.preprocessing.emplace();
        Fields parts(*inner, where + ", preprocessing");
        parts.take("image_size", p.image_size);
        parts.take("resize_size", p.resize_size);
        parts.take("interpolation", p.interpolation);
        parts.take("mean", p.mean);
        parts.take("std", p.std);
        parts.finish();
    }
    if (const auto* shards = fields.object("shards")) {
        if (!shards->is_array()) refuse(where, "has shards that are no list");
        for (const auto& shard : *shards)
            record.shards.push_back(
                shard_of(shard, where + ", shard " + std::to_string(record.shards.size() + 1)));
    }
    fields.finish();
    return record;
}

json to_json(const WeightsRecord& record) {
    json object{{"path", record.path},
                {"sha256", record.sha256},
                {"bytes", record.bytes},
                {"licence", record.licence},
                {"source", record.source}};
    if (const auto& p = record.preprocessing)
        object["preprocessing"] = {{"image_size", p->image_size},
                                   {"resize_size", p->resize_size},
                                   {"interpolation", p->interpolation},
                                   {"mean", p->mean},
                                   {"std", p->std}};
    if (!record.model.empty()) object["model"] = record.model;
    if (!record.names.empty()) object["names"] = record.names;
    for (const auto& shard : record.shards)
        object["shards"].push_back({{"name", shard.name}, {"sha256", shard.sha256}, {"bytes", shard.bytes}});
    return object;
}

void check_sha256(const std::string& text, const std::string& entry) {
    if (!is_sha256(text))
        refuse(entry, "has the SHA-256 '" + text.substr(0, 80) +
                          "'; 64 hexadecimal digits in lower case are needed");
}

void verify_file(const std::filesystem::path& path, std::uint64_t recorded_bytes,
                 const std::string& recorded) {
    const auto bytes = detail::ByteSource(path).size();
    if (bytes != recorded_bytes)
        refuse(path.string(), "has " + std::to_string(bytes) + " bytes; its manifest says " +
                                  std::to_string(recorded_bytes));
    const auto hash = sha256_of_file(path);
    if (hash != recorded)
        refuse(path.string(), "has the SHA-256 " + hash + "; its manifest says " + recorded);
}

/// The file with the zoo's names, where the record says that it has another library's.
TensorFile with_names_of(const WeightsRecord& record, TensorFile file, const std::string& path) {
    if (record.names.empty()) return file;
    const auto map = name_map(record.names, record.model);
    if (!map)
        refuse(path, "has names of '" + record.names.substr(0, 80) +
                         "' by its manifest, for which there is no "
                         "map to the model '" +
                         record.model.substr(0, 80) + "'");
    if (!map->fits(file))
        refuse(path, "has entries that are no names of '" + record.names + "' for the model '" +
                         record.model + "', as its manifest says");
    return map->rename(std::move(file));
}

void check(const std::vector<WeightsRecord>& records, const std::string& where) {
    std::set<std::string> paths;
    for (const auto& record : records) {
        const auto entry = where + ": the file '" + record.path.substr(0, 200) + "'";
        if (!stays_below(record.path)) refuse(entry, "is no path below the manifest's folder");
        if (!paths.insert(record.path).second) refuse(entry, "is listed twice");
        check_sha256(record.sha256, entry);
        for (const auto& shard : record.shards) check_sha256(shard.sha256, entry + ", a shard");
        for (const double deviation : record.preprocessing.value_or(WeightsPreprocessing{}).std)
            if (!(deviation > 0)) refuse(entry, "has a std that is not above 0");
    }
}

}  // namespace

WeightsManifest WeightsManifest::read(const std::filesystem::path& path) {
    int depth = 0;
    const auto shallow = [&](int, json::parse_event_t event, json&) {
        if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
            if (++depth > 16) refuse(path.string(), "is nested deeper than 16");
        } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
            --depth;
        }
        return true;
    };
    const auto document = json::parse(detail::read_whole_file(path, max_manifest_bytes), shallow, false);
    if (document.is_discarded()) refuse(path.string(), "is no valid JSON");
    Fields fields(document, path.string());
    std::int64_t given = 0;
    fields.take("attune_weights", given, true);
    if (given != version)
        refuse(path.string(), "has version " + std::to_string(given) + " of the format; 1 is read");
    const auto* files = fields.object("files");
    fields.finish();
    if (files == nullptr || !files->is_array()) refuse(path.string(), "lacks a list called files");
    std::vector<WeightsRecord> records;
    for (const auto& object : *files)
        records.push_back(record_of(object, path.string() + ": entry " + std::to_string(records.size() + 1)));
    check(records, path.string());
    return {path.parent_path(), std::move(records)};
}

WeightsManifest::WeightsManifest(std::filesystem::path folder, std::vector<WeightsRecord> records)
    : folder_(std::move(folder)), records_(std::move(records)) {
    check(records_, folder_.string());
}

const WeightsRecord& WeightsManifest::record(std::string_view path_or_model) const {
    for (const auto& record : records_)
        if (record.path == path_or_model) return record;
    const WeightsRecord* found = nullptr;
    bool several = false;
    std::string known;
    for (const auto& record : records_) {
        known += (known.empty() ? "" : ", ") + record.path;
        if (!record.model.empty()) known += " (" + record.model + ")";
        if (record.model != path_or_model || path_or_model.empty()) continue;
        several = found != nullptr;
        found = &record;
    }
    if (found != nullptr && !several) return *found;
    throw UnknownName("the manifest of " + folder_.string() + " has " +
                      (several ? "several files" : "no file") + " for '" + std::string(path_or_model) +
                      "'; it lists " + (known.empty() ? "none" : known));
}

std::filesystem::path WeightsManifest::file_of(const WeightsRecord& record) const {
    return folder_ / record.path;
}

void WeightsManifest::verify(const WeightsRecord& record) const {
    const auto path = file_of(record);
    verify_file(path, record.bytes, record.sha256);
    if (!detail::is_json_object(detail::ByteSource(path))) return;
    for (const auto& name : shards_of_index(path)) {
        const auto found = std::ranges::find(record.shards, name, &WeightsShard::name);
        if (found == record.shards.end())
            refuse(path.string(), "names the file '" + name.substr(0, 200) + "', which its manifest lacks");
        verify_file(path.parent_path() / name, found->bytes, found->sha256);
    }
}

TensorFile WeightsManifest::load(std::string_view path_or_model) const {
    const auto& found = record(path_or_model);
    verify(found);
    const auto path = file_of(found);
    return with_names_of(found, state_dict_of(read_weights(path)), path.string());
}

void WeightsManifest::write(const std::string& name) const {
    auto files = json::array();
    for (const auto& record : records_) files.push_back(to_json(record));
    try {
        write_file_atomically(folder_ / name,
                              std::string_view(json{{"attune_weights", version}, {"files", files}}.dump(2)));
    } catch (const json::exception&) {
        refuse((folder_ / name).string(), "cannot be written: a text of a record is not UTF-8");
    }
}

WeightsRecord describe_weights(const std::filesystem::path& folder, const std::string& path) {
    WeightsRecord record;
    record.path = path;
    record.bytes = detail::ByteSource(folder / path).size();
    record.sha256 = sha256_of_file(folder / path);
    if (!detail::is_json_object(detail::ByteSource(folder / path))) return record;
    const auto place = (folder / path).parent_path();
    for (const auto& name : shards_of_index(folder / path))
        record.shards.push_back(
            {name, sha256_of_file(place / name), detail::ByteSource(place / name).size()});
    return record;
}

}  // namespace attune

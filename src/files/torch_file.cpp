#include "attune/files/torch_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <memory>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"
#include "pickle.hpp"
#include "pickle_flatten.hpp"
#include "zip_archive.hpp"

static_assert(std::endian::native == std::endian::little,
              "weight files are little-endian and copied as they are");

namespace attune {
namespace {

using detail::ByteSource;
using detail::PickleGraph;
using detail::PickleStorage;
using detail::PickleTensor;

// The signature that torch.save puts before the older format: the integer 0x1950a86a20f9469cfc6c,
// little-endian.
constexpr std::array<unsigned char, 10> magic_bytes{0x6C, 0xFC, 0x9C, 0x46, 0xF9,
                                                    0x20, 0x6A, 0xA8, 0x50, 0x19};
constexpr std::int64_t legacy_protocol = 1001;

/// The most that all tensors of a file may take: an expanded view of a few bytes can claim any size.
std::uint64_t budget_of(const ByteSource& source) {
    constexpr std::uint64_t slack = std::uint64_t{64} << 20;
    return source.size() > (std::numeric_limits<std::uint64_t>::max() - slack) / 8
               ? source.size()
               : 8 * source.size() + slack;
}

/// Where the bytes of storages come from.
class Storages {
  public:
    virtual ~Storages() = default;
    [[nodiscard]] virtual std::vector<std::byte> load(const PickleStorage& storage) const = 0;
};

std::uint64_t bytes_of(const PickleStorage& storage) {
    return static_cast<std::uint64_t>(storage.numel) * size_of(storage.dtype);
}

// ---- copying views

bool is_contiguous(const PickleTensor& tensor) {
    std::int64_t expected = 1;
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
        if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
        expected *= tensor.shape[i];
    }
    return true;
}

// Steps through all indices but the last, which runs in the inner loop.
void copy_strided(const PickleTensor& tensor, const std::byte* from, std::vector<std::byte>& to) {
    const std::size_t width = size_of(tensor.dtype);
    const std::size_t inner = tensor.shape.size() - 1;
    const std::int64_t inner_step = tensor.strides[inner] * static_cast<std::int64_t>(width);
    std::vector<std::int64_t> index(inner, 0);
    for (std::size_t written = 0; written < to.size();) {
        std::int64_t element = 0;
        for (std::size_t i = 0; i < inner; ++i) element += index[i] * tensor.strides[i];
        const std::byte* row = from + element * static_cast<std::int64_t>(width);
        for (std::int64_t i = 0; i < tensor.shape[inner]; ++i, written += width)
            std::memcpy(to.data() + written, row + i * inner_step, width);
        for (std::size_t i = inner; i-- > 0;) {
            if (++index[i] < tensor.shape[i]) break;
            index[i] = 0;
        }
    }
}

TensorData contiguous_copy(const PickleTensor& tensor, const std::vector<std::byte>& storage) {
    TensorData copy{tensor.dtype, tensor.shape, {}};
    copy.bytes.resize(static_cast<std::size_t>(copy.numel()) * size_of(tensor.dtype));
    if (copy.bytes.empty()) return copy;
    const std::byte* from = storage.data() + tensor.offset_bytes;
    if (is_contiguous(tensor))
        std::memcpy(copy.bytes.data(), from, copy.bytes.size());
    else
        copy_strided(tensor, from, copy.bytes);
    return copy;
}

void check_budget(const ByteSource& source, const detail::FlatPickle& flat) {
    const std::uint64_t budget = budget_of(source);
    std::uint64_t left = budget;
    for (const auto& [name, tensor] : flat.tensors) {
        std::uint64_t bytes = 0;
        const auto count = detail::checked_numel(tensor->shape);
        if (!count ||
            __builtin_mul_overflow(static_cast<std::uint64_t>(*count), size_of(tensor->dtype), &bytes) ||
            bytes > left)
            source.fail("has a tensor " + name.substr(0, 200) + " of shape " +
                        detail::shape_text(tensor->shape) + " that makes its tensors larger than " +
                        detail::counted(budget, "byte") + " together, the limit for a file of " +
                        detail::counted(source.size(), "byte"));
        left -= bytes;
    }
}

TensorFile assemble(const ByteSource& source, const PickleGraph& graph, const Storages& storages) {
    const detail::FlatPickle flat = detail::flatten(graph);
    check_budget(source, flat);
    // One storage in memory at a time, each read once however many tensors share it.
    std::map<std::string, std::vector<std::size_t>> users;
    for (std::size_t i = 0; i < flat.tensors.size(); ++i)
        users[std::get<PickleStorage>(graph.at(flat.tensors[i].second->storage)).key].push_back(i);
    TensorFile file;
    file.tensors.resize(flat.tensors.size());
    for (const auto& [key, indices] : users) {
        const auto& first = std::get<PickleStorage>(graph.at(flat.tensors[indices[0]].second->storage));
        const std::vector<std::byte> bytes = storages.load(first);
        for (const std::size_t i : indices) {
            const PickleTensor& tensor = *flat.tensors[i].second;
            if (bytes_of(std::get<PickleStorage>(graph.at(tensor.storage))) != bytes.size())
                source.fail("has a storage with the key '" + key + "' of " +
                            detail::counted(bytes.size(), "byte") + " that tensor " +
                            flat.tensors[i].first.substr(0, 200) + " takes for another size");
            file.tensors[i] = {flat.tensors[i].first, contiguous_copy(tensor, bytes)};
        }
    }
    file.metadata = flat.metadata;
    std::string dictionaries;
    for (const std::string& name : flat.dictionaries)
        dictionaries += (dictionaries.empty() ? "" : "\n") + name;
    if (!dictionaries.empty()) file.metadata[nested_dictionaries_key] = dictionaries;
    return file;
}

// ---- zip archives

class ZipStorages : public Storages {
  public:
    ZipStorages(const ByteSource& source, const detail::ZipArchive& archive, std::string top)
        : source_(source), archive_(archive), top_(std::move(top)) {}

    [[nodiscard]] std::vector<std::byte> load(const PickleStorage& storage) const override {
        const std::string name = top_ + "/data/" + storage.key;
        const detail::ZipEntry* entry = archive_.find(name);
        if (entry == nullptr && storage.numel == 0) return {};
        if (entry == nullptr) source_.fail("lacks the zip entry " + name + " that its tensors need");
        if (entry->size != bytes_of(storage) || entry->size > budget_of(source_))
            source_.fail("has a zip entry " + name + " of " + detail::counted(entry->size, "byte") +
                         " for a storage of " + std::to_string(bytes_of(storage)));
        return archive_.read(name, *entry);
    }

  private:
    const ByteSource& source_;
    const detail::ZipArchive& archive_;
    std::string top_;
};

std::string top_folder(const ByteSource& source, const detail::ZipArchive& archive) {
    const std::string pickle = "/data.pkl";
    std::string top;
    for (const auto& [name, entry] : archive.entries()) {
        if (!name.ends_with(pickle) || name.find('/') != name.size() - pickle.size()) continue;
        if (!top.empty()) source.fail("is a zip archive with more than one data.pkl");
        top = name.substr(0, name.size() - pickle.size());
    }
    if (top.empty()) source.fail("is a zip archive without a data.pkl: not a file of torch.save");
    for (const auto& [name, entry] : archive.entries())
        if (name == top + "/constants.pkl" || name.starts_with(top + "/code/"))
            source.fail(
                "is a TorchScript archive (torch.jit.save or C++ torch::save), which holds code; save the "
                "state_dict() with torch.save or as safetensors");
    return top;
}

std::string entry_text(const ByteSource& source, const detail::ZipArchive& archive, const std::string& name) {
    const detail::ZipEntry* entry = archive.find(name);
    if (entry == nullptr) return {};
    if (entry->size > budget_of(source))
        source.fail("has a zip entry " + name + " of " + detail::counted(entry->size, "byte"));
    const std::vector<std::byte> bytes = archive.read(name, *entry);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TensorFile read_zip(const ByteSource& source) {
    const detail::ZipArchive archive(source);
    const std::string top = top_folder(source, archive);
    if (const std::string order = entry_text(source, archive, top + "/byteorder");
        !order.empty() && order != "little")
        source.fail("has the byte order " + order.substr(0, 20) + ", only little is read");
    const std::string pickle = entry_text(source, archive, top + "/data.pkl");
    detail::PickleInput input(0, pickle.size(), [&](std::uint64_t offset, std::span<std::byte> out) {
        std::memcpy(out.data(), pickle.data() + offset, out.size());
    });
    const PickleGraph graph = detail::read_pickle(input);
    return assemble(source, graph, ZipStorages(source, archive, top));
}

// ---- the older stream: five pickles (signature, version, system, object, storage keys), then the storages

class StreamStorages : public Storages {
  public:
    StreamStorages(const ByteSource& source, const PickleGraph& graph, const PickleGraph& keys,
                   std::uint64_t begin)
        : source_(source) {
        std::map<std::string, const PickleStorage*> described;
        for (const detail::PickleValue& value : graph.values)
            if (const auto* storage = std::get_if<PickleStorage>(&value))
                described.emplace(storage->key, storage);
        const auto* list = std::get_if<detail::PickleList>(&keys.at(keys.root));
        if (list == nullptr) source_.fail("has no list of storages after its pickle");
        for (const detail::PickleRef ref : list->items) {
            const auto* key = std::get_if<detail::PickleText>(&keys.at(ref));
            const auto found = key == nullptr ? described.end() : described.find(key->text);
            if (found == described.end()) source_.fail("lists a storage that its pickle does not describe");
            begin = add(*found->second, begin);
        }
    }

    [[nodiscard]] std::vector<std::byte> load(const PickleStorage& storage) const override {
        const auto found = offsets_.find(storage.key);
        if (found == offsets_.end())
            source_.fail("lacks the storage with the key '" + storage.key + "' that its tensors need");
        if (found->second.second != bytes_of(storage))
            source_.fail("describes its storage with the key '" + storage.key + "' in two ways");
        std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(storage)));
        source_.read_at(found->second.first, bytes);
        return bytes;
    }

  private:
    std::uint64_t add(const PickleStorage& storage, std::uint64_t begin) {
        const std::uint64_t numel = detail::little_endian(source_.text_at(begin, 8).data(), 8);
        if (numel != static_cast<std::uint64_t>(storage.numel))
            source_.fail("has a storage with the key '" + storage.key + "' of " +
                         detail::counted(numel, "element") + " where " + std::to_string(storage.numel) +
                         " are described");
        begin += 8;
        if (bytes_of(storage) > source_.size() - begin)
            source_.fail("is truncated: its storage with the key '" + storage.key + "' of " +
                         detail::counted(bytes_of(storage), "byte") + " begins at byte " +
                         std::to_string(begin) + " of " + std::to_string(source_.size()));
        if (!offsets_.emplace(storage.key, std::pair(begin, bytes_of(storage))).second)
            source_.fail("lists the storage with the key '" + storage.key + "' twice");
        return begin + bytes_of(storage);
    }

    const ByteSource& source_;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> offsets_;
};

bool is_signature(const PickleGraph& graph) {
    const auto* huge = std::get_if<detail::PickleBigInteger>(&graph.at(graph.root));
    return huge != nullptr && huge->bytes.size() == magic_bytes.size() &&
           std::memcmp(huge->bytes.data(), magic_bytes.data(), magic_bytes.size()) == 0;
}

void check_system(const ByteSource& source, const PickleGraph& graph) {
    const auto* system = std::get_if<detail::PickleDictionary>(&graph.at(graph.root));
    if (system == nullptr) source.fail("has no description of the system that wrote it");
    for (std::size_t i = 0; i + 1 < system->items.size(); i += 2) {
        const auto* key = std::get_if<detail::PickleText>(&graph.at(system->items[i]));
        const auto* value = std::get_if<bool>(&graph.at(system->items[i + 1]));
        if (key != nullptr && key->text == "little_endian" && (value == nullptr || !*value))
            source.fail("was written on a big-endian machine, only little-endian files are read");
    }
}

TensorFile read_stream(const ByteSource& source) {
    detail::PickleInput input(0, source.size(), [&](std::uint64_t offset, std::span<std::byte> out) {
        source.read_at(offset, out);
    });
    if (!is_signature(detail::read_pickle(input))) source.fail("is a pickle, but not one of torch.save");
    const PickleGraph version = detail::read_pickle(input);
    const auto* number = std::get_if<std::int64_t>(&version.at(version.root));
    if (number == nullptr || *number != legacy_protocol)
        source.fail("has an unknown version of torch.save's older format");
    check_system(source, detail::read_pickle(input));
    const PickleGraph graph = detail::read_pickle(input);
    const PickleGraph keys = detail::read_pickle(input);
    return assemble(source, graph, StreamStorages(source, graph, keys, input.position()));
}

}  // namespace

TensorFile read_torch_file(const std::filesystem::path& path) {
    const ByteSource source(path);
    const std::string start =
        source.text_at(0, static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), 4)));
    try {
        if (start == "PK\x03\x04") return read_zip(source);
        if (start.starts_with("\x80")) return read_stream(source);
    } catch (const detail::PickleProblem& problem) {
        source.fail(problem.what());
    }
    if (source.size() > 262 && source.text_at(257, 5) == "ustar")
        source.fail(
            "is a tar archive of a torch older than 0.2, which is not read; save it again with a newer "
            "torch");
    source.fail("is no file of torch.save: it begins neither as a zip archive nor as a pickle");
}

}  // namespace attune

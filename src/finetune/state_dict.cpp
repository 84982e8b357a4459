#include "attune/finetune/state_dict.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "attune/error.hpp"
#include "attune/files/safetensors.hpp"

namespace attune {
namespace {

/// Names of a list that a message spells out; the rest are counted.
constexpr std::size_t names_shown = 4;

bool begins_with_any(std::string_view name, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

bool is_batch_counter(std::string_view name) {
    return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

/// Indices and coordinates that networks of windows compute for themselves; not every library saves them.
bool is_computed(std::string_view name) {
    return name.ends_with(".relative_position_index") || name.ends_with(".relative_coords_table");
}

/// Entries that are whole numbers in every file, whatever the module's type.
bool is_whole(std::string_view name) {
    return is_batch_counter(name) || name.ends_with(".relative_position_index");
}

bool is_real(DType dtype) {
    return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

std::string renamed(const std::string& name, const LoadOptions& options) {
    for (const auto& [from, to] : options.rename)
        if (name.starts_with(from)) return to + name.substr(from.size());
    return name;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Counters of batches tell least: they come last.
std::string names_text(std::vector<std::string> names) {
    std::stable_partition(names.begin(), names.end(),
                          [](const std::string& name) { return !is_batch_counter(name); });
    const auto shown = std::min(names.size(), names_shown);
    std::string text =
        fmt::format("{} ({}", names.size(),
                    fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    return text + (shown < names.size() ? ", ...)" : ")");
}

std::string mismatch_text(const StateMismatch& mismatch) {
    if (mismatch.file_shape == mismatch.module_shape)
        return fmt::format("{}: {} in the file, a real number in the network", mismatch.name,
                           to_string(mismatch.file_dtype));
    return fmt::format("{}: {} in the file, {} in the network", mismatch.name,
                       shape_text(mismatch.file_shape), shape_text(mismatch.module_shape));
}

std::string mismatches_text(const std::vector<StateMismatch>& mismatches) {
    std::vector<std::string> texts;
    for (const auto& mismatch : mismatches) texts.push_back(mismatch_text(mismatch));
    return names_text(texts);
}

/// Whether an entry is the layer's own, also behind a prefix such as "module.".
bool is_of_layer(std::string_view name, std::string_view layer) {
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos || !name.substr(0, dot).ends_with(layer)) return false;
    return dot == layer.size() || name[dot - layer.size() - 1] == '.';
}

std::string head_text(const NewHead& head) {
    std::string text = fmt::format("new head for {} class{}", head.classes, head.classes == 1 ? "" : "es");
    if (!head.file_classes) return text + " (the file has none)";
    if (*head.file_classes != head.classes)
        text += fmt::format(" (the file's is for {})", *head.file_classes);
    return text;
}

torch::ScalarType storage_type(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return torch::kBool;
        case DType::u8:
            return torch::kUInt8;
        case DType::i8:
            return torch::kInt8;
        case DType::i16:
            return torch::kInt16;
        case DType::f16:
            return torch::kFloat16;
        case DType::bf16:
            return torch::kBFloat16;
        case DType::u16:
        case DType::i32:
            return torch::kInt32;
        case DType::f32:
            return torch::kFloat32;
        case DType::f64:
            return torch::kFloat64;
        case DType::u32:
        case DType::i64:
        case DType::u64:
            return torch::kInt64;
    }
    throw InvalidOption(fmt::format("the element type {} is unknown", static_cast<int>(dtype)));
}

DType dtype_of(torch::ScalarType type) {
    switch (type) {
        case torch::kBool:
            return DType::boolean;
        case torch::kUInt8:
            return DType::u8;
        case torch::kInt8:
            return DType::i8;
        case torch::kInt16:
            return DType::i16;
        case torch::kFloat16:
            return DType::f16;
        case torch::kBFloat16:
            return DType::bf16;
        case torch::kInt32:
            return DType::i32;
        case torch::kFloat32:
            return DType::f32;
        case torch::kFloat64:
            return DType::f64;
        case torch::kInt64:
            return DType::i64;
        default:
            throw InvalidOption(
                fmt::format("tensors of type {} have no place in weight files", torch::toString(type)));
    }
}

bool is_wide_unsigned(DType dtype) {
    return dtype == DType::u16 || dtype == DType::u32 || dtype == DType::u64;
}

/// An entry of a file, wherever its bytes are.
struct Source {
    const std::string& name;
    DType dtype;
    const std::vector<std::int64_t>& shape;
    std::span<const std::byte> bytes;
};

using Sources = std::vector<Source>;

Source source_of(const std::string& name, const TensorData& data) {
    return {name, data.dtype, data.shape, data.bytes};
}

Sources sources_of(const TensorFile& file) {
    Sources sources;
    for (const auto& [name, data] : file.tensors) sources.push_back(source_of(name, data));
    return sources;
}

Sources sources_of(const MappedSafetensors& file) {
    Sources sources;
    for (const auto& tensor : file.tensors())
        sources.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    return sources;
}

std::int64_t numel_of(const Source& data) {
    std::int64_t product = 1;
    for (const auto side : data.shape) product *= side;
    return product;
}

void check_size(const Source& data) {
    for (const auto side : data.shape)
        if (side < 0)
            throw FileError(
                fmt::format("an array has the shape {}; no side may be negative", shape_text(data.shape)));
    const auto expected =
        static_cast<std::size_t>(TensorData{data.dtype, data.shape, {}}.numel()) * size_of(data.dtype);
    if (data.bytes.size() != expected)
        throw FileError(fmt::format("an array of shape {} and type {} has {} bytes; it must have {}",
                                    shape_text(data.shape), to_string(data.dtype), data.bytes.size(),
                                    expected));
}

template <typename From, typename To>
void widen(const Source& data, torch::Tensor& tensor) {
    auto* to = tensor.data_ptr<To>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        From value{};
        std::memcpy(&value, data.bytes.data() + static_cast<std::size_t>(i) * sizeof(From), sizeof(From));
        if (std::in_range<To>(value))
            to[i] = static_cast<To>(value);
        else
            throw FileError(fmt::format("an array holds {}, which does not fit 63 bits", value));
    }
}

torch::Tensor tensor_of(const Source& data) {
    check_size(data);
    auto tensor = torch::empty(data.shape, storage_type(data.dtype));
    if (!is_wide_unsigned(data.dtype) && !data.bytes.empty())
        std::memcpy(tensor.data_ptr(), data.bytes.data(), data.bytes.size());
    if (data.dtype == DType::u16) widen<std::uint16_t, std::int32_t>(data, tensor);
    if (data.dtype == DType::u32) widen<std::uint32_t, std::int64_t>(data, tensor);
    if (data.dtype == DType::u64) widen<std::uint64_t, std::int64_t>(data, tensor);
    return tensor;
}

/// What to copy where, and what is to be said of the rest.
struct Plan {
    StateDictReport report;
    std::vector<std::pair<torch::Tensor, const Source*>> copies;
};

Plan plan_load(const torch::nn::Module& module, const Sources& file, const LoadOptions& options) {
    Plan plan;
    std::unordered_map<std::string, const Source*> offered;
    std::vector<std::pair<std::string, std::string>> offered_names;  // the module's, the file's
    for (const auto& data : file) {
        const auto& file_name = data.name;
        auto name = renamed(file_name, options);
        if (begins_with_any(name, options.ignore)) {
            plan.report.dropped.push_back(file_name);
        } else if (offered.emplace(name, &data).second) {
            offered_names.emplace_back(std::move(name), file_name);
        } else {
            throw FileError(
                fmt::format("{}: two entries are called '{}' (after renaming); names must be unique",
                            options.source, name));
        }
    }
    std::unordered_set<std::string> known;
    for (const auto& [name, tensor] : named_state(module)) {
        known.insert(name);
        const auto found = offered.find(name);
        if (found == offered.end()) {
            const bool allowed =
                is_batch_counter(name) || is_computed(name) || begins_with_any(name, options.allow_missing);
            (allowed ? plan.report.kept : plan.report.missing).push_back(name);
            continue;
        }
        const auto& data = *found->second;
        // libtorch's to(type), unlike Python's, turns the counters into real numbers.
        const bool wrong_kind = tensor.is_floating_point() && !is_real(data.dtype) && !is_whole(name);
        if (data.shape != tensor.sizes().vec() || wrong_kind) {
            plan.report.mismatched.push_back({name, data.shape, tensor.sizes().vec(), data.dtype});
            continue;
        }
        plan.report.loaded.push_back(name);
        plan.copies.emplace_back(tensor, &data);
    }
    for (const auto& [name, file_name] : offered_names)
        if (!known.contains(name)) plan.report.unexpected.push_back(file_name);
    return plan;
}

std::string nearest_to(const Sources& file, const ModelZoo& zoo);

[[noreturn]] void refuse(const StateDictReport& report, const Sources& file, const LoadOptions& options) {
    const auto nearest = nearest_to(file, ModelZoo::standard());
    throw FileError(fmt::format(
        "{}: {} and does not fit the network asked for: {}", options.source,
        nearest.empty() ? "is like no network of the zoo" : fmt::format("looks like '{}'", nearest),
        report.summary()));
}

/// Everything that may fail comes before the first byte is overwritten.
void check_values(const Plan& plan, const LoadOptions& options) {
    for (const auto& [tensor, data] : plan.copies) {
        check_size(*data);
        if (data->dtype == DType::u64) static_cast<void>(tensor_of(*data));
        if (!options.finite) continue;
        const auto bad = non_finite_values(data->dtype, data->bytes);
        if (bad > 0)
            throw FileError(fmt::format(
                "{}: the entry '{}' holds {} value{} that {} not finite (NaN or infinite); weights must be",
                options.source, data->name, bad, bad == 1 ? "" : "s", bad == 1 ? "is" : "are"));
    }
}

void copy(const Plan& plan) {
    torch::NoGradGuard no_grad;
    // One at a time: the file's content is in memory once.
    for (const auto& [tensor, data] : plan.copies) torch::Tensor(tensor).copy_(tensor_of(*data));
}

/// Files that are for use only have lost their auxiliary heads as a whole.
bool has_auxiliary_heads(const TensorFile& file, const Network& network, const LoadOptions& options) {
    const auto& heads = network.auxiliary_heads();
    return std::any_of(heads.begin(), heads.end(), [&](const AuxiliaryHead& head) {
        const auto prefix = head.name.substr(0, head.name.find('.') + 1);
        return std::any_of(file.tensors.begin(), file.tensors.end(), [&](const auto& entry) {
            return renamed(entry.first, options).starts_with(prefix);
        });
    });
}

StateDictReport load(torch::nn::Module& module, const Sources& file, const LoadOptions& options) {
    options.validate();
    auto plan = plan_load(module, file, options);
    if (options.strict && !plan.report.fits()) refuse(plan.report, file, options);
    check_values(plan, options);
    copy(plan);
    return std::move(plan.report);
}

}  // namespace

torch::Tensor to_tensor(const TensorData& data) {
    static const std::string unnamed;
    return tensor_of(source_of(unnamed, data));
}

TensorData to_tensor_data(const torch::Tensor& tensor) {
    const auto plain = tensor.detach().to(torch::kCPU).contiguous();
    TensorData data{.dtype = dtype_of(plain.scalar_type()), .shape = plain.sizes().vec(), .bytes = {}};
    data.bytes.resize(static_cast<std::size_t>(plain.numel()) * plain.element_size());
    if (!data.bytes.empty()) std::memcpy(data.bytes.data(), plain.data_ptr(), data.bytes.size());
    return data;
}

std::vector<std::pair<std::string, torch::Tensor>> named_state(const torch::nn::Module& module) {
    std::vector<std::pair<std::string, torch::Tensor>> result;
    const auto add_own = [&](const torch::nn::Module& one, const std::string& prefix) {
        for (const auto& item : one.named_parameters(/*recurse=*/false))
            result.emplace_back(prefix + item.key(), item.value());
        for (const auto& item : one.named_buffers(/*recurse=*/false))
            if (item.value().defined()) result.emplace_back(prefix + item.key(), item.value());
    };
    const auto walk = [&](const auto& self, const torch::nn::Module& one, const std::string& prefix) -> void {
        add_own(one, prefix);
        for (const auto& child : one.named_children()) self(self, *child.value(), prefix + child.key() + ".");
    };
    walk(walk, module, "");
    return result;
}

TensorFile state_dict(const torch::nn::Module& module) {
    TensorFile file;
    for (const auto& [name, tensor] : named_state(module))
        file.tensors.emplace_back(name, to_tensor_data(is_whole(name) ? tensor.to(torch::kInt64) : tensor));
    return file;
}

void LoadOptions::validate() const {
    const auto refuse_empty = [](const std::string& prefix, const char* option) {
        if (prefix.empty())
            throw InvalidOption(
                fmt::format("a prefix in {} is empty; it would stand for every name", option));
    };
    for (const auto& prefix : allow_missing) refuse_empty(prefix, "allow_missing");
    for (const auto& prefix : ignore) refuse_empty(prefix, "ignore");
    for (const auto& [from, to] : rename) refuse_empty(from, "rename");
}

bool StateDictReport::fits() const noexcept {
    return missing.empty() && unexpected.empty() && mismatched.empty();
}

std::string StateDictReport::summary() const {
    std::string text = fmt::format("{} loaded", loaded.size());
    if (!fits()) text = fmt::format("{} fit", loaded.size());
    if (!missing.empty()) text += "; missing: " + names_text(missing);
    if (!unexpected.empty()) text += "; unexpected: " + names_text(unexpected);
    if (!mismatched.empty()) text += "; mismatched: " + mismatches_text(mismatched);
    if (!fits()) return text;
    const auto rest = [&](std::vector<std::string> names) {
        if (new_head)
            std::erase_if(names, [&](const auto& name) { return is_of_layer(name, new_head->name); });
        std::erase_if(names, [](const auto& name) { return is_batch_counter(name); });
        return names;
    };
    if (const auto names = rest(dropped); !names.empty()) text += "; dropped: " + names_text(names);
    if (const auto names = rest(kept); !names.empty())
        text += "; not in the file and kept: " + names_text(names);
    return new_head ? text + "; " + head_text(*new_head) : text;
}

StateDictReport load_state_dict(torch::nn::Module& module, const TensorFile& file,
                                const LoadOptions& options) {
    return load(module, sources_of(file), options);
}

StateDictReport load_state_dict(torch::nn::Module& module, const MappedSafetensors& file,
                                const LoadOptions& options) {
    return load(module, sources_of(file), options);
}

StateDictReport load_pretrained(Network& network, const TensorFile& file, std::int64_t classes,
                                LoadOptions options) {
    if (classes < 1) throw InvalidOption(fmt::format("classes is {}; a head needs at least 1", classes));
    options.strict = true;
    const auto head = network.head_name() + ".";
    options.ignore.push_back(head);
    options.allow_missing.push_back(head);
    if (!has_auxiliary_heads(file, network, options)) network.drop_auxiliary_heads();
    for (const auto& auxiliary : network.auxiliary_heads()) {
        options.ignore.push_back(auxiliary.name + ".");
        options.allow_missing.push_back(auxiliary.name + ".");
    }
    auto report = load_state_dict(network, file, options);
    report.new_head = NewHead{network.head_name(), classes, {}};
    for (const auto& [name, data] : file.tensors)
        if (renamed(name, options) == head + "weight" && !data.shape.empty())
            report.new_head->file_classes = data.shape[0];
    network.replace_head(classes);
    return report;
}

namespace {

using Offered = std::unordered_map<std::string, const Source*>;

/// Building networks draws random numbers; a question must not change what the host draws after it.
class UndisturbedGenerator {
  public:
    UndisturbedGenerator() : generator_(at::detail::getDefaultCPUGenerator()) {
        const std::lock_guard lock(generator_.mutex());
        state_ = generator_.get_state();
    }
    ~UndisturbedGenerator() {
        const std::lock_guard lock(generator_.mutex());
        generator_.set_state(state_);
    }
    UndisturbedGenerator(const UndisturbedGenerator&) = delete;
    UndisturbedGenerator& operator=(const UndisturbedGenerator&) = delete;

  private:
    at::Generator generator_;
    torch::Tensor state_;
};

struct Likeness {
    double share = 0;              ///< of all names of either side, those with the same shape on both
    bool but_for_the_head = true;  ///< whether all but the head's entries are in the file
};

Likeness compare(const Network& network, const Offered& offered) {
    Likeness likeness;
    std::vector<std::string> heads{network.head_name() + "."};
    for (const auto& auxiliary : network.auxiliary_heads())
        heads.push_back(auxiliary.name.substr(0, auxiliary.name.find('.') + 1));
    std::size_t shared = 0;
    std::size_t all = offered.size();
    for (const auto& [name, tensor] : named_state(network)) {
        if (is_batch_counter(name)) continue;
        const auto found = offered.find(name);
        if (found == offered.end()) ++all;
        if (found != offered.end() && found->second->shape == tensor.sizes().vec())
            ++shared;
        else if (!begins_with_any(name, heads))
            likeness.but_for_the_head = false;
    }
    likeness.share = static_cast<double>(shared) / static_cast<double>(std::max<std::size_t>(all, 1));
    return likeness;
}

/// The entries that may have made a file of so many scalars, likeliest first.
std::vector<const ZooEntry*> candidates_for(double scalars, const ModelZoo& zoo) {
    // A head of another size moves the count; of the networks here, by no more than this factor.
    constexpr double widest = 6;
    const auto distance = [&](const ZooEntry* entry) {
        return std::abs(std::log(static_cast<double>(entry->parameters) / scalars));
    };
    std::vector<const ZooEntry*> candidates;
    for (const auto& entry : zoo.entries())
        if (distance(&entry) < std::log(widest)) candidates.push_back(&entry);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const ZooEntry* a, const ZooEntry* b) { return distance(a) < distance(b); });
    return candidates;
}

std::string nearest_to(const Sources& file, const ModelZoo& zoo) {
    const UndisturbedGenerator guard;
    Offered offered;
    double scalars = 1;
    for (const auto& data : file) {
        if (is_batch_counter(data.name)) continue;
        offered.emplace(data.name, &data);
        scalars += static_cast<double>(numel_of(data));
    }
    std::string best;
    double best_share = 0.5;
    for (const auto* candidate : candidates_for(scalars, zoo)) {
        const auto likeness = compare(*zoo.make_unset(candidate->name, candidate->classes), offered);
        if (likeness.share > best_share) {
            best_share = likeness.share;
            best = candidate->name;
        }
        if (likeness.but_for_the_head && likeness.share > 0.9) break;
    }
    return best;
}

}  // namespace

std::string nearest_model(const TensorFile& file, const ModelZoo& zoo) {
    return nearest_to(sources_of(file), zoo);
}

}  // namespace attune

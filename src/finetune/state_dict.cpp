#include "attune/finetune/state_dict.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "../files/byte_source.hpp"
#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "nearest_model.hpp"
#include "state_names.hpp"
#include "tensor_source.hpp"
#include "train/auxiliary_heads.hpp"
#include "zoo/position_grid.hpp"

namespace attune {
namespace {

using detail::begins_with_any;
using detail::check_size;
using detail::is_batch_counter;
using detail::shape_text;
using detail::Source;
using detail::Sources;
using detail::sources_of;
using detail::tensor_of;

/// Names of a list that a message spells out; the rest are counted.
constexpr std::size_t names_shown = 4;

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
    std::string text = "new head for " + detail::counted(head.classes, "class", "classes");
    if (!head.file_classes) return text + " (the file has none)";
    if (*head.file_classes != head.classes)
        text += fmt::format(" (the file's is for {})", *head.file_classes);
    return text;
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

[[noreturn]] void refuse(const StateDictReport& report, const Sources& file, const LoadOptions& options) {
    const auto nearest = detail::nearest_to(file, ModelZoo::standard());
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

StateDictReport load(torch::nn::Module& module, const Sources& file, const LoadOptions& options) {
    options.validate();
    auto plan = plan_load(module, file, options);
    if (options.strict && !plan.report.fits()) refuse(plan.report, file, options);
    check_values(plan, options);
    copy(plan);
    return std::move(plan.report);
}

/// The entries of a file, with positions of pictures of another size interpolated for the network.
class FittedPositions {
  public:
    FittedPositions(const Network& network, const TensorFile& file, const LoadOptions& options) {
        const auto parameters = network.named_parameters();
        const auto* wanted = parameters.find(detail::position_grid_name);
        for (const auto& source : sources_of(file)) {
            const bool is_grid =
                wanted != nullptr && renamed(source.name, options) == detail::position_grid_name;
            if (is_grid && resize(source, wanted->sizes().vec())) {
                sources_.push_back({source.name, resized_.dtype, resized_.shape, resized_.bytes});
                file_image_size_ = image_size_in(network, file, options);
            } else {
                sources_.push_back(source);
            }
        }
    }
    FittedPositions(const FittedPositions&) = delete;
    FittedPositions& operator=(const FittedPositions&) = delete;

    [[nodiscard]] const Sources& sources() const { return sources_; }

    /// Side of the pictures of a file whose positions were interpolated.
    [[nodiscard]] std::optional<std::int64_t> file_image_size() const { return file_image_size_; }

  private:
    /// Whether the entry is a grid of another size than is wanted.
    bool resize(const Source& source, const std::vector<std::int64_t>& wanted) {
        const auto places = detail::places_of(wanted), offered = detail::places_of(source.shape);
        if (!places || !offered || places == offered || source.shape[2] != wanted[2] ||
            !is_real(source.dtype))
            return false;
        resized_ = to_tensor_data(detail::resized_positions(tensor_of(source), *places));
        return true;
    }

    TensorData resized_;
    Sources sources_;
    std::optional<std::int64_t> file_image_size_;
};

}  // namespace

bool detail::has_auxiliary_heads(const TensorFile& file, const Network& network, const LoadOptions& options) {
    return std::any_of(file.tensors.begin(), file.tensors.end(), [&](const auto& entry) {
        return is_auxiliary(network, renamed(entry.first, options));
    });
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
    if (file_image_size)
        text += fmt::format("; positions of pictures of {0} x {0} pixels interpolated", *file_image_size);
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

std::optional<std::int64_t> image_size_in(const Network& network, const TensorFile& file,
                                          const LoadOptions& options) {
    const auto parameters = network.named_parameters();
    if (!parameters.contains(detail::position_grid_name) || !parameters.contains(detail::patch_name))
        return {};
    for (const auto& [name, data] : file.tensors) {
        if (renamed(name, options) != detail::position_grid_name) continue;
        const auto places = detail::places_of(data.shape);
        if (!places) return std::nullopt;
        return *places * parameters[detail::patch_name].size(2);
    }
    return std::nullopt;
}

StateDictReport load_pretrained(Network& network, const TensorFile& file, std::int64_t classes,
                                LoadOptions options) {
    if (classes < 1) throw InvalidOption(fmt::format("classes is {}; a head needs at least 1", classes));
    options.strict = true;
    const auto head = network.head_name() + ".";
    options.ignore.push_back(head);
    options.allow_missing.push_back(head);
    const bool has_auxiliary_heads = detail::has_auxiliary_heads(file, network, options);
    for (const auto& auxiliary : network.auxiliary_heads()) {
        options.ignore.push_back(auxiliary.name + ".");
        options.allow_missing.push_back(has_auxiliary_heads ? auxiliary.name + "."
                                                            : detail::prefix_of(auxiliary));
    }
    const FittedPositions positions(network, file, options);
    auto report = load(network, positions.sources(), options);
    report.file_image_size = positions.file_image_size();
    // Only now, since a file that is refused leaves the network whole.
    if (!has_auxiliary_heads) {
        std::erase_if(report.kept, [&](const auto& name) { return detail::is_auxiliary(network, name); });
        network.drop_auxiliary_heads();
    }
    report.new_head = NewHead{network.head_name(), classes, {}};
    for (const auto& [name, data] : file.tensors)
        if (renamed(name, options) == head + "weight" && !data.shape.empty())
            report.new_head->file_classes = data.shape[0];
    network.replace_head(classes);
    return report;
}

}  // namespace attune

#include "fit_checkpoint.hpp"

#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <typeinfo>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "../../files/number_text.hpp"
#include "attune/error.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"

namespace attune::detail {
namespace {

using nlohmann::json;

constexpr const char* format_key = "attune_fit_checkpoint";
constexpr const char* format_version = "2";

std::string_view bytes_of(const torch::Tensor& tensor) {
    return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

template <typename Numbers>
std::string_view bytes_of(const Numbers& numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(*numbers.data())};
}

/// Labels, parts, class names and a sample of the pixels: enough to tell sets apart, in no time.
std::string data_identity(const TrainingSet& set) {
    const auto& data = set.data;
    auto hash = fnv1a64(bytes_of(data.labels()));
    for (const auto& name : data.classes()) hash = fnv1a64(name + '\n', hash);
    for (const auto part : {Split::train, Split::validation}) {
        hash = fnv1a64(std::to_string(data.split().of(part).size()), hash);
        hash = fnv1a64(bytes_of(data.split().of(part)), hash);
    }
    if (data.on_demand()) {
        auto fitted = data.split();
        fitted.test.clear();  // no fit reads it
        hash = fnv1a64(std::to_string(data.with_split(std::move(fitted)).fingerprint()), hash);
    } else {
        constexpr std::int64_t stride = 127;
        hash = fnv1a64(bytes_of(data.pixels().view({-1}).slice(0, 0, {}, stride).contiguous()), hash);
        const auto& framing = data.framing();
        hash = fnv1a64(fmt::format("{} {} {} {}", framing.image_size, to_string(framing.mode),
                                   framing.resize_ratio, framing.margin),
                       hash);
    }
    if (set.targets != nullptr) hash = fnv1a64(bytes_of(set.targets->contiguous()), hash);
    return fmt::format("{:016x}", hash);
}

std::string weights_identity(const Network& network, const Recipe& recipe) {
    auto hash = fnv1a64("");
    const std::string head = network.head_name() + ".";
    for (const auto& [name, tensor] : named_state(network)) {
        if (name.starts_with(head) && recipe.head_start != HeadStart::keep) continue;
        hash = fnv1a64(bytes_of(tensor.detach().to(torch::kCPU).contiguous()), fnv1a64(name, hash));
    }
    return fmt::format("{:016x}", hash);
}

std::string teacher_identity(const TrainingSet& set, const Recipe& recipe) {
    if (recipe.distillation_weight == 0 || set.teacher == nullptr) return {};
    auto hash = fnv1a64("");
    for (const auto& [name, tensor] : named_state(*set.teacher))
        hash = fnv1a64(bytes_of(tensor.detach().to(torch::kCPU).contiguous()), fnv1a64(name, hash));
    return fmt::format("{:016x}", hash);
}

/// Every double survives, infinities and NaN too, which JSON has no numbers for.
json exact(double value) { return fmt::format("{}", value); }

double number(const json& value) {
    const auto& text = value.get_ref<const std::string&>();
    const auto result = number_of_text<double>(text);
    if (!result) throw FileError(fmt::format("\"{}\" is no number", text));
    return *result;
}

json exact(const std::map<std::string, double>& numbers) {
    json result = json::object();
    for (const auto& [name, value] : numbers) result[name] = exact(value);
    return result;
}

json to_json(const FitResult& result) {
    json history = json::array();
    for (const auto& report : result.history)
        history.push_back({{"epoch", report.epoch}, {"numbers", exact(report.numbers)}});
    return {{"end", static_cast<int>(result.end)},
            {"message", result.message},
            {"epochs_run", result.epochs_run},
            {"best_epoch", result.best_epoch},
            {"best_validation_accuracy", exact(result.best_validation_accuracy)},
            {"best_validation_loss", exact(result.best_validation_loss)},
            {"validation_accuracy", exact(result.validation_accuracy)},
            {"validation_loss", exact(result.validation_loss)},
            {"last_train_loss", exact(result.last_train_loss)},
            {"steps", result.steps},
            {"duration_seconds", exact(result.duration_seconds)},
            {"history", history}};
}

FitResult result_of(const json& text) {
    FitResult result;
    result.end = static_cast<FitEnd>(text.at("end").get<int>());
    result.message = text.at("message").get<std::string>();
    result.epochs_run = text.at("epochs_run");
    result.best_epoch = text.at("best_epoch");
    result.best_validation_accuracy = number(text.at("best_validation_accuracy"));
    result.best_validation_loss = number(text.at("best_validation_loss"));
    result.validation_accuracy = number(text.at("validation_accuracy"));
    result.validation_loss = number(text.at("validation_loss"));
    result.last_train_loss = number(text.at("last_train_loss"));
    result.steps = text.at("steps");
    result.duration_seconds = number(text.at("duration_seconds"));
    for (const auto& entry : text.at("history")) {
        EpochReport report{entry.at("epoch").get<std::int64_t>(), {}};
        for (const auto& [name, value] : entry.at("numbers").items()) report.numbers[name] = number(value);
        result.history.push_back(std::move(report));
    }
    return result;
}

json to_json(const FitProgress& progress) {
    json losses = json::array();
    for (const double loss : progress.validation_losses) losses.push_back(exact(loss));
    return {{"epoch", progress.epoch},
            {"update", progress.update},
            {"loss_sum", exact(progress.loss_sum)},
            {"samples_left_out", progress.samples_left_out},
            {"ended", progress.ended},
            {"watched_best", exact(progress.patience.watched_best)},
            {"improved_in", progress.patience.improved_in},
            {"learning_rate", exact(progress.learning_rate)},
            {"gradient_scale", exact(progress.gradient_scale)},
            {"good_updates", progress.good_updates},
            {"dropout_position", progress.dropout_position},
            {"average_updates", progress.average_updates},
            {"validation_losses", losses},
            {"result", to_json(progress.result)}};
}

FitProgress progress_of(const json& text) {
    FitProgress progress;
    progress.epoch = text.at("epoch");
    progress.update = text.at("update");
    progress.loss_sum = number(text.at("loss_sum"));
    progress.samples_left_out = text.value("samples_left_out", 0.0);  // which older checkpoints lack
    progress.ended = text.at("ended");
    progress.patience = {number(text.at("watched_best")), text.at("improved_in").get<std::int64_t>()};
    progress.learning_rate = number(text.at("learning_rate"));
    progress.gradient_scale = number(text.at("gradient_scale"));
    progress.good_updates = text.at("good_updates");
    progress.dropout_position = text.at("dropout_position");
    progress.average_updates = text.at("average_updates");
    for (const auto& loss : text.at("validation_losses")) progress.validation_losses.push_back(number(loss));
    progress.result = result_of(text.at("result"));
    return progress;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
    throw InvalidState(path.string() + ": the checkpoint is of a training with " + what +
                       "; remove it to begin anew");
}

void require_same(const std::filesystem::path& path, const json& identity, const FitIdentity& ours) {
    const auto recipe = identity.at("recipe").get<std::map<std::string, std::string>>();
    for (const auto& [name, value] : ours.recipe) {
        const auto found = recipe.find(name);
        if (found == recipe.end() || found->second != value)
            refuse(path, fmt::format("another recipe: {} is \"{}\" there and \"{}\" here", name,
                                     found == recipe.end() ? "not said" : found->second, value));
    }
    if (identity.at("data") != ours.data) refuse(path, "other images, labels or parts of the data");
    if (identity.at("weights") != ours.weights) refuse(path, "other weights to start from");
    if (identity.at("teacher") != ours.teacher) refuse(path, "another teacher");
    if (identity.at("groups") != ours.groups)
        refuse(path, "another optimizer, or other rates and decays of its groups of parameters");
}

}  // namespace

FitIdentity identify(const Network& network, const TrainingSet& set, const Recipe& recipe) {
    return {recipe.to_text(),
            data_identity(set),
            weights_identity(network, recipe),
            teacher_identity(set, recipe),
            {}};
}

std::string groups_identity(const Optimizer& optimizer) {
    auto hash = fnv1a64(typeid(optimizer).name());
    for (const auto& group : optimizer.groups()) {
        hash = fnv1a64(fmt::format("{} {} {}", group.learning_rate, group.weight_decay, group.stage), hash);
        for (const auto& parameter : group.parameters)
            hash = fnv1a64(fmt::format(" {}", parameter.sizes().vec()), hash);
    }
    return fmt::format("{:016x}", hash);
}

NamedTensors FitCheckpoint::part(const std::string& prefix) const {
    NamedTensors result;
    for (const auto& [name, tensor] : tensors)
        if (name.starts_with(prefix)) result.emplace_back(name.substr(prefix.size()), tensor);
    return result;
}

void write_checkpoint(const std::filesystem::path& path, const FitIdentity& identity,
                      const FitCheckpoint& checkpoint) {
    TensorFile file;
    std::vector<std::string> order;  // the file keeps its tensors in an order of its own
    for (const auto& [name, tensor] : checkpoint.tensors) {
        file.tensors.emplace_back(name, to_tensor_data(tensor));
        order.push_back(name);
    }
    file.metadata.emplace(format_key, format_version);
    file.metadata["order"] = json(order).dump();
    file.metadata["progress"] = to_json(checkpoint.progress).dump();
    file.metadata["identity"] = json{
        {"recipe", identity.recipe},
        {"data", identity.data},
        {"weights", identity.weights},
        {"teacher", identity.teacher},
        {"groups", identity.groups}}.dump();
    write_safetensors(path, file);
}

std::optional<FitCheckpoint> read_checkpoint(const std::filesystem::path& path, const FitIdentity& identity) {
    if (!std::filesystem::exists(path)) return std::nullopt;
    const TensorFile file = read_safetensors(path);
    const auto version = file.metadata.find(format_key);
    if (version == file.metadata.end()) throw FileError(path.string() + ": is no checkpoint of a training");
    if (version->second != format_version)
        throw FileError(fmt::format("{}: is a checkpoint of format {}; format {} is read here", path.string(),
                                    version->second, format_version));
    FitCheckpoint checkpoint;
    try {
        require_same(path, json::parse(file.metadata.at("identity")), identity);
        checkpoint.progress = progress_of(json::parse(file.metadata.at("progress")));
        for (const auto& name : json::parse(file.metadata.at("order")).get<std::vector<std::string>>()) {
            const auto* data = file.find(name);
            if (data == nullptr) throw FileError(fmt::format("the tensor {} is missing", name));
            checkpoint.tensors.emplace_back(name, to_tensor(*data));
        }
    } catch (const InvalidState&) {
        throw;
    } catch (const std::exception& error) {
        throw FileError(path.string() + ": the checkpoint cannot be read: " + error.what());
    }
    return checkpoint;
}

}  // namespace attune::detail

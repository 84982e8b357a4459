#include "replay/lcbench_surrogate.hpp"

#include <attune/error.hpp>
#include <attune/files/safetensors.hpp>

#include <Eigen/Core>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace attune::replay_benchmark {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Matrix matrix(const TensorFile& file, const std::string& name) {
    const TensorData* tensor = file.find(name);
    if (tensor == nullptr || tensor->dtype != DType::f32)
        throw InvalidOption("surrogate: lacks the tensor " + name);
    const auto rows = tensor->shape.size() > 1 ? tensor->shape[0] : 1;
    Matrix out(rows, tensor->numel() / std::max<std::int64_t>(1, rows));
    std::memcpy(out.data(), tensor->bytes.data(), tensor->bytes.size());
    return out;
}

struct Linear {
    Matrix weight, bias;
    [[nodiscard]] Matrix operator()(const Matrix& x) const {
        return (x * weight.transpose()).rowwise() + Eigen::RowVectorXf(bias.row(0));
    }
};

Linear linear(const TensorFile& file, const std::string& name) {
    return {matrix(file, name + ".weight"), matrix(file, name + ".bias")};
}

/// Batch normalisation with running statistics, as a scale and a shift.
struct Norm {
    Eigen::RowVectorXf scale, shift;
    [[nodiscard]] Matrix operator()(const Matrix& x) const {
        return (x.array().rowwise() * scale.array()).rowwise() + shift.array();
    }
};

Norm norm(const TensorFile& file, const std::string& name) {
    const Eigen::RowVectorXf weight = matrix(file, name + ".weight").row(0);
    const Eigen::RowVectorXf bias = matrix(file, name + ".bias").row(0);
    const Eigen::RowVectorXf mean = matrix(file, name + ".running_mean").row(0);
    const Eigen::RowVectorXf variance = matrix(file, name + ".running_var").row(0);
    Norm out;
    out.scale = weight.array() / (variance.array() + 1e-5F).sqrt();
    out.shift = bias.array() - mean.array() * out.scale.array();
    return out;
}

struct Input {
    std::string name;
    bool log;
    double shift, scale;
};

/// All but the task and the epoch.
SearchSpace space_of(const nlohmann::json& parameters) {
    SearchSpace space;
    for (const auto& json : parameters) {
        const std::string type = json.at("type"), name = json.at("name");
        if (type == "categorical" || name == "epoch") continue;
        Parameter parameter;
        parameter.name = name;
        parameter.kind = type == "uniform_int" ? ParameterKind::integer : ParameterKind::continuous;
        parameter.low = json.at("lower");
        parameter.high = json.at("upper");
        if (json.at("log").get<bool>()) parameter.scale = Scale::log;
        space.declare(parameter);
    }
    return space;
}

}  // namespace

struct LcbenchSurrogate::Parts {
    struct Layer {
        Norm norm;
        Linear in, out;
    };
    Matrix embedding;
    Linear first, head;
    std::vector<Layer> layers;
    Norm last;
    std::vector<Input> inputs;
    std::map<std::string, int> task_index;
    Eigen::Index accuracy = 0;  ///< which of the outputs
    double log_epsilon = 0, scale = 1, shift = 0;
};

LcbenchSurrogate::LcbenchSurrogate(const std::filesystem::path& folder) {
    const TensorFile file = read_safetensors(folder / "lcbench-surrogate.safetensors");
    std::ifstream stream(folder / "lcbench-surrogate.json");
    if (!stream) throw FileError((folder / "lcbench-surrogate.json").string() + ": cannot be read");
    const auto json = nlohmann::json::parse(stream);
    auto parts = std::make_shared<Parts>();
    parts->embedding = matrix(file, "embds_fct.0.weight");
    parts->first = linear(file, "first_layer");
    parts->head = linear(file, "head");
    for (int i = 0; i < 3; ++i) {
        const std::string layer = "layers." + std::to_string(i);
        parts->layers.push_back({norm(file, layer + ".norm"), linear(file, layer + ".linear0"),
                                 linear(file, layer + ".linear1")});
    }
    parts->last = norm(file, "last_normalization");
    for (const auto& input : json.at("continuous_inputs"))
        parts->inputs.push_back({input.at("name"), input.at("log"), input.at("shift"), input.at("scale")});
    parts->log_epsilon = json.at("log_epsilon");
    const auto& outputs = json.at("outputs");
    while (outputs.at(static_cast<std::size_t>(parts->accuracy)).at("name") != "val_accuracy")
        ++parts->accuracy;
    const auto& output = outputs.at(static_cast<std::size_t>(parts->accuracy));
    parts->scale = output.at("scale");
    parts->shift = output.at("shift");
    space_ = space_of(json.at("search_space"));
    for (const auto& [task, index] : json.at("task_index").items()) parts->task_index[task] = index;
    for (const auto& [task, name] : json.at("task_name").items()) tasks_.push_back(task);
    parts_ = std::move(parts);
}

std::vector<double> LcbenchSurrogate::accuracies(const std::string& task, const Configuration& configuration,
                                                 int first, int last) const {
    const Parts& p = *parts_;
    const Eigen::Index width = p.embedding.cols(), count = last - first + 1;
    Matrix z(count, width + static_cast<Eigen::Index>(p.inputs.size()));
    z.leftCols(width).rowwise() = p.embedding.row(p.task_index.at(task));
    for (std::size_t j = 0; j < p.inputs.size(); ++j) {
        const Input& input = p.inputs[j];
        const bool epoch = input.name == "epoch";
        const double fixed = epoch ? 0 : configuration.native()[configuration.schema().index(input.name)];
        for (Eigen::Index e = 0; e < count; ++e) {
            double x = epoch ? static_cast<double>(first + e) : fixed;
            if (input.log) x = std::log(x + p.log_epsilon);
            z(e, width + static_cast<Eigen::Index>(j)) = static_cast<float>((x - input.shift) / input.scale);
        }
    }
    Matrix h = p.first(z);
    for (const Parts::Layer& layer : p.layers) {
        const Matrix u = layer.in(layer.norm(h));
        const Eigen::Index half = u.cols() / 2;
        const Matrix gated = u.leftCols(half).array() * u.rightCols(half).array().max(0.0F);
        h += layer.out(gated);
    }
    const Matrix y = p.head(p.last(h).array().max(0.0F).matrix());
    std::vector<double> out;
    for (Eigen::Index e = 0; e < count; ++e) {
        const double squashed = 1 / (1 + std::exp(-static_cast<double>(y(e, p.accuracy))));
        out.push_back(std::exp(squashed * p.scale + p.shift) - 1e-12);
    }
    return out;
}

}  // namespace attune::replay_benchmark

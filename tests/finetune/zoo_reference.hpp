#pragma once

#include "support/doctest_torch.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/finetune/zoo/model_zoo.hpp"
#include "support/shared_data.hpp"

/// What the tests against the reference values of networks share.
namespace attune::test {

using nlohmann::json;

inline json read_json(const std::filesystem::path& path) {
    std::ifstream in(path);
    return json::parse(in);
}

/// Counts what the zoo has not as skipped.
inline bool have(const std::string& model, const std::string& kind) {
    if (ModelZoo::standard().contains(model)) return true;
    count_skip(kind + " " + model, "not in the zoo");
    return false;
}

inline double largest(const json& rows) {
    double result = 0;
    for (const auto& row : rows)
        for (const auto& value : row) result = std::max(result, std::abs(value.get<double>()));
    return result;
}

/// The largest difference between `rows` and the first columns of `tensor`.
inline double difference(const torch::Tensor& tensor, const json& rows) {
    const auto values = tensor.detach().to(torch::kFloat64).contiguous();
    REQUIRE(values.size(0) == static_cast<std::int64_t>(rows.size()));
    double result = 0;
    for (std::size_t i = 0; i < rows.size(); ++i)
        for (std::size_t j = 0; j < rows[i].size(); ++j)
            result = std::max(
                result, std::abs(values.index({static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)})
                                     .item<double>() -
                                 rows[i][j].get<double>()));
    return result;
}

}  // namespace attune::test

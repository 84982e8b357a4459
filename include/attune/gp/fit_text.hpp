#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/gp/kernel.hpp"
#include "attune/gp/output_transform.hpp"

namespace attune {

/// A fit as it is stored with a suggestion: the hyperparameters, from how many observations they come, and
/// how the targets were warped.
struct StoredFit {
    std::int64_t observations = 0;
    Hyperparameters hyperparameters;
    Warping warping = Warping::half_rank;

    /// `gp1 n=12 mean=0 signal=1 noise=1e-4 scales=0.5,0.25`: shortest digits that give the same doubles
    /// back. `gp1 log n=12 ...` where the logarithm of the excess was modelled.
    [[nodiscard]] std::string text() const {
        std::string scales;
        for (Eigen::Index j = 0; j < hyperparameters.length_scales.size(); ++j)
            scales += fmt::format("{}{}", j == 0 ? "" : ",", hyperparameters.length_scales[j]);
        return fmt::format("gp1{} n={} mean={} signal={} noise={} scales={}",
                           warping == Warping::log_excess ? " log" : "", observations, hyperparameters.mean,
                           hyperparameters.signal_variance, hyperparameters.noise_variance, scales);
    }

    /// Reads `text()` back, in any locale. Nothing where the text is another strategy's, damaged, or of a
    /// metric with another number of components: a fit then begins anew.
    static std::optional<StoredFit> parse(std::string_view text, const InputMetric& metric) {
        StoredFit fit;
        double count = 0.0;
        std::vector<double> scales;
        if (text.starts_with("gp1 log ")) {
            fit.warping = Warping::log_excess;
            text.remove_prefix(7);
        } else if (text.starts_with("gp1 ")) {
            text.remove_prefix(3);
        }
        if (!take(text, " n=", count) || !take(text, " mean=", fit.hyperparameters.mean) ||
            !take(text, " signal=", fit.hyperparameters.signal_variance) ||
            !take(text, " noise=", fit.hyperparameters.noise_variance))
            return std::nullopt;
        for (std::string_view before = " scales="; !text.empty(); before = ",")
            if (!take(text, before, scales.emplace_back())) return std::nullopt;
        fit.observations = static_cast<std::int64_t>(count);
        fit.hyperparameters.length_scales =
            Eigen::Map<const Eigen::VectorXd>(scales.data(), static_cast<Eigen::Index>(scales.size()));
        try {
            fit.hyperparameters.validate(metric);
        } catch (const InvalidOption&) {
            return std::nullopt;
        }
        return fit;
    }

  private:
    static bool take(std::string_view& text, std::string_view before, double& value) {
        if (!text.starts_with(before)) return false;
        text.remove_prefix(before.size());
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{}) return false;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return true;
    }
};

}  // namespace attune

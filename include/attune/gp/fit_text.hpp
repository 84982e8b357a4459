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
    /// back. `gp1 log n=12 ...` and `gp1 raw n=12 ...` where targets were warped in another way than usual.
    [[nodiscard]] std::string text() const {
        std::string scales;
        for (Eigen::Index j = 0; j < hyperparameters.length_scales.size(); ++j)
            scales += fmt::format("{}{}", j == 0 ? "" : ",", hyperparameters.length_scales[j]);
        return fmt::format("{} n={} mean={} signal={} noise={} scales={}", beginning(warping), observations,
                           hyperparameters.mean, hyperparameters.signal_variance,
                           hyperparameters.noise_variance, scales);
    }

    /// Reads `text()` back, in any locale. Nothing where the text is another strategy's, damaged, or of a
    /// metric with another number of components: a fit then begins anew.
    static std::optional<StoredFit> parse(std::string_view text, const InputMetric& metric) {
        StoredFit fit;
        double count = 0.0;
        std::vector<double> scales;
        for (const Warping warping : {Warping::log_excess, Warping::none, Warping::half_rank}) {
            const std::string_view begin = beginning(warping);
            if (!text.starts_with(begin) || !text.substr(begin.size()).starts_with(" n=")) continue;
            fit.warping = warping;
            text.remove_prefix(begin.size());
            break;
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
    static constexpr std::string_view beginning(Warping warping) {
        return warping == Warping::log_excess ? "gp1 log" : warping == Warping::none ? "gp1 raw" : "gp1";
    }

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

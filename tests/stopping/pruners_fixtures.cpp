#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/stopping/hyperband_rule.hpp"
#include "attune/stopping/paired_test.hpp"
#include "attune/stopping/patient.hpp"
#include "attune/stopping/percentile_rule.hpp"
#include "attune/stopping/signed_rank.hpp"
#include "attune/stopping/successive_halving.hpp"
#include "attune/stopping/threshold.hpp"
#include "curve_runs.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;
using test::CurveRuns;

namespace {

/// The CRC-32 of zlib and of Python's binascii, bit by bit.
std::uint32_t crc32(std::string_view text) {
    std::uint32_t sum = ~std::uint32_t{0};
    for (const char c : text) {
        sum ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
    }
    return ~sum;
}

/// The reference takes a trial's bracket from a checksum of the study's name and the trial's number.
BracketAssignment by_checksum(const std::string& study) {
    return [study](const Study&, std::int64_t trial, const std::vector<std::int64_t>& budgets) {
        const std::uint32_t sum = crc32(study + "_" + std::to_string(trial));
        return bracket_at(static_cast<std::int64_t>(sum) % sum_of(budgets), budgets);
    };
}

DecisionSteps steps_of(const json& arguments) {
    return {.first = arguments.value("n_warmup_steps", 0.0),
            .interval = arguments.value("interval_steps", 1.0)};
}

PercentileRule percentile_of(const json& arguments, double percentile) {
    return PercentileRule{{.percentile = arguments.value("percentile", percentile),
                           .minimum_trials = arguments.value("n_startup_trials", 5),
                           .minimum_trials_at_step = arguments.value("n_min_trials", 1),
                           .steps = steps_of(arguments)}};
}

/// "auto" is our 0.
double resource(const json& arguments, const char* name, double otherwise) {
    const auto found = arguments.find(name);
    if (found == arguments.end()) return otherwise;
    return found->is_string() ? 0 : found->get<double>();
}

HyperbandRule hyperband_of(const json& arguments, const std::string& study) {
    HyperbandRuleOptions options{.minimum_resource = resource(arguments, "min_resource", 1),
                                 .maximum_resource = resource(arguments, "max_resource", 0),
                                 .factor = arguments.value("reduction_factor", 3.0),
                                 .bootstrap_trials = arguments.value("bootstrap_count", 0),
                                 .assign = by_checksum(study)};
    // The reference rounds the logarithm down, which may be one less than fits.
    if (options.maximum_resource > 0)
        options.brackets =
            static_cast<int>(std::floor(std::log(options.maximum_resource / options.minimum_resource) /
                                        std::log(options.factor))) +
            1;
    return HyperbandRule(options);
}

double limit_of(const json& arguments, const char* name, double otherwise) {
    const auto found = arguments.find(name);
    return found == arguments.end() || found->is_null() ? otherwise : found->get<double>();
}

/// "Name(a=1, b='auto')" as a name and its arguments.
std::pair<std::string, json> parsed_call(const std::string& text) {
    const auto open = text.find('(');
    json arguments = json::object();
    std::string rest = open == std::string::npos ? "" : text.substr(open + 1, text.rfind(')') - open - 1);
    while (!rest.empty()) {
        const auto comma = std::min(rest.find(','), rest.size());
        const std::string part = rest.substr(0, comma);
        rest = rest.substr(std::min(comma + 1, rest.size()));
        const auto equals = part.find('=');
        REQUIRE(equals != std::string::npos);
        const auto name = part.substr(part.find_first_not_of(' '), equals - part.find_first_not_of(' '));
        std::string value = part.substr(equals + 1);
        if (value == "None") value = "null";
        std::replace(value.begin(), value.end(), '\'', '"');
        arguments[name] = json::parse(value);
    }
    return {text.substr(0, open), arguments};
}

/// Ours of the same rule; none where there is none.
std::optional<AnyStoppingPolicy> policy_of(const std::string& pruner, const json& arguments,
                                           const std::string& study) {
    if (pruner == "NopPruner") return NeverStop{};
    if (pruner == "MedianPruner") return percentile_of(arguments, 50);
    if (pruner == "PercentilePruner") return percentile_of(arguments, 25);
    if (pruner == "ThresholdPruner")
        return Threshold{{.lower = limit_of(arguments, "lower", -std::numeric_limits<double>::infinity()),
                          .upper = limit_of(arguments, "upper", std::numeric_limits<double>::infinity()),
                          .steps = steps_of(arguments)}};
    if (pruner == "PatientPruner") {
        const PatientOptions options{.patience = arguments.at("patience").get<int>(),
                                     .minimum_change = arguments.value("min_delta", 0.0)};
        const json wrapped = arguments.value("wrapped_pruner", json());
        if (wrapped.is_null()) return Patient(options);
        const auto [name, of_wrapped] = parsed_call(wrapped.get<std::string>());
        const auto inner = policy_of(name, of_wrapped, study);
        if (!inner) return std::nullopt;
        return Patient(options, *inner);
    }
    if (pruner == "SuccessiveHalvingPruner")
        return SuccessiveHalving{{.minimum_resource = resource(arguments, "min_resource", 0),
                                  .factor = arguments.value("reduction_factor", 4.0),
                                  .skipped_rungs = arguments.value("min_early_stopping_rate", 0),
                                  .bootstrap_trials = arguments.value("bootstrap_count", 0)}};
    if (pruner == "HyperbandPruner") return hyperband_of(arguments, study);
    if (pruner == "WilcoxonPruner")
        return PairedTest{{.significance = arguments.value("p_threshold", 0.1),
                           .minimum_pairs = std::max(2, arguments.value("n_startup_steps", 2))}};
    return std::nullopt;
}

/// A pruner's run with ours in its place, trials one after the other or in the order of its reports.
void check_run(const json& run, const json& curves, const AnyStoppingPolicy& policy) {
    const bool turned = run.at("direction") == "maximize";
    std::vector<std::vector<double>> values;
    for (const json& curve : curves.at(run.at("curves").get<std::string>())) {
        values.push_back(test::fixture_numbers(curve));
        if (turned)
            for (double& v : values.back()) v = std::round((1 - v) * 1e5) / 1e5;
    }
    CurveRuns trials(turned ? Direction::maximize : Direction::minimize, policy);
    const int first = run.at("first_step").get<int>();
    std::vector<std::optional<int>> stopped(values.size());
    std::size_t reports = 0;
    if (run.contains("event_order")) {
        for (std::size_t k = 0; k < values.size(); ++k) (void)trials.begin();
        for (const json& entry : run.at("event_order")) {
            const auto trial = entry[0].get<std::int64_t>();
            const int step = entry[1].get<int>();
            const auto& curve = values.at(static_cast<std::size_t>(trial));
            const double value = curve.at(static_cast<std::size_t>(step - first));
            const bool stop = trials.stops(trial, step, value);
            if (stop) stopped[static_cast<std::size_t>(trial)] = step;
            if (stop || step - first + 1 == static_cast<int>(curve.size())) trials.end(trial, stop, value);
            ++reports;
        }
    } else {
        for (std::size_t k = 0; k < values.size(); ++k) {
            stopped[k] = trials.run(values[k], first);
            reports += stopped[k] ? static_cast<std::size_t>(*stopped[k] - first + 1) : values[k].size();
        }
    }
    INFO(run.at("pruner").dump(), " ", run.at("arguments").dump(), " ", run.at("direction").dump(),
         " in order ", run.at("order").dump(), " on ", run.at("curves").dump());
    CHECK(reports == run.at("reports").get<std::size_t>());
    for (std::size_t k = 0; k < values.size(); ++k) {
        INFO("trial ", k);
        CHECK(stopped[k] == test::step_or_none(run.at("pruned_at_step")[k]));
    }
}

}  // namespace

TEST_CASE("policies decide as the reference's pruners did") {
    const auto folder = test::shared("fixtures/stopping");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".json") continue;
        const json file = json::parse(std::ifstream(entry.path()));
        for (const json& run : file.value("runs", json::array())) {
            const auto policy = policy_of(run.at("pruner").get<std::string>(), run.at("arguments"),
                                          file.value("study_name", "fixture"));
            if (!policy) {
                test::count_skip(run.at("pruner").get<std::string>(), "no policy of ours has this rule");
                continue;
            }
            check_run(run, file.at("curves"), *policy);
            test::count_run();
        }
    }
}

TEST_CASE("signed-rank p-values are those of the reference") {
    const auto folder = test::shared("fixtures/stopping");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".json") continue;
        const json file = json::parse(std::ifstream(entry.path()));
        for (const json& c : file.value("wilcoxon_p_values", json::array())) {
            std::vector<double> differences = test::fixture_numbers(c.at("differences"));
            INFO(c.dump());
            CHECK(signed_rank_p_value(differences) ==
                  doctest::Approx(c.at("p_greater").get<double>()).epsilon(1e-9));
            for (double& difference : differences) difference = -difference;
            CHECK(signed_rank_p_value(differences) ==
                  doctest::Approx(c.at("p_less").get<double>()).epsilon(1e-9));
            test::count_run();
        }
    }
}

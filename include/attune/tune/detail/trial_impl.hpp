#pragma once

#include "attune/tune/tuner.hpp"

namespace attune {

ATTUNE_BODY Tuner& Trial::owner() const {
    if (tuner_ == nullptr) throw InvalidState(fmt::format("trial {}: is over already", number_));
    return *tuner_;
}

ATTUNE_BODY Trial::~Trial() {
    if (tuner_ == nullptr) return;
    try {
        tuner_->interrupt(number_);
    } catch (...) {  // NOLINT(bugprone-empty-catch): opening the study again will find it interrupted
    }
}

ATTUNE_BODY Decision Trial::report(double step, const Metrics& metrics) {
    const Decision decision = owner().report(number_, step, metrics).decision;
    if (decision != Decision::proceed) answer_ = decision;
    return decision;
}

ATTUNE_BODY Decision Trial::report(double step, double value) {
    const std::string metric =
        owner().with_study([](const Study& study) { return study.objective().metric; });
    return report(step, Metrics{{metric, value}});
}

ATTUNE_BODY void Trial::set_attribute(const std::string& key, const std::string& value) {
    owner().set_attribute(number_, key, value);
}

ATTUNE_BODY std::optional<std::filesystem::path> Trial::checkpoint() const {
    std::string place =
        owner().with_study([&](const Study& study) { return study.trial(number_).checkpoint(); });
    if (place.empty()) return std::nullopt;
    return std::filesystem::path(std::move(place));
}

ATTUNE_BODY void Trial::set_checkpoint(const std::filesystem::path& place) {
    set_attribute("checkpoint", std::filesystem::absolute(place).lexically_normal().string());
}

ATTUNE_BODY void Trial::tell(const Metrics& metrics, std::optional<double> cost) {
    owner().tell(number_, {.metrics = metrics, .cost = cost ? cost : cost_});
    tuner_ = nullptr;
}

ATTUNE_BODY void Trial::tell(double value) {
    const std::string metric =
        owner().with_study([](const Study& study) { return study.objective().metric; });
    tell(Metrics{{metric, value}});
}

ATTUNE_BODY void Trial::pause(const std::string& reason) {
    owner().pause(number_, {.cost = cost_}, reason);
    tuner_ = nullptr;
}

ATTUNE_BODY void Trial::fail(const std::string& reason, FailureKind kind) {
    owner().fail(number_, reason, kind, cost_);
    tuner_ = nullptr;
}

}  // namespace attune

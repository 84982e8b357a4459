#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "attune/study/curve.hpp"
#include "attune/study/study.hpp"

namespace attune {

namespace detail {

/// The latest value up to the step; NaN where there is none.
[[nodiscard]] inline double value_at(const std::vector<CurvePoint>& points, double step) {
    const auto after = std::upper_bound(points.begin(), points.end(), step,
                                        [](double wanted, const CurvePoint& p) { return wanted < p.step; });
    return after == points.begin() ? std::nan("") : (after - 1)->value;
}

}  // namespace detail

/// Which trials' checkpoints must go so that what is left takes at most `quota_bytes`, in the order of going;
/// `bytes` is what each trial's takes.
///
/// Those of ended trials go first, the largest before the others. Of paused ones the next to go is that with
/// the least worth by byte: its chance of promotion times the cost of building it again. The chance is taken
/// to be the share of the trials at its step or beyond whose value at that step is no better than its own,
/// the cost the time worked on it (the step, where the clock stood still). The best trial's and those of
/// trials under way stay, so that it may not suffice. A function of the study and the sizes.
[[nodiscard]] inline std::vector<std::int64_t> choose_evictions(
    const Study& study, const std::map<std::int64_t, std::uint64_t>& bytes, std::uint64_t quota_bytes) {
    std::uint64_t total = 0;
    for (const auto& [number, size] : bytes) total += size;
    if (total <= quota_bytes) return {};
    struct Candidate {
        std::int64_t trial;
        double worth;
        std::uint64_t bytes;
    };
    std::vector<std::vector<CurvePoint>> curves;
    for (const TrialRecord& trial : study.trials()) curves.push_back(curve(trial, study.objective().metric));
    const TrialRecord* best = nullptr;  // also of paused ones, which are gone on with
    for (const TrialRecord& trial : study.trials()) {
        const bool counts = trial.state == TrialState::completed || trial.state == TrialState::stopped ||
                            trial.state == TrialState::paused;
        if (counts && !std::isnan(study.value(trial)) && (best == nullptr || study.beats(trial, *best)))
            best = &trial;
    }
    std::vector<Candidate> candidates;
    for (const auto& [number, size] : bytes) {
        const TrialRecord& trial = study.trial(number);
        if (&trial == best || &trial == study.best()) continue;
        if (trial.finished()) {
            candidates.push_back({number, -1, size});
            continue;
        }
        if (trial.state != TrialState::paused) continue;
        const std::vector<CurvePoint>& own = curves[static_cast<std::size_t>(number)];
        const double step = own.empty() ? 0 : own.back().step;
        const double value = own.empty() ? std::nan("") : own.back().value;
        double peers = 1;
        double no_better = 1;
        for (const auto& other : curves) {
            if (&other == &own || other.empty() || other.back().step < step) continue;
            ++peers;
            no_better += study.objective().better(detail::value_at(other, step), value) ? 0 : 1;
        }
        const double seconds = trial.duration_seconds();
        const double cost = seconds > 0 ? seconds : std::max(step, std::numeric_limits<double>::min());
        candidates.push_back(
            {number, no_better / peers * cost / static_cast<double>(std::max<std::uint64_t>(size, 1)), size});
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        if (a.worth != b.worth) return a.worth < b.worth;
        if (a.bytes != b.bytes) return a.bytes > b.bytes;
        return a.trial < b.trial;
    });
    std::vector<std::int64_t> out;
    for (const Candidate& candidate : candidates) {
        if (total <= quota_bytes) break;
        total -= candidate.bytes;
        out.push_back(candidate.trial);
    }
    return out;
}

namespace detail {

/// What a file or all files of a folder take; 0 where there is nothing that can be read.
inline std::uint64_t size_on_disk(const std::filesystem::path& place) {
    namespace fs = std::filesystem;
    std::error_code failed;
    const auto size_of = [&](const fs::path& file) {
        const std::uintmax_t size = fs::file_size(file, failed);
        return failed ? 0 : static_cast<std::uint64_t>(size);
    };
    if (!fs::is_directory(fs::symlink_status(place, failed))) return size_of(place);
    std::uint64_t sum = 0;
    for (auto at = fs::recursive_directory_iterator(place, failed);
         !failed && at != fs::recursive_directory_iterator(); at.increment(failed))
        if (fs::is_regular_file(at->symlink_status(failed))) sum += size_of(at->path());
    return sum;
}

/// The bytes of the checkpoints that lie where tuners put them (`top`/trial-<number>); places that others
/// named are nobody's business here.
inline std::map<std::int64_t, std::uint64_t> checkpoint_sizes(const Study& study,
                                                              const std::filesystem::path& top) {
    std::map<std::int64_t, std::uint64_t> out;
    for (const TrialRecord& trial : study.trials()) {
        const std::filesystem::path own = top / fmt::format("trial-{}", trial.number);
        if (trial.checkpoint() != own.lexically_normal().string()) continue;
        if (const std::uint64_t size = size_on_disk(own); size > 0) out.emplace(trial.number, size);
    }
    return out;
}

}  // namespace detail
}  // namespace attune

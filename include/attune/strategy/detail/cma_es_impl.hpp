#pragma once

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "attune/strategy/cma_es.hpp"
#include "attune/strategy/detail/cma_search.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/study_follower.hpp"

namespace attune {
namespace detail {

/// What CmaEs does, and the state that it keeps from one suggestion to the next.
class CmaEsSearch {
  public:
    explicit CmaEsSearch(CmaEsOptions options) : options_(options) { options_.validate(); }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        if (CmaAxes(study.space()).size() > 0) {
            const CmaSearch& search = caught_up(study);
            RandomStream stream = request.stream(study, Purpose::suggestion);
            for (const double times : {1.0, 2.0, 4.0, 8.0})
                for (int draw = 0; draw < 50; ++draw) {
                    CmaPoint point = search.draw(stream, times);
                    Configuration configuration = decode(study.space(), request, search.axes(), point);
                    if (request.admits(study, configuration))
                        return described(search, point, std::move(configuration));
                }
        }
        return RandomSearch{}.suggest(study, request);
    }

  private:
    /// Of a trial whose result was taken in: when it came, its number, a digest of what it was.
    using Entry = std::tuple<double, std::int64_t, std::uint64_t>;

    struct Caught {
        std::uint64_t seed;
        std::uint32_t space_version;
        std::vector<Entry> entries;
        CmaSearch search;
    };

    /// The state after all results of the study.
    const CmaSearch& caught_up(const Study& study) {
        bool grown = true;
        follower_.follow(
            study, [&] { grown = false; },
            [&](const TrialRecord& trial) {
                if (counts(study, trial)) fresh_.emplace_back(trial.finished_seconds, trial.number, 0);
            });
        if (!grown || !take_in_fresh(study)) take_in_all(study);
        fresh_.clear();
        return caught_->search;
    }

    /// Adds what has come since the last look; false where that is not the study's end.
    bool take_in_fresh(const Study& study) {
        if (!caught_) return false;
        taken_.resize(study.trials().size(), false);
        std::erase_if(fresh_, [&](const Entry& entry) {  // notes about what had come before
            return taken_[static_cast<std::size_t>(std::get<1>(entry))];
        });
        std::sort(fresh_.begin(), fresh_.end());
        fresh_.erase(std::unique(fresh_.begin(), fresh_.end()), fresh_.end());
        for (Entry& entry : fresh_) std::get<2>(entry) = digest(study, study.trial(std::get<1>(entry)));
        if (!fresh_.empty() && !caught_->entries.empty() && fresh_.front() < caught_->entries.back())
            return false;
        for (const Entry& entry : fresh_) add(study, entry);
        return true;
    }

    /// The same from the study's beginning, or from where another study (a copy, one with what is supposed of
    /// it) is no longer as the last one was.
    void take_in_all(const Study& study) {
        std::vector<Entry> entries;
        for (const TrialRecord& trial : study.trials())
            if (counts(study, trial))
                entries.emplace_back(trial.finished_seconds, trial.number, digest(study, trial));
        std::sort(entries.begin(), entries.end());
        if (!goes_on(study, entries))
            caught_.emplace(Caught{
                study.seed(), study.space_version(), {}, CmaSearch(study.space(), options_, study.seed())});
        taken_.assign(study.trials().size(), false);
        for (const Entry& entry : caught_->entries)
            taken_[static_cast<std::size_t>(std::get<1>(entry))] = true;
        for (std::size_t i = caught_->entries.size(); i < entries.size(); ++i) add(study, entries[i]);
    }

    void add(const Study& study, const Entry& entry) {
        const std::int64_t number = std::get<1>(entry);
        const TrialRecord& trial = study.trial(number);
        caught_->search.add(point_of(study, trial, caught_->search.axes()), losses_of(study, trial),
                            study.violation(trial));
        caught_->entries.push_back(entry);
        taken_[static_cast<std::size_t>(number)] = true;
    }

    /// Whether the trial is a result to learn from.
    static bool counts(const Study& study, const TrialRecord& trial) {
        return trial.finished() && trial.failure != FailureKind::environment &&
               (!trial.original || study.space().contains(trial.configuration));
    }

    /// Whether what was caught up with is the beginning of this study.
    [[nodiscard]] bool goes_on(const Study& study, const std::vector<Entry>& entries) const {
        return caught_ && caught_->seed == study.seed() && caught_->space_version == study.space_version() &&
               &caught_->search.space().schema() == &study.space().schema() &&
               caught_->entries.size() <= entries.size() &&
               std::equal(caught_->entries.begin(), caught_->entries.end(), entries.begin());
    }

    static std::uint64_t digest(const Study& study, const TrialRecord& trial) {
        std::uint64_t hash = std::hash<std::string>{}(trial.fit);
        const auto mix = [&](double x) { hash = (hash ^ std::bit_cast<std::uint64_t>(x)) * 0x100000001B3; };
        for (const double x : trial.configuration.native()) mix(x);
        for (std::size_t k = 0; k < study.objectives().size(); ++k) mix(study.value(trial, k));
        if (!study.outcome_constraints().empty()) mix(study.violation(trial));
        return hash;
    }

    static Losses losses_of(const Study& study, const TrialRecord& trial) {
        Losses losses;
        for (std::size_t k = 0; k < study.objectives().size(); ++k) {
            const double loss = study.objectives()[k].loss(study.value(trial, k));
            if (std::isnan(loss)) return {};
            losses.push_back(loss);
        }
        return losses;
    }

    /// What was drawn for the trial; for one that was not drawn by this strategy, or in another space, its
    /// configuration.
    static CmaPoint point_of(const Study& study, const TrialRecord& trial, const CmaAxes& axes) {
        CmaPoint point;
        const std::vector<double>& native = trial.configuration.native();
        point.x.resize(static_cast<Eigen::Index>(axes.numbers.size()));
        for (std::size_t j = 0; j < axes.numbers.size(); ++j)
            point.x[static_cast<Eigen::Index>(j)] =
                std::isnan(native[axes.numbers[j]])
                    ? std::nan("")
                    : study.space()[axes.numbers[j]].encode(native[axes.numbers[j]]);
        for (const std::size_t i : axes.choices)
            point.choices.push_back(std::isnan(native[i]) ? ChoiceDistribution::unknown
                                                          : static_cast<int>(native[i]));
        if (trial.space_version == study.space_version()) read_draw(study, trial, axes, point);
        return point;
    }

    /// Puts the coordinates that are stored with the trial in place of those of its configuration, where they
    /// are of the same values (a trial may have been told with others than it was asked with).
    static void read_draw(const Study& study, const TrialRecord& trial, const CmaAxes& axes,
                          CmaPoint& point) {
        std::string_view text = trial.fit;
        if (!text.starts_with("cma ")) return;
        text.remove_prefix(4);
        const auto next = [&](auto& value) {
            while (text.starts_with(' ')) text.remove_prefix(1);
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error != std::errc()) return false;
            text.remove_prefix(static_cast<std::size_t>(end - text.data()));
            return true;
        };
        CmaPoint drawn = point;
        if (!next(drawn.run) || !next(drawn.generation)) return;
        for (std::size_t j = 0; j < axes.numbers.size(); ++j) {
            double& u = drawn.x[static_cast<Eigen::Index>(j)];
            if (!next(u) || !(u >= 0 && u <= 1)) return;
            const double native = trial.configuration.native()[axes.numbers[j]];
            if (!std::isnan(native) && study.space()[axes.numbers[j]].decode(u) != native) return;
        }
        point = std::move(drawn);
    }

    /// The configuration of a draw; coordinates of fixed values are made those.
    static Configuration decode(const SearchSpace& space, const SuggestionRequest& request,
                                const CmaAxes& axes, CmaPoint& point) {
        std::vector<double> native(space.size());
        for (std::size_t i = 0; i < space.size(); ++i) native[i] = space[i].decode(0.5);
        for (std::size_t j = 0; j < axes.numbers.size(); ++j) {
            const std::size_t i = axes.numbers[j];
            double& u = point.x[static_cast<Eigen::Index>(j)];
            if (request.is_fixed(i)) u = space[i].encode(request.fixed[i]);
            native[i] = space[i].decode(u);
        }
        for (std::size_t c = 0; c < axes.choices.size(); ++c) native[axes.choices[c]] = point.choices[c];
        return request.complete(space, std::move(native));
    }

    [[nodiscard]] Suggestion described(const CmaSearch& search, const CmaPoint& point,
                                       Configuration configuration) const {
        std::string fit = fmt::format("cma {} {}", point.run, point.generation);
        for (const double u : point.x) fit += fmt::format(" {}", u);
        const double widest = search.widest();
        std::string reason = fmt::format("drawn by generation {} of run {}, population {}",
                                         search.generation() + 1, search.run() + 1, search.population());
        if (!search.axes().numbers.empty()) reason += fmt::format(", up to {:.2g} of a range wide", widest);
        const bool first = search.run() == 0 && search.generation() == 0;
        const char* role = first ? "initial" : widest > 0.5 * options_.sigma ? "exploring" : "exploiting";
        return {std::move(configuration), std::move(reason), role, std::move(fit)};
    }

    CmaEsOptions options_;
    std::optional<Caught> caught_;
    StudyFollower follower_;
    std::vector<Entry> fresh_;  ///< came since the last look, the digest still to be taken
    std::vector<bool> taken_;   ///< by trial
};

}  // namespace detail

ATTUNE_BODY CmaEs::CmaEs() : CmaEs(CmaEsOptions{}) {}
ATTUNE_BODY CmaEs::CmaEs(CmaEsOptions options) : search_(std::make_unique<detail::CmaEsSearch>(options)) {}
ATTUNE_BODY CmaEs::CmaEs(const CmaEs& other)
    : search_(other.search_ ? std::make_unique<detail::CmaEsSearch>(*other.search_) : nullptr) {}
ATTUNE_BODY CmaEs::CmaEs(CmaEs&& other) noexcept = default;
ATTUNE_BODY CmaEs& CmaEs::operator=(CmaEs other) noexcept {
    search_.swap(other.search_);
    return *this;
}
ATTUNE_BODY CmaEs::~CmaEs() = default;

ATTUNE_BODY std::optional<Suggestion> CmaEs::suggest(const Study& study, const SuggestionRequest& request) {
    return search_->suggest(study, request);
}

}  // namespace attune

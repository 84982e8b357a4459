#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "attune/study/objective.hpp"

namespace attune {

/// Named numbers at a step of a trial (an epoch, seconds, any count).
struct Report {
    double step = 0;
    Metrics metrics;
    double time_seconds = 0;  ///< since the epoch of the study's clock
};

/// A trial's reports, in order of arrival. Copies share them until one of the two is changed, so that a copy
/// of a study costs no more for having many reports.
///
/// Copies are independent. Thread safety: as of a container; copies may be used from different threads.
class Reports {
  public:
    using value_type = Report;
    using const_iterator = std::vector<Report>::const_iterator;

    Reports() = default;
    Reports(const Reports& other) : list_(other.list_) {
        if (list_) list_->shared.store(true, std::memory_order_relaxed);
    }
    Reports(Reports&&) noexcept = default;
    Reports& operator=(const Reports& other) { return *this = Reports(other); }
    Reports& operator=(Reports&&) noexcept = default;
    ~Reports() = default;

    [[nodiscard]] bool empty() const { return all().empty(); }
    [[nodiscard]] std::size_t size() const { return all().size(); }
    [[nodiscard]] const_iterator begin() const { return all().begin(); }
    [[nodiscard]] const_iterator end() const { return all().end(); }
    /// Precondition: there is such a report.
    [[nodiscard]] const Report& operator[](std::size_t i) const { return all()[i]; }
    [[nodiscard]] const Report& front() const { return all().front(); }
    [[nodiscard]] const Report& back() const { return all().back(); }

    void push_back(Report report) { own().push_back(std::move(report)); }
    void clear() { list_.reset(); }
    /// Takes out those for which `gone(report)`; how many.
    template <class Gone>
    std::size_t erase_if(const Gone& gone) {
        return std::any_of(begin(), end(), gone) ? std::erase_if(own(), gone) : 0;
    }

  private:
    /// What was ever shared is never changed again, which needs no look at who still holds it.
    struct List {
        std::vector<Report> reports;
        std::atomic<bool> shared = false;
    };

    [[nodiscard]] const std::vector<Report>& all() const {
        static const std::vector<Report> none;
        return list_ ? list_->reports : none;
    }
    std::vector<Report>& own() {
        if (!list_ || list_->shared.load(std::memory_order_relaxed)) {
            auto fresh = std::make_shared<List>();
            fresh->reports = all();
            list_ = std::move(fresh);
        }
        return list_->reports;
    }

    std::shared_ptr<List> list_;
};

}  // namespace attune

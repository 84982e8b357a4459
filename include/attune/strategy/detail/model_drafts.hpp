#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "attune/gp/study_space.hpp"
#include "attune/strategy/detail/observations.hpp"
#include "attune/strategy/sobol.hpp"

namespace attune::detail {

/// Sobol points moved by one random digital shift.
template <class Rows>
void fill_evenly(Rows&& rows, RandomStream& stream) {
    const auto d = static_cast<std::size_t>(rows.cols());
    std::vector<std::uint32_t> shift(d);
    for (std::uint32_t& s : shift) s = static_cast<std::uint32_t>(stream() >> 32);
    SobolSequence sequence(d);
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        const std::vector<std::uint32_t> plain = sequence.point(static_cast<std::uint64_t>(i));
        for (std::size_t j = 0; j < d; ++j)
            rows(i, static_cast<Eigen::Index>(j)) =
                (static_cast<double>(plain[j] ^ shift[j]) + 0.5) * 0x1p-32;
    }
}

/// A point near `draft`: steps of three sizes, all coordinates or about half of them; choices are redrawn
/// now and then.
inline Eigen::RowVectorXd perturbed(const StudySpace& space, Eigen::RowVectorXd draft, Eigen::Index number,
                                    RandomStream& stream) {
    constexpr double sizes[] = {0.1, 0.03, 0.005};
    const double size = sizes[number % 3];
    const bool sparse = number % 2 == 1 && draft.size() > 1;
    for (Eigen::Index j = 0; j < draft.size(); ++j) {
        const double step = stream.normal();
        const double coin = stream.uniform();
        const double fresh = stream.uniform();
        if (std::isnan(draft[j]))
            draft[j] = fresh;
        else if (!space.axes()[static_cast<std::size_t>(j)].ordered)
            draft[j] = coin < 0.15 ? fresh : draft[j];
        else if (!sparse || coin < 0.5)
            draft[j] = std::clamp(draft[j] + size * step, 0.0, 1.0);
    }
    return draft;
}

/// Where the search for the next point begins: `candidates` drafts spread over the space (0: by the
/// dimension), and some around the best points seen; all there are where they are few.
[[nodiscard]] inline Points drafts(const StudySpace& space, const Observations& seen,
                                   const Eigen::VectorXd& targets, int candidates, RandomStream& stream) {
    constexpr double enumerable = 2000;
    if (auto all = space.enumerate(enumerable)) return *std::move(all);
    const auto d = static_cast<Eigen::Index>(space.dimensions());
    const Eigen::Index spread = candidates > 0 ? candidates : std::min<Eigen::Index>(400 + 40 * d, 1000);
    std::vector<Eigen::Index> order(static_cast<std::size_t>(targets.size()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return targets[a] < targets[b]; });
    const Eigen::Index centres = std::min<Eigen::Index>(4, targets.size());
    constexpr Eigen::Index around_each = 24;
    Points rows(spread + centres * around_each, d);
    fill_evenly(rows.topRows(spread), stream);
    for (Eigen::Index c = 0; c < centres; ++c) {
        const auto& centre =
            seen.configurations[static_cast<std::size_t>(order[static_cast<std::size_t>(c)])];
        const Eigen::RowVectorXd draft = space.draft(centre);
        for (Eigen::Index i = 0; i < around_each; ++i)
            rows.row(spread + c * around_each + i) = perturbed(space, draft, i, stream);
    }
    return rows;
}

}  // namespace attune::detail

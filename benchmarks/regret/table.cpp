#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "attune/study/random_stream.hpp"

namespace attune::regret {
namespace {

using Key = std::pair<std::string, int>;                     // method, batch
using Values = std::vector<double>;                          // of the seeds
using Cells = std::map<std::string, std::map<Key, Values>>;  // by problem

constexpr double least = 1e-10;  // regrets below count as this

std::string text(const Key& key) {
    return key.second == 1 ? key.first : fmt::format("{} q={}", key.first, key.second);
}

double quantile(Values v, double q) {
    std::sort(v.begin(), v.end());
    const double h = static_cast<double>(v.size() - 1) * q;
    const auto i = static_cast<std::size_t>(h);
    const double rest = h - static_cast<double>(i);
    // Runs that found nothing have infinite values, whose differences are no numbers.
    if (i + 1 >= v.size() || rest == 0 || v[i] == v[i + 1]) return v[i];
    return v[i] + rest * (v[i + 1] - v[i]);
}

double median(const Values& v) { return quantile(v, 0.5); }

Values resampled(const Values& v, RandomStream& stream) {
    Values out(v.size());
    for (double& x : out) x = v[stream.below(v.size())];
    return out;
}

template <class Statistic>
std::pair<double, double> interval(int resamples, const Statistic& statistic) {
    RandomStream stream(1, 0, Purpose::user);
    Values draws;
    for (int r = 0; r < resamples; ++r) draws.push_back(statistic(stream));
    return {quantile(draws, 0.025), quantile(draws, 0.975)};
}

Cells regrets(const std::vector<Trace>& traces, int k) {
    Cells cells;
    for (const Trace& t : traces)
        if (const auto r = t.at(k))
            cells[t.problem][{t.method, t.batch}].push_back(std::log10(std::max(*r, least)));
    return cells;
}

std::vector<Key> keys_of(const std::vector<Trace>& traces) {
    std::vector<Key> keys;
    for (const Trace& t : traces)
        if (std::find(keys.begin(), keys.end(), Key{t.method, t.batch}) == keys.end())
            keys.emplace_back(t.method, t.batch);
    return keys;
}

std::string medians(const Cells& cells, const std::vector<Key>& keys, int resamples) {
    std::string out = "| problem |";
    for (const Key& key : keys) out += " " + text(key) + " |";
    out += "\n|---|";
    for (std::size_t i = 0; i < keys.size(); ++i) out += "---|";
    for (const auto& [problem, by_key] : cells) {
        out += "\n| " + problem + " |";
        double best = INFINITY;
        for (const auto& [key, values] : by_key) best = std::min(best, median(values));
        for (const Key& key : keys) {
            const auto found = by_key.find(key);
            if (found == by_key.end()) {
                out += " - |";
                continue;
            }
            const Values& v = found->second;
            const auto [low, high] =
                interval(resamples, [&](RandomStream& stream) { return median(resampled(v, stream)); });
            const double m = median(v);
            const char* bold = m <= best ? "**" : "";
            out += fmt::format(" {}{:.2f}{} [{:.2f}, {:.2f}] ({}) |", bold, m, bold, low, high, v.size());
        }
    }
    return out + "\n";
}

/// Ranks of the medians among `keys` on every problem of `problems`, averaged; ties share.
std::map<Key, double> mean_ranks(const std::map<std::string, std::map<Key, double>>& by_problem) {
    std::map<Key, double> sum;
    for (const auto& [problem, by_key] : by_problem)
        for (const auto& [key, mine] : by_key) {
            double rank = 1;
            for (const auto& [other, theirs] : by_key)
                rank += theirs < mine ? 1.0 : (theirs == mine && other != key) ? 0.5 : 0.0;
            sum[key] += rank / static_cast<double>(by_problem.size());
        }
    return sum;
}

std::string ranks(const Cells& cells, const TableOptions& options) {
    // The methods that have enough seeds on all the problems; others cannot be ranked beside them.
    std::map<Key, std::size_t> has;
    std::size_t most = 0;
    for (const auto& [problem, by_key] : cells)
        for (const auto& [key, values] : by_key)
            if (values.size() >= options.least_seeds) most = std::max(most, ++has[key]);
    std::erase_if(has, [&](const auto& entry) { return entry.second < most; });
    if (has.size() < 2) return "";
    Cells ranked;
    for (const auto& [problem, by_key] : cells)
        for (const auto& [key, values] : by_key)
            if (has.count(key) > 0) ranked[problem][key] = values;
    std::erase_if(ranked, [&](const auto& entry) { return entry.second.size() < has.size(); });
    if (ranked.empty()) return "";
    const auto medians_of = [&](RandomStream* stream) {
        std::map<std::string, std::map<Key, double>> out;
        for (const auto& [problem, by_key] : ranked)
            for (const auto& [key, values] : by_key)
                out[problem][key] = median(stream != nullptr ? resampled(values, *stream) : values);
        return out;
    };
    const std::map<Key, double> centre = mean_ranks(medians_of(nullptr));
    std::map<Key, Values> draws;
    RandomStream stream(1, 0, Purpose::user);
    for (int r = 0; r < options.resamples; ++r)
        for (const auto& [key, rank] : mean_ranks(medians_of(&stream))) draws[key].push_back(rank);
    std::vector<Key> order;
    for (const auto& [key, rank] : centre) order.push_back(key);
    std::stable_sort(order.begin(), order.end(),
                     [&](const Key& a, const Key& b) { return centre.at(a) < centre.at(b); });
    std::string out = fmt::format("\nmean rank of the median ({} problems):", ranked.size());
    for (const Key& key : order)
        out += fmt::format(" {} {:.2f} [{:.2f}, {:.2f}];", text(key), centre.at(key),
                           quantile(draws.at(key), 0.025), quantile(draws.at(key), 0.975));
    out.back() = '\n';
    return out;
}

double share_at_most(const Values& ours, const Values& random) {
    double sum = 0;
    for (const double a : ours)
        for (const double b : random) sum += a <= b ? 1.0 : 0.0;
    return sum / static_cast<double>(ours.size() * random.size());
}

std::string against_random(const std::vector<Trace>& traces, const std::vector<Key>& keys, int resamples) {
    const Cells thirty = regrets(traces, 30);
    Cells random = regrets(traces, 120);
    std::string out;
    for (const Key& key : keys) {
        std::string line;
        Values shares;
        std::vector<std::pair<Values, Values>> pairs;
        for (const auto& [problem, by_key] : thirty) {
            const auto mine = by_key.find(key);
            const auto theirs = random[problem].find({"random", 1});
            if (mine == by_key.end() || theirs == random[problem].end()) continue;
            pairs.emplace_back(mine->second, theirs->second);
            shares.push_back(share_at_most(mine->second, theirs->second));
            line += fmt::format(" {} {:.2f};", problem, shares.back());
        }
        if (shares.empty()) continue;
        const auto mean = [](const Values& v) {
            return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
        };
        const auto [low, high] = interval(resamples / 10, [&](RandomStream& stream) {
            Values drawn;
            for (const auto& [a, b] : pairs)
                drawn.push_back(share_at_most(resampled(a, stream), resampled(b, stream)));
            return mean(drawn);
        });
        out += fmt::format("\n{}: mean {:.3f} [{:.3f}, {:.3f}];{}", text(key), mean(shares), low, high, line);
    }
    return out.empty() ? "" : "\n## P(best of 30 <= best of 120 at random)\n" + out + "\n";
}

}  // namespace

std::string table(const std::vector<Trace>& traces, const TableOptions& options) {
    const std::vector<Key> keys = keys_of(traces);
    std::string out;
    for (const int k : options.evaluations) {
        const Cells cells = regrets(traces, k);
        if (cells.empty()) continue;
        std::vector<Key> present;
        for (const Key& key : keys)
            if (std::any_of(cells.begin(), cells.end(),
                            [&](const auto& c) { return c.second.count(key) > 0; }))
                present.push_back(key);
        out += fmt::format(
            "\n## log10 regret at {} evaluations: median [95 % bootstrap interval] (seeds)\n\n", k);
        out += medians(cells, present, options.resamples) + ranks(cells, options);
    }
    return out + against_random(traces, keys, options.resamples);
}

}  // namespace attune::regret

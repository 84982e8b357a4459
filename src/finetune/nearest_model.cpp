#include "nearest_model.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"
#include "state_names.hpp"
#include "train/auxiliary_heads.hpp"

namespace attune {
namespace detail {
namespace {

using Offered = std::unordered_map<std::string, const Source*>;

/// Building networks draws random numbers; a question must not change what the host draws after it.
class UndisturbedGenerator {
  public:
    UndisturbedGenerator() : generator_(at::detail::getDefaultCPUGenerator()) {
        const std::lock_guard lock(generator_.mutex());
        state_ = generator_.get_state();
    }
    ~UndisturbedGenerator() {
        const std::lock_guard lock(generator_.mutex());
        generator_.set_state(state_);
    }
    UndisturbedGenerator(const UndisturbedGenerator&) = delete;
    UndisturbedGenerator& operator=(const UndisturbedGenerator&) = delete;

  private:
    at::Generator generator_;
    torch::Tensor state_;
};

struct Likeness {
    double share = 0;              ///< of all names of either side, those with the same shape on both
    bool but_for_the_head = true;  ///< whether all but the head's entries are in the file
};

Likeness compare(const Network& network, const Offered& offered) {
    Likeness likeness;
    const std::string head = network.head_name() + ".";
    std::size_t shared = 0;
    std::size_t all = offered.size();
    for (const auto& [name, tensor] : named_state(network)) {
        if (is_batch_counter(name)) continue;
        const auto found = offered.find(name);
        if (found == offered.end()) ++all;
        if (found != offered.end() && found->second->shape == tensor.sizes().vec())
            ++shared;
        else if (!name.starts_with(head) && !is_auxiliary(network, name))
            likeness.but_for_the_head = false;
    }
    likeness.share = static_cast<double>(shared) / static_cast<double>(std::max<std::size_t>(all, 1));
    return likeness;
}

/// The entries that may have made a file of so many scalars, likeliest first.
std::vector<const ZooEntry*> candidates_for(double scalars, const ModelZoo& zoo) {
    // A head of another size moves the count; of the networks here, by no more than this factor.
    constexpr double widest = 6;
    const auto distance = [&](const ZooEntry* entry) {
        return std::abs(std::log(static_cast<double>(entry->parameters) / scalars));
    };
    std::vector<const ZooEntry*> candidates;
    for (const auto& entry : zoo.entries())
        if (distance(&entry) < std::log(widest)) candidates.push_back(&entry);
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const ZooEntry* a, const ZooEntry* b) { return distance(a) < distance(b); });
    return candidates;
}

}  // namespace

std::string nearest_to(const Sources& file, const ModelZoo& zoo) {
    const UndisturbedGenerator guard;
    Offered offered;
    double scalars = 1;
    for (const auto& data : file) {
        if (is_batch_counter(data.name)) continue;
        offered.emplace(data.name, &data);
        scalars += static_cast<double>(data.bytes.size() / size_of(data.dtype));
    }
    std::string best;
    double best_share = 0.5;
    for (const auto* candidate : candidates_for(scalars, zoo)) {
        const auto likeness = compare(*zoo.make_unset(candidate->name, candidate->classes), offered);
        if (likeness.share > best_share) {
            best_share = likeness.share;
            best = candidate->name;
        }
        if (likeness.but_for_the_head && likeness.share > 0.9) break;
    }
    return best;
}

}  // namespace detail

std::string nearest_model(const TensorFile& file, const ModelZoo& zoo) {
    return detail::nearest_to(detail::sources_of(file), zoo);
}

}  // namespace attune

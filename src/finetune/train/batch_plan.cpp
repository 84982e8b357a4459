#include "batch_plan.hpp"

#include <algorithm>

#include "attune/finetune/data/random.hpp"

namespace attune::detail {
namespace {

enum Purpose : std::uint64_t { order_purpose = 0x6f72646572, class_purpose = 0x636c617373 };

/// A last batch of one joins the one before, since batch normalisation has no statistics of a single value.
std::vector<std::size_t> borders_of(std::size_t count, std::size_t batch_size) {
    std::vector<std::size_t> borders;
    for (std::size_t begin = 0; begin < count; begin += batch_size) borders.push_back(begin);
    if (borders.size() > 1 && count - borders.back() == 1 && batch_size > 1) borders.pop_back();
    borders.push_back(count);
    return borders;
}

}  // namespace

BatchPlan::BatchPlan(const ImageData& data, const Recipe& recipe)
    : data_(data),
      recipe_(recipe),
      borders_(borders_of(data.split().train.size(), static_cast<std::size_t>(recipe.batch_size))) {}

void BatchPlan::begin_epoch(std::int64_t epoch) {
    order_ = recipe_.balance_sampling ? balanced(epoch) : data_.split().train;
    RandomStream stream{recipe_.seed, order_purpose, static_cast<std::uint64_t>(epoch)};
    stream.shuffle(order_);
}

std::vector<std::int64_t> BatchPlan::balanced(std::int64_t epoch) const {
    std::vector<std::vector<std::int64_t>> classes(static_cast<std::size_t>(data_.class_count()));
    for (const auto row : data_.split().train)
        classes[static_cast<std::size_t>(data_.labels()[static_cast<std::size_t>(row)])].push_back(row);
    std::erase_if(classes, [](const auto& rows) { return rows.empty(); });
    // Each class goes through all its samples before one comes again; those left over by the division go to
    // the first classes of an order that each epoch draws.
    RandomStream stream{recipe_.seed, class_purpose, static_cast<std::uint64_t>(epoch)};
    stream.shuffle(classes);
    for (auto& rows : classes) stream.shuffle(rows);
    std::vector<std::int64_t> order;
    for (std::size_t turn = 0; order.size() < data_.split().train.size(); ++turn)
        for (const auto& rows : classes)
            if (order.size() < data_.split().train.size()) order.push_back(rows[turn % rows.size()]);
    return order;
}

std::span<const std::int64_t> BatchPlan::batch(std::size_t index) const {
    return std::span<const std::int64_t>(order_).subspan(borders_[index],
                                                         borders_[index + 1] - borders_[index]);
}

std::int64_t BatchPlan::updates() const {
    const auto count = static_cast<std::int64_t>(batches());
    return (count + recipe_.accumulation_steps - 1) / recipe_.accumulation_steps;
}

}  // namespace attune::detail

#include "attune/finetune/train/feature_cache.hpp"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/space/detail/counted.hpp"
#include "autocast.hpp"
#include "auxiliary_heads.hpp"
#include "device.hpp"
#include "evaluation_mode.hpp"
#include "mapped_tensor.hpp"
#include "stage_output.hpp"

namespace attune {
namespace {

struct Key {
    std::size_t cut;
    View view;
    auto operator<=>(const Key&) const = default;
};

}  // namespace

void FeatureCacheOptions::validate() const {
    if (memory_limit_bytes < 0)
        throw InvalidOption("memory_limit_bytes " + std::to_string(memory_limit_bytes) +
                            " must be at least 0");
    if (file_limit_bytes < 0)
        throw InvalidOption("file_limit_bytes " + std::to_string(file_limit_bytes) + " must be at least 0");
    if (batch_size < 1)
        throw InvalidOption("batch_size " + std::to_string(batch_size) + " must be at least 1");
    if (!device.empty()) (void)detail::device_named(device);
}

struct FeatureCache::Impl {
    Impl(std::shared_ptr<Network> given, ImageData given_data, FeatureCacheOptions choice)
        : network(std::move(given)), data(std::move(given_data)), options(std::move(choice)) {
        options.validate();
        if (network == nullptr) throw InvalidOption("a feature cache needs a network");
        for (const auto part : {Split::train, Split::validation, Split::test})
            rows.insert(rows.end(), data.split().of(part).begin(), data.split().of(part).end());
        std::ranges::sort(rows);
        slots.assign(static_cast<std::size_t>(data.size()), -1);
        for (std::size_t i = 0; i < rows.size(); ++i)
            slots[static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
        if (rows.empty()) throw InvalidOption("a feature cache needs data with rows in its split");
    }

    torch::Tensor find(const Key& key) {
        const std::scoped_lock lock(map_mutex);
        const auto found = kept.find(key);
        return found == kept.end() ? torch::Tensor{} : found->second;
    }

    /// Elements of one image's features at each cut, for pictures as large as the view makes them.
    const std::vector<std::vector<std::int64_t>>& shapes(const View& view) {
        const auto size = view.image_size > 0 ? view.image_size : data.image_size();
        auto& found = shapes_by_size[size];
        if (!found.empty()) return found;
        const torch::NoGradGuard no_gradients;
        const detail::EvaluationMode mode(*network);
        const detail::FullPrecision precision;
        const auto side = data.stored_size();
        auto x = detail::network_input(*network, torch::zeros({1, 3, side, side}, torch::kUInt8), view,
                                       data.image_size());
        for (std::size_t stage = 0; stage < network->stages().size(); ++stage) {
            x = network->forward_stages(x, stage, stage + 1);
            found.push_back(x.sizes().slice(1).vec());
        }
        return found;
    }

    std::int64_t bytes_of(std::size_t cut, const View& view) {
        if (cut < 1 || cut > network->stages().size())
            throw InvalidOption("cut " + std::to_string(cut) + " must be in [1, " +
                                std::to_string(network->stages().size()) + "], the network's stages");
        std::int64_t count = std::ssize(rows) * (options.half_precision ? 2 : 4);
        for (const auto side : shapes(view)[cut - 1]) count *= side;
        return count;
    }

    /// Where features that are missing go: for each key whether into a file. Nothing where they do not fit.
    /// Those of the fewest stages come first, whatever the order in which they are asked for.
    std::optional<std::map<Key, bool>> places_for(const std::set<Key>& missing) {
        std::map<Key, bool> places;
        auto memory = used;
        auto files = used_in_files;
        for (const auto& key : missing) {
            const auto bytes = bytes_of(key.cut, key.view);
            const bool in_file = memory + bytes > options.memory_limit_bytes;
            if (in_file && (options.file_folder.empty() || files + bytes > options.file_limit_bytes))
                return std::nullopt;
            (in_file ? files : memory) += bytes;
            places.emplace(key, in_file);
        }
        return places;
    }

    [[noreturn]] void refuse(const std::set<Key>& missing) {
        std::int64_t needed = used + used_in_files;
        for (const auto& key : missing) needed += bytes_of(key.cut, key.view);
        throw InvalidOption(
            "features of " + detail::counted(rows.size(), "image") + " at " + std::to_string(missing.size()) +
            " cuts and views need " + std::to_string(needed >> 20) +
            " MiB in all, more than the memory limit of " + std::to_string(options.memory_limit_bytes >> 20) +
            " MiB" +
            (options.file_folder.empty()
                 ? ""
                 : " and the file limit of " + std::to_string(options.file_limit_bytes >> 20) + " MiB"));
    }

    torch::Tensor room_for(const Key& key, bool in_file) {
        std::vector<std::int64_t> sizes{std::ssize(rows)};
        const auto& shape = shapes(key.view)[key.cut - 1];
        sizes.insert(sizes.end(), shape.begin(), shape.end());
        const auto type = options.half_precision ? torch::kFloat16 : torch::kFloat32;
        return in_file ? detail::mapped_tensor(options.file_folder, sizes, type) : torch::empty(sizes, type);
    }

    /// Features that are being computed: one tensor a cut.
    struct Rooms {
        std::vector<std::size_t> cuts;  ///< ascending
        std::vector<torch::Tensor> features;
    };

    /// The stages up to the last cut for one batch through one view.
    void fill_batch(const torch::Tensor& pixels, const View& view, std::int64_t at_row, Rooms& rooms) {
        auto x = detail::network_input(*network, pixels, view, data.image_size());
        std::size_t at = 0;
        for (std::size_t i = 0; i < rooms.cuts.size(); ++i) {
            x = network->forward_stages(x, at, rooms.cuts[i]);
            at = rooms.cuts[i];
            rooms.features[i].narrow(0, at_row, pixels.size(0)).copy_(x);
        }
    }

    /// One pass over all rows, so that each picture is read once, however many views there are.
    void fill(const std::map<Key, bool>& places) {
        if (places.empty()) return;
        const auto began = std::chrono::steady_clock::now();
        const torch::NoGradGuard no_gradients;
        const detail::EvaluationMode mode(*network);
        const detail::FullPrecision precision;
        std::optional<detail::Visit> visit;
        if (!options.device.empty()) visit.emplace(*network, detail::device_named(options.device));
        std::map<View, Rooms> rooms;
        for (const auto& [key, in_file] : places) {  // ascending by cut
            rooms[key.view].cuts.push_back(key.cut);
            rooms[key.view].features.push_back(room_for(key, in_file));
        }
        const auto count = std::ssize(rows);
        const auto views = std::ssize(rooms);
        for (std::int64_t done = 0; done < count;) {
            const auto size = std::min(options.batch_size, count - done);
            const auto pixels = data.pixels_of(
                std::span(rows).subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(size)));
            if (done + size < count)
                data.prefetch(std::span(rows).subspan(
                    static_cast<std::size_t>(done + size),
                    static_cast<std::size_t>(std::min(options.batch_size, count - done - size))));
            std::int64_t views_done = 0;
            for (auto& [view, list] : rooms) {
                if (options.stop.stop_requested())
                    throw InvalidState("computing features was stopped by its stop token");
                fill_batch(pixels, view, done, list);
                if (options.progress) options.progress(done * views + ++views_done * size, count * views);
            }
            done += size;
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        const std::scoped_lock lock(map_mutex);
        for (const auto& [view, list] : rooms)
            for (std::size_t i = 0; i < list.cuts.size(); ++i) {
                const Key key{list.cuts[i], view};
                kept.emplace(key, list.features[i]);
                (places.at(key) ? used_in_files : used) +=
                    static_cast<std::int64_t>(list.features[i].nbytes());
            }
        seconds += took.count();
        images += count * views;
    }

    void prepare(std::span<const std::size_t> cuts, std::span<const View> views) {
        const std::scoped_lock filling(fill_mutex);
        const auto missing = missing_of(cuts, views);
        const auto places = places_for(missing);
        if (!places) refuse(missing);
        fill(*places);
    }

    std::set<Key> missing_of(std::span<const std::size_t> cuts, std::span<const View> views) {
        std::set<Key> missing;
        for (const auto cut : cuts)
            for (const auto& view : views)
                if (!find({cut, view}).defined()) missing.insert({cut, view});
        return missing;
    }

    std::shared_ptr<Network> network;
    ImageData data;
    FeatureCacheOptions options;
    std::vector<std::int64_t> rows;   ///< of the data, ascending
    std::vector<std::int64_t> slots;  ///< by row: its place in `rows`, or -1

    std::mutex fill_mutex;  ///< held while the network runs; taken before map_mutex
    mutable std::mutex map_mutex;
    std::map<Key, torch::Tensor> kept;
    std::map<std::int64_t, std::vector<std::vector<std::int64_t>>> shapes_by_size;  ///< under fill_mutex
    std::int64_t used = 0;                                                          ///< bytes of memory
    std::int64_t used_in_files = 0;
    std::int64_t images = 0;
    double seconds = 0;
};

FeatureCache::FeatureCache(std::shared_ptr<Network> network, ImageData data, FeatureCacheOptions options)
    : impl_(std::make_unique<Impl>(std::move(network), std::move(data), std::move(options))) {}

FeatureCache::~FeatureCache() = default;

std::size_t FeatureCache::stage_count() const { return impl_->network->stages().size(); }

void FeatureCache::prepare(std::span<const std::size_t> cuts, std::span<const View> views) {
    impl_->prepare(cuts, views);
}

at::Tensor FeatureCache::features(std::size_t cut, const View& view, std::span<const std::int64_t> rows) {
    auto kept = impl_->find({cut, view});
    if (!kept.defined()) {
        impl_->prepare({&cut, 1}, {&view, 1});
        kept = impl_->find({cut, view});
    }
    auto index = torch::empty({std::ssize(rows)}, torch::kInt64);
    auto* slot = index.data_ptr<std::int64_t>();
    for (const auto row : rows) {
        if (row < 0 || row >= std::ssize(impl_->slots) || impl_->slots[static_cast<std::size_t>(row)] < 0)
            throw InvalidOption("row " + std::to_string(row) +
                                " is not in the split that the features were made of");
        *slot++ = impl_->slots[static_cast<std::size_t>(row)];
    }
    return kept.index_select(0, index).to(torch::kFloat32);
}

std::int64_t FeatureCache::bytes_of(std::size_t cut, const View& view) {
    const std::scoped_lock lock(impl_->fill_mutex);
    return impl_->bytes_of(cut, view);
}

bool FeatureCache::fits(std::span<const std::size_t> cuts, std::span<const View> views) {
    const std::scoped_lock lock(impl_->fill_mutex);
    return impl_->places_for(impl_->missing_of(cuts, views)).has_value();
}

std::int64_t FeatureCache::bytes_used() const {
    const std::scoped_lock lock(impl_->map_mutex);
    return impl_->used;
}

std::int64_t FeatureCache::file_bytes_used() const {
    const std::scoped_lock lock(impl_->map_mutex);
    return impl_->used_in_files;
}

std::int64_t FeatureCache::images_computed() const {
    const std::scoped_lock lock(impl_->map_mutex);
    return impl_->images;
}

double FeatureCache::seconds_computing() const {
    const std::scoped_lock lock(impl_->map_mutex);
    return impl_->seconds;
}

const ImageData& FeatureCache::data() const { return impl_->data; }

const FeatureCacheOptions& FeatureCache::options() const { return impl_->options; }

namespace {

bool is_same_storage(const torch::Tensor& a, const torch::Tensor& b) {
    return a.data_ptr() == b.data_ptr() && a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
           a.strides() == b.strides();
}

/// Calls `take(own, other)` for the parameters and buffers of the stages below `cut`; throws where the
/// networks' differ.
template <typename Take>
void for_each_frozen(const Network& own, const Network& other, std::size_t cut, const Take& take) {
    const auto compare = [&](const auto& mine, const auto& theirs, const char* what) {
        for (const auto& item : mine) {
            const auto* found = theirs.find(item.key());
            // Found at a glance: only the names of what differs in place are looked at more closely.
            if (found != nullptr && is_same_storage(*found, item.value())) continue;
            if (stage_of(own, item.key()) >= cut || item.key().ends_with("num_batches_tracked") ||
                detail::is_auxiliary(own, item.key()))
                continue;
            if (found == nullptr || found->sizes() != item.value().sizes() ||
                !torch::equal(found->to(item.value().device()), item.value()))
                throw InvalidState(
                    std::string(what) + " " + item.key() +
                    " of a frozen stage differs from the network that the features were made with");
            take(item.value(), *found);
        }
    };
    compare(own.named_parameters(), other.named_parameters(), "parameter");
    compare(own.named_buffers(), other.named_buffers(), "buffer");
}

}  // namespace

void FeatureCache::require_match(const Network& network, std::size_t cut, const ImageData& data) const {
    if (!impl_->data.same_images(data))
        throw InvalidState("the feature cache was made of other images than the training set");
    if (&network == impl_->network.get()) return;
    const std::scoped_lock lock(impl_->fill_mutex);  // meanwhile the network may be on another device
    for_each_frozen(*impl_->network, network, cut, [](const torch::Tensor&, const torch::Tensor&) {});
}

void FeatureCache::share_weights(Network& network, std::size_t cut) const {
    const std::scoped_lock lock(impl_->fill_mutex);
    std::vector<std::pair<torch::Tensor, torch::Tensor>> pairs;
    for_each_frozen(*impl_->network, network, cut, [&](const torch::Tensor& own, const torch::Tensor& other) {
        pairs.emplace_back(own, other);
    });
    for (auto& [own, other] : pairs) other.set_data(own.detach());
}

at::Tensor compute_features(Network& network, const ImageData& data, std::size_t cut, const View& view,
                            std::span<const std::int64_t> rows, std::int64_t batch_size) {
    if (batch_size < 1)
        throw InvalidOption("batch_size " + std::to_string(batch_size) + " must be at least 1");
    const torch::NoGradGuard no_gradients;
    const detail::EvaluationMode mode(network);
    std::vector<torch::Tensor> parts;
    for (std::size_t done = 0; done < rows.size();) {
        const auto size = std::min(static_cast<std::size_t>(batch_size), rows.size() - done);
        parts.push_back(detail::stage_output(network, data.pixels_of(rows.subspan(done, size)), view,
                                             data.image_size(), cut));
        done += size;
    }
    if (parts.empty()) throw InvalidOption("features of no rows were asked for");
    return parts.size() == 1 ? parts[0] : torch::cat(parts);
}

}  // namespace attune

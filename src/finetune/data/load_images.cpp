#include <torch/types.h>

#include <algorithm>
#include <cstring>

#include "../../files/each_in_threads.hpp"
#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "image_store.hpp"

namespace attune {
namespace {

torch::Tensor room_for(std::int64_t count, const DataOptions& options) {
    const auto side = detail::stored_side(options.framing);
    const auto bytes = count * 3 * side * side;
    if (bytes > options.memory_limit_bytes)
        throw InvalidOption(detail::counted(count, "image") + " of side " + std::to_string(side) + " need " +
                            std::to_string(bytes >> 20) + " MiB, more than the memory limit of " +
                            std::to_string(options.memory_limit_bytes >> 20) + " MiB");
    return torch::empty({count, 3, side, side}, torch::kUInt8);
}

void put(const std::vector<std::uint8_t>& square, torch::Tensor& pixels, std::int64_t row) {
    std::memcpy(pixels.data_ptr<std::uint8_t>() + row * static_cast<std::int64_t>(square.size()),
                square.data(), square.size());
}

template <typename Work>
void each_picture(std::int64_t count, const DataOptions& options, const Work& work) {
    detail::each_in_threads(count, options.threads, options.progress, work, options.stop);
    if (options.stop.stop_requested()) throw InvalidState("loading images was stopped by its stop token");
}

std::vector<std::int64_t>& part_of(SplitRows& split, Split part) {
    if (part == Split::validation) return split.validation;
    return part == Split::test ? split.test : split.train;
}

/// Drops the rows of damaged files in place.
torch::Tensor compact(torch::Tensor pixels, const std::vector<std::string>& reasons) {
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < reasons.size(); ++i)
        if (reasons[i].empty()) kept.push_back(static_cast<std::int64_t>(i));
    if (kept.size() == reasons.size()) return pixels;
    return pixels.index_select(0, torch::tensor(kept, torch::kInt64));
}

torch::Tensor to_rgb(const RawImages& images, const DataOptions& options, std::int64_t total) {
    if (images.channels != 1 && images.channels != 3)
        throw InvalidOption("pictures with " + std::to_string(images.channels) +
                            " channels: 1 or 3 are known");
    auto pixels = room_for(total, options);
    const auto area = static_cast<std::size_t>(images.height * images.width);
    each_picture(images.count, options, [&](std::int64_t row) {
        Image picture{images.width, images.height, std::vector<std::uint8_t>(3 * area)};
        const auto* from = images.pixels.data() + static_cast<std::size_t>(row * images.channels) * area;
        for (std::size_t i = 0; i < area; ++i)
            for (std::size_t channel = 0; channel < 3; ++channel)
                picture.pixels[3 * i + channel] = from[(images.channels == 1 ? 0 : channel * area) + i];
        put(detail::frame(picture, options.framing), pixels, row);
    });
    return pixels;
}

std::vector<std::int64_t> rows_from(std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = first + static_cast<std::int64_t>(i);
    return rows;
}

std::vector<std::string> class_names(std::vector<std::string> given,
                                     const std::vector<std::int64_t>& labels) {
    if (!given.empty() || labels.empty()) return given;
    const auto count = *std::ranges::max_element(labels) + 1;
    for (std::int64_t i = 0; i < count; ++i) given.push_back(std::to_string(i));
    return given;
}

}  // namespace

ImageData load_image_data(const ImageListing& listing, const DataOptions& options) {
    options.validate();
    const auto count = std::ssize(listing.samples);
    auto pixels = options.on_demand ? torch::Tensor{} : room_for(count, options);
    std::vector<std::string> reasons(listing.samples.size());
    each_picture(count, options, [&](std::int64_t row) {
        const auto& path = listing.samples[static_cast<std::size_t>(row)].path;
        try {
            if (options.on_demand)
                (void)read_image_info(path);
            else
                put(detail::frame(read_image(path, detail::reading_of(options)), options.framing), pixels,
                    row);
        } catch (const Error& error) {
            reasons[static_cast<std::size_t>(row)] = skipped_for(path, error).reason;
        }
    });
    std::vector<SkippedFile> damaged;
    for (std::size_t i = 0; i < reasons.size(); ++i)
        if (!reasons[i].empty()) damaged.push_back({listing.samples[i].path, reasons[i]});
    const ImageListing kept = without_files(listing, damaged);

    auto store = std::make_shared<ImageData::Store>();
    SplitRows split;
    std::vector<std::filesystem::path> paths;
    for (const auto& sample : kept.samples) {
        part_of(split, sample.split).push_back(std::ssize(store->labels));
        store->labels.push_back(sample.label);
        store->names.push_back(sample.path.string());
        store->groups.push_back(sample.group);
        paths.push_back(sample.path);
    }
    if (std::ranges::all_of(store->groups, &std::string::empty)) store->groups.clear();
    store->classes = kept.classes;
    store->skipped = kept.skipped;
    store->framing = options.framing;
    store->is_oriented = options.apply_orientation;
    auto pictures = std::make_shared<ImageData::Pictures>();
    if (options.on_demand)
        pictures->reader = std::make_unique<detail::PictureReader>(std::move(paths), options);
    else
        pictures->pixels = compact(pixels, reasons);
    return {std::move(pictures), std::move(store), std::move(split)};
}

ImageData from_raw_images(const RawImages& images, std::vector<std::string> classes,
                          const DataOptions& options) {
    options.validate();
    auto pixels = to_rgb(images, options, images.count);
    auto names = class_names(std::move(classes), images.labels);
    return {pixels,         images.labels, std::move(names), {}, {rows_from(0, images.count), {}, {}},
            options.framing};
}

ImageData from_raw_images(const RawImages& train, const RawImages& test, std::vector<std::string> classes,
                          const DataOptions& options) {
    options.validate();
    auto pixels = room_for(train.count + test.count, options);
    pixels.narrow(0, 0, train.count).copy_(to_rgb(train, options, train.count));
    pixels.narrow(0, train.count, test.count).copy_(to_rgb(test, options, test.count));
    auto labels = train.labels;
    labels.insert(labels.end(), test.labels.begin(), test.labels.end());
    auto names = class_names(std::move(classes), labels);
    return {pixels,
            std::move(labels),
            std::move(names),
            {},
            {rows_from(0, train.count), {}, rows_from(train.count, test.count)},
            options.framing};
}

}  // namespace attune

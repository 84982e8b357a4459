// Images a second from files to normalised batches: decode, resize the short side to 256, random crop of 224
// (of any size and proportions, resized to 224, with --resized-crops), random flip. Nothing is kept from one
// picture to the next. Prints JSON; training_rate.py --loading puts it beside torchvision.
//     loading_rate --data photos --threads 2
#include <attune/finetune.hpp>
#include <attune/finetune/data/random.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

int main(int argc, char** argv) {
    attune::wait_without_spinning(argv);
    attune::keep_freed_memory();
    using namespace attune;
    std::filesystem::path folder;
    int threads = 2;
    std::int64_t batch_size = 32;
    bool resized_crops = false;
    CLI::App app{"images a second that are read, resized, cropped and flipped"};
    app.add_option("--data", folder, "class folders")->required();
    app.add_option("--threads", threads)->capture_default_str();
    app.add_option("--batch", batch_size)->capture_default_str();
    app.add_flag("--resized-crops", resized_crops, "8 to 100 % of the area, sides from 3:4 to 4:3");
    CLI11_PARSE(app, argc, argv);
    try {
        set_compute_threads(1);
        const ImageData data = load_image_data(
            list_images(folder), {.framing = {.image_size = 224, .resize_ratio = 256.0 / 224, .margin = 16},
                                  .threads = threads,
                                  .memory_limit_bytes = 0,
                                  .on_demand = true});
        const InputSpec input;
        const Augmentation augmentation = resized_crops
                                              ? Augmentation{.horizontal_flip = true, .min_crop_area = 0.08}
                                              : Augmentation{.horizontal_flip = true, .crop_padding = 16};
        std::vector<std::int64_t> order = data.split().train;
        attune::detail::RandomStream stream{1};
        stream.shuffle(order);
        const auto batch = [&](std::size_t at) {
            return std::span<const std::int64_t>(order).subspan(
                at, std::min(static_cast<std::size_t>(batch_size), order.size() - at));
        };
        const auto began = std::chrono::steady_clock::now();
        const auto used = std::clock();
        const auto step = static_cast<std::size_t>(batch_size);
        std::int64_t images = 0;
        // Two batches ahead, as a data loader's workers are.
        for (std::size_t at = 0; at < order.size() && at < 2 * step; at += step) data.prefetch(batch(at));
        for (std::size_t at = 0; at < order.size(); at += step) {
            const auto rows = batch(at);
            const auto pixels = data.pixels_of(rows);
            if (at + 2 * step < order.size()) data.prefetch(batch(at + 2 * step));
            images += normalise(augment(pixels, rows, augmentation, 1, 1, data.image_size()), input).size(0);
        }
        const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
        const double processor = static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
        std::printf("%s\n",
                    nlohmann::json{{"images", images},
                                   {"threads", threads},
                                   {"images_a_second", static_cast<double>(images) / wall.count()},
                                   {"images_a_processor_second", static_cast<double>(images) / processor}}
                        .dump()
                        .c_str());
    } catch (const Error& error) {
        std::fprintf(stderr, "loading_rate: %s\n", error.what());
        return 1;
    }
}

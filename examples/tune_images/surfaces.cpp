#include "surfaces.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "attune/study/random_stream.hpp"

namespace {

using attune::RandomStream;

constexpr int side = 32;
constexpr double pi = 3.14159265358979323846;

/// Grey values of a picture, row by row; about 0 is dark and 1 is bright.
using Canvas = std::array<double, side * side>;

double& at(Canvas& canvas, int x, int y) { return canvas[static_cast<std::size_t>(y * side + x)]; }

void for_each_pixel(Canvas& canvas, const std::function<double(double x, double y, double before)>& value) {
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) at(canvas, x, y) = value(x, y, at(canvas, x, y));
}

/// Smooth random hills: random values on a coarse lattice, blended between.
Canvas hills(RandomStream& random, int cells) {
    std::vector<double> lattice(static_cast<std::size_t>((cells + 2) * (cells + 2)));
    for (double& v : lattice) v = random.uniform(-1, 1);
    Canvas canvas{};
    for_each_pixel(canvas, [&](double x, double y, double) {
        const double u = x * cells / side, v = y * cells / side;
        const int i = static_cast<int>(u), j = static_cast<int>(v);
        const double s = (u - i) * (u - i) * (3 - 2 * (u - i)), t = (v - j) * (v - j) * (3 - 2 * (v - j));
        const auto node = [&](int a, int b) {
            return lattice[static_cast<std::size_t>(b * (cells + 2) + a)];
        };
        return (1 - t) * ((1 - s) * node(i, j) + s * node(i + 1, j)) +
               t * ((1 - s) * node(i, j + 1) + s * node(i + 1, j + 1));
    });
    return canvas;
}

/// Brushed metal: hills, fine lines along one direction and grain.
Canvas metal(RandomStream& random) {
    const Canvas slow = hills(random, 3);
    const double angle = random.uniform(0, pi), level = random.uniform(0.4, 0.65),
                 brush = random.uniform(0.0, 0.03), grain = random.uniform(0.01, 0.04);
    std::array<double, 256> lines{};
    for (double& v : lines) v = random.normal();
    Canvas canvas{};
    for_each_pixel(canvas, [&](double x, double y, double) {
        const double across = x * std::sin(angle) + y * std::cos(angle);
        const auto line = static_cast<std::size_t>(static_cast<int>(std::floor(across * 1.5)) & 255);
        return level + 0.08 * slow[static_cast<std::size_t>(y * side + x)] + brush * lines[line] +
               grain * random.normal();
    });
    return canvas;
}

void darken(Canvas& canvas, double cx, double cy, double radius, double depth, double stretch = 1,
            double angle = 0) {
    for_each_pixel(canvas, [&](double x, double y, double before) {
        const double dx = (x - cx) * std::cos(angle) + (y - cy) * std::sin(angle),
                     dy = (y - cy) * std::cos(angle) - (x - cx) * std::sin(angle);
        const double r = std::sqrt(dx * dx / (stretch * stretch) + dy * dy) / radius;
        return before - depth / (1 + std::exp(8 * (r - 1)));
    });
}

void draw_line(Canvas& canvas, double x, double y, double angle, double length, double bend, double width,
               double depth) {
    for (double s = 0; s < length; s += 0.5) {
        const double a = angle + bend * s;
        x += 0.5 * std::cos(a);
        y += 0.5 * std::sin(a);
        for (int j = std::max(0, static_cast<int>(y - 3)); j <= std::min(side - 1, static_cast<int>(y + 3));
             ++j)
            for (int i = std::max(0, static_cast<int>(x - 3));
                 i <= std::min(side - 1, static_cast<int>(x + 3)); ++i) {
                const double distance = std::hypot(i - x, j - y);
                at(canvas, i, j) +=
                    0.5 * depth * std::exp(-distance * distance / (2 * width * width)) / width;
            }
    }
}

void scratches(Canvas& canvas, RandomStream& random) {
    const double angle = random.uniform(0, pi);
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
        draw_line(canvas, random.uniform(0, side), random.uniform(0, side),
                  angle + random.uniform(-0.15, 0.15), random.uniform(14, 32), random.uniform(-0.004, 0.004),
                  random.uniform(0.5, 0.8), random.uniform(0.2, 0.35));
}

void pits(Canvas& canvas, RandomStream& random) {
    for (std::uint64_t n = 8 + random.below(14); n > 0; --n)
        darken(canvas, random.uniform(0, side), random.uniform(0, side), random.uniform(0.7, 1.4),
               random.uniform(0.15, 0.35));
}

void patches(Canvas& canvas, RandomStream& random) {
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
        darken(canvas, random.uniform(6, side - 6), random.uniform(6, side - 6), random.uniform(3.5, 7),
               random.uniform(0.12, 0.3), random.uniform(1, 1.8), random.uniform(0, pi));
}

void crazing(Canvas& canvas, RandomStream& random) {
    for (std::uint64_t n = 10 + random.below(8); n > 0; --n)
        draw_line(canvas, random.uniform(0, side), random.uniform(0, side), random.uniform(0, 2 * pi),
                  random.uniform(4, 11), random.uniform(-0.12, 0.12), 0.6, -random.uniform(0.14, 0.24));
}

void inclusions(Canvas& canvas, RandomStream& random) {
    const double angle = random.uniform(0, pi);
    for (std::uint64_t n = 2 + random.below(4); n > 0; --n)
        darken(canvas, random.uniform(4, side - 4), random.uniform(4, side - 4), random.uniform(0.8, 1.4),
               random.uniform(0.2, 0.4), random.uniform(3, 5), angle + random.uniform(-0.1, 0.1));
}

void rolled_in_scale(Canvas& canvas, RandomStream& random) {
    const Canvas fine = hills(random, 10);
    const double depth = random.uniform(0.12, 0.25), threshold = random.uniform(0.05, 0.3);
    for (std::size_t i = 0; i < canvas.size(); ++i)
        canvas[i] -= depth / (1 + std::exp(-14 * (fine[i] - threshold)));
}

/// The k-th of twelve regular patterns at coordinates in periods, as a brightness in [0, 1].
double pattern(int kind, double u, double v) {
    const auto wave = [](double x) { return 0.5 + 0.5 * std::sin(2 * pi * x); };
    const auto cell = [](double x) { return x - std::floor(x); };
    switch (kind) {
        case 0:
            return wave(u);
        case 1:
            return wave(v);
        case 2:
            return wave((u + v) / std::sqrt(2));
        case 3:
            return wave((u - v) / std::sqrt(2));
        case 4:
            return wave(std::hypot(u - 2, v - 2));
        case 5:
            return (cell(u) < 0.5) == (cell(v) < 0.5) ? 1 : 0;
        case 6:
            return std::hypot(cell(u) - 0.5, cell(v) - 0.5) < 0.25 ? 1 : 0;
        case 7:
            return std::hypot(cell(u) - 0.5, cell(v) - 0.5) < 0.42 &&
                           std::hypot(cell(u) - 0.5, cell(v) - 0.5) > 0.25
                       ? 1
                       : 0;
        case 8:
            return cell(v * 2) < 0.15 || cell(u + (cell(v) < 0.5 ? 0.5 : 0)) < 0.1 ? 0 : 1;
        case 9:
            return cell(u) < 0.12 || cell(v) < 0.12 ? 1 : 0;
        case 10:
            return wave(u + 0.35 * std::sin(2 * pi * v));
        default:
            return wave(std::atan2(v - 2, u - 2) * 1.5 / pi * 2);
    }
}

/// Irregular textures: clouds of three grain sizes, rice, confetti and hairs.
Canvas irregular(int kind, RandomStream& random) {
    if (kind < 3) {
        Canvas clouds = hills(random, 2 + 5 * kind + static_cast<int>(random.below(3)));
        for (double& value : clouds) value = 0.5 + 0.5 * value;
        return clouds;
    }
    Canvas canvas{};
    canvas.fill(0.8);
    for (std::uint64_t n = 10 + random.below(15); n > 0; --n) {
        const double x = random.uniform(0, side), y = random.uniform(0, side), angle = random.uniform(0, pi);
        if (kind == 3) darken(canvas, x, y, 0.9, 0.6, 3, angle);
        if (kind == 4) darken(canvas, x, y, random.uniform(1.2, 2.2), 0.5);
        if (kind == 5)
            draw_line(canvas, x, y, angle, random.uniform(10, 25), random.uniform(-0.1, 0.1), 0.6, -0.5);
    }
    return canvas;
}

using Bytes = std::vector<std::uint8_t>;

std::uint8_t to_byte(double value) {
    return static_cast<std::uint8_t>(std::clamp(value * 255 + 0.5, 0.0, 255.0));
}

void append(Bytes& pixels, const Canvas& canvas, const std::array<double, 3>& dark,
            const std::array<double, 3>& bright) {
    for (std::size_t channel = 0; channel < 3; ++channel)
        for (const double value : canvas)
            pixels.push_back(to_byte(dark[channel] + value * (bright[channel] - dark[channel])));
}

attune::ImageData as_data(Bytes& pixels, std::vector<std::int64_t> labels, std::vector<std::string> classes,
                          attune::SplitRows rows) {
    const auto count = static_cast<std::int64_t>(labels.size());
    torch::Tensor tensor = torch::from_blob(pixels.data(), {count, 3, side, side}, torch::kUInt8).clone();
    attune::Framing framing;
    framing.image_size = side;
    return {std::move(tensor), std::move(labels), std::move(classes), {}, std::move(rows), framing};
}

}  // namespace

attune::ImageData draw_surfaces(const SurfaceCounts& per_class, std::uint64_t seed) {
    const std::vector<std::string> classes{"crazing", "inclusion",       "patches",
                                           "pitted",  "rolled_in_scale", "scratches"};
    const std::array<void (*)(Canvas&, RandomStream&), 6> defects{crazing, inclusions,      patches,
                                                                  pits,    rolled_in_scale, scratches};
    Bytes pixels;
    std::vector<std::int64_t> labels;
    attune::SplitRows rows;
    const std::int64_t total = per_class.train + per_class.validation + per_class.test;
    for (std::int64_t k = 0; k < total; ++k)
        for (std::size_t c = 0; c < classes.size(); ++c) {
            RandomStream random(seed, labels.size(), attune::Purpose::user);
            Canvas canvas = metal(random);
            defects[c](canvas, random);
            append(pixels, canvas, {0, 0, 0}, {1, 1, 1});
            auto& part = k < per_class.train                          ? rows.train
                         : k < per_class.train + per_class.validation ? rows.validation
                                                                      : rows.test;
            part.push_back(static_cast<std::int64_t>(labels.size()));
            labels.push_back(static_cast<std::int64_t>(c));
        }
    return as_data(pixels, std::move(labels), classes, std::move(rows));
}

attune::ImageData draw_patterns(std::int64_t per_class, std::uint64_t seed) {
    constexpr int regular = 12, kinds = 18;
    Bytes pixels;
    std::vector<std::int64_t> labels;
    std::vector<std::string> classes;
    attune::SplitRows rows;
    for (int kind = 0; kind < kinds; ++kind) classes.push_back("pattern " + std::to_string(kind));
    for (std::int64_t k = 0; k < per_class; ++k)
        for (int kind = 0; kind < kinds; ++kind) {
            RandomStream random(seed ^ 0x5eed, labels.size(), attune::Purpose::user);
            const double scale = random.uniform(0.08, 0.3), u0 = random.uniform(), v0 = random.uniform(),
                         tilt = random.uniform(-0.2, 0.2), noise = random.uniform(0.03, 0.2);
            const double contrast = random.uniform(0.3, 1), floor = random.uniform(0, 1 - contrast);
            Canvas canvas = kind < regular ? Canvas{} : irregular(kind - regular, random);
            if (kind < regular)
                for_each_pixel(canvas, [&](double x, double y, double) {
                    const double u = scale * (x * std::cos(tilt) - y * std::sin(tilt)) + u0,
                                 v = scale * (x * std::sin(tilt) + y * std::cos(tilt)) + v0;
                    return pattern(kind, u, v);
                });
            for (double& value : canvas) value = floor + contrast * value + noise * random.normal();
            std::array<double, 3> dark{}, bright{};
            const bool grey = random.below(2) == 0;
            for (std::size_t i = 0; i < 3; ++i) {
                dark[i] = grey && i > 0 ? dark[0] : random.uniform(0, 0.4);
                bright[i] = grey && i > 0 ? bright[0] : random.uniform(0.6, 1);
            }
            append(pixels, canvas, dark, bright);
            (k % 10 == 9 ? rows.validation : rows.train).push_back(static_cast<std::int64_t>(labels.size()));
            labels.push_back(kind);
        }
    return as_data(pixels, std::move(labels), classes, std::move(rows));
}

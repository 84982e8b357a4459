#include "attune/finetune/study/probe_views.hpp"

#include <memory>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "support/doctest_torch.hpp"

using namespace attune;

namespace {

constexpr std::int64_t side = 16;

/// Its features say how bright each of 4 x 4 fields of the picture is, and so where things are.
class FieldNetwork : public Network {
  public:
    explicit FieldNetwork(std::int64_t classes)
        : head_(register_module("fc", torch::nn::Linear(16, classes))) {
        input.image_size = side;
        input.minimum_size = 4;
        input.mean = {0.5, 0.5, 0.5};
        input.std = {0.02, 0.02, 0.02};
    }
    [[nodiscard]] const std::vector<Stage>& stages() const override {
        static const std::vector<Stage> list{{"fields", {"fields."}}};
        return list;
    }
    torch::Tensor forward_stages(torch::Tensor x, std::size_t begin, std::size_t end) override {
        if (begin == 0 && end == 1) x = torch::adaptive_avg_pool2d(x.mean(1, true), {4, 4}).flatten(1);
        return x;
    }
    torch::Tensor forward_head(torch::Tensor features) override { return head_->forward(features); }
    [[nodiscard]] std::string head_name() const override { return "fc"; }
    void replace_head(std::int64_t count) override {
        head_ = replace_module("fc", torch::nn::Linear(16, count));
    }
    void set_head_dropout(double) override {}
    [[nodiscard]] std::int64_t classes() const override { return head_->options.out_features(); }

  private:
    torch::nn::Linear head_{nullptr};
};

/// A bright field at column x and row y of 4 x 4, on a dark ground.
struct Spot {
    std::int64_t x;
    std::int64_t y;
};

/// Noisy pictures with one spot each, half of them for training; `place` gives the spot of (class, stream).
template <typename Place>
ImageData spots(std::int64_t count, std::int64_t classes, double noise, Place place) {
    auto pixels = torch::empty({count, 3, side, side}, torch::kUInt8);
    auto* out = pixels.data_ptr<std::uint8_t>();
    std::vector<std::int64_t> labels;
    SplitRows split;
    for (std::int64_t row = 0; row < count; ++row) {
        labels.push_back(row % classes);
        (row / classes % 2 == 0 ? split.train : split.validation).push_back(row);
        attune::detail::RandomStream stream{5, static_cast<std::uint64_t>(row)};
        const Spot spot = place(row % classes, stream);
        for (std::int64_t i = 0; i < 3 * side * side; ++i) {
            const bool inside = i % side / 4 == spot.x && i / side % side / 4 == spot.y;
            *out++ = static_cast<std::uint8_t>((inside ? 160 : 115) + stream.uniform(-noise, noise));
        }
    }
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < classes; ++i) names.push_back("class " + std::to_string(i));
    return {pixels, labels, names, {}, split, {.image_size = side}};
}

/// The classes 0 and 1 are one another's mirror images; the others are told apart by the row of a spot that
/// may be on either side.
ImageData mirrored_pair_among(std::int64_t classes) {
    return spots(24 * classes, classes, 10, [](std::int64_t label, attune::detail::RandomStream& stream) {
        if (label < 2) return Spot{label == 0 ? 0 : 3, 0};
        return Spot{stream.uniform(0, 1) < 0.5 ? 0 : 3, label - 1};
    });
}

/// A spot at the border or in the middle, seen from any side, in so few pictures that most places are new to
/// the head.
ImageData seen_from_any_side() {
    return spots(32, 2, 30, [](std::int64_t label, attune::detail::RandomStream& stream) {
        const auto inner = [&] { return stream.uniform(0, 1) < 0.5 ? 1 : 2; };
        const auto outer = [&] { return stream.uniform(0, 1) < 0.5 ? 0 : 3; };
        if (label == 1) return Spot{inner(), inner()};
        return stream.uniform(0, 1) < 0.5 ? Spot{outer(), inner()} : Spot{inner(), outer()};
    });
}

ViewProbe probe(const ImageData& data, const ViewProbeOptions& options = {},
                std::int64_t limit_bytes = 1 << 20) {
    const auto network = [&] { return std::make_shared<FieldNetwork>(data.class_count()); };
    const auto features = std::make_shared<FeatureCache>(
        network(), data, FeatureCacheOptions{.memory_limit_bytes = limit_bytes});
    return probe_views(*network(), features, 1, options);
}

/// What the features of one view take, so that no second one can be kept.
std::int64_t one_view(const ImageData& data) { return data.size() * 16 * 4; }

}  // namespace

TEST_CASE("a probe of views takes those that help on pictures without an upper side") {
    const ViewProbe result = probe(seen_from_any_side(), {.kept_share = 0});
    REQUIRE(result.trials.size() == 2);
    double before = result.plain.loss;
    for (const ViewTrial& trial : result.trials) {
        CAPTURE(trial.name);
        REQUIRE(trial.retrained.has_value());
        CHECK(trial.retrained->loss < before);
        CHECK(trial.taken);
        before = trial.retrained->loss;
    }
    CHECK(result.chosen.horizontal_flip);
    CHECK(result.chosen.quarter_turns);
}

TEST_CASE("a probe of views refuses mirroring that mixes up all classes, without a training") {
    const ViewProbe result = probe(mirrored_pair_among(2));
    CHECK(result.plain.accuracy > 0.9);
    CHECK(result.trials[0].seen_accuracy < 0.1);
    CHECK_FALSE(result.trials[0].retrained.has_value());
    CHECK_FALSE(result.chosen.horizontal_flip);
}

TEST_CASE("a probe of views refuses mirroring that mixes up two classes of more, by a training") {
    const ImageData data = mirrored_pair_among(5);
    const ViewProbe result = probe(data, {.kept_share = 0.3});
    CHECK(result.plain.accuracy > 0.9);
    CHECK(result.trials[0].seen_accuracy == doctest::Approx(0.6).epsilon(0.1));
    REQUIRE(result.trials[0].retrained.has_value());
    CHECK(result.trials[0].retrained->accuracy < 0.9);
    CHECK_FALSE(result.chosen.horizontal_flip);
}

TEST_CASE("where the features of views cannot be kept, a probe of views is stricter and trains no head") {
    const ImageData pair = mirrored_pair_among(5);
    const ViewProbe mixed = probe(pair, {.kept_share = 0.3}, one_view(pair));
    CHECK_FALSE(mixed.trials[0].retrained.has_value());
    CHECK_FALSE(mixed.chosen.horizontal_flip);
    const ImageData symmetric =
        spots(60, 3, 10, [](std::int64_t label, attune::detail::RandomStream& stream) {
            return Spot{stream.uniform(0, 1) < 0.5 ? 0 : 3, label};
        });
    const ViewProbe harmless = probe(symmetric, {}, one_view(symmetric));
    CHECK_FALSE(harmless.trials[0].retrained.has_value());
    CHECK(harmless.chosen.horizontal_flip);
    CHECK_FALSE(harmless.chosen.quarter_turns);  // upside down, the rows change places
}

TEST_CASE("shares of a probe of views outside 0 to 1 are refused") {
    CHECK_THROWS_WITH_AS(probe(seen_from_any_side(), {.kept_share = 1.5}), doctest::Contains("1.5"),
                         InvalidOption);
    CHECK_THROWS_WITH_AS(probe(seen_from_any_side(), {.kept_share_unseen = -0.1}),
                         doctest::Contains("kept_share_unseen"), InvalidOption);
}

#include "support/doctest_torch.hpp"

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <tuple>

#include <nlohmann/json.hpp>

#include "attune/finetune/train/loss.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/schedule.hpp"
#include "attune/finetune/train/weight_average.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;

namespace {

using Factor = std::function<double(double)>;

bool close(double ours, double theirs) {
    return std::abs(ours - theirs) <= 1e-9 * std::max(1e-3, std::abs(theirs));
}

bool has_only(const json& arguments, std::initializer_list<const char*> known) {
    for (const auto& [name, value] : arguments.items())
        if (std::ranges::find(known, name) == known.end()) return false;
    return true;
}

/// "LinearLR(start_factor=0.1,total_iters=5)" as a name and arguments.
std::pair<std::string, json> parsed(const std::string& text) {
    const auto open = text.find('(');
    json arguments = json::object();
    std::stringstream list(text.substr(open + 1, text.size() - open - 2));
    for (std::string item; std::getline(list, item, ',');) {
        const auto equals = item.find('=');
        if (equals == std::string::npos) return {"?", arguments};
        arguments[item.substr(0, equals)] = json::parse(item.substr(equals + 1), nullptr, false);
    }
    return {text.substr(0, open), arguments};
}

schedule::OneCycle one_cycle_of(const json& a) {
    return {a.value("pct_start", 0.3), a.value("div_factor", 25.0), a.value("final_div_factor", 1e4),
            a.value("anneal_strategy", "cos") == "linear", a.value("three_phase", false)};
}

schedule::Cyclic cyclic_of(const json& a) {
    const std::string mode = a.value("mode", "triangular");
    return {a.value("step_size_up", 2000.0), a.value("step_size_down", 0.0),
            mode == "triangular"    ? schedule::CycleHeight::same
            : mode == "triangular2" ? schedule::CycleHeight::halved
                                    : schedule::CycleHeight::decaying,
            a.value("gamma", 1.0)};
}

/// ReduceLROnPlateau on the metrics that it is fed, one before each count from 1 on.
Factor plateau_of(const json& a, const std::vector<double>& metrics, double base) {
    const schedule::Plateau options{.maximize = a.value("mode", "min") == "max",
                                    .factor = a.value("factor", 0.1),
                                    .patience = a.value("patience", std::int64_t{10}),
                                    .threshold = a.value("threshold", 1e-4),
                                    .relative = a.value("threshold_mode", "rel") == "rel",
                                    .cooldown = a.value("cooldown", std::int64_t{0}),
                                    .smallest = a.value("min_lr", 0.0) / base,
                                    .least_change = a.value("eps", 1e-8) / base};
    return [=](double k) {
        return schedule::on_plateau(std::span(metrics).first(static_cast<std::size_t>(k)), options);
    };
}

/// torch's scheduler as a factor on `base`, or nothing where there is none of ours.
Factor factor_of(const std::string& name, const json& a, double base) {
    const auto at = [&](const char* key) { return a.at(key).get<double>(); };
    if (name == "StepLR" && has_only(a, {"step_size", "gamma"}))
        return [every = at("step_size"), gamma = a.value("gamma", 0.1)](double k) {
            return schedule::step_decay(k, every, gamma);
        };
    if (name == "MultiStepLR" && has_only(a, {"milestones", "gamma"}))
        return [stones = a.at("milestones").get<std::vector<double>>(),
                gamma = a.value("gamma", 0.1)](double k) { return schedule::multi_step(k, stones, gamma); };
    if (name == "ExponentialLR" && has_only(a, {"gamma"}))
        return [gamma = at("gamma")](double k) { return schedule::exponential(k, gamma); };
    if (name == "CosineAnnealingLR" && has_only(a, {"T_max", "eta_min"}))
        return [total = at("T_max"), floor = a.value("eta_min", 0.0) / base](double k) {
            return schedule::cosine(k, total, floor);
        };
    if (name == "CosineAnnealingWarmRestarts" && has_only(a, {"T_0", "T_mult", "eta_min"}))
        return [first = at("T_0"), by = a.value("T_mult", 1.0), floor = a.value("eta_min", 0.0) / base](
                   double k) { return schedule::cosine_restarts(k, first, by, floor); };
    if (name == "LinearLR" && has_only(a, {"start_factor", "end_factor", "total_iters"}))
        return
            [total = a.value("total_iters", 5.0), start = a.value("start_factor", 1.0 / 3),
             end = a.value("end_factor", 1.0)](double k) { return schedule::linear(k, total, start, end); };
    if (name == "ConstantLR" && has_only(a, {"factor", "total_iters"}))
        return [total = a.value("total_iters", 5.0), value = a.value("factor", 1.0 / 3)](double k) {
            return k < total ? value : 1.0;
        };
    if (name == "PolynomialLR" && has_only(a, {"total_iters", "power"}))
        return [total = at("total_iters"), power = a.value("power", 1.0)](double k) {
            return schedule::polynomial(k, total, power);
        };
    if (name == "OneCycleLR" && has_only(a, {"max_lr", "total_steps", "pct_start", "anneal_strategy",
                                             "div_factor", "final_div_factor", "three_phase"}))
        return [peak = at("max_lr") / base, total = at("total_steps"), options = one_cycle_of(a)](double k) {
            return peak * schedule::one_cycle(k, total, options);
        };
    if (name == "CyclicLR" &&
        has_only(a, {"base_lr", "max_lr", "step_size_up", "step_size_down", "mode", "gamma"}))
        return [foot = at("base_lr") / base, top = at("max_lr") / base, options = cyclic_of(a)](double k) {
            return foot + (top - foot) * schedule::cyclic(k, options);
        };
    return {};
}

/// The momentum that cycles against the rate, with torch's defaults.
Factor momentum_of(const std::string& name, const json& a) {
    const auto at = [&](const char* key, double otherwise) { return a.value(key, otherwise); };
    if (name == "OneCycleLR")
        return [low = at("base_momentum", 0.85), high = at("max_momentum", 0.95),
                total = a.at("total_steps").get<double>(), options = one_cycle_of(a)](double k) {
            return schedule::one_cycle_momentum(k, total, low, high, options);
        };
    if (name == "CyclicLR")
        return [low = at("base_momentum", 0.8), high = at("max_momentum", 0.9), options = cyclic_of(a)](
                   double k) { return high - (high - low) * schedule::cyclic(k, options); };
    return {};
}

/// Several schedulers one after the other, or all at once.
Factor combined(const std::string& name, const json& a, double base) {
    std::vector<Factor> parts;
    for (const auto& text : a.at("schedulers")) {
        const auto [inner, arguments] = parsed(text);
        parts.push_back(factor_of(inner, arguments, base));
        if (!parts.back()) return {};
    }
    if (name == "ChainedScheduler")
        return [parts](double k) {
            double product = 1;
            for (const auto& part : parts) product *= part(k);
            return product;
        };
    return [parts, stones = a.at("milestones").get<std::vector<double>>()](double k) {
        std::size_t part = 0;
        while (part < stones.size() && k >= stones[part]) ++part;
        return parts[part](k - (part == 0 ? 0 : stones[part - 1]));
    };
}

constexpr const char* timm = "timm.";

/// The recipe whose optimizer is torch's or timm's of that name; nothing where an argument is not ours.
std::optional<Recipe> recipe_of(std::string name, const json& a) {
    Recipe recipe;
    if (name.starts_with(timm)) name = name.substr(std::string(timm).size());
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    recipe.optimizer = optimizer_from_name(name);
    const auto set = [&](const char* key, auto& field) {
        if (a.contains(key)) field = a.at(key).get<std::decay_t<decltype(field)>>();
    };
    auto& details = recipe.optimizer_details;
    recipe.momentum = 0;
    recipe.weight_decay = name == "adamw" ? 0.01 : 0.0;
    set("lr", recipe.learning_rate);
    set("momentum", recipe.momentum);
    set("nesterov", recipe.nesterov);
    set("dampening", recipe.dampening);
    set("amsgrad", recipe.amsgrad);
    set("centered", recipe.rmsprop_centered);
    set("weight_decay", recipe.weight_decay);
    set("betas", name == "lion" ? details.lion_betas : recipe.betas);
    set("lr_decay", details.adagrad_learning_rate_decay);
    set("initial_accumulator_value", details.adagrad_initial_accumulator);
    set("momentum_decay", details.nadam_momentum_decay);
    set("rho", details.adadelta_rho);
    set("lambd", details.asgd_decay);
    set("t0", details.asgd_average_from);
    set("alpha", name == "asgd" ? details.asgd_power : recipe.rmsprop_alpha);
    set("trust_coeff", details.lars_trust);
    set("trust_clip", details.clip_trust);
    set("max_grad_norm", details.lamb_largest_gradient_norm);
    set("max_iter", details.lbfgs_iterations);
    set("history_size", details.lbfgs_history);
    set("eps", name == "adagrad"    ? details.adagrad_epsilon
               : name == "adadelta" ? details.adadelta_epsilon
               : name == "lamb"     ? details.lamb_epsilon
                                    : recipe.epsilon);
    if (a.contains("etas"))
        std::tie(details.rprop_shrink, details.rprop_grow) = a.at("etas").get<std::pair<double, double>>();
    if (a.contains("step_sizes"))
        std::tie(details.rprop_smallest, details.rprop_largest) =
            a.at("step_sizes").get<std::pair<double, double>>();
    if (!has_only(a, {"lr",
                      "momentum",
                      "nesterov",
                      "dampening",
                      "amsgrad",
                      "centered",
                      "weight_decay",
                      "betas",
                      "lr_decay",
                      "initial_accumulator_value",
                      "momentum_decay",
                      "rho",
                      "lambd",
                      "t0",
                      "alpha",
                      "trust_coeff",
                      "trust_clip",
                      "max_grad_norm",
                      "max_iter",
                      "history_size",
                      "eps",
                      "etas",
                      "step_sizes",
                      "line_search_fn"}))
        return std::nullopt;
    return recipe;
}

/// Numbers that JSON has none for are written as words.
double number(const json& value) {
    if (value.is_number()) return value.get<double>();
    const auto word = value.get<std::string>();
    if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
    return word == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

torch::Tensor doubles(const json& values) {
    if (!values[0].is_array()) {
        std::vector<double> numbers;
        for (const auto& value : values) numbers.push_back(number(value));
        return torch::tensor(numbers, torch::kFloat64);
    }
    std::vector<torch::Tensor> rows;
    for (const auto& row : values) rows.push_back(doubles(row));
    return torch::stack(rows);
}

torch::Tensor objective(const json& file, const std::string& function, const torch::Tensor& x) {
    if (function == "quadratic")
        return 0.5 * x.dot(doubles(file.at("A")).mv(x)) - doubles(file.at("b")).dot(x);
    return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
}

/// Of numbers; what is no number or infinite must be so in both.
double largest_difference(const torch::Tensor& ours, const json& theirs) {
    const auto expected = doubles(theirs);
    const auto alike = (ours == expected) | (ours.isnan() & expected.isnan());
    return torch::where(alike, torch::zeros_like(ours), (ours - expected).abs()).max().item<double>();
}

}  // namespace

TEST_CASE("schedules agree with torch's schedulers") {
    const auto path = test::shared("fixtures/training/schedulers.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    const double base = file.at("base_lr");
    for (const auto& run : file.at("runs")) {
        const std::string name = run.at("scheduler");
        const auto& arguments = run.at("arguments");
        CAPTURE(name);
        CAPTURE(arguments.dump());
        const auto factor = arguments.contains("schedulers") ? combined(name, arguments, base)
                            : name == "ReduceLROnPlateau"
                                ? plateau_of(arguments, run.at("metrics").get<std::vector<double>>(), base)
                                : factor_of(name, arguments, base);
        if (!factor) {
            FAIL_CHECK("there is no such schedule of ours");
            continue;
        }
        test::count_run();
        for (std::size_t k = 0; k < run.at("lr").size(); ++k) {
            CAPTURE(k);
            CHECK(close(base * factor(static_cast<double>(k)), run.at("lr")[k].get<double>()));
        }
        if (!run.contains("momentum")) continue;
        const auto momentum = momentum_of(name, arguments);
        REQUIRE(momentum);
        for (std::size_t k = 0; k < run.at("momentum").size(); ++k)
            CHECK(close(momentum(static_cast<double>(k)), run.at("momentum")[k].get<double>()));
    }
}

TEST_CASE("optimizers walk as torch's do") {
    const auto path = test::shared("fixtures/training/optimisers.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    for (const auto& run : file.at("runs")) {
        const std::string name = run.at("optimizer");
        CAPTURE(name);
        CAPTURE(run.at("arguments").dump());
        const auto recipe = recipe_of(name, run.at("arguments"));
        if (!recipe) {
            FAIL_CHECK("there is no such optimizer of ours");
            continue;
        }
        test::count_run();
        auto x = doubles(run.at("x0")).requires_grad_(true);
        const std::vector<OptimizerGroup> groups{{{x}, recipe->learning_rate, recipe->weight_decay}};
        auto optimizer = make_optimizer(*recipe, groups);
        const double tolerance = optimizer->needs_closure() ? 1e-6 : 1e-8;  // as the fixture says
        const auto evaluate = [&] {
            optimizer->zero_grad();
            auto loss = objective(file, run.at("function"), x);
            loss.backward();
            return loss;
        };
        NamedTensors state;
        for (const auto& expected : run.at("x")) {
            if (!state.empty()) {  // one that is put together anew goes on as the first would have
                optimizer = make_optimizer(*recipe, groups);
                optimizer->load(state);
            }
            if (!optimizer->needs_closure()) (void)evaluate();
            optimizer->step(evaluate);
            const double size = doubles(expected).nan_to_num(0, 0, 0).abs().max().item<double>();
            CHECK(largest_difference(x.detach(), expected) <= tolerance * std::max(1.0, size));
            state.clear();
            for (const auto& [key, tensor] : optimizer->state()) state.emplace_back(key, tensor.clone());
        }
        const auto value = objective(file, run.at("function"), x.detach()).item<double>();
        const double expected = number(run.at("final_value"));
        CAPTURE(value);
        CHECK((value == expected || (std::isnan(value) && std::isnan(expected)) ||
               std::abs(value - expected) <= tolerance * std::max(1.0, std::abs(value))));
    }
    const auto& clip = file.at("clip_grad_norm");
    for (const auto& entry : clip.at("cases")) {
        const auto& type = entry.at("norm_type");
        const double exponent =
            type.is_number() ? type.get<double>() : std::numeric_limits<double>::infinity();
        test::count_run();
        std::vector<torch::Tensor> parameters;
        for (const auto& gradient : clip.at("gradients")) {
            parameters.push_back(torch::zeros_like(doubles(gradient)).requires_grad_(true));
            parameters.back().mutable_grad() = doubles(gradient);
        }
        const double norm = clip_gradients({{parameters, 0, 0}}, entry.at("max_norm"), exponent);
        CHECK(close(norm, entry.at("total_norm").get<double>()));
        for (std::size_t i = 0; i < parameters.size(); ++i)
            CHECK(largest_difference(parameters[i].grad(), entry.at("clipped")[i]) <= 1e-9);
    }
}

TEST_CASE("losses, mixing and averages agree with torch and timm") {
    const auto path = test::shared("fixtures/training/losses.json");
    if (!path) return;
    const auto file = json::parse(std::ifstream(*path));
    const auto labels = torch::tensor(file.at("target").get<std::vector<std::int64_t>>(), torch::kInt64);
    for (const auto& entry : file.at("cross_entropy")) {
        auto logits = doubles(file.at("logits")).requires_grad_(true);
        LossOptions options{entry.at("label_smoothing"), {}};
        if (entry.at("weighted").get<bool>()) options.class_weights = doubles(file.at("class_weights"));
        const auto loss = cross_entropy(logits, labels, options);
        loss.backward();
        CHECK(close(loss.item<double>(), entry.at("mean").get<double>()));
        CHECK(largest_difference(logits.grad(), entry.at("gradient_of_mean")) < 1e-9);
        test::count_run();
    }
    const auto& soft = file.at("soft_target");
    CHECK(close(soft_cross_entropy(doubles(file.at("logits")), doubles(soft.at("target"))).item<double>(),
                soft.at("mean").get<double>()));
    const auto& mixup = file.at("mixup");
    const double lambda = mixup.at("lambda");
    CHECK(largest_difference(mix_with_previous(doubles(mixup.at("images")), lambda), mixup.at("mixed")) <
          1e-12);
    const auto targets = attune::one_hot(torch::tensor(mixup.at("labels").get<std::vector<std::int64_t>>()),
                                         mixup.at("num_classes"), torch::kFloat64);
    CHECK(largest_difference(mix_with_previous(targets, lambda), mixup.at("mixed_labels")) < 1e-12);
    for (const auto& entry : file.at("cutmix")) {
        const auto images = doubles(mixup.at("images"));
        const auto height = images.size(2), width = images.size(3);
        const auto box =
            cut_box(entry.at("lambda"), entry.at("centre_x"), entry.at("centre_y"), height, width);
        CHECK(std::vector<std::int64_t>{box.left, box.top, box.right, box.bottom} ==
              entry.at("box_x1y1x2y2").get<std::vector<std::int64_t>>());
        const double kept = box.kept_share(height, width);
        CHECK(close(kept, entry.at("lambda_adjusted").get<double>()));
        CHECK(largest_difference(paste_from_previous(images, box), entry.at("mixed")) < 1e-12);
        CHECK(largest_difference(mix_with_previous(targets, kept), entry.at("mixed_labels")) < 1e-12);
        test::count_run();
    }
    const auto& bce = file.at("bce_with_logits");
    const auto bce_logits = doubles(bce.at("logits")).unsqueeze(1);
    const auto bce_targets = doubles(bce.at("target")).unsqueeze(1);
    for (const auto& [name, expected] : bce.items()) {
        if (!expected.is_number()) continue;
        LossOptions options;
        if (name.starts_with("pos_weight_"))
            options.class_weights = torch::tensor({std::stod(name.substr(11))}, torch::kFloat64);
        CHECK(close(binary_cross_entropy(bce_logits, bce_targets, options).item<double>(),
                    expected.get<double>()));
        test::count_run();
    }
    for (const auto& [name, entry] : file.items()) {
        if (!name.starts_with("distillation_kl_T")) continue;
        const double temperature = std::stod(name.substr(17));
        for (const auto& [key, expected] : entry.items())
            if (expected.is_number())
                CHECK(close(distillation_loss(doubles(file.at("logits")), doubles(entry.at("teacher_soft")),
                                              temperature)
                                .item<double>(),
                            expected.get<double>()));
        test::count_run();
    }
    const auto& averaging = file.at("averaging");
    for (const bool equal : {false, true}) {
        auto weights = torch::zeros({3}, torch::kFloat64);
        WeightAverage average({weights},
                              equal ? WeightAverage::equal : averaging.at("ema_decay").get<double>());
        const auto& after = averaging.at(equal ? "swa_after_each_update" : "ema_after_each_update");
        for (std::size_t i = 0; i < averaging.at("weights_sequence").size(); ++i) {
            weights.copy_(doubles(averaging.at("weights_sequence")[i]));
            average.update();
            average.swap();
            CHECK(largest_difference(weights, after[i]) < 1e-12);
            average.swap();
            CHECK(largest_difference(weights, averaging.at("weights_sequence")[i]) == 0);
        }
        test::count_run();
    }
    test::count_run(2);
}

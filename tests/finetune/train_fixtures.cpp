#include "support/doctest_torch.hpp"

#include <cmath>
#include <fstream>
#include <functional>

#include <nlohmann/json.hpp>

#include "attune/finetune/train/loss.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/schedule.hpp"
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

std::optional<Recipe> recipe_of(const std::string& name, const json& a) {
    Recipe recipe;
    recipe.learning_rate = a.at("lr");
    recipe.momentum = a.value("momentum", 0.0);
    recipe.nesterov = a.value("nesterov", false);
    recipe.dampening = a.value("dampening", 0.0);
    recipe.amsgrad = a.value("amsgrad", false);
    recipe.rmsprop_centered = a.value("centered", false);
    recipe.rmsprop_alpha = a.value("alpha", 0.99);
    recipe.epsilon = a.value("eps", 1e-8);
    recipe.weight_decay = a.value("weight_decay", name == "AdamW" ? 0.01 : 0.0);
    if (a.contains("betas")) recipe.betas = a.at("betas").get<std::array<double, 2>>();
    if (!has_only(a, {"lr", "momentum", "nesterov", "dampening", "amsgrad", "centered", "alpha", "eps",
                      "weight_decay", "betas"}))
        return std::nullopt;
    if (name == "SGD")
        recipe.optimizer = OptimizerKind::sgd;
    else if (name == "Adam")
        recipe.optimizer = OptimizerKind::adam;
    else if (name == "AdamW")
        recipe.optimizer = OptimizerKind::adamw;
    else if (name == "RMSprop")
        recipe.optimizer = OptimizerKind::rmsprop;
    else
        return std::nullopt;
    return recipe;
}

torch::Tensor doubles(const json& values) {
    if (!values[0].is_array()) return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64);
    std::vector<torch::Tensor> rows;
    for (const auto& row : values) rows.push_back(doubles(row));
    return torch::stack(rows);
}

torch::Tensor objective(const json& file, const std::string& function, const torch::Tensor& x) {
    if (function == "quadratic")
        return 0.5 * x.dot(doubles(file.at("A")).mv(x)) - doubles(file.at("b")).dot(x);
    return 100 * (x[1] - x[0].square()).square() + (1 - x[0]).square();
}

double largest_difference(const torch::Tensor& ours, const json& theirs) {
    return (ours - doubles(theirs)).abs().max().item<double>();
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
                                                             : factor_of(name, arguments, base);
        if (!factor) {
            test::count_skip("scheduler " + name + " " + arguments.dump(), "there is none of ours");
            continue;
        }
        test::count_run();
        for (std::size_t k = 0; k < run.at("lr").size(); ++k) {
            CAPTURE(k);
            CHECK(close(base * factor(static_cast<double>(k)), run.at("lr")[k].get<double>()));
        }
        if (name != "OneCycleLR" || !run.contains("momentum")) continue;
        for (std::size_t k = 0; k < run.at("momentum").size(); ++k)
            CHECK(close(schedule::one_cycle_momentum(static_cast<double>(k), arguments.at("total_steps"),
                                                     0.85, 0.95, one_cycle_of(arguments)),
                        run.at("momentum")[k].get<double>()));
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
            test::count_skip("optimizer " + name + " " + run.at("arguments").dump(), "there is none of ours");
            continue;
        }
        test::count_run();
        auto x = doubles(run.at("x0")).requires_grad_(true);
        const std::vector<OptimizerGroup> groups{{{x}, recipe->learning_rate, recipe->weight_decay}};
        auto optimizer = make_optimizer(*recipe, groups);
        scale_learning_rates(*optimizer, groups, 1);
        for (const auto& expected : run.at("x")) {
            optimizer->zero_grad();
            objective(file, run.at("function"), x).backward();
            optimizer->step();
            CHECK(largest_difference(x.detach(), expected) <=
                  1e-8 * std::max(1.0, doubles(expected).abs().max().item<double>()));
        }
        const auto value = objective(file, run.at("function"), x.detach()).item<double>();
        CHECK(std::abs(value - run.at("final_value").get<double>()) <= 1e-8 * std::max(1.0, std::abs(value)));
    }
    const auto& clip = file.at("clip_grad_norm");
    for (const auto& entry : clip.at("cases")) {
        if (!entry.at("norm_type").is_number() || entry.at("norm_type") != 2.0) {
            test::count_skip("gradient clipping by norm " + entry.at("norm_type").dump(),
                             "only the 2-norm is ours");
            continue;
        }
        test::count_run();
        std::vector<torch::Tensor> parameters;
        for (const auto& gradient : clip.at("gradients")) {
            parameters.push_back(torch::zeros_like(doubles(gradient)).requires_grad_(true));
            parameters.back().mutable_grad() = doubles(gradient);
        }
        const double norm = clip_gradients({{parameters, 0, 0}}, entry.at("max_norm"));
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
    const auto& averaging = file.at("averaging");
    auto weights = torch::zeros({3}, torch::kFloat64);
    WeightAverage average({weights}, averaging.at("ema_decay"));
    for (std::size_t i = 0; i < averaging.at("weights_sequence").size(); ++i) {
        weights.copy_(doubles(averaging.at("weights_sequence")[i]));
        average.update();
        average.swap();
        CHECK(largest_difference(weights, averaging.at("ema_after_each_update")[i]) < 1e-12);
        average.swap();
        CHECK(largest_difference(weights, averaging.at("weights_sequence")[i]) == 0);
    }
    test::count_run(3);
    for (const auto* other : {"bce_with_logits", "distillation_kl_T2", "cutmix"})
        if (file.contains(other)) test::count_skip(std::string("loss ") + other, "there is none of ours");
}

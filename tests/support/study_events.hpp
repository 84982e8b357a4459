#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attune/study/event.hpp"

/// Events to store: one of every kind, with everything that a format may get wrong.
namespace attune::test {

inline SearchSpace rich_space() {
    SearchSpace space;
    auto lr = space.continuous("lr", 1e-3, 0.5, Scale::log);
    (void)space.continuous("dropout", 0.1, 0.9, Scale::logit).step(0.1);
    (void)space.continuous("momentum", 0.1, 0.99, Scale::reverse_log);
    auto batch = space.integer("batch", 16, 512, Scale::log).step(16);
    auto accumulation = space.integer("accumulation", 1, 8);
    auto optimizer = space.categorical("optimizer", {"sgd", "adam", "3", "nan"});
    auto nesterov = space.categorical("nesterov", {true, false}).when(optimizer == "sgd");
    auto layers =
        space.categorical("layers", {1, 2, 4}).when(in(optimizer, {"sgd", "3"}) && nesterov == true);
    (void)space.categorical("width", {0.5, 3.0})
        .when(layers >= 2 || !(batch < 64) || (lr > 0.1 && accumulation <= 3));
    (void)space.constant("größe µ", 7).when(optimizer != "adam");
    space.constrain("batch * accumulation <= 512").constrain("lr < 0.4 || accumulation == 1");
    return space;
}

inline event::Values rich_values() {
    return {{"lr", 0.1 + 0.2},
            {"dropout", 0.3},
            {"momentum", 0.5},
            {"batch", std::int64_t{64}},
            {"accumulation", std::int64_t{2}},
            {"optimizer", std::string("adam")},
            {"width", 3.0}};
}

inline std::vector<Event> rich_events() {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                     infinity = std::numeric_limits<double>::infinity();
    event::Created created{"name with \"quotes\"\nand a line",
                           ~std::uint64_t{0},
                           rich_space(),
                           {maximize("accuracy"), minimize("loss")},
                           event::FinalValue::last_report,
                           {{"strategy", "random"}},
                           {{"processor", "x\xff\xfe"}},
                           {at_most("latency\nms", 0.1 + 0.2), at_least("recall", -1e300)}};
    event::Suggested suggested;
    suggested.configuration = rich_values();
    suggested.view = 2;
    event::Suggested second = suggested;
    second.trial = 1;
    second.configuration = {{"lr", 0.2},
                            {"dropout", 0.1},
                            {"momentum", 0.99},
                            {"batch", std::int64_t{16}},
                            {"accumulation", std::int64_t{8}},
                            {"optimizer", std::string("3")},
                            {"größe µ", std::int64_t{7}}};
    second.fixed = {{"optimizer", std::string("3")}, {"lr", 0.2}};
    second.view = 5;
    second.attempt = 3;
    second.group = 0;
    second.resumable = true;
    second.reason = "because";
    second.role = "exploring";
    second.fit = "1 2 3";
    second.worker = 7;
    second.until = 1.0 / 3;
    event::Finished finished{0,
                             TrialState::completed,
                             {{"accuracy", 0.1 + 0.2}, {"loss", -infinity}},
                             std::nullopt,
                             "",
                             2.5,
                             1e-300,
                             rich_values(),
                             3};
    event::Finished failed{1,          TrialState::failed, {},           FailureKind::environment,
                           "signal 9", std::nullopt,       std::nullopt, std::nullopt};
    return {
        {0.1, created},
        {1700000000.123456789, event::Enqueued{rich_values()}},
        {2, suggested},
        {3,
         event::Reported{
             0,
             1,
             {{"accuracy", nan}, {"loss", infinity}, {"ünïcode", -0.0}, {"tiny", 5e-324}, {"whole", 3.0}}}},
        {4, event::Decided{0, 1.5, Decision::pause, "rung"}},
        {4.5, event::Finished{0, TrialState::paused, {{"loss", 2}}, {}, "", 0.5, 2.0, {}, 0}},
        {5, event::Resumed{0, false, 7, 9.5, 5, 3, true, "promoted", "promoted", "0.5 2"}},
        {5.5, event::Decided{0, 1.5, Decision::pause, "rung", 1, {{"median", nan}, {"value", -infinity}}}},
        {5.75, event::Resumed{0, false, 0, {}, 8, 0, false, "", "promoted", ""}},
        {6, event::Interrupted{0, 1}},
        {6.5, event::Reported{0, 2, {{"accuracy", 0.25}}, 0}},
        {6.75, event::Decided{0, 2, Decision::stop, "", 4000000000}},
        {7, event::Resumed{0, true}},
        {8, second},
        {9, event::Attribute{-1, "note", "of the study"}},
        {10, event::Attribute{1, "checkpoint", "path with space/é"}},
        {11, finished},
        {12, failed},
        {13, event::Ended{"all done"}},
        {14, event::SpaceChanged{rich_space(), rich_values()}},
        {15, event::Ended{"changed"}}};
}

}  // namespace attune::test

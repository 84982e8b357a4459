#include "external.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "attune/storage/json_codec.hpp"
#include "pipe.hpp"

namespace attune::regret {
namespace {

class Served {
  public:
    explicit Served(std::string command) : command_(std::move(command)) {}

    std::optional<double> operator()(const Configuration& configuration) {
        Json line = Json::object();
        const auto& parameters = configuration.schema().parameters;
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            const Parameter& p = parameters[i];
            const double native = configuration.active(i) ? configuration.native()[i] : p.decode(0.5);
            line[p.name] = value_to_json(p.to_value(native));
        }
        const Json answer = parse_json(mine().ask(line.dump()), command_);
        if (!answer.is_number()) return std::nullopt;
        return answer.get<double>();
    }

  private:
    LinePipe& mine() {
        const std::lock_guard lock(mutex_);
        auto& pipe = pipes_[std::this_thread::get_id()];
        if (!pipe) pipe = std::make_unique<LinePipe>(command_);
        return *pipe;
    }

    std::string command_;
    std::mutex mutex_;
    std::map<std::thread::id, std::unique_ptr<LinePipe>> pipes_;
};

Problem served(std::string name, SearchSpace space, const std::string& command) {
    auto program = std::make_shared<Served>(command);
    return {std::move(name), "external", std::move(space),
            [program](const Configuration& c) { return (*program)(c); }};
}

}  // namespace

Problem external_problem(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw InvalidOption("problem " + file.string() + ": cannot be read");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const Json json = parse_json(text, file.string());
    Json space{{"space", json.at("space")}};
    if (json.contains("constraints")) space["constraints"] = json.at("constraints");
    Problem problem = served(json.at("name"), space_from_json(space), json.at("command"));
    problem.optimum = json.value("optimum", 0.0);
    problem.noise = json.value("noise", 0.0);
    return problem;
}

Problem svc_digits(const std::string& command) {
    SearchSpace space;
    space.categorical("kernel", {"poly", "rbf", "sigmoid"});
    space.continuous("C", 1e-3, 1e3, Scale::log);
    space.continuous("gamma", 1e-5, 10, Scale::log);
    space.integer("degree", 2, 5);
    space.continuous("coef0", 0, 1);
    space.integer("components", 2, 64, Scale::log);
    return served("svc_digits", std::move(space), command);
}

}  // namespace attune::regret

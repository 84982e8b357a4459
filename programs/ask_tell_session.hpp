#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/tune/tuner.hpp"
#include "study_setup.hpp"

namespace attune::program {

/// The protocol of `attune ask-tell`: a request line in, an answer out. One thread at a time.
class AskTellSession {
  public:
    /// The answer to one line. Whatever is wrong with the line becomes an error in the answer.
    [[nodiscard]] Json answer(const std::string& line);

    /// What opening the storage had to say, once; for standard error.
    [[nodiscard]] std::string take_notice() { return std::exchange(notice_, {}); }

  private:
    using Handler = Json (AskTellSession::*)(const Json&);

    Json dispatch(const Json& request);
    Json create(const Json& json);
    Json ask(const Json& json);
    Json enqueue(const Json& json);
    Json report(const Json& json);
    Json tell(const Json& json);
    Json fail(const Json& json);
    Json best(const Json& json);
    Json trials(const Json& json);
    Json importance(const Json& json);

    struct Open {
        Trial trial;
        std::uint32_t claim;  ///< under which it was asked for
    };

    Tuner& tuner() const;
    void keep(Trial trial, std::uint32_t claim);
    /// Whether another worker has gone on with a trial that was asked for here.
    [[nodiscard]] bool is_lost(std::int64_t number) const;

    std::string notice_;
    event::Values fixed_;  ///< values that every trial has
    std::unique_ptr<Tuner> tuner_;
    std::vector<Trial> again_;           ///< further handles of trials in open_
    std::map<std::int64_t, Open> open_;  ///< asked for and without a result; before tuner_ in destruction
};

}  // namespace attune::program

#pragma once

#include <memory>

#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"

namespace attune {

class Network;

/// What a network makes of pictures of the task that it comes from, before and after it was fine-tuned on
/// another one.
struct Forgetting {
    Evaluation before;
    Evaluation after;

    /// The accuracy that was lost; below 0 where it grew.
    [[nodiscard]] double forgotten() const;
};

/// The task that a network comes from, with the head that it had for it: tells how much a fine-tuning
/// forgets.
///
///     const SourceTask source(*network, held, Split::validation);  // with its old head
///     fit(*network, {data}, recipe);
///     const Forgetting seen = source.measure(*network);
///
/// The pictures should be ones that the network was not trained on, framed for it, with labels in the order
/// of its old head. A value: it keeps copies of the head and of auxiliary heads, and no reference to the
/// network. Thread safety: measure() of one network at a time.
class SourceTask {
  public:
    /// Evaluates the network as it is. Throws InvalidOption as evaluate() does.
    SourceTask(Network& network, ImageData data, Split part, EvaluateOptions options = {});

    [[nodiscard]] const Evaluation& before() const { return before_; }

    /// Evaluates the same pictures with the old head on the features of now. `network`, of the same
    /// architecture, is left as it was, with heads that are other tensors of the same values (so not while an
    /// optimizer holds them), and so is torch's default generator. Throws InvalidOption where the
    /// old head does not fit the network's features.
    [[nodiscard]] Forgetting measure(Network& network) const;

  private:
    struct Heads;

    ImageData data_;
    Split part_;
    EvaluateOptions options_;
    std::shared_ptr<const Heads> heads_;
    Evaluation before_;
};

}  // namespace attune

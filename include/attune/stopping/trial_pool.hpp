#pragma once

namespace attune {

/// Whose curves a policy compares with: those of completed trials, or of all trials that were asked for
/// before the one in question, whatever became of them.
enum class TrialPool { completed, all_earlier };

}  // namespace attune

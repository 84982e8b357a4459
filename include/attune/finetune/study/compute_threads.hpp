#pragma once

namespace attune {

/// Sets how many threads libtorch, OpenMP and OpenBLAS use for work that the calling thread starts.
///
/// Each of the three keeps a count of its own, and OpenMP's belongs to the thread, so trials that run side by
/// side call this at their beginning (with Trial::threads). OpenBLAS's count is the process's: give all
/// trials the same. Throws InvalidOption below 1.
void set_compute_threads(int threads);

}  // namespace attune
